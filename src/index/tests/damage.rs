//! Damage while an index is in use: found, kept to the file that has it, and made good.

use super::super::manifest::path_in;
use super::super::{DamagedFiles, Doubt, Scrub};
use super::model::check_all;
use super::restore::{DIM, Host, IDENTITY, Op, names, sealed_host, sealed_path};
use super::*;
use crate::model::Problem;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Whatever a file holds is refused, or found by verifying; and no use of it panics.
#[test]
fn flipped_bits_are_found_and_panic_nobody() {
    for metric in METRICS {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::new(metric, folder.path());
        let mut noise = Noise(9);
        // Enough for the graph to be walked, with rows of equal vectors.
        host.apply((0..600).map(|label| (label, Some(noise.vector(DIM)))).collect());
        host.apply((600..620).map(|label| (label, Some(vec![1.0; DIM]))).collect());
        host.run(Op::Task(Wanted::Sealed, Vec::new()));
        host.manifest(true);
        let name = names(folder.path()).into_iter().find(|name| name.ends_with("sealed")).unwrap();
        let (manifest, path) = (std::fs::read(path_in(folder.path())).unwrap(), folder.path().join(name));
        let whole = std::fs::read(&path).unwrap();
        for round in 0..200 {
            let at = (f64::midpoint(noise.next().into(), 1.0) * whole.len() as f64) as usize;
            let mut bytes = whole.clone();
            // One bit, or a whole number: an id beyond all, or no number at all.
            bytes[at] ^= 1 << (at % 8);
            if round % 2 == 0 {
                let at = at.min(bytes.len() - 4);
                bytes[at..at + 4].fill(0xff);
            }
            std::fs::write(&path, &bytes).unwrap();
            std::fs::write(path_in(folder.path()), &manifest).unwrap();
            use_damaged(&host, at, round % 10 == 0);
        }
    }
}

fn use_damaged(host: &Host, at: usize, merge: bool) {
    let mut index = Index::open(host.options.clone(), &IDENTITY, 0..=99).unwrap();
    if index.seq().is_none() {
        return;
    }
    assert_ne!(index.view().verify(&|_, _| ()), [], "byte {at}");
    assert_eq!(scrubbed(&index.view()).len(), 1, "byte {at}");
    for label in [0, 5, 605] {
        index.apply(vec![(label, None)], 99).unwrap();
    }
    for query in [[1.0; DIM], [-0.3, 0.2, 0.9]] {
        for options in [SearchOptions::new(10), SearchOptions::new(700), exact(10)] {
            index.view().search(&query, &options).unwrap();
        }
    }
    if let Some(mut task) = index.plan(Wanted::Compact).filter(|_| merge) {
        let done = task.run(&|_, _| (), &AtomicBool::new(false));
        assert!(done.is_ok() || matches!(done, Err(crate::Error::Damaged { .. })), "byte {at}: {done:?}");
    }
}

/// All that reading the files of a view through finds.
fn scrubbed(view: &IndexView) -> Vec<Problem> {
    rest(&mut view.scrub())
}

/// What is found from here on.
fn rest(scrub: &mut Scrub) -> Vec<Problem> {
    let mut problems = Vec::new();
    while !scrub.is_over() {
        problems.extend(scrub.next_piece());
    }
    problems
}

#[test]
fn a_scrub_holds_no_file_and_reads_none_that_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let path = sealed_path(folder.path());
    assert_eq!(scrubbed(&host.index.view()), []);
    let mut scrub = host.index.view().scrub();
    flip_section(&path, BYTES);
    assert_eq!(scrub.next_piece(), None, "its first section is sound");
    host.run(Op::Task(Wanted::Compact, Vec::new()));
    host.run(Op::Manifest(true));
    assert!(!path.exists(), "the scrub holds what is replaced");
    assert_eq!(scrub.next_piece(), None);
    assert!(scrub.is_over());
}

