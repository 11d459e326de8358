//! The nearest others of every point inside its leaf, exactly, by products of whole blocks.

use super::partition::Leaves;
use super::points::Points;
use super::workers::{Cancelled, Workers};
use crate::index::sealed::pool::{Candidate, Pool};

/// Rows whose products with all of the leaf are taken at a time.
const TILE: usize = 16;
/// Keys that are looked through with one bound.
const RUN: usize = 128;
/// Leaves between two looks at progress.
const STRIDE: usize = 64;

/// Writes the `count` nearest of each point, filled up with itself, to `out` in the leaves' order.
pub(super) fn nearest_in_leaves(
    points: &Points,
    leaves: &Leaves,
    count: usize,
    out: &mut [u32],
    workers: &Workers,
) -> Result<(), Cancelled> {
    let mut rest = out;
    let mut work = Vec::with_capacity(leaves.ranges.len());
    for range in &leaves.ranges {
        let (part, behind) = rest.split_at_mut(range.len() * count);
        work.push((&leaves.order[range.clone()], part));
        rest = behind;
    }
    while !work.is_empty() {
        let part: Vec<_> = work.drain(..work.len().min(STRIDE)).collect();
        let rows = part.iter().map(|(ids, _)| ids.len()).sum();
        workers.each(part, |(ids, out)| nearest_in_leaf(points, ids, count, out));
        workers.advance(rows)?;
    }
    Ok(())
}

fn nearest_in_leaf(points: &Points, ids: &[u32], count: usize, out: &mut [u32]) {
    let width = points.width;
    let mut codes = Vec::with_capacity(ids.len() * width);
    ids.iter().for_each(|&id| codes.extend_from_slice(points.codes_of(id)));
    let mut products = vec![0; TILE * ids.len()];
    let mut row = Row { ids, points, keys: vec![0.0; RUN], above: vec![0; RUN], pool: Pool::default() };
    let tiles = codes.chunks(TILE * width).zip(out.chunks_mut(TILE * count));
    for (tile, (codes_of_tile, out)) in tiles.enumerate() {
        points.kernels.gram_i8(codes_of_tile, &codes, width, &mut products);
        for (i, out) in out.chunks_exact_mut(count).enumerate() {
            row.nearest(tile * TILE + i, &products[i * ids.len()..][..ids.len()], out);
        }
    }
}

/// What looking through one row of products takes.
struct Row<'a> {
    points: &'a Points,
    ids: &'a [u32],
    keys: Vec<f32>,
    above: Vec<u32>,
    pool: Pool,
}

impl Row<'_> {
    fn nearest(&mut self, own: usize, products: &[i32], out: &mut [u32]) {
        self.pool.reset(out.len());
        let id = self.ids[own];
        for (run, products) in products.chunks(RUN).enumerate() {
            let ids = &self.ids[run * RUN..][..products.len()];
            for ((key, &other), &product) in self.keys.iter_mut().zip(ids).zip(products) {
                *key = -self.points.distance(id, other, product);
            }
            if let Some(own) = own.checked_sub(run * RUN).filter(|&own| own < products.len()) {
                self.keys[own] = f32::NEG_INFINITY;
            }
            let keys = &self.keys[..products.len()];
            let found = self.points.kernels.above(keys, self.pool.bound(), &mut self.above);
            for &at in &self.above[..found] {
                let candidate = Candidate::new(keys[at as usize], ids[at as usize]);
                self.pool.insert(candidate, self.points.kernels);
            }
        }
        out.fill(id);
        out.iter_mut().zip(self.pool.ids()).for_each(|(out, id)| *out = id);
    }
}
