//! What a user's acts on items count.

use super::Recommend;
use crate::engine::{ItemAct, Published};
use crate::error::Result;
use crate::model::Time;
use crate::storage::View;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
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
#[derive(Default)]
pub(super) struct Refused {
    /// Had already.
    pub had: RoaringBitmap,
    /// What the user last said of each.
    words: Vec<(u32, Word)>,
}

/// When a user last acted on something for it, and against it.
#[derive(Clone, Copy, Default)]
pub(super) struct Word {
    taken: Option<Time>,
    dismissed: Option<Time>,
}

impl Word {
    /// Both together, such as of two items of a category.
    pub(super) fn and(self, other: Self) -> Self {
        Self { taken: self.taken.max(other.taken), dismissed: self.dismissed.max(other.dismissed) }
    }

    /// Dismissed, and not taken up since, by an act that counts for it. What was taken up at the same instant was taken up before: a
    /// dismissal is the stronger word.
    pub(super) fn is_dismissal(self) -> bool {
        self.dismissed.is_some() && self.taken <= self.dismissed
    }
}

impl Refused {
    pub(super) fn of(recommend: &Recommend<'_>, user: Option<u32>) -> Result<Self> {
        let mut refused = Self::default();
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
            let last = |counts: fn(f32) -> bool| {
                of_item.iter().filter(|act| counts(weight(act.kind))).map(|act| act.last).max()
            };
            let word = Word { taken: last(|weight| weight > 0.0), dismissed: last(|weight| weight < 0.0) };
            refused.words.push((item, word));
        }
        Ok(refused)
    }

    /// Things that were dismissed: the items, or, where these are numbers of categories, of which all items together were.
    pub(super) fn dismissed(&self, thing: impl Fn(u32) -> Option<u32>) -> RoaringBitmap {
        let mut words: BTreeMap<u32, Word> = BTreeMap::new();
        for &(item, word) in &self.words {
            if let Some(thing) = thing(item) {
                let all = words.entry(thing).or_default();
                *all = all.and(word);
            }
        }
        words.into_iter().filter(|(_, word)| word.is_dismissal()).map(|(thing, _)| thing).collect()
    }
}
