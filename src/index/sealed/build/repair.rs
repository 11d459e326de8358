//! A graph made out of another file's: nodes that died go, new ones come, and only what that changes is looked at again
//! (after `FreshDiskANN`, Singh et al. 2021).
//!
//! Who loses a link gets those of the node that it led to as candidates. New nodes get theirs from leaves among
//! themselves and from a walk over what is left of the graph, and are candidates for all that the walk finds. Of the
//! others some walk too, the more links they lost the likelier: so that over many repairs each node looks at the whole
//! graph as often as a multiple of its links died, and choosing among neighbours of neighbours alone does not narrow it.

use super::equal::Rows;
use super::links::{Choice, Incoming, Links, Pruning};
use super::refine::Refinement;
use super::workers::{Cancelled, Workers};
use super::{BuildOptions, candidates};
use crate::index::sealed::file::{Sealed, Sections};
use crate::index::sealed::rotation::SplitMix;

/// A file whose graph is taken over.
#[derive(Clone, Copy)]
pub(in crate::index) struct Base<'a> {
    pub file: &'a Sealed,
    /// Its rows that go into the new file: the first ones of the source, in this order.
    pub rows: &'a [u32],
}

/// A new file takes over the graph of one that gives it more than this many rows in five, and keeps as many of its own. Of
/// less, making all at once costs little more.
const LEAST_KEPT: usize = 3;

impl Base<'_> {
    /// Rows that will have come or died in a file of `rows` rows since its graph was made at once.
    pub(super) fn repaired(&self, rows: usize) -> usize {
        let kept = self.rows.len();
        self.file.header().repaired + (self.file.rows() - kept) + (rows - kept)
    }

    /// Whether its graph is worth taking over into a file of `rows` rows with so many links each. Each repair loses a little
    /// recall, so after changes of half as many rows as there are the graph is made at once again: spread over them that
    /// costs each as much as making a few rows.
    pub(in crate::index) fn serves(&self, rows: usize, degree: usize) -> bool {
        5 * self.rows.len() > LEAST_KEPT * rows.max(self.file.rows())
            && MOST_REPAIRED * self.repaired(rows) <= rows
            && self.file.header().degree == degree
    }
}

/// One row in so many may have come or died since a graph was made at once.
const MOST_REPAIRED: usize = 2;

/// In `place`: the node is dead.
const DEAD: u32 = u32::MAX;
/// A node walks with this probability times the share of its links that it lost. Without, two turnovers lost a hundredth
/// of recall.
const WALKS: usize = 3;

/// What has become of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All its links are left.
    Whole,
    /// It has lost some.
    Lost,
    /// It walks: it is new, or one of those that lost some.
    Looks,
}

/// What is left of a file's graph, by new numbers. Its nodes come first among the new file's.
pub(super) struct Left<'a> {
    sections: Sections<'a>,
    degree: usize,
    /// The node that each was in the file.
    old: Vec<u32>,
    /// What each of the file's nodes is now.
    place: Vec<u32>,
}

impl<'a> Left<'a> {
    pub(super) fn new(base: &Base<'a>, rows: &Rows) -> Self {
        let kept = rows.first.iter().map_while(|&row| base.rows.get(row as usize));
        let old: Vec<u32> = kept.map(|&row| base.file.node_of(row)).collect();
        let sections = base.file.sections();
        let mut place = vec![DEAD; sections.nodes];
        old.iter().zip(0..).for_each(|(&old, new)| place[old as usize] = new);
        Self { sections, degree: base.file.header().degree, old, place }
    }

    /// The links of one of the file's nodes, with what they lead to now.
    fn links(&self, old: u32) -> impl Iterator<Item = (u32, Option<u32>)> {
        let links = self.sections.links_of(old).iter().take_while(move |&&link| link != old);
        links.map(|&link| (link, self.place.get(link as usize).copied().filter(|&place| place != DEAD)))
    }

    /// The links of a node that lead to one still.
    fn kept(&self, node: u32) -> impl Iterator<Item = u32> {
        self.old.get(node as usize).into_iter().flat_map(|&old| self.links(old)).filter_map(|(_, to)| to)
    }

    /// Where those nodes led that the node was linked with, and which are dead.
    fn inherited(&self, node: u32) -> impl Iterator<Item = u32> {
        let links = self.old.get(node as usize).into_iter().flat_map(|&old| self.links(old));
        let dead = links.filter(|(_, to)| to.is_none()).map(|(link, _)| link);
        dead.flat_map(|link| self.links(link)).filter_map(|(_, to)| to)
    }

    fn state(&self, node: u32) -> State {
        let Some(&old) = self.old.get(node as usize) else { return State::Looks };
        let (had, has) = (self.links(old).count(), self.kept(node).count());
        // Numbers change from file to file, so that it is not the same nodes again and again.
        let mut chance = SplitMix(u64::from(node) << 32 | self.old.len() as u64);
        match had - has {
            0 => State::Whole,
            lost if chance.below(had) < WALKS * lost => State::Looks,
            _ => State::Lost,
        }
    }

    /// What is left of the graph, among so many nodes.
    fn graph(&self, nodes: usize) -> Links {
        let degree = self.degree;
        let mut ids: Vec<u32> =
            (0..nodes as u32).flat_map(|node| std::iter::repeat_n(node, degree)).collect();
        for (node, links) in (0..self.old.len() as u32).zip(ids.chunks_exact_mut(degree)) {
            links.iter_mut().zip(self.kept(node)).for_each(|(link, to)| *link = to);
        }
        Links { degree, ids }
    }
}

