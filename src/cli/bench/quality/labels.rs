//! Demographics told from the nearest households.

use super::Work;
use crate::Store;
use crate::cli::journey::{DEMOGRAPHICS, TRANSACTIONS};
use crate::error::{Error, Result};
use crate::eval::auc;
use crate::ingest::{Entry, Reader};
use crate::model::{Progress, Record, User};
use serde::Serialize;
use std::collections::BTreeMap;

/// Neighbours that are asked.
const NEIGHBORS: usize = 20;
const FOLDS: usize = 5;

/// Area under the ROC curve of each label.
#[derive(Serialize)]
pub(super) struct Labels {
    pub kids: f64,
    pub age_45: f64,
    pub income_75k: f64,
}

/// What is known of a household: kids, age of 45 and more, income of 75K and more.
type Known = [bool; 3];

const OLDER: [&str; 3] = ["45-54", "55-64", "65+"];
const RICHER: [&str; 7] = ["75-99K", "100-124K", "125-149K", "150-174K", "175-199K", "200-249K", "250K+"];

/// A store of all households' purchases, and of nothing else: no demographics are in it.
pub(super) fn store(work: &Work<'_>) -> Result<Store> {
    let (source, options) = TRANSACTIONS.source(work.folder)?;
    let mut purchases = Vec::new();
    for entry in Reader::open(source, &options)? {
        if let Entry::Accepted(line) = entry? {
            purchases.push(line.record);
        }
    }
    work.fitted("whole", &purchases)
}

/// The labelled households by number; their order decides the folds.
fn labels(work: &Work<'_>) -> Result<BTreeMap<u32, Known>> {
    let (source, options) = DEMOGRAPHICS.source(work.folder)?;
    let mut labels = BTreeMap::new();
    for entry in Reader::open(source, &options)? {
        if let Entry::Accepted(line) = entry?
            && let Record::User(user) = line.record
        {
            let number = user.id.parse().map_err(|_| Error::invalid("household", &user.id, "a number"))?;
            labels.insert(number, known(&user));
        }
    }
    Ok(labels)
}

fn known(user: &User) -> Known {
    let is = |name: &str, values: &[&str]| {
        let value = user.attributes.get(name).map(ToString::to_string);
        value.is_some_and(|value| values.contains(&value.as_str()))
    };
    [!is("kids", &["0"]), is("age", &OLDER), is("income", &RICHER)]
}

/// How well demographics are told.
pub(super) fn measure(store: &Store, work: &Work<'_>) -> Result<Labels> {
    let labels = labels(work)?;
    let folds: BTreeMap<String, (usize, Known)> = labels
        .iter()
        .enumerate()
        .map(|(position, (number, known))| (number.to_string(), (position % FOLDS, *known)))
        .collect();
    let snapshot = store.snapshot();
    let users = snapshot.stats()?.users as usize;
    let mut samples: [Vec<(f64, bool)>; 3] = Default::default();
    for (done, (household, (fold, known))) in folds.iter().enumerate() {
        let hits = snapshot.similar(household.as_str()).limit(users).exact(true).run()?;
        let mut nearest = hits.iter().filter_map(|hit| folds.get(&hit.user).map(|other| (hit.score, other)));
        let mut sums = [0.0; 3];
        let mut total = 0.0;
        for (score, (_, other)) in nearest.by_ref().filter(|(_, (other, _))| other != fold).take(NEIGHBORS) {
            total += f64::from(score);
            for (sum, &yes) in sums.iter_mut().zip(other) {
                *sum += if yes { f64::from(score) } else { 0.0 };
            }
        }
        for ((samples, sum), &yes) in samples.iter_mut().zip(sums).zip(known) {
            samples.push((sum / total, yes));
        }
        work.bars.tell(Progress::of("telling demographics", done + 1, folds.len()));
    }
    let [kids, age_45, income_75k] = samples.map(|samples| auc(&samples).unwrap_or(f64::NAN));
    Ok(Labels { kids, age_45, income_75k })
}
