//! How much of the exact answer the store's index finds, and how soon.

use crate::Snapshot;
use crate::analysis::UserMap;
use crate::error::{ErrorKind, Result};
use crate::eval::{Latency, recall_at_k};
use crate::model::{OnProgress, Progress};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Instant;

/// Users who are asked about, at most.
const ASKED: usize = 200;
/// Neighbors that are asked for.
const NEIGHBORS: usize = 10;
/// Widths of the search.
const WIDTHS: [usize; 6] = [10, 20, 40, 80, 160, 320];

/// How searches through the index compare with exact ones.
#[derive(Serialize)]
pub(in crate::cli) struct Search {
    /// Users who were asked about.
    pub queries: usize,
    /// Neighbors that were asked for.
    pub k: usize,
    pub exact: Latency,
    pub widths: Vec<Width>,
    #[serde(skip)]
    asked: Vec<String>,
    /// For each of these the nearest, by exact search.
    #[serde(skip)]
    nearest: Vec<Vec<String>>,
}

/// One width of the search.
#[derive(Serialize)]
pub(in crate::cli) struct Width {
    pub ef_search: usize,
    /// The share of the true nearest that were found, 0 to 1.
    pub recall: f64,
    #[serde(flatten)]
    pub latency: Latency,
}

/// How many of the nearest of some users are among them.
#[derive(Default)]
pub(super) struct Near {
    pub asked: u64,
    pub share: Option<f64>,
}

/// Asks about users of the map's sample, at equal distances: with each width, and exactly.
pub(super) fn measure(
    snapshot: &Snapshot,
    map: &UserMap,
    progress: OnProgress<'_>,
) -> Result<Option<Search>> {
    if map.points.len() < 2 {
        return Ok(None);
    }
    let step = map.points.len().div_ceil(ASKED);
    let asked: Vec<String> = map.points.iter().step_by(step).map(|point| point.user.clone()).collect();
    // What is read for the first time takes longer; it is to be in no figure.
    let asked = sound(snapshot, asked)?;
    let ways = [None].into_iter().chain(WIDTHS.map(Some));
    let mut ways: Vec<Asked> = ways.map(|width| Asked { width, ..Asked::default() }).collect();
    for (done, user) in asked.iter().enumerate() {
        // By turns, so that what else the machine does falls upon all alike.
        ways.iter_mut().try_for_each(|way| way.ask(snapshot, user))?;
        progress(Progress::of("measuring searches", done + 1, asked.len()));
    }
    let exact = ways.remove(0);
    let Some(latency) = Latency::of(exact.micros) else { return Ok(None) };
    let width = |way: Asked| {
        let recall = recall_at_k(&way.found, &exact.found, NEIGHBORS);
        Some(Width { ef_search: way.width?, recall, latency: Latency::of(way.micros)? })
    };
    let widths = ways.into_iter().filter_map(width).collect();
    Ok(Some(Search {
        queries: asked.len(),
        k: NEIGHBORS,
        exact: latency,
        widths,
        asked,
        nearest: exact.found,
    }))
}

/// Answers to questions of one width, or exact ones, and how long each took.
#[derive(Default)]
struct Asked {
    width: Option<usize>,
    found: Vec<Vec<String>>,
    micros: Vec<f64>,
}

impl Asked {
    fn ask(&mut self, snapshot: &Snapshot, user: &str) -> Result<()> {
        let mut query = snapshot.similar(user).limit(NEIGHBORS).exact(self.width.is_none());
        if let Some(width) = self.width {
            query = query.ef_search(width);
        }
        let started = Instant::now();
        let hits = query.run()?;
        self.micros.push(started.elapsed().as_secs_f64() * 1e6);
        self.found.push(hits.into_iter().map(|hit| hit.user).collect());
        Ok(())
    }
}

/// Those of some users who can be asked about, since nothing of theirs is damaged.
fn sound(snapshot: &Snapshot, asked: Vec<String>) -> Result<Vec<String>> {
    let mut sound = Vec::with_capacity(asked.len());
    for user in asked {
        match snapshot.similar(user.as_str()).limit(NEIGHBORS).exact(true).run() {
            Ok(_) => sound.push(user),
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(%error, "a user whose values are damaged is left out of a report");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(sound)
}

impl Search {
    /// Whether the nearest of some users, as far as they were asked about, are among them.
    pub(super) fn near(&self, members: &BTreeSet<String>) -> Near {
        let share = |nearest: &Vec<String>| {
            let inside = nearest.iter().filter(|user| members.contains(*user)).count();
            (!nearest.is_empty()).then(|| inside as f64 / nearest.len() as f64)
        };
        let of_members = self.asked.iter().zip(&self.nearest).filter(|(user, _)| members.contains(*user));
        let shares: Vec<f64> = of_members.filter_map(|(_, nearest)| share(nearest)).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        Near { asked: shares.len() as u64, share: (!shares.is_empty()).then_some(mean) }
    }
}
