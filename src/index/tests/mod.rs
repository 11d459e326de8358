//! The index against a naive model, at its edges, damaged, under concurrent readers, and on real vectors.

mod batch;
mod concurrency;
mod damage;
mod edges;
mod model;
mod recall;
mod repair;
mod restore;
mod sealed;

use super::{Index, IndexView, Neighbor, Options, RowSet, SearchOptions, SearchStep, Task, Wanted};
use crate::model::Metric;
use std::sync::atomic::AtomicBool;

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::L2];

/// Options under which a handful of rows already goes through the graph.
fn small(dim: usize, metric: Metric) -> Options {
    Options { head_rows: 8, m: 4, ef_construction: 16, rows_per_ef: 0, ..Options::new(dim, metric) }
}

fn run(task: &mut Task) -> bool {
    task.run(&|_, _| (), &AtomicBool::new(false)).unwrap()
}

/// Absorbs all of the head, whatever it takes.
fn absorb(index: &mut Index) -> IndexView {
    let mut task = index.plan(Wanted::Absorbed).expect("there is something to absorb");
    assert!(run(&mut task));
    index.complete(task).unwrap()
}

fn labels(found: &[Neighbor]) -> Vec<u32> {
    found.iter().map(|neighbor| neighbor.label).collect()
}

fn exact(k: usize) -> SearchOptions<'static> {
    SearchOptions { exact: true, ..SearchOptions::new(k) }
}

/// A fixed sequence of numbers from −1 to 1 (Knuth's linear congruential generator).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.next()).collect()
    }
}
