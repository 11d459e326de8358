//! What a user's acts on items count.

use super::Recommend;
use crate::engine::{ItemAct, Published};
use crate::error::Result;
use crate::model::Time;
use crate::storage::View;
use roaring::RoaringBitmap;
use std::ops::RangeInclusive;

/// What acts count.
pub(super) struct Counting {
    /// By the position of the kind.
    weights: Vec<f32>,
    /// From when to when.
    within: Option<RangeInclusive<Time>>,
}

impl Counting {
    /// What acts of neighbors count: by kind as that weighs, from −1 to 1.
    pub(super) fn of_neighbors(recommend: &Recommend<'_>) -> Result<Self> {
        let now = recommend.now.unwrap_or_else(Time::now);
        let since = recommend.within.map(|interval| interval.before(now)).transpose()?;
        let within = since.map(|since| since..=now);
        let kinds = &recommend.settings.kinds;
        let chosen = &recommend.kinds;
        let weight = |name: &str, weight: f32| {
            if chosen.is_empty() {
                weight.clamp(-1.0, 1.0)
            } else {
                f32::from(u8::from(chosen.contains(name)))
            }
        };
        Ok(Self { weights: kinds.iter().map(|kind| weight(&kind.name, kind.weight)).collect(), within })
    }

    /// What an act of a kind counts.
    fn act(&self, kind: u8, last: Time) -> f32 {
        let counts = self.within.as_ref().is_none_or(|within| within.contains(&last));
        self.weights.get(usize::from(kind)).copied().filter(|_| counts).unwrap_or(0.0)
    }
}

/// The items that a user acted on, with what that counts: the most that acts of a kind do, less what those do that count against.
pub(super) fn acts(view: &View<Published>, user: u32, counting: &Counting) -> Result<Vec<(u32, f32)>> {
    let acts = view.attachment().acts.of(view, user)?;
    let of_items = acts.chunk_by(|a, b| a.item == b.item);
    let counted = of_items.map(|of_item| (of_item[0].item, count(of_item, counting)));
    Ok(counted.filter(|&(_, act)| act != 0.0).collect())
}

fn count(of_item: &[ItemAct], counting: &Counting) -> f32 {
    let acts = || of_item.iter().map(|act| counting.act(act.kind, act.last));
    acts().fold(0.0, f32::max) + acts().fold(0.0, f32::min)
}

/// The items that a user is not to be recommended.
pub(super) struct Refused {
    /// Had already.
    pub had: RoaringBitmap,
    /// Dismissed, and not taken up since, by an act that counts for it.
    pub dismissed: RoaringBitmap,
}

impl Refused {
    pub(super) fn of(recommend: &Recommend<'_>, user: Option<u32>) -> Result<Self> {
        let mut refused = Self { had: RoaringBitmap::new(), dismissed: RoaringBitmap::new() };
        let Some(user) = user else { return Ok(refused) };
        let kinds = &recommend.settings.kinds;
        let is_had = |kind: u8| {
            let had = &recommend.had;
            !recommend.again
                && (had.is_empty() || kinds.get(kind).is_some_and(|kind| had.contains(&kind.name)))
        };
        let weight = |kind: u8| kinds.get(kind).map_or(0.0, |kind| kind.weight);
        let view = recommend.view;
        for of_item in view.attachment().acts.of(view, user)?.chunk_by(|a, b| a.item == b.item) {
            let item = of_item[0].item;
            if of_item.iter().any(|act| is_had(act.kind)) {
                refused.had.insert(item);
            }
            let last_of = |good: bool| {
                let counts =
                    |act: &&ItemAct| if good { weight(act.kind) > 0.0 } else { weight(act.kind) < 0.0 };
                of_item.iter().filter(counts).map(|act| act.last).max()
            };
            // What was taken up at the same instant was taken up before: a dismissal is the stronger word.
            if last_of(false).is_some_and(|dismissed| last_of(true).is_none_or(|taken| taken <= dismissed)) {
                refused.dismissed.insert(item);
            }
        }
        Ok(refused)
    }
}
