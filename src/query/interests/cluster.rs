//! Things that lie together, by Ward's method.

use super::places::Places;
use super::things::Thing;
use crate::compute::distance::{axpy, dot, normalize};
use crate::learn::{Rows, ward};
use crate::profile::Space;

/// Things that are clustered, those that weigh most; the others go to the closest of the clusters. Their distances, of which there are half as
/// many as the square of it, are what takes the time.
const CLUSTERED: usize = 256;
/// Clusters further apart than this are two interests, as [`ward`] measures it: of two things that is a cosine of 0.15. Less, and a taste comes
/// apart into several; more, and what is left of all tastes becomes the largest one (`docs/quality.md`).
const APART: f32 = 1.3;

/// Things of one taste.
pub(super) struct Cluster {
    /// By their places, those first that weigh most.
    pub members: Vec<usize>,
    /// Which of them is in the middle.
    pub medoid: usize,
    /// The direction of the weighted mean of where its members lie.
    pub centre: Vec<f32>,
    /// Its share of what all things weigh.
    pub share: f32,
    /// What its acts add to the profile.
    pub total: Vec<f32>,
}

/// Clusters of things that stand in the order of what they weigh, at most so many; those first that weigh most. Things that lie nowhere are in
/// none.
pub(super) fn clusters(space: &Space, things: &[Thing], places: &Places, most: usize) -> Vec<Cluster> {
    let Places { rows, things: placed } = places;
    let weight = |row: usize| things[placed[row]].own.weight;
    let first: Vec<u32> = (0..rows.len().min(CLUSTERED) as u32).collect();
    let mut labels = ward(&rows.pick(&first), CLUSTERED, APART);
    let centres = centres(rows, &labels, &weight);
    labels.extend(rows.iter().skip(CLUSTERED).map(|row| closest(&centres, row)));
    let mut members = vec![Vec::new(); centres.len()];
    labels.iter().enumerate().for_each(|(row, &label)| members[label as usize].push(row));
    let whole: f32 = things.iter().map(|thing| thing.own.weight).sum();
    let cluster = |(rows_of, centre): (Vec<usize>, Vec<f32>)| {
        let close = |row: &usize| dot(rows.row(*row), &centre);
        // The first of equals, which weighs most.
        let middle = rows_of.iter().rev().max_by(|a, b| close(a).total_cmp(&close(b)));
        let members: Vec<usize> = rows_of.iter().map(|&row| placed[row]).collect();
        Cluster {
            medoid: middle.map_or(0, |&row| placed[row]),
            share: rows_of.iter().map(|&row| weight(row)).sum::<f32>() / whole,
            total: total(space, things, &members),
            centre,
            members,
        }
    };
    let mut clusters: Vec<Cluster> = members.into_iter().zip(centres).map(cluster).collect();
    clusters.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.members.cmp(&b.members)));
    clusters.truncate(most);
    clusters
}

/// The direction of the weighted mean of the labelled rows of each label.
fn centres(rows: &Rows, labels: &[u32], weight: &impl Fn(usize) -> f32) -> Vec<Vec<f32>> {
    let count = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let mut centres = vec![vec![0.0; rows.dim()]; count];
    for (row, &label) in labels.iter().enumerate() {
        axpy(&mut centres[label as usize], weight(row), rows.row(row));
    }
    centres.iter_mut().for_each(|centre| {
        normalize(centre);
    });
    centres
}

/// The label of the centre that a row is closest to.
fn closest(centres: &[Vec<f32>], row: &[f32]) -> u32 {
    let labelled = (0..).zip(centres).map(|(label, centre)| (label, dot(centre, row)));
    labelled.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map_or(0, |(label, _)| label)
}

/// What acts on some things add to a profile.
fn total(space: &Space, things: &[Thing], members: &[usize]) -> Vec<f32> {
    let mut total = vec![0.0; space.layout.summed_dim()];
    for acted in members.iter().flat_map(|&member| things[member].parts()) {
        for (block, vector) in acted.point.blocks(acted.target) {
            axpy(&mut total[space.layout.range(block)], acted.weight, vector);
        }
    }
    total
}
