//! How well groups of users hold together.

mod report;
mod stability;

pub use report::{HeldGroup, HeldTogether, Stability};

use super::embedded::{Embedded, on_threads};
use super::partition::Sample;
use super::values::values_of;
use crate::engine::segments::Segment;
use crate::engine::{Published, Settings};
use crate::error::{Error, Result, shorten};
use crate::learn::{silhouette, silhouette_of};
use crate::model::{OnProgress, Progress, check_id};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use stability::Halving;
use std::collections::BTreeMap;

/// Most groups that are measured.
const MAX_GROUPS: usize = 1_000;

/// A measurement of how well groups of users hold together by their embeddings: all segments, or all values of an attribute. Set what is
/// wanted, then [`HoldTogether::run`].
#[must_use = "nothing is measured until it is run"]
pub struct HoldTogether<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    attribute: Option<String>,
    sample: usize,
    runs: usize,
    seed: u64,
    threads: Option<usize>,
}

/// A group by its name, and which rows are in it.
struct Group {
    name: String,
    /// Of all users, also those without a vector.
    users: u64,
    with_vector: u64,
    of: Vec<bool>,
}

impl<'a> HoldTogether<'a> {
    /// Most users that a sample may have: the distances between all of them take 1.6 GB.
    pub const MAX_SAMPLE: usize = 20_000;

    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self { view, settings, attribute: None, sample: 5_000, runs: 5, seed: 0, threads: None }
    }

    /// The groups are those of users who have one value of an attribute, such as `_cluster`; segments unless said.
    pub fn attribute(mut self, attribute: impl Into<String>) -> Self {
        self.attribute = Some(attribute.into());
        self
    }

    /// How many users are looked at, drawn where there are more; 5,000 unless said, 2 to 20,000. Time and memory go by its square.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// How often the sample is halved, to see whether both halves have the same clusters; 5 unless said, at most 100. Only of an attribute.
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    /// What chance goes by; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many threads work; all of the machine's unless said. What is measured does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Measures. Users without a vector have no part in it, but for the sizes of groups.
    ///
    /// # Errors
    /// [`Error::Unknown`] where nobody has the attribute; [`Error::Invalid`] for one of more than 1,000 values, and for options out of their
    /// bounds; [`Error::Damaged`] where it cannot be read who is in a segment.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<HeldTogether> {
        observed(Operation::Analyse, || self.run_unobserved(progress))
    }

    fn run_unobserved(&self, progress: OnProgress<'_>) -> Result<HeldTogether> {
        self.check()?;
        let embedded = Embedded::of(self.view, self.settings);
        on_threads(self.threads, || {
            progress(Progress::of("measuring distances", 0, 1));
            let sample = Sample::of(&embedded.rows, self.sample, self.seed);
            let drawn: Vec<u32> = sample.numbers.iter().map(|&row| embedded.users[row as usize]).collect();
            let groups = match &self.attribute {
                Some(attribute) => self.values(attribute, (&drawn, &embedded.users))?,
                None => self.segments((&drawn, &embedded.users))?,
            };
            let (mut held, all) = (Vec::with_capacity(groups.len()), groups.len());
            for group in &groups {
                held.push(HeldGroup {
                    name: group.name.clone(),
                    users: group.users,
                    with_vector: group.with_vector,
                    sample: group.of.iter().filter(|is_in| **is_in).count() as u64,
                    silhouette: silhouette_of(&sample.distances, &group.of),
                });
                progress(Progress::of("measuring groups", held.len(), all));
            }
            let labels = self.attribute.as_ref().map(|_| labels(&groups, drawn.len()));
            Ok(HeldTogether {
                attribute: self.attribute.clone(),
                users: embedded.users.len() as u64,
                without_vector: embedded.without,
                sample: drawn.len() as u64,
                silhouette: labels.as_ref().and_then(|labels| silhouette(&sample.distances, labels)),
                stability: labels.and_then(|labels| {
                    let halving =
                        Halving { rows: &sample.rows, clusters: all, runs: self.runs, seed: self.seed };
                    halving.stability(&labels, progress)
                }),
                groups: held,
            })
        })
    }

    fn check(&self) -> Result<()> {
        self.attribute.as_ref().map_or(Ok(()), |name| check_id("attribute name", name))?;
        let most = Self::MAX_SAMPLE;
        if !(2..=most).contains(&self.sample) {
            return Err(Error::invalid("sample", self.sample, format!("2 to {most} users")));
        }
        if !(1..=100).contains(&self.runs) {
            return Err(Error::invalid("number of runs", self.runs, "1 to 100"));
        }
        Ok(())
    }

    /// Of users who were drawn, and of all who have a vector.
    fn segments(&self, (drawn, all): (&[u32], &[u32])) -> Result<Vec<Group>> {
        let segments = &self.view.attachment().segments;
        let group = |segment: &Segment| {
            let members = segments.members(segment.no)?;
            let of = drawn.iter().map(|&user| members.has(user)).collect();
            let with_vector = all.iter().filter(|user| members.has(**user)).count() as u64;
            Ok(Group { name: segment.stored.name.clone(), users: members.len(), with_vector, of })
        };
        segments.all().map(|segment| group(segment)).collect()
    }

    fn values(&self, attribute: &str, (drawn, all): (&[u32], &[u32])) -> Result<Vec<Group>> {
        let values = values_of(self.view, attribute)?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        values.values().for_each(|value| *counts.entry(value.to_string()).or_default() += 1);
        if counts.is_empty() {
            return Err(Error::Unknown { what: "attribute", name: shorten(attribute), nearest: None });
        }
        if counts.len() > MAX_GROUPS {
            let found = format!("of {} values", counts.len());
            return Err(Error::invalid(
                format!("attribute {attribute:?}"),
                found,
                format!("at most {MAX_GROUPS}"),
            ));
        }
        let of_drawn: Vec<Option<String>> =
            drawn.iter().map(|user| values.get(user).map(ToString::to_string)).collect();
        let mut with_vectors: BTreeMap<String, u64> = BTreeMap::new();
        for value in all.iter().filter_map(|user| values.get(user)) {
            *with_vectors.entry(value.to_string()).or_default() += 1;
        }
        let group = |(name, users): (String, u64)| {
            let of = of_drawn.iter().map(|value| value.as_ref() == Some(&name)).collect();
            let with_vector = with_vectors.get(&name).copied().unwrap_or(0);
            Group { name, users, with_vector, of }
        };
        Ok(counts.into_iter().map(group).collect())
    }
}

/// The number of each user's group, where no two groups share one.
fn labels(groups: &[Group], users: usize) -> Vec<Option<u32>> {
    let mut labels = vec![None; users];
    for (number, group) in (0..).zip(groups) {
        for (label, is_in) in labels.iter_mut().zip(&group.of) {
            *label = if *is_in { Some(number) } else { *label };
        }
    }
    labels
}
