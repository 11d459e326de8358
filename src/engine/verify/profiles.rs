//! Whether profiles are what is made of the records: of each user the figures, the contributions and the sums.

use super::super::archive::archive_of;
use super::super::buckets::Slot;
use super::super::contributions::{
    Share, contributions_of, share_of_text, shares_of_event, shares_of_folded,
};
use super::super::points::Points;
use super::super::reader::{EachReader, Reader, time_of};
use super::super::stored::{State, StoredEvent};
use super::basis::Basis;
use super::findings::sound;
use super::{Check, TOLD};
use crate::error::Result;
use crate::model::{OnProgress, Progress, Time};
use crate::profile::{Block, Contribution, Figures, KindFigures, Layout, Sums, Target, VANISHED};
use crate::storage::{codec, keys};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far sums may be from those of the same shares, as a part of all that was ever added to them, where few acts were: of
/// many, each addition is off by 2⁻²⁴ of it at most.
const SUMS_APART: f32 = 1e-3;

/// What the records of a user make.
#[derive(Default)]
struct Computed {
    figures: Figures,
    shares: BTreeMap<(Target, u8), Contribution>,
    /// By kind, the values and quantities regardless of sign, which rounding goes by; nothing where events are folded, of
    /// which that is not known.
    sizes: BTreeMap<u8, Option<[f64; 2]>>,
}

