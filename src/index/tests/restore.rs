//! From one process to the next: whatever was written down when it ended, the next one answers as the model does.

use super::super::Identity;
use super::super::manifest::path_in;
use super::super::sealed::file_name;
use super::model::{Model, check_all, vector};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(super) const DIM: usize = 3;
pub(super) const IDENTITY: Identity = [7; 16];

#[derive(Clone, Debug)]
pub(super) enum Op {
    Apply(Vec<(u32, Option<Vec<f32>>)>),
    /// A task from its plan to its end, with changes meanwhile.
    Task(Wanted, Vec<(u32, Option<Vec<f32>>)>),
    /// A task whose result is never taken in.
    Lost,
    /// A manifest, and whether the journal is swept after.
    Manifest(bool),
    /// All users change, and no journal says so.
    Everything,
    /// Something is damaged, nobody knows where, and made good with changes meanwhile: before what is lost is read, and after.
    Mend([Vec<(u32, Option<Vec<f32>>)>; 2]),
    Crash,
    /// A crash, and a file is lost with it.
    CrashAndLoss,
}

fn changes() -> impl Strategy<Value = Vec<(u32, Option<Vec<f32>>)>> {
    proptest::collection::vec((0u32..50, proptest::option::weighted(0.75, vector())), 0..10)
}

fn op() -> impl Strategy<Value = Op> {
    let wanted = || proptest::sample::select(&[Wanted::Due, Wanted::Sealed, Wanted::Compact][..]);
    prop_oneof![
        8 => changes().prop_map(Op::Apply),
        6 => (wanted(), changes()).prop_map(|(wanted, changes)| Op::Task(wanted, changes)),
        1 => Just(Op::Lost),
        4 => any::<bool>().prop_map(Op::Manifest),
        1 => Just(Op::Everything),
        1 => [changes(), changes()].prop_map(Op::Mend),
        4 => Just(Op::Crash),
        1 => Just(Op::CrashAndLoss),
    ]
}

/// An index with what its host keeps beside: all vectors, and a journal.
pub(super) struct Host {
    pub index: Index,
    pub options: Options,
    pub model: Model,
    journal: BTreeMap<u32, u64>,
    swept: u64,
    seq: u64,
}

impl Host {
    pub(super) fn new(metric: Metric, folder: &Path) -> Self {
        let options = Options { folder: Some(folder.to_owned()), unsealed_rows: 20, ..small(DIM, metric) };
        let index = Index::open(options.clone(), &IDENTITY, 0..=0).unwrap();
        Self { index, options, model: Model::new(), journal: BTreeMap::new(), swept: 0, seq: 0 }
    }

    pub(super) fn apply(&mut self, changes: Vec<(u32, Option<Vec<f32>>)>) {
        self.seq += 1;
        for (label, vector) in &changes {
            self.journal.insert(*label, self.seq);
            match vector {
                Some(vector) => self.model.insert(*label, vector.clone()),
                None => self.model.remove(label),
            };
        }
        self.index.apply(changes, self.seq).unwrap();
    }

    pub(super) fn manifest(&mut self, sweep: bool) {
        let Some(manifest) = self.index.manifest(IDENTITY) else { return };
        manifest.write().unwrap();
        if sweep {
            self.journal.retain(|&label, &mut seq| seq > manifest.seq() || !manifest.covers(label));
            self.swept = manifest.seq();
        }
    }

    fn everything(&mut self) {
        self.seq += 1;
        for vector in self.model.values_mut() {
            vector.rotate_left(1);
        }
        self.index.apply(all(&self.model), self.seq).unwrap();
        self.index.forgo_journal();
        // It is another store's from now on; the same to this test, which has one identity for both.
        self.swept = self.seq;
    }

    /// The labels that the index held before are those that it holds after, as of now.
    fn mend(&mut self, [first, then]: [Vec<(u32, Option<Vec<f32>>)>; 2]) {
        self.index.distrust_files().unwrap();
        assert!(self.index.manifest(IDENTITY).is_none());
        let mut doubt = self.index.doubt().unwrap();
        let before = self.model.clone();
        self.apply(first);
        assert!(doubt.examine(&AtomicBool::new(false)));
        assert!(self.index.plan(Wanted::Compact).is_none());
        let lost = before.into_iter().filter(|(label, _)| doubt.lacks(*label)).collect();
        let amends = doubt.amends(lost).unwrap();
        self.apply(then);
        assert!(self.index.plan(Wanted::Compact).is_none());
        self.index.mend(amends).unwrap();
    }

    fn open(&mut self) {
        self.index = Index::open(self.options.clone(), &IDENTITY, self.swept..=self.seq).unwrap();
        if self.index.seq().is_none() {
            self.index.apply(all(&self.model), self.seq).unwrap();
            self.index.forgo_journal();
            return;
        }
        let changed = self.journal.keys().map(|label| (*label, self.model.get(label).cloned()));
        self.index.apply(changed.collect(), self.seq).unwrap();
    }

