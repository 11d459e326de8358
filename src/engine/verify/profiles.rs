//! Whether profiles are what is made of the records: of each user the figures, the contributions and the sums.

use super::super::archive::archive_of;
use super::super::buckets::Slot;
use super::super::contributions::{
    Share, contributions_of, share_of_text, shares_of_event, shares_of_folded,
};
use super::super::points::Points;
use super::super::reader::{EachReader, Reader, time_of};
use super::super::refuse::sums_of;
use super::super::stored::{State, StoredEvent};
use super::{Check, TOLD};
use crate::error::Result;
use crate::model::{OnProgress, Progress, Time};
use crate::profile::{Contribution, Figures, KindFigures, Sums, Target};
use crate::storage::{codec, keys};
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far sums may be from those of the same shares, as a part of all that was ever added to them, which is what rounding
/// goes by: each of n additions is off by 2⁻²⁴ of it at most, in whatever direction.
const SUMS_APART: f32 = 1e-3;

/// What the records of a user make.
#[derive(Default)]
struct Made {
    figures: Figures,
    shares: BTreeMap<(Target, u8), Contribution>,
    /// By kind, the values and quantities regardless of sign, which rounding goes by; nothing where events are folded, of
    /// which that is not known.
    sizes: BTreeMap<u8, Option<[f64; 2]>>,
}

impl Made {
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
    fn wrong_figures(&self, stored: &Figures) -> Option<String> {
        let of = |figures: &[KindFigures], kind: u8| figures.iter().find(|of| of.kind == kind).cloned();
        let kinds = self.figures.kinds.iter().chain(&stored.kinds).map(|figures| figures.kind);
        for kind in kinds {
            let (stored, made) = (of(&stored.kinds, kind), of(&self.figures.kinds, kind));
            if !self.same(stored.as_ref(), made.as_ref()) {
                let [stored, made] = [stored, made].map(|of| of.as_ref().map_or("none".to_owned(), words));
                return Some(format!("of kind number {kind} it counts {stored}, and its events make {made}"));
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
    fn wrong_shares(&self, stored: &[Share]) -> Option<String> {
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
        let (target, kind) = first;
        Some(format!("of kind number {kind} on {target:?} it has {stored}, and the events make {made}"))
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
            if !self.findings.concern_user(user) {
                self.profile(user, points.as_mut())?;
            }
        }
        Ok(true)
    }

    fn profile(&mut self, user: u32, points: Option<&mut Points>) -> Result<()> {
        let made = Made::of(self.reader, &self.seen.groups_of_items, user)?;
        let state: State = self.reader.state(user)?;
        if let Some(what) = made.wrong_figures(&state.figures) {
            self.findings.add(&keys::state(user), what);
        }
        if let Some(what) = made.wrong_shares(&contributions_of(self.reader, user)?) {
            self.findings.add(&Share::key(user, 0), what);
        } else if let Some(points) = points {
            self.summed(user, &state, points)?;
        }
        Ok(())
    }

    /// Compares the sums with those of the contributions. What these rest on may be damaged, and is told of then.
    fn summed(&mut self, user: u32, state: &State, points: &mut Points) -> Result<()> {
        let Some(newest) = state.figures.newest else { return Ok(()) };
        let space = std::sync::Arc::clone(points.space());
        let Some(made) = super::sound(sums_of(self.reader, &space, points, user))? else { return Ok(()) };
        let stored = self.reader.sums(&space, user)?;
        if let Some(what) = wrong_sums(&stored, &made, newest) {
            self.findings.add(&keys::sums(space.learned.epoch, user), what);
        }
        Ok(())
    }
}

fn wrong_sums(stored: &Sums, made: &Sums, newest: Time) -> Option<String> {
    let ((stored, mass), (made, made_mass)) = (stored.total(newest), made.total(newest));
    let at = |sum: &[f32], dim: usize| sum.get(dim).copied().unwrap_or(0.0);
    let apart = |dim: usize| (at(&stored, dim) - at(&made, dim)).abs();
    let most = (0..stored.len().max(made.len())).map(apart).fold(0.0, f32::max);
    let mass = mass.max(made_mass);
    (most > SUMS_APART * mass)
        .then(|| format!("they are off by {most} from those of the contributions, of {mass} added up"))
}
