//! How good a store's answers are with some options.

use crate::analysis::ToldBy;
use crate::cli::bench::data::Random;
use crate::cli::bench::scratch::Scratch;
use crate::cli::eval::beside::{Writing, beside, empty_like};
use crate::cli::eval::split::{Act, Later, Split, split};
use crate::cli::eval::twins::{TakingPart, halve, rank};
use crate::cli::output::Bars;
use crate::error::{Error, Result};
use crate::eval::ListQuality;
use crate::model::{Kinds, Progress, Record, StoreSettings};
use crate::{Options, Snapshot, Store};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How long lists of recommendations are.
const PLACES: usize = 20;

/// What options shall be good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Objective {
    Twins,
    Recommend,
    Labels(String),
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.split_once(':')) {
            ("twins", _) => Ok(Self::Twins),
            ("recommend", _) => Ok(Self::Recommend),
            (_, Some(("labels", attribute))) if !attribute.is_empty() => {
                Ok(Self::Labels(attribute.to_owned()))
            }
            _ => Err("twins, recommend or labels:ATTRIBUTE".to_owned()),
        }
    }
}

impl Objective {
    /// What its scores are.
    pub(super) fn figure(&self) -> String {
        match self {
            Self::Twins => "mean reciprocal rank of the other half".to_owned(),
            Self::Recommend => format!("NDCG of {PLACES} recommendations"),
            Self::Labels(attribute) => format!("mean AUC of {attribute:?} by neighbors"),
        }
    }

    /// What is searched unless said.
    pub(super) const fn over(&self) -> &'static [&'static str] {
        match self {
            // There attributes take no part.
            Self::Twins => &["text=0..1", "item=0..1", "group=0..1"],
            Self::Recommend | Self::Labels(_) => &["text=0..1", "item=0..1", "group=0..1", "attribute=0..1"],
        }
    }

    /// Whether an option makes no difference to what is measured: halves of users have no attributes, and an attribute that is part of embeddings is
    /// told from those without any.
    pub(super) fn is_moot(&self, option: &str) -> bool {
        let without_attributes = match self {
            Self::Twins => true,
            Self::Labels(attribute) => !attribute.starts_with('_'),
            Self::Recommend => false,
        };
        without_attributes && matches!(option, "attribute" | "sentence")
    }

    /// Whether folds are of different users, so that what was chosen by some can be held against the others.
    pub(super) const fn has_own_users(&self) -> bool {
        !matches!(self, Self::Labels(_))
    }
}

/// How scores are made.
pub(super) struct Measuring {
    pub objective: Objective,
    pub folds: usize,
    pub seed: u64,
    pub taking_part: TakingPart,
    /// So many of each user's last events are the later ones.
    pub last: usize,
    /// Where stores are made.
    pub within: Option<PathBuf>,
    pub options: Options,
}

/// A store beside, and what is asked of it.
pub(super) struct Bench<'a> {
    measuring: &'a Measuring,
    scratch: Scratch,
    /// Dimensions of its learned blocks, which cannot be changed.
    dims: (usize, usize),
    question: Question,
}

enum Question {
    /// Users whose halves are looked for.
    Twins(Vec<String>),
    /// Users, and what they took up later.
    Recommend(Vec<(String, BTreeSet<String>)>),
    Labels,
}

impl<'a> Bench<'a> {
    /// Makes a store with some settings, and fits it.
    pub(super) fn new(
        measuring: &'a Measuring,
        from: &Snapshot,
        settings: &StoreSettings,
        bars: &Bars,
    ) -> Result<Self> {
        let scratch = Scratch::new(measuring.within.as_deref())?;
        let store = empty_like(settings.clone(), &scratch, &measuring.options)?;
        let question = match measuring.objective {
            Objective::Twins => {
                let names = halve(measuring.taking_part, from, &store, bars)?;
                store.fit_with_progress(&|p| bars.tell(p))?;
                Question::Twins(names)
            }
            Objective::Recommend => {
                let split = split(from, Later::Last(measuring.last), store, bars)?;
                Question::Recommend(taken_up(&split, &from.settings().kinds))
            }
            Objective::Labels(_) => {
                copy(from, &store, bars)?;
                store.fit_with_progress(&|p| bars.tell(p))?;
                Question::Labels
            }
        };
        let bench = Self { measuring, scratch, dims: dims(settings), question };
        match bench.users() {
            Some(users) if users < measuring.folds => {
                let expected = format!("{} users, one for each fold", measuring.folds);
                Err(Error::invalid("the store", format!("with {users} to be asked"), expected))
            }
            _ => Ok(bench),
        }
    }

    /// Whether the store can be opened with these settings.
    pub(super) fn suits(&self, settings: &StoreSettings) -> bool {
        self.dims == dims(settings)
    }

