//! Who stands for a cluster, and how close its users are.

use super::embedded::Embedded;
use super::partition::Partition;
use super::report::FoundCluster;
use super::values::tell_lost;
use crate::compute::distance::l2_squared;
use crate::engine::Published;
use crate::engine::predicate::stored_user;
use crate::error::{Result, known};
use crate::storage::View;

/// Users who stand for a cluster.
const MEDOIDS: usize = 3;

/// Each cluster, with who stands for it.
pub(super) fn described(
    view: &View<Published>,
    embedded: &Embedded,
    partition: &Partition,
) -> Result<Vec<FoundCluster>> {
    let rows = &embedded.rows;
    let mut members: Vec<Vec<(f32, usize)>> = vec![Vec::new(); partition.centroids.len()];
    for (row, label) in partition.labels.iter().enumerate() {
        if let Some(label) = label.map(|label| label as usize) {
            members[label].push((l2_squared(rows.row(row), partition.centroids.row(label)), row));
        }
    }
    let mut clusters = Vec::new();
    for (label, mut members) in members.into_iter().enumerate() {
        members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let squared = members.iter().map(|&(squared, _)| f64::from(squared)).sum::<f64>();
        let mean = squared / members.len().max(1) as f64;
        clusters.push(FoundCluster {
            name: format!("c{}", label + 1),
            users: members.len() as u64,
            share: members.len() as f64 / embedded.users.len().max(1) as f64,
            // Between unit vectors the squared distance is two less twice the cosine.
            cohesion: if rows.is_unit() { 1.0 - mean / 2.0 } else { -mean },
            medoids: named(view, members.iter().map(|&(_, row)| embedded.users[row]))?,
        });
    }
    Ok(clusters)
}

/// The ids of the first few users that can be read.
fn named(view: &View<Published>, users: impl Iterator<Item = u32>) -> Result<Vec<String>> {
    let (mut names, mut lost) = (Vec::new(), None);
    for user in users {
        names.extend(known(stored_user(view, user), &mut lost)?.map(|stored| stored.id));
        if names.len() == MEDOIDS {
            break;
        }
    }
    tell_lost(lost.as_ref());
    Ok(names)
}
