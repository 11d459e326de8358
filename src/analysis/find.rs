//! Finding clusters, and writing down who is in which.

use super::describe::described;
use super::embedded::{Embedded, on_threads};
use super::partition::{Method, Partition, Sample, by_means};
use super::report::FoundSegments;
use super::values::values_of;
use crate::engine::{Engine, Published, Settings};
use crate::error::{Error, Result, shorten};
use crate::model::{OnProgress, Value, check_id};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Most clusters that may be asked for.
const MAX_CLUSTERS: usize = 1_000;
/// Most users in a sample: the distances between all of them take 1.6 GB.
const MAX_SAMPLE: usize = 20_000;

/// Where users are looked for, and whether the outcome is written.
#[derive(Clone, Copy)]
enum Over<'a> {
    Store(&'a Engine),
    Snapshot(&'a View<Published>, &'a Settings),
}

/// A search for clusters of users who are alike by their embeddings: set what is wanted, then [`FindSegments::run`].
#[must_use = "nothing is looked for until it is run"]
pub struct FindSegments<'a> {
    over: Over<'a>,
    method: Method,
    clusters: Option<RangeInclusive<usize>>,
    #[cfg(feature = "hdbscan")]
    min_cluster_size: Option<usize>,
    sample: usize,
    seed: u64,
    threads: Option<usize>,
    attribute: String,
}

impl<'a> FindSegments<'a> {
    /// The attribute that is written unless another is named.
    pub const ATTRIBUTE: &'static str = "_cluster";
    /// The users in the sample unless said.
    pub const SAMPLE: usize = 5_000;

    pub(crate) fn of_store(engine: &'a Engine) -> Self {
        Self::new(Over::Store(engine))
    }

    pub(crate) fn of_snapshot(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self::new(Over::Snapshot(view, settings))
    }

    fn new(over: Over<'a>) -> Self {
        Self {
            over,
            method: Method::default(),
            clusters: None,
            #[cfg(feature = "hdbscan")]
            min_cluster_size: None,
            sample: Self::SAMPLE,
            seed: 0,
            threads: None,
            attribute: Self::ATTRIBUTE.to_owned(),
        }
    }

    /// How clusters are found; k-means unless said.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// How many clusters k-means finds: of these the number whose mean silhouette is largest. 2 to 12 unless said, or to as many as
    /// there are users; at most 1,000.
    pub fn clusters(mut self, clusters: RangeInclusive<usize>) -> Self {
        self.clusters = Some(clusters);
        self
    }

    /// How many users of the sample HDBSCAN takes for a cluster at least, 2 or more; a hundredth of the sample unless said, and then 5
    /// or more.
    #[cfg(feature = "hdbscan")]
    pub fn min_cluster_size(mut self, users: usize) -> Self {
        self.min_cluster_size = Some(users);
        self
    }

    /// How many users the number of clusters is chosen by, and HDBSCAN looks at; 5,000 unless said, at most 20,000. Time and memory go by
    /// its square.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// What chance goes by: with the same seed, on the same machine, the same users give the same clusters. 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many threads work; all of the machine's unless said. What is found does not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The attribute that names each user's cluster; `_cluster` unless said. One whose name begins with an underscore is no part of
    /// embeddings. Any other is, in a store with an encoder: it would move users towards those of their cluster, so that the next search
    /// finds again what this one wrote.
    pub fn attribute(mut self, attribute: impl Into<String>) -> Self {
        self.attribute = attribute.into();
        self
    }

