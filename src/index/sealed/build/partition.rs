//! Partitions of all points into leaves of near ones: by random centroids, over and over, until a leaf is small
//! (the way of HCNNG, Munoz et al. 2019, and of `PiPNN`, which overlaps several such partitions).

use super::points::Points;
use super::workers::Workers;
use crate::index::sealed::rotation::SplitMix;
use std::ops::Range;

/// A leaf has at most this many points.
const LEAF: usize = 1500;
/// Most centroids of one split: their codes stay in the first cache.
const MOST_CENTROIDS: usize = 16;
/// Points that a thread assigns at a time.
const PIECE: usize = 1024;

/// All points, leaf by leaf.
#[derive(Debug)]
pub(super) struct Leaves {
    pub order: Vec<u32>,
    /// Where each leaf lies in the order, ascending.
    pub ranges: Vec<Range<usize>>,
}

/// The leaves of one partition; another seed gives another one.
pub(super) fn partition(points: &Points, seed: u64, workers: &Workers) -> Leaves {
    let mut order: Vec<u32> = (0..points.len() as u32).collect();
    let whole = 0..points.len();
    let (mut open, mut ranges) = (Vec::from([whole]), Vec::new());
    let mut numbers = SplitMix(seed);
    while let Some(range) = open.pop() {
        if range.len() <= LEAF {
            ranges.push(range);
            continue;
        }
        let counts = split(points, &mut order[range.clone()], &mut numbers, workers);
        let mut start = range.start;
        for count in counts.into_iter().filter(|&count| count > 0) {
            open.push(start..start + count);
            start += count;
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    Leaves { order, ranges }
}

/// Groups `ids` by their nearest centroid and returns how many there are in each group.
fn split(points: &Points, ids: &mut [u32], numbers: &mut SplitMix, workers: &Workers) -> Vec<usize> {
    let centroids = (2 * ids.len() / LEAF).clamp(2, MOST_CENTROIDS);
    // A point may come twice: its second group is then empty.
    let centroids: Vec<u32> = (0..centroids).map(|_| ids[numbers.below(ids.len())]).collect();
    let pieces: Vec<&[u32]> = ids.chunks(PIECE).collect();
    let groups: Vec<u8> = workers.map(&pieces, |piece| nearest(points, piece, &centroids)).concat();
    let mut counts = vec![0; centroids.len()];
    groups.iter().for_each(|&group| counts[usize::from(group)] += 1);
    if counts.contains(&ids.len()) {
        // All are as near to one centroid: any halves will do.
        return vec![ids.len() / 2, ids.len() - ids.len() / 2];
    }
    let mut paired: Vec<(u8, u32)> = groups.into_iter().zip(ids.iter().copied()).collect();
    paired.sort_by_key(|&(group, _)| group);
    ids.iter_mut().zip(paired).for_each(|(id, (_, other))| *id = other);
    counts
}

/// The nearest centroid of each id, by its place.
fn nearest(points: &Points, ids: &[u32], centroids: &[u32]) -> Vec<u8> {
    let mut products = [0; MOST_CENTROIDS];
    let products = &mut products[..centroids.len()];
    let mut group = |&id: &u32| {
        points.kernels.dots_i8(points.codes_of(id), &points.codes, centroids, products);
        let distances = centroids
            .iter()
            .zip(&*products)
            .map(|(&centroid, &product)| points.distance(id, centroid, product));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.map_or(0, |(place, _)| place as u8)
    };
    ids.iter().map(&mut group).collect()
}
