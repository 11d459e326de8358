//! What the fuzz targets do to the index.

use super::manifest::Content;
use super::sealed::Sealed;
use super::{Index, IndexView, Options, SearchOptions, Wanted};
use crate::model::Metric;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const DIM: usize = 3;
const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

fn vector(seed: u8) -> Vec<f32> {
    // Never all zeros, which cosine refuses; many are equal.
    vec![f32::from(seed % 7) - 3.0, f32::from(seed / 7 % 7) - 3.0, f32::from(seed / 49) + 0.5]
}

fn maintain(index: &mut Index, wanted: Wanted) {
    if let Some(mut task) = index.plan(wanted) {
        assert!(matches!(task.run(&|_, _| (), &AtomicBool::new(false)), Ok(true)));
        assert!(index.complete(task).is_ok());
    }
}

/// Random commits and upkeep; then every search gives as many as match, all of them current, and one that is exact gives
/// the best.
pub(crate) fn operations(metric: u8, ops: &[(u8, u8)]) {
    let metric = METRICS[usize::from(metric) % METRICS.len()];
    let options = Options { head_rows: 4, unsealed_rows: 12, threads: 1, m: 4, ..Options::new(DIM, metric) };
    let Ok(mut index) = Index::new(Options { rows_per_ef: 0, ef_construction: 8, ..options }) else { return };
    let mut model = BTreeMap::new();
    for (seq, &(op, seed)) in (1..).zip(ops) {
        let label = u32::from(op % 40);
        match op / 40 {
            0..=3 => {
                model.insert(label, vector(seed));
                assert!(index.apply(vec![(label, Some(vector(seed)))], seq).is_ok());
            }
            4 => {
                model.remove(&label);
                assert!(index.apply(vec![(label, None)], seq).is_ok());
            }
            _ => {
                let wanted =
                    [Wanted::Due, Wanted::Absorbed, Wanted::Settled, Wanted::Sealed, Wanted::Compact];
                maintain(&mut index, wanted[usize::from(seed % 5)]);
            }
        }
    }
    check(&index.view(), &model, metric);
}

fn check(view: &IndexView, model: &BTreeMap<u32, Vec<f32>>, metric: Metric) {
    assert_eq!(view.len(), model.len());
    for (k, exact) in [(1, true), (7, false), (100, false)] {
        let Ok(found) = view.search(&vector(100), &SearchOptions { exact, ..SearchOptions::new(k) }) else {
            panic!("a search failed");
        };
        assert_eq!(found.len(), model.len().min(k));
        assert!(found.iter().all(|neighbor| model.contains_key(&neighbor.label)));
        let best = model.values().map(|vector| score(metric, vector)).fold(f32::NEG_INFINITY, f32::max);
        assert!(!exact || found.iter().all(|neighbor| (neighbor.score - best).abs() < 1e-4));
    }
}

fn score(metric: Metric, row: &[f32]) -> f32 {
    let query = vector(100);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    match metric {
        Metric::Cosine => dot(row, &query) / (dot(row, row) * dot(&query, &query)).sqrt(),
        Metric::InnerProduct => dot(row, &query),
        Metric::L2 => -row.iter().zip(&query).map(|(x, y)| (x - y).powi(2)).sum::<f32>(),
    }
}

/// A sealed file of a few rows, made in a folder of its own.
pub(crate) fn sealed_file(folder: &Path) -> Option<Vec<u8>> {
    let options = Options { folder: Some(folder.to_owned()), threads: 1, ..Options::new(DIM, Metric::L2) };
    let mut index = Index::new(options).ok()?;
    index.apply((0..60).map(|label| (label, Some(vector(label as u8 * 4)))).collect(), 1).ok()?;
    maintain(&mut index, Wanted::Sealed);
    let file = std::fs::read_dir(folder).ok()?.flatten().next()?;
    std::fs::read(file.path()).ok()
}

/// Opens any bytes as a sealed file, their header made to pass its checksum; what opens is searched, whatever it holds.
pub(crate) fn open(bytes: &[u8]) {
    let Ok(file) = Sealed::from_bytes(bytes) else { return };
    for ef in [1, 20] {
        // What finer codes cannot tell from the tenth comes too, but no row twice.
        assert!(file.search_for_fuzzing(&vector(9), ef) <= file.rows());
    }
}

/// Any bytes as the manifest, with the checksum that makes it pass, behind a right beginning too: what is read says the same once
/// written, and names no file elsewhere.
pub(crate) fn manifest(bytes: &[u8]) {
    assert!(Content::decode(bytes, "fuzz").is_err(), "bytes that end with their own checksum");
    for beginning in [&b""[..], b"KNDRMANI\x01\0\0\0"] {
        let mut content = [beginning, bytes].concat();
        content.extend(crc32fast::hash(&content).to_le_bytes());
        let Ok(read) = Content::decode(&content, "fuzz") else { continue };
        assert!(read.files.iter().all(|file| !file.name.contains(['/', '\\'])));
        let again = read.encode().and_then(|bytes| Content::decode(&bytes, "fuzz"));
        assert_eq!(again.ok(), Some(read));
    }
}
