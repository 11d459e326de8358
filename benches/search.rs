//! Searching 10,000 rows in the head and in the live tier.

use criterion::{Criterion, criterion_group, criterion_main};
use kindred::index::{Index, IndexView, Options, SearchOptions};
use kindred::model::Metric;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

const DIM: usize = 384;
const ROWS: u32 = 10_000;

/// Made vectors with some structure: sums of a few waves.
fn vector(label: u32) -> Vec<f32> {
    let (a, b) = ((label % 101) as f32, (label % 89) as f32);
    (0..DIM).map(|i| ((a + 1.0) * i as f32 * 0.01).sin() + ((b + 2.0) * i as f32 * 0.013).cos()).collect()
}

fn views() -> kindred::Result<(IndexView, IndexView)> {
    // The tier is small enough to be scanned: 0 makes the graph answer.
    let options = Options { rows_per_ef: 0, ..Options::new(DIM, Metric::Cosine) };
    let mut index = Index::new(options)?;
    let head = index.apply((0..ROWS).map(|label| (label, Some(vector(label)))).collect(), 1)?;
    if let Some(mut task) = index.plan(true) {
        task.run(&|_, _| (), &AtomicBool::new(false));
        return Ok((head, index.complete(task)?));
    }
    Ok((head.clone(), head))
}

#[expect(clippy::expect_used, reason = "a benchmark of nothing must stop")]
fn searches(criterion: &mut Criterion) {
    let (head, live) = views().expect("made vectors are valid");
    let query = vector(ROWS + 17);
    let exact = SearchOptions { exact: true, ..SearchOptions::new(10) };
    for (name, view, options) in [
        ("head", &head, SearchOptions::new(10)),
        ("live", &live, SearchOptions::new(10)),
        ("exact", &live, exact),
    ] {
        criterion.bench_function(&format!("search/{name}"), |bencher| {
            bencher.iter(|| view.search(black_box(&query), &options));
        });
    }
}

criterion_group!(benches, searches);
criterion_main!(benches);
