//! Which of its near others a node is linked with.

use super::points::Points;
use super::workers::{Cancelled, Workers};
use crate::index::sealed::pool::Candidate;

/// Most candidates that links are chosen from: the nearest.
const MOST_CANDIDATES: usize = 96;
/// Links already chosen that a candidate is compared with at a time.
const GROUP: usize = 4;

/// `degree` links of each node, filled up with the node itself.
#[derive(Debug)]
pub(super) struct Links {
    pub degree: usize,
    pub ids: Vec<u32>,
}

/// Memory for choosing one node's links.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub others: Vec<u32>,
    sorted: Vec<Candidate>,
    passed: Vec<u32>,
    products: Vec<i32>,
}

/// How links are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pruning {
    /// A candidate is passed over where a link is nearer to it, by this factor of the distance as
    /// [`Points::distance`] gives it.
    pub alpha: f32,
    /// Fill free places with the nearest that were passed over.
    pub fill: bool,
}

impl Choice {
    /// Chooses links of `node` among `others` (Subramanya et al. 2019, algorithm 2): near ones, in different
    /// directions.
    pub(super) fn choose(&mut self, points: &Points, node: u32, pruning: Pruning, links: &mut [u32]) {
        self.others.retain(|&other| other != node);
        let Self { others, sorted, passed, products } = self;
        passed.clear();
        links.fill(node);
        if others.is_empty() {
            return;
        }
        points.sorted(node, others, products, sorted);
        sorted.truncate(MOST_CANDIDATES);
        let mut chosen = 0;
        for candidate in &*sorted {
            if chosen == links.len() {
                return;
            }
            if occluded(points, *candidate, &links[..chosen], pruning.alpha) {
                passed.push(candidate.id());
            } else {
                links[chosen] = candidate.id();
                chosen += 1;
            }
        }
        if pruning.fill {
            links[chosen..].iter_mut().zip(&*passed).for_each(|(link, &id)| *link = id);
        }
    }
}

/// Whether one of `links` is nearer to the candidate than the node is, by the factor.
fn occluded(points: &Points, candidate: Candidate, links: &[u32], alpha: f32) -> bool {
    let (id, limit) = (candidate.id(), -candidate.key());
    let codes = points.codes_of(id);
    let mut products = [0; GROUP];
    links.chunks(GROUP).any(|links| {
        points.kernels.dots_i8(codes, &points.codes, links, &mut products);
        links.iter().zip(products).any(|(&link, product)| alpha * points.distance(link, id, product) <= limit)
    })
}

impl Links {
    /// Chooses every node's links among the candidates that `gather` puts before it.
    pub(super) fn choose(
        points: &Points,
        degree: usize,
        pruning: Pruning,
        gather: impl Fn(u32, &mut Vec<u32>) + Sync,
        workers: &Workers,
    ) -> Result<Self, Cancelled> {
        let mut ids = vec![0; points.len() * degree];
        workers.rows(&mut ids, degree, Choice::default, |choice, node, links| {
            choice.others.clear();
            gather(node as u32, &mut choice.others);
            choice.choose(points, node as u32, pruning, links);
        })?;
        Ok(Self { degree, ids })
    }

    pub(super) fn of(&self, node: u32) -> impl Iterator<Item = u32> {
        let links = &self.ids[node as usize * self.degree..][..self.degree];
        links.iter().copied().take_while(move |&link| link != node)
    }

    /// Links in both directions: chosen again among those of a node and those that come to it.
    pub(super) fn joined(&self, points: &Points, alpha: f32, workers: &Workers) -> Result<Self, Cancelled> {
        let nodes: Vec<u32> = (0..points.len() as u32).collect();
        let incoming = Incoming::new(nodes.len(), &nodes, &self.ids, self.degree);
        let gather = |node: u32, others: &mut Vec<u32>| {
            others.extend(self.of(node));
            others.extend_from_slice(incoming.of(node));
        };
        Self::choose(points, self.degree, Pruning { alpha, fill: true }, gather, workers)
    }

    /// Gives these nodes other links.
    pub(super) fn put(&mut self, nodes: &[u32], links: &[u32]) {
        for (&node, links) in nodes.iter().zip(links.chunks_exact(self.degree)) {
            self.ids[node as usize * self.degree..][..self.degree].copy_from_slice(links);
        }
    }
}

/// The nodes that link to each node, ascending.
#[derive(Debug)]
pub(super) struct Incoming {
    /// Where those of each node start.
    starts: Vec<usize>,
    ids: Vec<u32>,
}

impl Incoming {
    /// By counting: of `nodes` nodes, to which those of `sources`, ascending, have `width` links each, filled up with themselves.
    pub(super) fn new(nodes: usize, sources: &[u32], links: &[u32], width: usize) -> Self {
        let each = || {
            let lists = sources.iter().zip(links.chunks_exact(width));
            lists.flat_map(|(&node, links)| {
                links.iter().take_while(move |&&to| to != node).map(move |&to| (node, to))
            })
        };
        let mut starts = vec![0; nodes + 1];
        each().for_each(|(_, to)| starts[to as usize + 1] += 1);
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let (mut next, mut ids) = (starts.clone(), vec![0; starts[nodes]]);
        for (node, to) in each() {
            ids[next[to as usize]] = node;
            next[to as usize] += 1;
        }
        Self { starts, ids }
    }

    pub(super) fn of(&self, node: u32) -> &[u32] {
        &self.ids[self.starts[node as usize]..self.starts[node as usize + 1]]
    }
}
