//! Segments, the largest first, with what sets each apart.

use crate::Snapshot;
use crate::error::Result;
use crate::model::{OnProgress, Predicate, Progress};
use crate::query::{Overlap, Trait};
use serde::Serialize;

/// Segments that are told of, at most.
const MOST: usize = 24;
/// What sets each apart, at most.
const TRAITS: usize = 6;
/// Pairs of segments.
const PAIRS: usize = 20;

/// The segments of a store.
#[derive(Serialize)]
pub(in crate::cli) struct Segments {
    /// How many there are.
    pub count: usize,
    /// Those that are told of, the largest first.
    pub told: Vec<Segment>,
    /// The pairs that have most users in common.
    pub overlaps: Vec<Overlap>,
}

/// A segment, and what sets it apart.
#[derive(Serialize)]
pub(in crate::cli) struct Segment {
    pub name: String,
    pub version: u32,
    #[serde(rename = "where")]
    pub predicate: Predicate,
    pub members: u64,
    /// The share of all users, 0 to 1.
    pub share: f64,
    pub traits: Vec<Trait>,
}

pub(super) fn portraits(snapshot: &Snapshot, progress: OnProgress<'_>) -> Result<Segments> {
    let (users, mut all) = (snapshot.stats()?.users, snapshot.segments()?);
    let count = all.len();
    // Behind a stable sort, equally large ones stay in the order of their definitions.
    all.sort_by_key(|segment| std::cmp::Reverse(segment.members));
    all.truncate(MOST);
    let wanted = all.len();
    let mut told = Vec::with_capacity(wanted);
    for (done, segment) in all.into_iter().enumerate() {
        progress(Progress::of("describing segments", done, wanted));
        let portrait = snapshot.sets_apart(&segment.name).limit(TRAITS).run()?;
        told.push(Segment {
            share: segment.members as f64 / users.max(1) as f64,
            traits: portrait.traits,
            name: segment.name,
            version: segment.version,
            predicate: segment.predicate,
            members: segment.members,
        });
    }
    let overlaps = snapshot.overlaps().limit(PAIRS).run()?;
    Ok(Segments { count, told, overlaps: overlaps.into_iter().filter(|overlap| overlap.both > 0).collect() })
}