/// Everything that a repair looks at.
pub(super) struct Repair<'a> {
    pub left: &'a Left<'a>,
    pub refinement: Refinement<'a>,
    pub options: &'a BuildOptions,
    pub workers: &'a Workers<'a>,
}

impl Repair<'_> {
    /// Links of all nodes of the new file.
    pub(super) fn run<'v>(&self, vector: &(dyn Fn(usize) -> &'v [f32] + Sync)) -> Result<Links, Cancelled> {
        let nodes: Vec<u32> = (0..self.refinement.points.len() as u32).collect();
        let mut links = self.left.graph(nodes.len());
        let states = self.workers.map(&nodes, |&node| self.left.state(node));
        let state = |node: u32| states[node as usize];
        let looking: Vec<u32> = nodes.iter().copied().filter(|&node| state(node) == State::Looks).collect();
        let found = self.walk(&links, &looking, vector)?;
        let chosen = self.choose(&links, &looking, &found)?;
        links.put(&looking, &chosen);
        let offers = [(&found, self.refinement.ef), (&chosen, links.degree)];
        let incoming = offers.map(|(lists, width)| Incoming::new(nodes.len(), &looking, lists, width));
        let is_offered = |node: u32| incoming.iter().any(|incoming| !incoming.of(node).is_empty());
        let changed = |node: &u32| state(*node) != State::Whole || is_offered(*node);
        let changed: Vec<u32> = nodes.into_iter().filter(changed).collect();
        self.join(&mut links, &changed, &incoming)?;
        Ok(links)
    }

    /// What walks to these nodes find, the best first, filled up with themselves.
    fn walk<'v>(
        &self,
        links: &Links,
        looking: &[u32],
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
    ) -> Result<Vec<u32>, Cancelled> {
        let refinement = &self.refinement;
        let mut ids = vec![0; looking.len() * refinement.ef];
        self.workers.rows(&mut ids, refinement.ef, Vec::new, |others, at, found| {
            let node = looking[at];
            others.clear();
            refinement.look(links, vector(node as usize), others);
            others.retain(|&other| other != node);
            found.fill(node);
            found.iter_mut().zip(others).for_each(|(found, other)| *found = *other);
        })?;
        Ok(ids)
    }

    /// Links of these nodes, chosen among what walks to them found and what is theirs already.
    fn choose(&self, links: &Links, looking: &[u32], found: &[u32]) -> Result<Vec<u32>, Cancelled> {
        let (left, ef, near) = (self.left, self.refinement.ef, self.near_new()?);
        self.chosen(looking, false, &|at, others| {
            let node = looking[at];
            others.extend_from_slice(&found[at * ef..(at + 1) * ef]);
            others.extend(links.of(node).chain(left.inherited(node)).chain(near.of(node)));
        })
    }

    /// Links of these nodes, chosen again with those that came to them.
    fn join(&self, links: &mut Links, changed: &[u32], incoming: &[Incoming]) -> Result<(), Cancelled> {
        let left = self.left;
        let chosen = self.chosen(changed, true, &|at, others| {
            let node = changed[at];
            others.extend(links.of(node).chain(left.inherited(node)));
            incoming.iter().for_each(|incoming| others.extend_from_slice(incoming.of(node)));
        })?;
        links.put(changed, &chosen);
        Ok(())
    }

    fn near_new(&self) -> Result<NearNew, Cancelled> {
        let first = self.left.old.len();
        let points = self.refinement.points.from(first);
        let each = self.options.partitions * self.options.nearest;
        let near =
            if points.len() > 1 { candidates(&points, self.options, self.workers)? } else { Vec::new() };
        Ok(NearNew { first, each, near })
    }

    /// Links of these nodes, chosen among what `gather` finds for each, by its place.
    fn chosen(
        &self,
        nodes: &[u32],
        fill: bool,
        gather: &(dyn Fn(usize, &mut Vec<u32>) + Sync),
    ) -> Result<Vec<u32>, Cancelled> {
        let degree = self.left.degree;
        let (points, pruning) = (self.refinement.points, Pruning { alpha: self.refinement.alpha, fill });
        let mut ids = vec![0; nodes.len() * degree];
        self.workers.rows(&mut ids, degree, Choice::default, |choice, at, links| {
            choice.others.clear();
            gather(at, &mut choice.others);
            choice.choose(points, nodes[at], pruning, links);
        })?;
        Ok(ids)
    }
}

/// The nearest of each new node among new ones, counted from the first of these.
struct NearNew {
    first: usize,
    each: usize,
    near: Vec<u32>,
}

impl NearNew {
    fn of(&self, node: u32) -> impl Iterator<Item = u32> {
        let own = (node as usize).checked_sub(self.first).map(|new| new * self.each..(new + 1) * self.each);
        let near = own.and_then(|own| self.near.get(own)).unwrap_or_default();
        near.iter().map(|&other| self.first as u32 + other)
    }
}

#[cfg(test)]
impl Sealed {
    /// A node's links, filled up with itself.
    pub(in crate::index) fn links_of(&self, node: u32) -> Vec<u32> {
        self.sections().links_of(node).to_vec()
    }
}
