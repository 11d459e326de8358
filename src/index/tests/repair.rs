//! Files made out of others: their graphs are taken over, less what died, with what came.

use super::recall::clustered;
use super::*;
use crate::eval::recall_at_k;

const DIM: usize = 24;

fn options(metric: Metric) -> Options {
    Options { unsealed_rows: 64, ..small(DIM, metric) }
}

/// All that is in the index as one file.
pub(super) fn compact(index: &mut Index) -> IndexView {
    let mut task = index.plan(Wanted::Compact).expect("there is something to seal");
    assert!(run(&mut task));
    index.complete(task).unwrap()
}

fn put(index: &mut Index, rows: impl IntoIterator<Item = (u32, Vec<f32>)>) {
    let seq = index.view().seq() + 1;
    index.apply(rows.into_iter().map(|(label, vector)| (label, Some(vector))).collect(), seq).unwrap();
}

fn remove(index: &mut Index, labels: impl IntoIterator<Item = u32>) {
    let seq = index.view().seq() + 1;
    index.apply(labels.into_iter().map(|label| (label, None)).collect(), seq).unwrap();
}

fn recall(view: &IndexView, queries: &[Vec<f32>], ef: usize) -> f64 {
    let search = |options: &SearchOptions| -> Vec<Vec<u32>> {
        queries.iter().map(|query| labels(&view.search(query, options).unwrap())).collect()
    };
    recall_at_k(&search(&SearchOptions { ef, ..SearchOptions::new(10) }), &search(&exact(10)), 10)
}

/// The only file's nodes.
fn nodes(index: &Index) -> usize {
    assert_eq!(index.sealed.len(), 1);
    index.sealed[0].header().nodes
}

fn assert_sound(view: &IndexView) {
    assert_eq!(view.verify(&|_, _| ()), []);
}

/// Many small merges, each into the file of the one before, of new rows, rows with other vectors and rows equal to ones
/// that are there, while as many die.
#[test]
fn many_merges_keep_recall_and_are_sound() {
    for metric in METRICS {
        let vectors = clustered(6400, DIM);
        let (queries, base) = vectors.split_at(400);
        let mut index = Index::new(options(metric)).unwrap();
        put(&mut index, (0..).zip(base[..3000].iter().cloned()));
        compact(&mut index);
        let vector = |label: usize| base[if label.is_multiple_of(5) { 2999 } else { 3000 + label }].clone();
        for round in 0..30_usize {
            remove(&mut index, (0..3000).filter(|label| *label as usize % 30 == round));
            let came = (0..3000).filter(|label| label % 30 == round);
            put(&mut index, came.map(|label| (label as u32, vector(label))));
            let view = compact(&mut index);
            assert_eq!((view.sealed_files(), view.sealed_len()), (1, 3000));
            if round % 10 == 9 {
                assert_sound(&view);
            }
        }
        let worn = index.view();
        let mut index = Index::new(options(metric)).unwrap();
        put(&mut index, (0..3000).map(|label| (label, vector(label as usize))));
        let fresh = compact(&mut index);
        for ef in [16, 32, 64] {
            let (worn, fresh) = (recall(&worn, queries, ef), recall(&fresh, queries, ef));
            eprintln!("{metric}, ef {ef}: made at once {fresh:.4}, after 30 merges {worn:.4}");
            assert!(worn >= fresh - 0.005, "{metric} {ef}: {fresh} {worn}");
        }
    }
}

/// Of rows with one vector some die and some come: they share a node as long as there is one.
#[test]
fn equal_vectors_share_a_node_from_file_to_file() {
    for metric in METRICS {
        let base = clustered(1000, DIM);
        let mut index = Index::new(options(metric)).unwrap();
        let twin = |label: u32| base[label as usize % 1000].clone();
        put(&mut index, (0..1500).map(|label| (label, twin(label))));
        compact(&mut index);
        assert_eq!(nodes(&index), 1000);
        // The first row of a node dies, and of others both.
        remove(&mut index, (0..100).chain(1050..1100));
        assert_sound(&compact(&mut index));
        assert_eq!(nodes(&index), 950);
        // Some join a node that is there, some each other.
        put(&mut index, (2000..2200).map(|label| (label, twin(label % 100 + 20))));
        let view = compact(&mut index);
        assert_sound(&view);
        assert_eq!((nodes(&index), view.len()), (1000, 1550));
        let found = labels(&view.search(&base[60], &exact(4)).unwrap());
        assert_eq!(&found[..2], [2040, 2140]);
    }
}

