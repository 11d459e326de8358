//! Rows of equal vectors, which share a node: links between them would lead nowhere else.

use super::workers::Workers;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The rows of each distinct vector.
#[derive(Debug)]
pub(super) struct Rows {
    /// The first row of each.
    pub first: Vec<u32>,
    /// Further rows, each with the number of its vector.
    pub others: Vec<(u32, u32)>,
}

impl Rows {
    pub(super) fn new<'v>(
        rows: usize,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
    ) -> Self {
        let numbers: Vec<usize> = (0..rows).collect();
        let hashes = workers.map(&numbers, |&row| hash(vector(row)));
        let mut seen = HashMap::with_capacity(rows);
        let (mut first, mut others) = (Vec::new(), Vec::new());
        for (row, hash) in (0..).zip(hashes) {
            match seen.entry(hash) {
                Entry::Occupied(node) => others.push((*node.get(), row)),
                Entry::Vacant(free) => {
                    free.insert(first.len() as u32);
                    first.push(row);
                }
            }
        }
        Self { first, others }
    }
}

/// 128 bits, so that two vectors never meet by chance.
fn hash(vector: &[f32]) -> [u8; 16] {
    let hash = blake3::hash(bytemuck::cast_slice(vector));
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}