#[test]
fn a_scrub_goes_on_with_another_view_and_reads_no_file_twice() {
    let folder = tempfile::tempdir().unwrap();
    let host = sealed_host(folder.path());
    let path = sealed_path(folder.path());
    let read = |damaged: &DamagedFiles| {
        let options = Options { folder: None, ..host.options.clone() };
        Index::read(folder.path(), options, &IDENTITY, 0..=99, damaged).unwrap().view()
    };
    let all = DamagedFiles::default();
    let (first, second) = (read(&all), read(&all));
    let mut scrub = first.scrub();
    assert_eq!(scrub.next_piece(), None);
    drop(first);
    scrub.follow(&second);
    // What was read before is not read again, and the rest is.
    flip_section(&path, ENTRIES);
    assert_eq!(rest(&mut scrub), []);
    flip_section(&path, BYTES);
    let third = read(&all);
    scrub.follow(&third);
    assert!(scrub.is_over(), "it was read to its end");
    let mut scrub = third.scrub();
    assert_eq!((rest(&mut scrub).len(), third.sealed_files()), (1, 1));
    assert_eq!(read(scrub.damaged()).sealed_files(), 0);
    scrub.follow(&second);
    assert!(scrub.is_over(), "what is damaged is known");
}

#[test]
fn what_was_begun_is_read_on_after_a_view_without_files() {
    let folder = tempfile::tempdir().unwrap();
    let host = sealed_host(folder.path());
    let view = host.index.view();
    let empty = Index::new(Options { folder: None, ..host.options.clone() }).unwrap().view();
    let mut scrub = view.scrub();
    assert_eq!(scrub.next_piece(), None);
    scrub.follow(&empty);
    assert!(scrub.is_over());
    // One is read already, and one is not.
    flip_section(&sealed_path(folder.path()), ENTRIES);
    flip_section(&sealed_path(folder.path()), BYTES);
    scrub.follow(&view);
    let found = rest(&mut scrub);
    assert!(found.len() == 1 && found[0].what.contains("Bytes"), "{found:?}");
    let mut scrub = Scrub::default();
    scrub.follow(&empty);
    scrub.follow(&view);
    assert_eq!(rest(&mut scrub).len(), 1);
}

/// Those that both views have, in any order, are not read twice; a new one is, though all were over.
#[test]
fn a_scrub_that_was_over_reads_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let (mut host, mut noise, first) = large_host(folder.path());
    let mut scrub = host.index.view().scrub();
    assert_eq!(rest(&mut scrub), []);
    host.apply((2000..2040).map(|label| (label, Some(noise.vector(DIM)))).collect());
    host.run(Op::Task(Wanted::Sealed, Vec::new()));
    assert_eq!(host.index.view().sealed_files(), 2);
    flip_section(&first, VECTORS);
    scrub.follow(&host.index.view());
    assert!(!scrub.is_over());
    assert_eq!(rest(&mut scrub), []);
    let damaged = scrubbed(&host.index.view());
    assert!(damaged.len() == 1 && damaged[0].place == first.display().to_string(), "{damaged:?}");
}

/// So many rows in a file that a few more are sealed beside it.
fn large_host(folder: &Path) -> (Host, Noise, PathBuf) {
    let mut host = Host::new(Metric::L2, folder);
    let mut noise = Noise(3);
    host.apply((0..2000).map(|label| (label, Some(noise.vector(DIM)))).collect());
    host.run(Op::Task(Wanted::Sealed, Vec::new()));
    (host, noise, sealed_path(folder))
}

/// Flips a bit at the start of a section, by its number, as a disk would: the file may be mapped.
fn flip_section(path: &Path, section: usize) {
    use std::io::{Seek, SeekFrom, Write};
    let bytes = std::fs::read(path).unwrap();
    let at = u64::from_le_bytes(bytes[128 + 24 * section..][..8].try_into().unwrap());
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[bytes[at as usize] ^ 1]).unwrap();
}

const ENTRIES: usize = 0;
const BYTES: usize = 2;
const LABELS: usize = 4;
const BY_LABEL: usize = 5;
const EQUALS: usize = 6;
const MEAN: usize = 7;
const VECTORS: usize = 8;

#[test]
fn damage_where_the_dead_are_looked_up_is_found_at_open() {
    for section in [LABELS, BY_LABEL, EQUALS, MEAN] {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::new(Metric::L2, folder.path());
        let equal = (40..45).map(|label| (label, Some(vec![1.0; DIM])));
        let mut noise = Noise(3);
        host.apply((0..40).map(|label| (label, Some(noise.vector(DIM)))).chain(equal).collect());
        host.run(Op::Task(Wanted::Sealed, Vec::new()));
        host.run(Op::Manifest(true));
        flip_section(&sealed_path(folder.path()), section);
        host.run(Op::Crash);
        assert_eq!(host.index.view().sealed_files(), 0, "section {section}");
    }
}