#[test]
fn a_repair_does_not_depend_on_the_number_of_threads() {
    let base = clustered(3000, DIM);
    let files: Vec<Vec<u8>> = [1, 2, 5]
        .map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let folder_option = Some(folder.path().to_owned());
            let options = Options { threads, folder: folder_option, ..options(Metric::L2) };
            let mut index = Index::new(options).unwrap();
            put(&mut index, (0..).zip(base[..2700].iter().cloned()));
            compact(&mut index);
            remove(&mut index, (0..2700).step_by(9));
            put(&mut index, (2700..).zip(base[2700..].iter().cloned()));
            compact(&mut index);
            std::fs::read(folder.path().join(index.sealed[0].name().unwrap())).unwrap()
        })
        .into();
    assert!(files[0] == files[1] && files[0] == files[2]);
}

/// The labels that each label's node is linked with.
fn neighbours(index: &Index) -> std::collections::BTreeMap<u32, Vec<u32>> {
    let file = &index.sealed[0];
    let linked = |node: u32| {
        let mut linked: Vec<u32> = file.links_of(node).iter().map(|&link| file.label(link)).collect();
        linked.sort_unstable();
        linked.dedup();
        linked
    };
    (0..file.header().nodes as u32).map(|node| (file.label(node), linked(node))).collect()
}

/// What is far from all that changed is left as it was: the work is of what changed.
#[test]
fn a_small_change_leaves_most_links_alone() {
    let base = clustered(4010, DIM);
    let mut index = Index::new(options(Metric::L2)).unwrap();
    put(&mut index, (0..).zip(base[..4000].iter().cloned()));
    compact(&mut index);
    let before = neighbours(&index);
    remove(&mut index, 0..10);
    put(&mut index, (4000..).zip(base[4000..].iter().cloned()));
    assert_sound(&compact(&mut index));
    let after = neighbours(&index);
    let same = before.iter().filter(|&(label, linked)| after.get(label) == Some(linked)).count();
    eprintln!("{same} of 4000 nodes have the links that they had");
    assert!(same > 2500, "{same}");
}

/// Each repair loses a little; so now and then there is none.
#[test]
fn a_graph_that_was_repaired_often_is_made_at_once_again() {
    let base = clustered(600, DIM);
    let mut index = Index::new(options(Metric::Cosine)).unwrap();
    put(&mut index, (0..).zip(base.iter().cloned()));
    compact(&mut index);
    let repaired: Vec<usize> = (0..12)
        .map(|round| {
            put(&mut index, (0..100).map(|label| (label, base[(label as usize * 5 + round) % 600].clone())));
            compact(&mut index);
            index.sealed[0].header().repaired
        })
        .collect();
    // A hundred rows die and a hundred come each time, up to half as many as the file has.
    let expected: Vec<usize> = [200, 0].repeat(6);
    assert_eq!(repaired, expected);
}

/// Where most of a file died its graph is of no use.
#[test]
fn after_many_deaths_all_is_made_anew() {
    for metric in METRICS {
        let vectors = clustered(3100, DIM);
        let (base, queries) = vectors.split_at(3000);
        let mut index = Index::new(options(metric)).unwrap();
        put(&mut index, (0..).zip(base.iter().cloned()));
        compact(&mut index);
        for kept in [0.9, 0.7, 0.3] {
            let mut noise = Noise(3);
            let dead: Vec<u32> = (0..3000)
                .filter(|_| f64::from(noise.next() + 1.0) / 2.0 > kept)
                .filter(|&label| index.sealed[0].row_of(label).is_some())
                .collect();
            remove(&mut index, dead);
            let view = compact(&mut index);
            assert_sound(&view);
            let recall = recall(&view, queries, 64);
            eprintln!("{metric}, {kept} kept: {recall:.4}");
            assert!(recall >= 0.98, "{metric} {kept}: {recall}");
        }
    }
}
