//! How well the members of each segment lie apart from other users.

use super::embedded::{Embedded, on_threads};
use crate::compute::SplitMix;
use crate::engine::segments::Segment;
use crate::engine::{Published, Settings};
use crate::error::{Error, Result};
use crate::learn::{distances, widths};
use crate::model::{OnProgress, Progress};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use serde::Serialize;
use std::sync::Arc;

/// How well the embeddings of each segment's members lie apart from those of other users: set what is wanted, then [`Separations::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Separations<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    sample: usize,
    seed: u64,
    threads: Option<usize>,
}

/// How well the members of a segment lie apart from other users.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Separation {
    /// The segment's name.
    pub segment: String,
    /// Members in the sample.
    pub members: u64,
    /// Other users in it.
    pub others: u64,
    /// The mean silhouette of the members against the other users (Rousseeuw 1987): towards 1 where members are much nearer to each
    /// other than to the others, about 0 where that makes no difference, below 0 where they are farther from each other. None where one side is empty.
    pub silhouette: Option<f64>,
}

impl<'a> Separations<'a> {
    /// The users in the sample unless said.
    pub const SAMPLE: usize = 2_000;
    /// Most users that a sample may have: the distances between all of them take 1.6 GB.
    pub const MAX_SAMPLE: usize = 20_000;

    pub(crate) const fn new(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self { view, settings, sample: Self::SAMPLE, seed: 0, threads: None }
    }

    /// How many users are looked at, at most; 2,000 unless said, at most 20,000. Time and memory go by its square.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// What chance goes by: with the same seed the same users are in the sample. 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many threads work; all of the machine's unless said. What is told does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// All segments, in the order in which they were first defined. Segments may overlap: each is held against all users who are not in it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sample out of its bounds; [`Error::Damaged`] as for [`crate::Snapshot::segments`].
    pub fn run(&self, progress: OnProgress<'_>) -> Result<Vec<Separation>> {
        observed(Operation::Analyse, || {
            if !(1..=Self::MAX_SAMPLE).contains(&self.sample) {
                return Err(Error::invalid(
                    "sample",
                    self.sample,
                    format!("1 to {} users", Self::MAX_SAMPLE),
                ));
            }
            let embedded = Embedded::of(self.view, self.settings);
            let chosen = SplitMix::new(self.seed).sample(embedded.rows.len() as u32, self.sample);
            let rows = embedded.rows.pick(&chosen);
            let users: Vec<u32> =
                chosen.iter().filter_map(|&row| embedded.users.get(row as usize).copied()).collect();
            drop(embedded);
            on_threads(self.threads, || {
                let segments = &self.view.attachment().segments;
                let (all, distances) = (segments.all().count(), distances(&rows));
                let of = |(done, segment): (usize, &Arc<Segment>)| {
                    progress(Progress::of("measuring segments", done, all));
                    self.separation(segment, &users, &distances)
                };
                segments.all().enumerate().map(of).collect()
            })
        })
    }

    fn separation(&self, segment: &Segment, users: &[u32], distances: &[Vec<f32>]) -> Result<Separation> {
        let members = self.view.attachment().segments.members(segment.no)?.to_set();
        let labels: Vec<Option<u32>> =
            users.iter().map(|&user| Some(u32::from(!members.contains(user)))).collect();
        let is_member = |label: &Option<u32>| *label == Some(0);
        let ours = labels.iter().filter(|label| is_member(label)).count();
        let mean = |widths: Vec<Option<f64>>| {
            let of_members = widths.iter().zip(&labels).filter(|(_, label)| is_member(label));
            of_members.filter_map(|(width, _)| *width).sum::<f64>() / ours as f64
        };
        Ok(Separation {
            segment: segment.stored.name.clone(),
            members: ours as u64,
            others: (users.len() - ours) as u64,
            silhouette: widths(distances, &labels).map(mean),
        })
    }
}