    pub(super) fn run(&mut self, op: Op) {
        match op {
            Op::Apply(changes) => self.apply(changes),
            Op::Task(wanted, changes) => {
                let task = self.index.plan(wanted);
                self.apply(changes);
                if let Some(mut task) = task {
                    assert!(run(&mut task));
                    self.index.complete(task).unwrap();
                }
            }
            Op::Lost => {
                if let Some(mut task) = self.index.plan(Wanted::Sealed) {
                    assert!(run(&mut task));
                }
            }
            Op::Manifest(sweep) => self.manifest(sweep),
            Op::Everything => self.everything(),
            Op::Mend(changes) => self.mend(changes),
            Op::Crash => self.open(),
            Op::CrashAndLoss => {
                let folder = self.options.folder.clone().unwrap();
                let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
                if let Some(file) = files.filter(|file| file.extension().is_some()).min() {
                    std::fs::remove_file(file).unwrap();
                }
                self.open();
            }
        }
        check_all(&self.index.view(), &self.model, self.options.metric);
    }
}

fn all(model: &Model) -> Vec<(u32, Option<Vec<f32>>)> {
    model.iter().map(|(&label, vector)| (label, Some(vector.clone()))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_was_written_down_the_next_process_answers_alike(
        metric in proptest::sample::select(&METRICS[..]),
        ops in proptest::collection::vec(op(), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::new(metric, folder.path());
        ops.into_iter().for_each(|op| host.run(op));
        host.run(Op::Crash);
    }
}

pub(super) fn sealed_host(folder: &Path) -> Host {
    let mut host = Host::new(Metric::L2, folder);
    let mut noise = Noise(3);
    host.apply((0..40).map(|label| (label, Some(noise.vector(DIM)))).collect());
    host.run(Op::Task(Wanted::Sealed, vec![(3, None), (4, Some(vec![1.0; DIM]))]));
    host.run(Op::Manifest(true));
    host
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_are_found_again_with_their_dead() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    assert_eq!(host.journal.keys().copied().collect::<Vec<_>>(), [4]);
    host.run(Op::Crash);
    let view = host.index.view();
    assert_eq!((view.sealed_files(), view.sealed_len(), view.head_len(), view.len()), (1, 38, 1, 39));
}

#[test]
fn only_what_is_ours_and_of_no_use_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let before = names(folder.path());
    let strays = ["0000000000000009-0007.sealed", "0000000000000009-0008.unfinished", "MANIFEST.unfinished"];
    let others = ["notes.txt", "my.sealed", "my.unfinished"];
    for name in strays.iter().chain(&others) {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    host.run(Op::Crash);
    let left: Vec<String> =
        names(folder.path()).into_iter().filter(|name| !others.contains(&name.as_str())).collect();
    assert_eq!(left, before);
    assert_eq!(names(folder.path()).len(), before.len() + others.len());
    host.run(Op::Apply(vec![(9, Some(vec![2.0; DIM]))]));
    host.run(Op::Task(Wanted::Sealed, Vec::new()));
    assert!(names(folder.path()).iter().any(|name| name.ends_with("-0009.sealed")), "a name is given once");
}

#[test]
fn a_replaced_file_goes_with_the_manifest_and_the_last_view() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let view = host.index.view();
    let before = view.search(&[0.5; DIM], &SearchOptions::new(50)).unwrap();
    host.run(Op::Task(Wanted::Compact, Vec::new()));
    assert_eq!(names(folder.path()).len(), 3, "two files and the manifest that names the first");
    host.manifest(true);
    assert_eq!(names(folder.path()).len(), 3, "a view holds the first");
    assert_eq!(view.search(&[0.5; DIM], &SearchOptions::new(50)).unwrap(), before);
    drop(view);
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn a_manifest_of_another_time_or_store_is_refused_for_good() {
    let reject = |identity: Identity, swept: u64, seq: u64| {
        let folder = tempfile::tempdir().unwrap();
        let host = sealed_host(folder.path());
        let open = |identity, commits| Index::open(host.options.clone(), identity, commits).unwrap();
        assert_eq!(open(&IDENTITY, 0..=host.seq).seq(), Some(host.seq));
        assert_eq!(open(&identity, swept..=seq).seq(), None);
        assert!(names(folder.path()).is_empty(), "what was wrong once must not seem right later");
    };
    reject([8; 16], 0, 99);
    reject(IDENTITY, 3, 99);
    reject(IDENTITY, 0, 1);
}

pub(super) fn sealed_path(folder: &Path) -> PathBuf {
    let name = names(folder).into_iter().find(|name| name.ends_with("sealed")).unwrap();
    folder.join(name)
}

#[test]
fn a_manifest_that_is_taken_back_is_due_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    host.run(Op::Task(Wanted::Compact, Vec::new()));
    std::fs::create_dir(folder.path().join("MANIFEST.unfinished")).unwrap();
    let manifest = host.index.manifest(IDENTITY).unwrap();
    assert!(manifest.write().is_err());
    host.index.take_back(manifest);
    std::fs::remove_dir(folder.path().join("MANIFEST.unfinished")).unwrap();
    host.run(Op::Manifest(true));
    assert_eq!(names(folder.path()).len(), 2, "the file that was replaced goes with it");
    host.run(Op::Crash);
    assert_eq!(host.index.view().sealed_len(), 39);
}

/// A folder in a file's place can be opened as little as a file for which there is no permission.
#[test]
fn what_cannot_be_read_now_is_an_error_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let before = names(folder.path());
    for path in [sealed_path(folder.path()), path_in(folder.path())] {
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        std::fs::create_dir(&path).unwrap();
        let error = Index::open(host.options.clone(), &IDENTITY, host.swept..=host.seq).unwrap_err();
        assert!(matches!(error, crate::Error::Io { .. }), "{error}");
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(names(folder.path()), before);
    }
    host.run(Op::Crash);
    assert_eq!(host.index.view().sealed_files(), 1);
}

