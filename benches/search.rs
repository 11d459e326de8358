//! Searching 10,000 rows in each tier.

use criterion::{Criterion, criterion_group, criterion_main};
use kindred::index::{Index, IndexView, Options, SearchOptions, Wanted};
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

fn tier(wanted: Option<Wanted>) -> kindred::Result<IndexView> {
    // The live tier is small enough to be scanned: 0 makes the graph answer.
    let options = Options { rows_per_ef: 0, ..Options::new(DIM, Metric::Cosine) };
    let mut index = Index::new(options)?;
    let head = index.apply((0..ROWS).map(|label| (label, Some(vector(label)))).collect(), 1)?;
    let Some(mut task) = wanted.and_then(|wanted| index.plan(wanted)) else { return Ok(head) };
    task.run(&|_, _| (), &AtomicBool::new(false))?;
    index.complete(task)
}

#[expect(clippy::expect_used, reason = "a benchmark of nothing must stop")]
fn searches(criterion: &mut Criterion) {
    let query = vector(ROWS + 17);
    let exact = SearchOptions { exact: true, ..SearchOptions::new(10) };
    for (name, wanted, options) in [
        ("head", None, SearchOptions::new(10)),
        ("live", Some(Wanted::Absorbed), SearchOptions::new(10)),
        ("sealed", Some(Wanted::Sealed), SearchOptions::new(10)),
        ("exact", Some(Wanted::Sealed), exact),
    ] {
        let view = tier(wanted).expect("made vectors are valid");
        criterion.bench_function(&format!("search/{name}"), |bencher| {
            bencher.iter(|| view.search(black_box(&query), &options));
        });
    }
}

criterion_group!(benches, searches);
criterion_main!(benches);
