//! Contributions as rows of the user x target matrices that `fit` learns from.

use super::contributions::{Share, each_user};
use super::published::Published;
use crate::error::Result;
use crate::model::{OnProgress, Progress};
use crate::profile::{Space, Target};
use crate::storage::View;

/// How many users acted on each item and group.
pub(super) struct Rarity {
    items: Vec<u32>,
    groups: Vec<u32>,
    /// Users with at least one contribution.
    pub users: u64,
}

impl Rarity {
    pub(super) fn count(view: &View<Published>, progress: OnProgress<'_>) -> Result<Self> {
        let counters = view.attachment().counters;
        let mut rarity = Self {
            items: vec![0; counters.next_item as usize],
            groups: vec![0; counters.next_group as usize],
            users: 0,
        };
        each_user(view, &mut |_, contributions| {
            rarity.users += 1;
            let mut last = None;
            for &(target, _, _) in contributions {
                let count = match target {
                    Target::Item(no) => rarity.items.get_mut(no as usize),
                    Target::Group(no) => rarity.groups.get_mut(no as usize),
                    Target::Text(_) => None,
                };
                if let (Some(count), true) = (count, last != Some(target)) {
                    *count += 1;
                }
                last = Some(target);
            }
            if rarity.users.is_multiple_of(256) {
                progress(Progress::of("counting acts", rarity.users as usize, counters.users as usize));
            }
            Ok(())
        })?;
        Ok(rarity)
    }

    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn item_df(&self, no: u32) -> u32 {
        self.items.get(no as usize).copied().unwrap_or(0)
    }

    pub(super) fn group_df(&self, no: u32) -> u32 {
        self.groups.get(no as usize).copied().unwrap_or(0)
    }

    pub(super) fn item_idf(&self, no: u32) -> f32 {
        self.idf(self.item_df(no))
    }

    pub(super) fn group_idf(&self, no: u32) -> f32 {
        self.idf(self.group_df(no))
    }

    /// Smoothed inverse document frequency, 1 for what everybody acts on.
    fn idf(&self, df: u32) -> f32 {
        let ratio = (1.0 + self.users as f64) / (1.0 + f64::from(df));
        (1.0 + ratio.ln()) as f32
    }

    /// The IDF of an item and of a group that nobody acted on.
    pub(super) fn new_idf(&self) -> [f32; 2] {
        [self.idf(0), self.idf(0)]
    }

    pub(super) fn seen_items(&self) -> impl Iterator<Item = u32> {
        seen(&self.items)
    }

    pub(super) fn seen_groups(&self) -> impl Iterator<Item = u32> {
        seen(&self.groups)
    }

    pub(super) fn items_seen(&self) -> u64 {
        self.seen_items().count() as u64
    }

    pub(super) fn groups_seen(&self) -> u64 {
        self.seen_groups().count() as u64
    }
}

fn seen(counts: &[u32]) -> impl Iterator<Item = u32> {
    (0..).zip(counts).filter(|(_, count)| **count > 0).map(|(no, _)| no)
}

/// One user's row: the undecayed shares of the chosen targets, at unit length.
pub(super) fn row(
    space: &Space,
    rarity: &Rarity,
    contributions: &[Share],
    column: impl Fn(Target) -> Option<u32>,
) -> Vec<(u32, f32)> {
    let mut row: Vec<(u32, f32)> = Vec::with_capacity(contributions.len());
    for &(target, kind, contribution) in contributions {
        let Some(no) = column(target) else { continue };
        let idf = match target {
            Target::Group(no) => rarity.group_idf(no),
            _ => rarity.item_idf(no),
        };
        let share = space.share(contribution, (target, kind), idf) as f32;
        match row.last_mut() {
            Some((last, sum)) if *last == no => *sum += share,
            _ => row.push((no, share)),
        }
    }
    let norm = row.iter().map(|(_, value)| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        row.iter_mut().for_each(|(_, value)| *value /= norm);
    }
    row
}
