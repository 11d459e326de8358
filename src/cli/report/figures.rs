//! The figures of a report.

use super::colors::{Colored, color};
use super::search::{Search, measure};
use super::segments::{Segments, portraits};
use crate::analysis::ActivityReport;
use crate::cli::eval::Evaluated;
use crate::error::Result;
use crate::model::{OnProgress, Time};
use crate::{FolderBytes, Snapshot, Stats};
use serde::Serialize;

/// What a report is to be of.
pub(in crate::cli) struct Wanted {
    pub title: String,
    /// The instant that it is as of.
    pub now: Time,
    pub seed: u64,
    pub sample: usize,
    /// The attribute that the map is colored by, if not by segments.
    pub color: Option<String>,
    /// Whether users are named.
    pub ids: bool,
}

/// All figures of a report.
#[derive(Serialize)]
pub(in crate::cli) struct Report {
    pub title: String,
    pub now: Time,
    pub seed: u64,
    pub version: &'static str,
    pub store: Holdings,
    pub activity: ActivityReport,
    pub segments: Segments,
    pub map: Map,
    /// None where nobody has a vector that others could be compared with.
    pub search: Option<Search>,
    pub quality: Quality,
}

/// What a store holds.
#[derive(Serialize)]
pub(in crate::cli) struct Holdings {
    #[serde(flatten)]
    pub stats: Stats,
    pub folder_bytes: u64,
    pub folder: FolderBytes,
}

/// Where users lie in a plane.
#[derive(Serialize)]
pub(in crate::cli) struct Map {
    /// Users with a vector.
    pub users: u64,
    pub without_vector: u64,
    /// The share of the variance along each axis.
    pub variance: [f64; 2],
    #[serde(flatten)]
    pub colored: Colored,
    pub points: Vec<Point>,
}

/// A user in the plane.
#[derive(Serialize)]
pub(in crate::cli) struct Point {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub x: f64,
    pub y: f64,
    /// The place of its group among those of the map; none where it is in none.
    pub group: Option<usize>,
}

/// How good the store's answers are, as far as it was measured: a field for each kind of figures, and a part of the page
/// (`page/quality.rs`).
#[derive(Serialize)]
pub(in crate::cli) struct Quality {
    pub segments: Vec<SegmentQuality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<Evaluated>,
}

/// How far a segment shows in embeddings.
#[derive(Serialize)]
pub(in crate::cli) struct SegmentQuality {
    pub segment: String,
    /// Members in the sample of the silhouette.
    pub members: u64,
    pub silhouette: Option<f64>,
    /// Members among the users who were asked about.
    pub asked: u64,
    /// The share of their nearest users who are members, too.
    pub near: Option<f64>,
    /// That share if it went by chance: of all others who have a vector.
    pub chance: f64,
}

impl Report {
    /// Looks at a snapshot, and at what its store takes on disk.
    pub(in crate::cli) fn of(
        snapshot: &Snapshot,
        folder: FolderBytes,
        wanted: &Wanted,
        progress: OnProgress<'_>,
    ) -> Result<Self> {
        let store = Holdings { stats: snapshot.stats()?, folder_bytes: folder.total(), folder };
        let activity = snapshot.activity().until(wanted.now).run(progress)?;
        let segments = portraits(snapshot, progress)?;
        let map = snapshot.map_users().sample(wanted.sample).seed(wanted.seed).run(progress)?;
        let (colored, groups) = color(snapshot, &map, &segments, wanted.color.as_deref())?;
        let search = measure(snapshot, &map, progress)?;
        let quality = Quality::of(snapshot, &segments, search.as_ref(), wanted, progress)?;
        let points = map.points.into_iter().zip(groups).map(|(point, group)| Point {
            user: wanted.ids.then_some(point.user),
            x: point.x,
            y: point.y,
            group,
        });
        Ok(Self {
            title: wanted.title.clone(),
            now: wanted.now,
            seed: wanted.seed,
            version: env!("CARGO_PKG_VERSION"),
            store,
            activity,
            segments,
            map: Map {
                users: map.users,
                without_vector: map.without_vector,
                variance: map.variance,
                colored,
                points: points.collect(),
            },
            search,
            quality,
        })
    }
}

impl Quality {
    fn of(
        snapshot: &Snapshot,
        segments: &Segments,
        search: Option<&Search>,
        wanted: &Wanted,
        progress: OnProgress<'_>,
    ) -> Result<Self> {
        if segments.told.is_empty() {
            return Ok(Self { segments: Vec::new(), recommendations: None });
        }
        let held = snapshot.hold_together().sample(wanted.sample).seed(wanted.seed).run(progress)?;
        let of = |segment: &super::segments::Segment| {
            let group = held.groups.iter().find(|group| group.name == segment.name);
            let members = snapshot.members(&segment.name)?.into_iter().collect();
            let near = search.map(|search| search.near(&members)).unwrap_or_default();
            Ok(SegmentQuality {
                segment: segment.name.clone(),
                members: group.map_or(0, |group| group.sample),
                silhouette: group.and_then(|group| group.silhouette),
                asked: near.asked,
                near: near.share,
                chance: group.map_or(0.0, |group| by_chance(group.with_vector, held.users)),
            })
        };
        let segments = segments.told.iter().map(of).collect::<Result<_>>()?;
        Ok(Self { segments, recommendations: None })
    }
}

/// The share of members among the others of a member, of users with a vector.
fn by_chance(members: u64, all: u64) -> f64 {
    members.saturating_sub(1) as f64 / all.saturating_sub(1).max(1) as f64
}
