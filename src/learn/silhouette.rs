//! How well rows lie within their clusters (Rousseeuw, Journal of Computational and Applied Mathematics 1987).

use super::rows::Rows;
use crate::compute::distance::backend;
use rayon::prelude::*;

/// Rows that a thread takes at a time, so that they stay in the cache while all others pass.
const PIECE: usize = 64;

/// The Euclidean distance between each two rows: symmetric, a row of it for each row. Between unit rows it is the chord, which
/// orders them as the cosine does.
pub(crate) fn distances(rows: &Rows) -> Vec<Vec<f32>> {
    let mut distances: Vec<Vec<f32>> = (0..rows.len()).map(|_| Vec::with_capacity(rows.len())).collect();
    distances.par_chunks_mut(PIECE).enumerate().for_each(|(piece, distances)| {
        let backend = backend();
        for other in rows.iter() {
            for (row, distances) in (piece * PIECE..).zip(distances.iter_mut()) {
                distances.push(backend.l2_squared(rows.row(row), other).sqrt());
            }
        }
    });
    distances
}

/// The mean silhouette of the rows with a label, by the distances between all: from −1, over 0 where clusters lie on each other, to
/// 1 where they are tight and far apart. Who is alone in a cluster counts 0. None where there are less than two clusters.
pub(crate) fn silhouette(distances: &[Vec<f32>], labels: &[Option<u32>]) -> Option<f64> {
    let clusters = labels.iter().flatten().max().map_or(0, |&label| label as usize + 1);
    let mut sizes = vec![0_u32; clusters];
    labels.iter().flatten().for_each(|&label| sizes[label as usize] += 1);
    if sizes.iter().filter(|&&size| size > 0).count() < 2 {
        return None;
    }
    let of = |(row, label): (&Vec<f32>, &Option<u32>)| {
        let own = (*label)? as usize;
        let mut sums = vec![0.0_f64; clusters];
        for (&distance, label) in row.iter().zip(labels) {
            if let Some(label) = label {
                sums[*label as usize] += f64::from(distance);
            }
        }
        Some(width(&sums, &sizes, own))
    };
    let widths: Vec<f64> = distances.par_iter().zip(labels).filter_map(of).collect();
    Some(widths.iter().sum::<f64>() / widths.len() as f64)
}

/// The mean silhouette of the rows that are members, against all that are not. None where there are fewer than two members, or nobody else.
pub(crate) fn silhouette_of(distances: &[Vec<f32>], is_member: &[bool]) -> Option<f64> {
    let members = is_member.iter().filter(|is_member| **is_member).count() as u32;
    let sizes = [is_member.len() as u32 - members, members];
    if sizes[0] == 0 || members < 2 {
        return None;
    }
    let of = |row: &Vec<f32>| {
        let mut sums = [0.0_f64; 2];
        row.iter().zip(is_member).for_each(|(&distance, &own)| sums[usize::from(own)] += f64::from(distance));
        width(&sums, &sizes, 1)
    };
    let rows = distances.par_iter().zip(is_member).filter(|(_, is_member)| **is_member);
    let widths: Vec<f64> = rows.map(|(row, _)| of(row)).collect();
    Some(widths.iter().sum::<f64>() / widths.len() as f64)
}

/// One row's silhouette, by the sums of its distances to each cluster.
fn width(sums: &[f64], sizes: &[u32], own: usize) -> f64 {
    if sizes[own] < 2 {
        return 0.0;
    }
    let within = sums[own] / f64::from(sizes[own] - 1);
    let others = (0..sums.len()).filter(|&other| other != own && sizes[other] > 0);
    let beside = others.map(|other| sums[other] / f64::from(sizes[other])).fold(f64::INFINITY, f64::min);
    let wider = within.max(beside);
    if wider > 0.0 { (beside - within) / wider } else { 0.0 }
}