    /// How many users are asked, where they are dealt out to folds.
    pub(super) fn users(&self) -> Option<usize> {
        let most = self.measuring.taking_part.users;
        match &self.question {
            Question::Twins(users) => Some(users.len()),
            Question::Recommend(users) => Some(users.len().min(most)),
            Question::Labels => None,
        }
    }

    /// Opens the store with other settings; the score of each fold.
    pub(super) fn score(&self, settings: &StoreSettings) -> Result<Vec<f64>> {
        let options = self.measuring.options.clone().must_exist().fusion(settings.fusion.clone());
        let options = settings.kinds.iter().cloned().fold(options, Options::kind);
        let store = options.scrub(false).settle_after(Duration::MAX).open(beside(&self.scratch))?;
        let snapshot = store.snapshot();
        match &self.question {
            Question::Twins(users) => self.by_fold(users, |user| {
                Ok(rank(&snapshot, user)?.map_or(0.0, |rank| 1.0 / (rank + 1) as f64))
            }),
            Question::Recommend(users) => self.by_fold(users, |(user, later)| {
                let found = snapshot.recommend(user.as_str()).limit(PLACES).exact(true).run()?;
                let hits: Vec<bool> = found.iter().map(|thing| later.contains(&thing.item)).collect();
                Ok(ListQuality::of(&hits, later.len(), PLACES).map_or(0.0, |quality| quality.ndcg))
            }),
            Question::Labels => self.told(&snapshot),
        }
    }

    /// The mean of each fold, into which users are dealt out by chance.
    fn by_fold<T>(&self, users: &[T], mut score: impl FnMut(&T) -> Result<f64>) -> Result<Vec<f64>> {
        let mut folds = vec![(0.0, 0_u32); self.measuring.folds];
        let order = Random(self.measuring.seed).shuffled(users.len());
        let chosen =
            order.iter().take(self.measuring.taking_part.users).filter_map(|&at| users.get(at as usize));
        for (place, user) in chosen.enumerate() {
            let fold = &mut folds[place % self.measuring.folds];
            fold.0 += score(user)?;
            fold.1 += 1;
        }
        Ok(folds.into_iter().map(|(sum, users)| sum / f64::from(users.max(1))).collect())
    }

    /// How well the attribute is told, once for each fold, from other draws.
    fn told(&self, snapshot: &Snapshot) -> Result<Vec<f64>> {
        let Objective::Labels(attribute) = &self.measuring.objective else { return Ok(Vec::new()) };
        let once = |fold: usize| {
            let told = snapshot
                .tell_attribute(attribute)
                .sample(self.measuring.taking_part.users)
                .seed(self.measuring.seed.wrapping_add(fold as u64))
                .run(&|_| {})?;
            let by = told.methods.iter().find(|method| method.by == ToldBy::Neighbors);
            Ok(by.and_then(|method| method.quality.mean.auc).unwrap_or(0.5))
        };
        (0..self.measuring.folds).map(once).collect()
    }
}

const fn dims(settings: &StoreSettings) -> (usize, usize) {
    (settings.fusion.item_dims, settings.fusion.group_dims)
}

/// Users who had something before, and what they took up that was new, by acts that count for it.
fn taken_up(split: &Split, kinds: &Kinds) -> Vec<(String, BTreeSet<String>)> {
    let items = |acts: &[Act]| acts.iter().map(|act| act.item.clone()).collect::<BTreeSet<_>>();
    let counts_for = |act: &&Act| kinds.find(&act.kind).is_some_and(|(_, kind)| kind.weight > 0.0);
    let new = |(user, later): (&String, &Vec<Act>)| {
        let had = items(split.earlier.get(user)?);
        let taken: BTreeSet<String> = later.iter().filter(counts_for).map(|act| act.item.clone()).collect();
        let new: BTreeSet<String> = taken.difference(&had).cloned().collect();
        (!had.is_empty() && !new.is_empty()).then(|| (user.clone(), new))
    };
    split.later.iter().filter_map(new).collect()
}

/// Writes all items, users, events and texts of a store into another.
fn copy(from: &Snapshot, store: &Store, bars: &Bars) -> Result<()> {
    let mut writing = Writing::into(store);
    for item in from.items() {
        writing.put(Record::Item(item?))?;
    }
    let total = from.stats()?.users as usize;
    for (done, user) in from.users().enumerate() {
        let user = user?;
        let id = user.id.clone();
        writing.put(Record::User(user))?;
        for event in from.events(&id)? {
            writing.put(Record::Event(event?))?;
        }
        for text in from.texts(&id)? {
            writing.put(Record::Text(text?))?;
        }
        bars.tell(Progress::of("copying users", done + 1, total));
    }
    writing.flush()
}
