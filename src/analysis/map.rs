//! A map of users: a picture in two dimensions, in which users lie close who are alike.

use super::embedded::{Embedded, on_threads};
use super::values::tell_lost;
use crate::compute::SplitMix;
use crate::engine::predicate::stored_user;
use crate::engine::{Published, Settings};
use crate::error::{Error, Result, known};
use crate::learn::components;
use crate::model::{OnProgress, Progress};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use serde::Serialize;

/// Dimensions of a map.
const AXES: usize = 2;

/// A map of users by their embeddings: set what is wanted, then [`MapUsers::run`].
#[must_use = "nothing is mapped until it is run"]
pub struct MapUsers<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    sample: usize,
    seed: u64,
    threads: Option<usize>,
}

/// Where users lie on a map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UserMap {
    /// Users with a vector: whom the sample is of.
    pub users: u64,
    /// Users without one. They are on no map.
    pub without_vector: u64,
    /// The share of the variance of the sample's vectors that lies along each axis, 0 to 1: what is left of their differences on the map is the sum of both.
    pub variance: [f64; AXES],
    /// The users of the sample, in the order in which they were first seen.
    pub points: Vec<MappedUser>,
}

/// A user on a map.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MappedUser {
    /// The user's id.
    pub user: String,
    /// The coordinate along the axis of the most variance, from the mean of all; in stores that compare by direction, of vectors of length 1.
    pub x: f64,
    /// That along the axis of the second most.
    pub y: f64,
}

impl<'a> MapUsers<'a> {
    /// The users in the sample unless said.
    pub const SAMPLE: usize = 2_000;

    pub(crate) const fn new(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self { view, settings, sample: Self::SAMPLE, seed: 0, threads: None }
    }

    /// How many users the map is of, at most; 2,000 unless said. Where there are more, chance takes some.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// What chance goes by: with the same seed, on the same machine, the same users give the same map. 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many threads work; all of the machine's unless said. The map does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Lays users out along the two directions in which their vectors vary most (principal components, by randomised subspace iteration:
    /// Halko, Martinsson and Tropp, SIAM Review 2011). Users whose records are damaged are left out, with a warning in the log:
    /// [`crate::Store::verify`] names them.
    ///
    /// It takes memory for a copy of all vectors.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a sample of nobody.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<UserMap> {
        observed(Operation::Analyse, || self.run_unobserved(progress))
    }

    fn run_unobserved(&self, progress: OnProgress<'_>) -> Result<UserMap> {
        if self.sample == 0 {
            return Err(Error::invalid("sample", 0, "1 user or more"));
        }
        progress(Progress::of("mapping users", 0, 1));
        let embedded = Embedded::of(self.view, self.settings);
        let chosen = SplitMix::new(self.seed).sample(embedded.rows.len() as u32, self.sample);
        let rows = embedded.rows.pick(&chosen);
        let found = on_threads(self.threads, || Ok(components(&rows, AXES, self.seed)))?;
        let (mut points, mut lost) = (Vec::with_capacity(chosen.len()), None);
        for (&row, point) in chosen.iter().zip(&found.points) {
            let [x, y] = pair(point);
            let Some(&user) = embedded.users.get(row as usize) else { continue };
            let stored = known(stored_user(self.view, user), &mut lost)?;
            points.extend(stored.map(|stored| MappedUser { user: stored.id, x, y }));
        }
        tell_lost(lost.as_ref());
        progress(Progress::of("mapping users", 1, 1));
        Ok(UserMap {
            users: embedded.users.len() as u64,
            without_vector: embedded.without,
            variance: pair(&found.shares),
            points,
        })
    }
}

/// The first two of some numbers.
fn pair(numbers: &[f64]) -> [f64; AXES] {
    std::array::from_fn(|at| numbers.get(at).copied().unwrap_or(0.0))
}
