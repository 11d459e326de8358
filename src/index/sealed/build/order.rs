//! Entries from which every node is reached, and an order of nodes in which neighbours lie close.

use super::links::Links;
use crate::index::sealed::rotation::SplitMix;
use std::collections::VecDeque;

/// Nodes that every search starts from: random ones, compared all, find a near one at once and make upper levels
/// needless.
const ENTRIES: usize = 64;

/// Random nodes, ascending.
pub(super) fn random_entries(nodes: usize, seed: u64) -> Vec<u32> {
    let mut numbers = SplitMix(seed);
    let mut entries: Vec<u32> = (0..ENTRIES).map(|_| numbers.below(nodes) as u32).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// All nodes breadth first from the entries. Nodes that these do not reach become entries themselves.
pub(super) fn breadth_first(links: &Links, nodes: usize, entries: &mut Vec<u32>) -> Vec<u32> {
    let mut seen = vec![false; nodes];
    let mut order = Vec::with_capacity(nodes);
    let mut queue = VecDeque::new();
    let mut visit = |node: u32, queue: &mut VecDeque<u32>| {
        if !std::mem::replace(&mut seen[node as usize], true) {
            queue.push_back(node);
            return true;
        }
        false
    };
    for &entry in &*entries {
        visit(entry, &mut queue);
    }
    for next in 0..=nodes as u32 {
        while let Some(node) = queue.pop_front() {
            order.push(node);
            for link in links.of(node) {
                visit(link, &mut queue);
            }
        }
        if (next as usize) < nodes && visit(next, &mut queue) {
            entries.push(next);
        }
    }
    order
}