#[test]
fn a_seal_that_fails_leaves_no_file_and_works_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let before = names(folder.path());
    let obstacle = folder.path().join(file_name(host.seq, host.index.files + 1));
    std::fs::create_dir_all(obstacle.join("x")).unwrap();
    let mut task = host.index.plan(Wanted::Compact).unwrap();
    assert!(matches!(task.run(&|_, _| (), &AtomicBool::new(false)), Err(crate::Error::Io { .. })));
    drop(task);
    std::fs::remove_dir_all(obstacle).unwrap();
    assert_eq!(names(folder.path()), before);
    host.run(Op::Task(Wanted::Compact, Vec::new()));
    assert_eq!(host.index.view().sealed_files(), 1);
}

/// Files as a version wrote them: 60 rows of 6 dimensions under L2, ten of them equal, some of them dead.
fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/index-{version}"))
}

/// A folder with a copy of them, and options to open it with.
fn copied_fixture(version: u32) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    for name in names(&fixture(version)) {
        std::fs::copy(fixture(version).join(&name), folder.path().join(&name)).unwrap();
    }
    let options = Options { folder: Some(folder.path().to_owned()), ..Options::new(6, Metric::L2) };
    (folder, options)
}

fn fixture_rows() -> Vec<(u32, Option<Vec<f32>>)> {
    let vector = |label: u32| (0..6).map(|i| ((label.min(50) * 7 + i * 3) % 23) as f32).collect();
    (0..60).map(|label| (3 * label, Some(vector(label)))).collect()
}

#[test]
#[ignore = "writes the fixture anew: only for a new version of the format"]
fn write_the_fixture() {
    let folder = fixture(2);
    let options = Options { folder: Some(folder.clone()), ..Options::new(6, Metric::L2) };
    let mut index = Index::open(options, &IDENTITY, 0..=0).unwrap();
    index.apply(fixture_rows(), 4).unwrap();
    let mut task = index.plan(Wanted::Compact).unwrap();
    assert!(run(&mut task));
    index.complete(task).unwrap();
    index.apply((0..5).map(|label| (6 * label, None)).collect(), 5).unwrap();
    index.manifest(IDENTITY).unwrap().write().unwrap();
    eprintln!("{:?}", names(&folder));
}

#[test]
fn files_of_this_version_are_read_for_ever() {
    let (_folder, options) = copied_fixture(2);
    let index = Index::open(options, &IDENTITY, 5..=5).unwrap();
    assert_eq!(index.seq(), Some(5), "the manifest or its file was refused");
    let view = index.view();
    assert_eq!((view.sealed_files(), view.sealed_len(), view.len()), (1, 55, 55));
    assert_eq!(view.verify(&|_, _| ()), []);
    let mut model = Model::new();
    model.extend(fixture_rows().into_iter().filter_map(|(label, vector)| Some((label, vector?))));
    model.retain(|label, _| label % 6 != 0 || *label > 24);
    for (label, vector) in &model {
        let found = view.search(vector, &SearchOptions::new(1)).unwrap();
        let score = found[0].score;
        assert_eq!((score, &model[&found[0].label]), (0.0, vector), "label {label}");
        assert_eq!(found, view.search(vector, &exact(1)).unwrap());
    }
}

#[test]
fn files_of_an_older_version_are_made_anew() {
    let (folder, options) = copied_fixture(1);
    let index = Index::open(options, &IDENTITY, 5..=5).unwrap();
    assert_eq!((index.seq(), index.view().len()), (None, 0));
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[test]
fn an_index_of_another_shape_does_not_take_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let host = sealed_host(folder.path());
    let options = Options { dim: 4, ..host.options.clone() };
    assert_eq!(Index::open(options, &IDENTITY, 0..=99).unwrap().seq(), None);
    assert!(!path_in(folder.path()).exists());
}