#[test]
fn damage_to_what_a_merge_leans_on_is_found_by_it() {
    for section in [LABELS, BY_LABEL, VECTORS] {
        let folder = tempfile::tempdir().unwrap();
        let mut host = sealed_host(folder.path());
        flip_section(&sealed_path(folder.path()), section);
        let mut task = host.index.plan(Wanted::Compact).unwrap();
        let done = task.run(&|_, _| (), &AtomicBool::new(false));
        assert!(matches!(done, Err(crate::Error::Damaged { .. })), "section {section}: {done:?}");
    }
}

/// What lies behind the end of a file is the end of the process to who reads it through a mapping, as a sector is that cannot be read.
#[test]
fn a_file_that_cannot_be_read_is_told_of_and_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let path = sealed_path(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    let at = |section: usize| u64::from_le_bytes(bytes[128 + 24 * section..][..8].try_into().unwrap());
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(at(LABELS)).unwrap();
    let problems = host.index.view().verify(&|_, _| ());
    assert!(problems.len() == 1 && problems[0].what.contains("cannot be read"), "{problems:?}");
    assert_eq!(scrubbed(&host.index.view()).len(), 1);
    let mut task = host.index.plan(Wanted::Compact).unwrap();
    let done = task.run(&|_, _| (), &AtomicBool::new(false));
    assert!(matches!(done, Err(crate::Error::Damaged { .. })), "{done:?}");
    drop(task);
    host.index.distrust(&problems).unwrap();
    let mut doubt = host.index.doubt().unwrap();
    assert!(doubt.examine(&AtomicBool::new(false)));
    let amends = doubt.amends(host.model.clone().into_iter().collect()).unwrap();
    check_all(&host.index.mend(amends).unwrap(), &host.model, Metric::L2);
    // Not even its header.
    let mut host = sealed_host(folder.path());
    let path = sealed_path(folder.path());
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    let problems = host.index.view().verify_quick();
    assert!(problems.len() == 1 && problems[0].what.contains("cannot be read"), "{problems:?}");
    assert_eq!(host.index.view().verify(&|_, _| ()).len(), 2);
    host.run(Op::Crash);
    assert_eq!(host.index.view().sealed_files(), 0);
}

#[test]
fn damage_that_comes_while_a_merge_copies_is_found_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let (before, path) = (names(folder.path()), sealed_path(folder.path()));
    let mut task = host.index.plan(Wanted::Compact).unwrap();
    let come = std::sync::Once::new();
    let done = task.run(&|_, _| come.call_once(|| flip_section(&path, VECTORS)), &AtomicBool::new(false));
    assert!(matches!(done, Err(crate::Error::Damaged { .. })), "{done:?}");
    assert_eq!(names(folder.path()), before);
}

#[test]
fn looking_for_damage_ends_where_it_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let steps = std::cell::RefCell::new(Vec::new());
    let cancelled_at = |step: usize| {
        let cancel = AtomicBool::new(false);
        let told = |done, _| {
            steps.borrow_mut().push(done);
            cancel.store(done == step, Ordering::Relaxed);
        };
        host.index.sealed[0].verify(&told, &cancel)
    };
    let all = 17;
    for step in 0..all {
        assert_eq!(cancelled_at(step), None);
        assert_eq!(steps.take(), (0..=step).collect::<Vec<_>>());
    }
    assert_eq!(cancelled_at(all), Some(Vec::new()));
    // Nothing is read any more, or it would be found.
    flip_section(&sealed_path(folder.path()), VECTORS);
    let cancelled = AtomicBool::new(true);
    assert!(!host.index.sealed[0].check_copied(&cancelled).unwrap());
    let mut task = host.index.plan(Wanted::Compact).unwrap();
    assert!(!task.run(&|_, _| (), &cancelled).unwrap());
}

