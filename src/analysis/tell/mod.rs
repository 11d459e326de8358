//! How well an attribute is told from what else is known of users.

mod report;
mod samples;

pub use report::{RareValue, ToldAttribute, ToldBy, ToldValues};

use super::embedded::{Embedded, on_threads};
use super::values::{tell_lost, values_of};
use crate::compute::SplitMix;
use crate::engine::{Published, Reader, Settings, Source};
use crate::error::{Error, Result, known, shorten};
use crate::learn::Rows;
use crate::model::{Attributes, Metric, OnProgress, Value, check_id};
use crate::profile::{Parts, is_fused};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use samples::Samples;
use std::collections::BTreeMap;

/// Most values that may be told from each other.
const MAX_VALUES: usize = 100;
/// Most users that are looked at: their distances are of all to all.
const MAX_SAMPLE: usize = 100_000;

/// The rows that have each value.
type RowsByValue = BTreeMap<String, Vec<u32>>;

/// A measurement of how well users' values of an attribute are told from their embeddings, those of each fold from the users of the others: set
/// what is wanted, then [`TellAttribute::run`].
#[must_use = "nothing is measured until it is run"]
pub struct TellAttribute<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    attribute: String,
    folds: usize,
    neighbors: usize,
    sample: usize,
    seed: u64,
    threads: Option<usize>,
    as_they_are: bool,
}

impl<'a> TellAttribute<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, attribute: String) -> Self {
        Self {
            view,
            settings,
            attribute,
            folds: 5,
            neighbors: 20,
            sample: 10_000,
            seed: 0,
            threads: None,
            as_they_are: false,
        }
    }

    /// In how many folds users are told; 5 unless said, 2 to 100.
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// How many of the nearest users are asked; 20 unless said, 1 or more.
    pub fn neighbors(mut self, neighbors: usize) -> Self {
        self.neighbors = neighbors;
        self
    }

    /// How many users are looked at at most, drawn where there are more; 10,000 unless said, at most 100,000. Time goes by the square of it.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// What chance goes by, in drawing users and dealing them out to folds; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many threads work; all of the machine's unless said. What is told does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Takes embeddings as they are, also where the attribute is part of them. Unless said they are then made without any attribute: else the
    /// answer would be in the question.
    pub fn as_they_are(mut self, as_they_are: bool) -> Self {
        self.as_they_are = as_they_are;
        self
    }

    /// Measures. Values that fewer users have than there are folds are left out. Users whose records are damaged are left out, with a
    /// warning in the log.
    ///
    /// # Errors
    /// [`Error::Unknown`] where nobody has the attribute; [`Error::Invalid`] where fewer than two values are frequent enough, or more
    /// than 100 are, and for options out of their bounds.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<ToldAttribute> {
        observed(Operation::Analyse, || self.run_unobserved(progress))
    }

    fn run_unobserved(&self, progress: OnProgress<'_>) -> Result<ToldAttribute> {
        self.check()?;
        let values = values_of(self.view, &self.attribute)?;
        if values.is_empty() {
            return Err(Error::Unknown { what: "attribute", name: shorten(&self.attribute), nearest: None });
        }
        let is_fused = is_fused(&self.attribute) && matches!(self.settings.source, Source::Encoder { .. });
        let without_attributes = is_fused && !self.as_they_are;
        let (users, rows) = if without_attributes {
            self.without_attributes(&values)?
        } else {
            let Embedded { users, rows, .. } = Embedded::of(self.view, self.settings);
            let known: Vec<u32> =
                (0..).zip(&users).filter(|(_, user)| values.contains_key(user)).map(|(row, _)| row).collect();
            (known.iter().map(|&row| users[row as usize]).collect(), rows.pick(&known))
        };
        let drawn = SplitMix::of(self.seed, &[0]).sample(users.len() as u32, self.sample);
        let texts = drawn.iter().filter_map(|&row| values.get(&users[row as usize])).map(ToString::to_string);
        let (known, left_out) = self.frequent(drawn.iter().copied().zip(texts))?;
        let samples = self.dealt(&rows, &known);
        let methods = on_threads(self.threads, || Ok(samples.tell(self.neighbors, progress)))?;
        Ok(ToldAttribute {
            attribute: self.attribute.clone(),
            users: samples.classes.len(),
            without_vector: values.len() - users.len(),
            is_fused,
            without_attributes,
            values: known.into_keys().collect(),
            left_out,
            methods,
        })
    }

    fn check(&self) -> Result<()> {
        check_id("attribute name", &self.attribute)?;
        if !(2..=100).contains(&self.folds) {
            return Err(Error::invalid("number of folds", self.folds, "2 to 100"));
        }
        if self.neighbors == 0 {
            return Err(Error::invalid("number of neighbors", 0, "1 or more"));
        }
        if self.sample == 0 || self.sample > MAX_SAMPLE {
            return Err(Error::invalid("sample", self.sample, format!("1 to {MAX_SAMPLE}")));
        }
        Ok(())
    }

    /// The users who have the attribute, and something else to make a vector of, with that.
    fn without_attributes(&self, values: &BTreeMap<u32, Value>) -> Result<(Vec<u32>, Rows)> {
        let space = &self.view.attachment().space;
        let dim = space.layout.dim() - 1;
        let (mut users, mut rows, mut lost) = (Vec::new(), Rows::new(dim, true), None);
        for &user in values.keys() {
            let read = self.view.state(user).and_then(|state| Ok((state, self.view.sums(space, user)?)));
            let Some((state, sums)) = known(read, &mut lost)? else { continue };
            let total = state.figures.newest.map(|newest| space.total(&sums, newest)).unwrap_or_default();
            let parts = Parts { total: &total, sentence: None, attributes: &Attributes::new() };
            if let Some(vector) = space.embed(&parts)
                && rows.push(vector.get(..dim).unwrap_or_default())
            {
                users.push(user);
            }
        }
        tell_lost(lost.as_ref());
        Ok((users, rows))
    }

    /// The rows that have each value, and the values that too few have.
    fn frequent(&self, rows: impl Iterator<Item = (u32, String)>) -> Result<(RowsByValue, Vec<RareValue>)> {
        let (mut known, mut left_out) = (RowsByValue::new(), Vec::new());
        rows.for_each(|(row, value)| known.entry(value).or_default().push(row));
        known.retain(|value, rows| {
            if rows.len() < self.folds {
                left_out.push(RareValue { value: value.clone(), users: rows.len() });
            }
            rows.len() >= self.folds
        });
        if !(2..=MAX_VALUES).contains(&known.len()) {
            let found = format!("of {} values that {} users with a vector have", known.len(), self.folds);
            let expected = format!("one of 2 to {MAX_VALUES}");
            return Err(Error::invalid(format!("attribute {:?}", self.attribute), found, expected));
        }
        Ok((known, left_out))
    }

    /// Rows with their values by number, of which each is dealt out to all folds as evenly as may be.
    fn dealt(&self, rows: &Rows, known: &RowsByValue) -> Samples {
        let mut random = SplitMix::of(self.seed, &[1]);
        let (mut picked, mut classes, mut folds) = (Vec::new(), Vec::new(), Vec::new());
        for (class, of_class) in known.values().enumerate() {
            for place in random.shuffled(of_class.len() as u32) {
                // On from where the last value ended, so that folds are of one size.
                folds.push(picked.len() % self.folds);
                picked.push(of_class[place as usize]);
                classes.push(class);
            }
        }
        Samples {
            rows: rows.pick(&picked),
            is_l2: self.settings.source.metric() == Metric::L2,
            classes,
            values: known.len(),
            folds,
            count: self.folds,
        }
    }
}
