//! The FP-tree: baskets that begin alike share a path.

use super::Baskets;

/// No node.
const NONE: u32 = u32::MAX;

/// Baskets, each with how often it is there.
#[derive(Default)]
pub(super) struct Paths {
    /// Of ranks, ascending.
    pub baskets: Baskets,
    pub counts: Vec<u32>,
}

/// Paths from a root, in arrays: 16 bytes for each node, of which there are no more than elements in all baskets together. A node's
/// number is greater than its parent's.
pub(super) struct Tree {
    ranks: Vec<u32>,
    parents: Vec<u32>,
    counts: Vec<u32>,
    /// The next node of the same rank.
    nexts: Vec<u32>,
    /// The first node of each rank.
    heads: Vec<u32>,
    /// What each rank stands for.
    elements: Vec<u32>,
}

impl Tree {
    /// The tree of these paths. They are taken in their order, so that one that begins as others do comes beside them: children need not be
    /// looked for.
    pub(super) fn new(paths: &Paths, elements: Vec<u32>) -> Self {
        let mut order: Vec<u32> = (0..).take(paths.baskets.len()).collect();
        order.sort_unstable_by_key(|&at| (paths.baskets.get(at as usize), at));
        let mut tree = Self {
            ranks: Vec::new(),
            parents: Vec::new(),
            counts: Vec::new(),
            nexts: Vec::new(),
            heads: vec![NONE; elements.len()],
            elements,
        };
        let mut way: Vec<u32> = Vec::new();
        for at in order.into_iter().map(|at| at as usize) {
            let count = paths.counts.get(at).copied().unwrap_or(1);
            tree.add(paths.baskets.get(at), count, &mut way);
        }
        tree
    }

    /// Adds a path that comes behind all before; `way` is the nodes of the one before, then its own.
    fn add(&mut self, path: &[u32], count: u32, way: &mut Vec<u32>) {
        let is_shared = |(node, rank): &(&u32, &u32)| self.ranks[**node as usize] == **rank;
        let shared = way.iter().zip(path).take_while(is_shared).count();
        way.truncate(shared);
        way.iter().for_each(|node| self.counts[*node as usize] += count);
        for &rank in &path[shared..] {
            let node = self.ranks.len() as u32;
            self.ranks.push(rank);
            self.parents.push(way.last().copied().unwrap_or(NONE));
            self.counts.push(count);
            self.nexts.push(std::mem::replace(&mut self.heads[rank as usize], node));
            way.push(node);
        }
    }

    /// How many ranks there are.
    pub(super) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(super) fn element(&self, rank: usize) -> u32 {
        self.elements[rank]
    }

    /// The nodes of a rank.
    fn nodes(&self, rank: usize) -> impl Iterator<Item = u32> {
        chain(self.heads[rank], &self.nexts)
    }

    /// The nodes above a node, from its parent to below the root.
    fn above(&self, node: u32) -> impl Iterator<Item = u32> {
        chain(self.parents[node as usize], &self.parents)
    }

    /// In how many baskets a rank is.
    pub(super) fn count(&self, rank: usize) -> u32 {
        self.nodes(rank).map(|node| self.counts[node as usize]).sum()
    }

    /// In how many baskets each lesser rank is beside this one.
    pub(super) fn counts_beside(&self, rank: usize) -> Vec<u32> {
        let mut counts = vec![0; rank];
        for node in self.nodes(rank) {
            let count = self.counts[node as usize];
            self.above(node).for_each(|above| counts[self.ranks[above as usize] as usize] += count);
        }
        counts
    }

    /// The conditional tree: of all baskets with a rank, what they hold of `kept`, which are lesser ranks, ascending.
    pub(super) fn beside(&self, rank: usize, kept: &[u32]) -> Self {
        let mut number = vec![NONE; rank];
        (0..).zip(kept).for_each(|(new, old)| number[*old as usize] = new);
        let (mut paths, mut path) = (Paths::default(), Vec::new());
        for node in self.nodes(rank) {
            path.extend(self.above(node).map(|above| number[self.ranks[above as usize] as usize]));
            path.retain(|rank| *rank != NONE);
            // No more than the nodes of this tree, which were counted.
            if !path.is_empty() && paths.baskets.push(&mut path).is_ok() {
                paths.counts.push(self.counts[node as usize]);
            }
        }
        Self::new(&paths, kept.iter().map(|rank| self.elements[*rank as usize]).collect())
    }
}

/// A node and those that follow it by links.
fn chain(first: u32, links: &[u32]) -> impl Iterator<Item = u32> {
    let is_node = |node: &u32| *node != NONE;
    std::iter::successors(Some(first).filter(is_node), move |node| {
        Some(links[*node as usize]).filter(is_node)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second table of Han, Pei and Yin, f c a b m p as ranks 0 to 5.
    fn tree() -> Tree {
        let mut paths = Paths::default();
        for path in [&[0, 1, 2, 4, 5][..], &[0, 1, 2, 3, 4], &[0, 3], &[1, 3, 5], &[0, 1, 2, 4, 5]] {
            paths.baskets.push(&mut path.to_vec()).unwrap();
            paths.counts.push(1);
        }
        Tree::new(&paths, (10..16).collect())
    }

    #[test]
    fn baskets_that_begin_alike_share_nodes() {
        let tree = tree();
        assert_eq!(tree.ranks.len(), 11);
        assert_eq!((0..6).map(|rank| tree.count(rank)).collect::<Vec<_>>(), [4, 4, 3, 3, 3, 3]);
        assert_eq!(tree.nodes(5).count(), 2);
    }

    #[test]
    fn a_conditional_tree_has_what_is_beside() {
        let tree = tree();
        assert_eq!(tree.counts_beside(5), [2, 3, 2, 1, 2]);
        let beside = tree.beside(4, &[0, 1, 2]);
        assert_eq!((beside.ranks.len(), beside.len(), beside.element(2)), (3, 3, 12));
        assert_eq!((0..3).map(|rank| beside.count(rank)).collect::<Vec<_>>(), [3, 3, 3]);
    }
}
