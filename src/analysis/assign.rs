//! Giving users the cluster nearest to them.

use super::embedded::{Embedded, on_threads};
use super::report::{AssignedCluster, AssignedSegments};
use super::values::values_of;
use crate::engine::Engine;
use crate::error::{Error, Result, shorten};
use crate::learn::{Rows, assign, means};
use crate::model::{OnProgress, Value, check_id};
use crate::telemetry::{Operation, observed};
use std::collections::BTreeMap;

/// Most values that an attribute of clusters may have.
const MAX_CLUSTERS: usize = 1_000;

/// Giving users the value of an attribute whose other bearers they are most like, without looking for clusters again: set what is
/// wanted, then [`AssignSegments::run`].
#[must_use = "nothing is assigned until it is run"]
pub struct AssignSegments<'a> {
    engine: &'a Engine,
    attribute: String,
    all: bool,
    threads: Option<usize>,
}

impl<'a> AssignSegments<'a> {
    pub(crate) fn new(engine: &'a Engine, attribute: String) -> Self {
        Self { engine, attribute, all: false, threads: None }
    }

    /// Also users who have a value already: they may have come nearer to others since. Unless said only those without one get one.
    pub fn all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// How many threads work; all of the machine's unless said. What is assigned does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Takes for each value of the attribute the mean of the vectors of those who have it, and gives users the value whose mean is
    /// nearest to them, in commits of some 4,000 users. Everybody with a vector has one then, noise of HDBSCAN too.
    ///
    /// # Errors
    /// [`Error::Unknown`] where nobody with a vector has the attribute; [`Error::Invalid`] where it is not of texts, or has more than
    /// 1,000 values. Where writing fails on the way, the commits before stay.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<AssignedSegments> {
        observed(Operation::Analyse, || self.run_unobserved(progress))
    }

    fn run_unobserved(&self, progress: OnProgress<'_>) -> Result<AssignedSegments> {
        check_id("attribute name", &self.attribute)?;
        let view = self.engine.view();
        let values = values_of(&view, &self.attribute)?;
        let embedded = Embedded::of(&view, &self.engine.settings());
        let (names, before) = self.names(&values, &embedded)?;
        let counted = |of: &[Option<u32>]| {
            let mut counts = vec![0_u64; names.len()];
            of.iter().flatten().for_each(|&label| counts[label as usize] += 1);
            counts
        };
        let nearest = on_threads(self.threads, || Ok(nearest(&embedded.rows, &before, names.len())))?;
        let is_free = |label: &Option<u32>| self.all || label.is_none();
        let now: Vec<_> = before
            .iter()
            .zip(&nearest)
            .map(|(label, nearest)| if is_free(label) { nearest.or(*label) } else { *label })
            .collect();
        let changes: Vec<_> = (0..now.len())
            .filter(|&row| now[row] != before[row])
            .map(|row| (embedded.users[row], now[row].map(|label| names[label as usize])))
            .collect();
        let written = self.engine.assign(&self.attribute, &changes, progress)?;
        let counts = counted(&before).into_iter().zip(counted(&now));
        let clusters = names.iter().zip(counts);
        Ok(AssignedSegments {
            attribute: self.attribute.clone(),
            users: embedded.users.len() as u64,
            without_vector: embedded.without,
            clusters: clusters
                .map(|(name, (before, users))| AssignedCluster { name: (*name).to_owned(), before, users })
                .collect(),
            written,
        })
    }

    /// The values that users with a vector have, in order, and for each row the number of its own.
    fn names<'v>(
        &self,
        values: &'v BTreeMap<u32, Value>,
        embedded: &Embedded,
    ) -> Result<(Vec<&'v str>, Vec<Option<u32>>)> {
        let text = |user: &u32| {
            let Some(value) = values.get(user) else { return Ok(None) };
            value.as_text().map(Some).ok_or_else(|| {
                let found = format!("with values such as {:?}", shorten(&value.to_string()));
                Error::invalid(format!("attribute {:?}", self.attribute), found, "one of texts")
            })
        };
        let texts: Vec<Option<&str>> = embedded.users.iter().map(text).collect::<Result<_>>()?;
        let mut numbers: BTreeMap<&str, u32> = texts.iter().flatten().map(|&text| (text, 0)).collect();
        numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
        if numbers.is_empty() {
            return Err(Error::Unknown { what: "attribute", name: shorten(&self.attribute), nearest: None });
        }
        if numbers.len() > MAX_CLUSTERS {
            let found = format!("of {} values", numbers.len());
            let expected = format!("one of at most {MAX_CLUSTERS}");
            return Err(Error::invalid(format!("attribute {:?}", self.attribute), found, expected));
        }
        let labels = texts.iter().map(|text| text.and_then(|text| numbers.get(text).copied())).collect();
        Ok((numbers.into_keys().collect(), labels))
    }
}

/// For each row the label whose rows' mean is nearest; one whose rows have no direction together has no mean.
fn nearest(rows: &Rows, labels: &[Option<u32>], count: usize) -> Vec<Option<u32>> {
    let (mut centroids, mut of) = (rows.none(), Vec::new());
    for (label, mean) in (0..).zip(means(rows, labels.iter().copied(), count)) {
        if let Some(mean) = mean {
            centroids.push(&mean);
            of.push(label);
        }
    }
    assign(rows, &centroids).into_iter().map(|(centroid, _)| of.get(centroid as usize).copied()).collect()
}