    /// Looks for clusters. Of a store ([`crate::Store::find_segments`]), it then writes for each user which one they are in, in
    /// commits of some 4,000 users, and removes the attribute of those who are in none; of a snapshot, it writes nothing.
    ///
    /// It takes memory for a copy of all vectors, and for the distances within the sample.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of their bounds, more clusters than there are users in the sample, or an attribute that holds
    /// anything but clusters. Where writing fails on the way, the commits before stay.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<FoundSegments> {
        observed(Operation::Analyse, || match self.over {
            Over::Snapshot(view, settings) => self.find(view, settings, progress).map(|(found, _)| found),
            Over::Store(engine) => {
                let view = engine.view();
                let (mut found, changes) = self.find(&view, &engine.settings(), progress)?;
                let name = |of: &Option<u32>| of.and_then(|of| found.clusters.get(of as usize));
                let changes: Vec<_> = changes
                    .iter()
                    .map(|(user, cluster)| (*user, name(cluster).map(|cluster| cluster.name.as_str())))
                    .collect();
                found.written = engine.assign(&self.attribute, &changes, progress)?;
                Ok(found)
            }
        })
    }

    /// What there is, and whose attribute is another than it should be.
    fn find(&self, view: &View<Published>, settings: &Settings, progress: OnProgress<'_>) -> Result<Found> {
        self.check()?;
        let values = values_of(view, &self.attribute)?;
        if let Some(other) = values.values().find(|value| !is_cluster(value)) {
            return Err(Error::invalid(
                format!("attribute {:?}", self.attribute),
                format!("with values such as {:?}", shorten(&other.to_string())),
                "one that holds clusters, or that nobody has: the others' values would be lost",
            ));
        }
        let embedded = Embedded::of(view, settings);
        let (partition, sample) = on_threads(self.threads, || self.partition(&embedded, progress))?;
        let clusters = described(view, &embedded, &partition)?;
        let mut wanted: BTreeMap<u32, Option<u32>> = values.keys().map(|&user| (user, None)).collect();
        wanted.extend(embedded.users.iter().copied().zip(partition.labels.iter().copied()));
        let is = |user: &u32| values.get(user).and_then(Value::as_text);
        let name = |of: &Option<u32>| of.and_then(|of| clusters.get(of as usize)).map(|of| of.name.as_str());
        wanted.retain(|user, cluster| is(user) != name(cluster));
        let found = FoundSegments {
            method: self.method,
            attribute: self.attribute.clone(),
            users: embedded.users.len() as u64,
            without_vector: embedded.without,
            noise: partition.labels.iter().filter(|label| label.is_none()).count() as u64,
            sample: sample as u64,
            tried: partition.tried,
            silhouette: partition.silhouette,
            clusters,
            written: 0,
        };
        Ok((found, wanted.into_iter().collect()))
    }

    fn check(&self) -> Result<()> {
        check_id("attribute name", &self.attribute)?;
        if !(2..=MAX_SAMPLE).contains(&self.sample) {
            return Err(Error::invalid("sample", self.sample, format!("2 to {MAX_SAMPLE} users")));
        }
        let Some(clusters) = &self.clusters else { return Ok(()) };
        let (least, most) = (*clusters.start(), *clusters.end());
        if least == 0 || least > most || most > MAX_CLUSTERS {
            let expected = format!("at least 1, at most {MAX_CLUSTERS}, and the smaller number first");
            return Err(Error::invalid("number of clusters", format!("{least}..{most}"), expected));
        }
        Ok(())
    }

    /// The partition, and how many users the sample has.
    fn partition(&self, embedded: &Embedded, progress: OnProgress<'_>) -> Result<(Partition, usize)> {
        let sample = Sample::of(&embedded.rows, self.sample, self.seed);
        let users = sample.len();
        let partition = match self.method {
            Method::KMeans => {
                let clusters = self.numbers(users)?;
                by_means(&embedded.rows, &sample, clusters, self.seed, progress)
            }
            #[cfg(feature = "hdbscan")]
            Method::Hdbscan => {
                let least = self.least(users)?;
                super::dense::by_density(&embedded.rows, sample, least, progress)?
            }
        };
        Ok((partition, users))
    }

    /// The numbers of clusters to be tried.
    fn numbers(&self, sample: usize) -> Result<RangeInclusive<usize>> {
        let clusters = self.clusters.clone().unwrap_or(2..=12.min(sample).max(2));
        if *clusters.end() <= sample {
            return Ok(clusters);
        }
        let expected = format!("at most {sample}, the users in the sample who have a vector");
        Err(Error::invalid("number of clusters", clusters.end(), expected))
    }

    #[cfg(feature = "hdbscan")]
    fn least(&self, sample: usize) -> Result<usize> {
        let least = self.min_cluster_size.unwrap_or_else(|| (sample / 100).max(5).min(sample).max(2));
        if (2..=sample).contains(&least) {
            return Ok(least);
        }
        let expected = format!("2 to {sample}, the users in the sample who have a vector");
        Err(Error::invalid("least size of a cluster", least, expected))
    }
}

/// What there is, and by number who is to get which cluster.
type Found = (FoundSegments, Vec<(u32, Option<u32>)>);

/// Whether a value is one that a search writes.
fn is_cluster(value: &Value) -> bool {
    let number = value.as_text().and_then(|text| text.strip_prefix('c'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