#[test]
fn what_a_damaged_file_held_is_made_anew_beside_the_sound_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (mut host, mut noise, sound) = large_host(folder.path());
    host.apply((1980..2020).map(|label| (label, Some(noise.vector(DIM)))).collect());
    host.run(Op::Task(Wanted::Sealed, Vec::new()));
    host.run(Op::Manifest(true));
    let mut paths = names(folder.path()).into_iter().map(|name| folder.path().join(name));
    let damaged = paths.find(|path| *path != sound && *path != path_in(folder.path())).unwrap();
    flip_section(&damaged, BY_LABEL);
    host.index.distrust_files().unwrap();
    let mut doubt = host.index.doubt().unwrap();
    assert!(doubt.examine(&AtomicBool::new(false)));
    assert!((0..2020).all(|label| doubt.lacks(label) == (label >= 1980)));
    // As if the file had named them: what the index holds itself counts.
    let amends = doubt.amends(host.model.clone().into_iter().collect()).unwrap();
    host.index.mend(amends).unwrap();
    let view = host.index.view();
    assert_eq!((view.len(), view.sealed_len(), view.head_len()), (2020, 1980, 40));
    check_all(&view, &host.model, Metric::L2);
    drop(view);
    assert!(!damaged.exists() && sound.exists());
    host.run(Op::Task(Wanted::Sealed, Vec::new()));
    host.run(Op::Manifest(true));
    host.run(Op::Crash);
    assert_eq!(host.index.view().sealed_len(), 2020);
}

#[test]
fn only_what_the_index_still_has_is_distrusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    flip_section(&sealed_path(folder.path()), BYTES);
    let problems = host.index.view().verify(&|_, _| ());
    assert_ne!(problems, []);
    host.index.distrust(&problems).unwrap();
    assert!(host.index.is_distrusted() && host.index.manifest(IDENTITY).is_none());
    assert!(!path_in(folder.path()).exists());
    host.run(Op::Task(Wanted::Compact, Vec::new()));
    assert!(!host.index.is_distrusted() && host.index.doubt().is_none(), "a merge took it away");
    host.index.distrust(&problems).unwrap();
    host.manifest(true);
    host.index.distrust(&problems).unwrap();
    assert!(path_in(folder.path()).exists() && !host.index.is_distrusted());
    host.run(Op::Crash);
    assert_eq!(host.index.view().sealed_len(), 39);
}

/// What was in doubt, ready or not, or refused: a drop leaves nothing behind, and the next doubt begins anew.
#[test]
fn a_dropped_doubt_leaves_the_index_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    host.index.distrust_files().unwrap();
    let ready = |doubt: Doubt| drop(doubt.amends(Vec::new()).unwrap());
    let refused = |doubt: Doubt| assert!(doubt.amends(vec![(3, vec![f32::NAN; DIM])]).is_err());
    for end in [&drop as &dyn Fn(Doubt), &ready, &refused] {
        let doubt = host.index.doubt().unwrap();
        host.apply(vec![(1, Some(vec![5.0; DIM]))]);
        assert!(host.index.changed.upgrade().is_some());
        end(doubt);
        assert!(host.index.changed.upgrade().is_none());
        host.apply(vec![(2, Some(vec![6.0; DIM]))]);
    }
    host.run(Op::Mend([vec![(2, None)], vec![(1, None)]]));
}

#[test]
fn what_is_written_while_lost_rows_are_made_ready_wins() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = sealed_host(folder.path());
    let files = host.index.view();
    host.index.distrust_files().unwrap();
    let mut doubt = host.index.doubt().unwrap();
    assert!(doubt.examine(&AtomicBool::new(false)));
    let amends = doubt.amends(host.model.clone().into_iter().collect()).unwrap();
    host.apply(vec![(0, Some(vec![9.0; DIM])), (1, None), (50, Some(vec![8.0; DIM]))]);
    let between = host.index.view();
    let view = host.index.mend(amends).unwrap();
    assert_eq!((files.sealed_len(), between.sealed_len(), view.sealed_len()), (38, 36, 0));
    check_all(&view, &host.model, Metric::L2);
    assert_eq!(view.search(&[9.0; DIM], &exact(1)).unwrap(), [Neighbor { label: 0, score: 0.0 }]);
    // All of them: nothing is taken in.
    host.index.distrust_files().unwrap();
    let doubt = host.index.doubt().unwrap();
    host.run(Op::Everything);
    let rows = host.index.view().head.len();
    let amends = doubt.amends(host.model.clone().into_iter().collect()).unwrap();
    assert_eq!(host.index.mend(amends).unwrap().head.len(), rows);
    host.run(Op::Crash);
}