impl Computed {
    fn of(reader: &impl Reader, groups: &HashMap<u32, u32>, user: u32) -> Result<Self> {
        let mut made = Self::default();
        let group = |item: Option<u32>| item.and_then(|item| groups.get(&item).copied());
        for entry in archive_of(reader, user)? {
            made.figures.absorb(entry.kind, &entry.acts);
            made.sizes.insert(entry.kind, None);
            made.add(shares_of_folded(&entry, group(entry.item)));
        }
        reader.scan(&keys::events_of(user), &mut |key, value| {
            let (time, event): (Time, StoredEvent) = (time_of(key)?, codec::decode("event", value)?);
            made.figures.record(event.kind, time, event.value, event.quantity);
            if let Some([values, quantities]) = made.sizes.entry(event.kind).or_insert(Some([0.0; 2])) {
                *values += event.value.unwrap_or(0.0).abs();
                *quantities += event.quantity.unwrap_or(1.0).abs();
            }
            made.add(shares_of_event(&event, group(event.item), time));
            Ok(ControlFlow::Continue(()))
        })?;
        reader.scan(&keys::texts_of(user), &mut |key, value| {
            let (time, text): (Time, String) = (time_of(key)?, codec::decode("text", value)?);
            made.figures.touch(time);
            made.add([share_of_text(&text, time)]);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(made)
    }

    fn add(&mut self, shares: impl IntoIterator<Item = Share>) {
        for (target, kind, acts) in shares {
            let known = self.shares.entry((target, kind));
            known.and_modify(|known| *known = known.and(acts)).or_insert(acts);
        }
    }

    /// What is wrong with the figures that are stored.
    fn wrong_figures(&self, stored: &Figures, basis: &Basis) -> Option<String> {
        let of = |figures: &[KindFigures], kind: u8| figures.iter().find(|of| of.kind == kind).cloned();
        let kinds = self.figures.kinds.iter().chain(&stored.kinds).map(|figures| figures.kind);
        for kind in kinds {
            let (stored, made) = (of(&stored.kinds, kind), of(&self.figures.kinds, kind));
            if !self.same(stored.as_ref(), made.as_ref()) {
                let [stored, made] = [stored, made].map(|of| of.as_ref().map_or("none".to_owned(), words));
                let kind = basis.kind(kind);
                return Some(format!("of kind {kind} it counts {stored}, and its events make {made}"));
            }
        }
        if stored.hours != self.figures.hours {
            return Some("its counts by the hour are not those of its events".to_owned());
        }
        let [told, made] = [stored.newest, self.figures.newest]
            .map(|newest| newest.map_or("none".to_owned(), |newest| newest.to_string()));
        (stored.newest != self.figures.newest)
            .then(|| format!("its newest act or text is said to be of {told}, and is of {made}"))
    }

    /// Whether figures of a kind are the same, but for rounding: sums depend on the order in which acts came.
    fn same(&self, stored: Option<&KindFigures>, made: Option<&KindFigures>) -> bool {
        let (Some(stored), Some(made)) = (stored, made) else { return stored.is_none() && made.is_none() };
        let counts = |of: &KindFigures| (of.count, of.first, of.last);
        let sizes = self.sizes.get(&made.kind).copied().flatten();
        let near = |a: f64, b: f64, size: f64| (a - b).abs() <= f64::EPSILON * made.count as f64 * size;
        counts(stored) == counts(made)
            && sizes.is_none_or(|[values, quantities]| {
                near(stored.value, made.value, values) && near(stored.quantity, made.quantity, quantities)
            })
    }

    /// What is wrong with the contributions that are stored.
    fn wrong_shares(&self, stored: &[Share], basis: &Basis) -> Option<String> {
        let found: BTreeMap<(Target, u8), Contribution> =
            stored.iter().map(|share| (share.name(), share.2)).collect();
        let names = self.shares.keys().chain(found.keys());
        let mut differ = names.filter(|name| self.shares.get(name) != found.get(name));
        let Some(first) = differ.next() else {
            return (found.len() != stored.len()).then(|| "there are two for the same target".to_owned());
        };
        let [stored, made] = [&found, &self.shares].map(|shares| {
            let acts = |share: &Contribution| format!("{} acts, the last of {}", share.count, share.last);
            shares.get(first).map_or("none".to_owned(), acts)
        });
        let on = match (first.0, basis.kind(first.1)) {
            (Target::Item(no), kind) => format!("kind {kind} on item number {no}"),
            (Target::Group(no), kind) => format!("kind {kind} on group number {no}"),
            (Target::Text(_), _) => "a text".to_owned(),
        };
        Some(format!("of {on} it has {stored}, and the records make {made}"))
    }
}

fn words(figures: &KindFigures) -> String {
    let KindFigures { count, value, quantity, first, last, .. } = figures;
    format!("{count} events of value {value} and quantity {quantity} from {first} to {last}")
}

impl<R: EachReader> Check<'_, R> {
    /// Makes the profile of each user anew, but of those with something damaged. Returns false where it was cancelled.
    pub(super) fn profiles(&mut self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        if self.findings.concern(&[keys::items(), keys::item_names()]) {
            return Ok(true);
        }
        let mut points = self.basis.space().map(Points::new);
        let users = self.seen.users.clone();
        for (done, user) in users.iter().enumerate() {
            if (done as u64).is_multiple_of(TOLD) {
                progress(Progress::of("comparing profiles with records", done, users.len() as usize));
            }
            if cancel.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if self.findings.concern_user(user) {
                continue;
            }
            // What could be read a moment ago, or lies under a key that is none, is damage like any other.
            if let Err(error) = self.profile(user, points.as_mut()) {
                self.findings.add_error(&keys::state(user), error)?;
            }
        }
        Ok(true)
    }

    fn profile(&mut self, user: u32, points: Option<&mut Points>) -> Result<()> {
        let made = Computed::of(self.reader, &self.seen.groups_of_items, user)?;
        let state: State = self.reader.state(user)?;
        let shares = contributions_of(self.reader, user)?;
        if let Some(what) = made.wrong_figures(&state.figures, &self.basis) {
            self.findings.add(&keys::state(user), what);
        }
        if let Some(what) = made.wrong_shares(&shares, &self.basis) {
            self.findings.add(&Share::key(user, 0), what);
        } else if let (Some(points), Some(newest)) = (points, state.figures.newest) {
            self.summed(user, newest, &shares, points)?;
        }
        Ok(())
    }

    /// Compares the sums with those of the contributions. What these rest on may be damaged, and is told of then.
    fn summed(&mut self, user: u32, newest: Time, shares: &[Share], points: &mut Points) -> Result<()> {
        let space = Arc::clone(points.space());
        let Some(made) = sound(Summed::of(self.reader, points, newest, shares))? else { return Ok(()) };
        let stored = self.reader.sums(&space, user)?;
        if let Some(what) = made.wrong(&stored, &space.layout) {
            self.findings.add(&keys::sums(space.learned.epoch, user), what);
        }
        Ok(())
    }
}

/// The sums of a user's contributions, and what rounding goes by.
struct Summed {
    sums: Sums,
    newest: Time,
    acts: u64,
    /// By block, the sum of all shares regardless of sign, each with the largest value of its vector.
    reach: BTreeMap<Block, f32>,
}

impl Summed {
    fn of(reader: &impl Reader, points: &mut Points, newest: Time, shares: &[Share]) -> Result<Self> {
        let space = Arc::clone(points.space());
        let mut made = Self { sums: Sums::default(), newest, acts: 0, reach: BTreeMap::new() };
        for &(target, kind, contribution) in shares {
            let point = points.get(reader, target)?;
            space.replace_share(&mut made.sums, (target, kind), &point, None, contribution);
            made.acts = made.acts.saturating_add(u64::from(contribution.count));
            let share = space.faded_share(contribution, (target, kind), point.idf, newest).abs();
            for (block, vector) in point.blocks(target) {
                let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                *made.reach.entry(block).or_default() += share * largest;
            }
        }
        Ok(made)
    }

    /// What is wrong with the sums that are stored. Those of old formats do not say how much was added up.
    fn wrong(&self, stored: &Sums, layout: &Layout) -> Option<String> {
        let ((stored, mass), (made, made_mass)) = (stored.total(self.newest), self.sums.total(self.newest));
        let apart = SUMS_APART.max(self.acts as f32 * f32::EPSILON);
        // Not so for NaN.
        let near = |a: f32, b: f32, reach: f32| (a - b).abs() <= (apart * reach).max(VANISHED as f32);
        if mass != 0.0 && !near(mass, made_mass, made_mass) {
            return Some(format!(
                "they say that {mass} was added up, and of the contributions it is {made_mass}"
            ));
        }
        let at = |sum: &[f32], dim: usize| sum.get(dim).copied().unwrap_or(0.0);
        [Block::Text, Block::Items, Block::Groups].into_iter().find_map(|block| {
            let reach = self.reach.get(&block).copied().unwrap_or(0.0);
            let differs = |dim: &usize| !near(at(&stored, *dim), at(&made, *dim), reach);
            let dim = layout.range(block).find(differs)?;
            let (stored, made) = (at(&stored, dim), at(&made, dim));
            Some(format!("in dimension {dim} they are {stored}, and those of the contributions {made}"))
        })
    }
}
