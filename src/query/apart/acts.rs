//! Traits that acts make: kinds of events, items and their categories, counted in one pass over all users.

use super::Group;
use super::traits::{Found, Of};
use super::weigh::Having;
use crate::engine::{EachReader, Published, Settings, State, StoredItem, each_user_past_damage, from_key};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kinds, OnProgress, Progress};
use crate::profile::Target;
use crate::storage::{View, codec, keys};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// Users from one word of progress to the next.
const TOLD: usize = 1024;

/// What users did. It takes 16 bytes for each item, and for each category its name.
#[derive(Default)]
pub(super) struct Acts {
    /// Users with events of a kind.
    kinds: BTreeMap<u8, RoaringBitmap>,
    /// By the items' numbers.
    items: Vec<Having>,
    categories: Categories,
    /// Users of whom something could not be read, who are in no count but those of kinds.
    pub lost: RoaringBitmap,
    pub damage: Option<Error>,
}

#[derive(Default)]
struct Categories {
    /// By the items' numbers, if an item has one.
    of_item: Vec<Option<u32>>,
    /// Each with the users who acted on an item of it.
    all: Vec<(String, Having)>,
}

impl Acts {
    /// Counts what all users did, and the group among them.
    pub(super) fn count(
        view: &View<Published>,
        settings: &Settings,
        (users, group): (&RoaringBitmap, &RoaringBitmap),
        progress: OnProgress<'_>,
    ) -> Result<Self> {
        let counters = view.attachment().counters;
        let mut acts =
            Self { items: vec![Having::default(); counters.next_item as usize], ..Self::default() };
        acts.read_categories(view, &settings.fusion.category)?;
        acts.read_kinds(view)?;
        let (mut done, mut touched) = (0_usize, Vec::new());
        each_user_past_damage(view, &mut |user, contributions| {
            done += 1;
            if done.is_multiple_of(TOLD) {
                progress(Progress::of("counting what users did", done, counters.users as usize));
            }
            let contributions = match contributions {
                Ok(contributions) => contributions,
                Err(error) => return acts.lose(user, error),
            };
            if users.contains(user) && !acts.lost.contains(user) {
                let items = contributions.iter().filter_map(|&(target, kind, _)| match target {
                    Target::Item(item) if counts(&settings.kinds, kind) => Some(item),
                    _ => None,
                });
                touched.clear();
                touched.extend(items);
                // They come in the order of items.
                touched.dedup();
                acts.add(&touched, group.contains(user));
            }
            Ok(())
        })?;
        Ok(acts)
    }

    /// Counts the items that a user acted on, and their categories.
    fn add(&mut self, items: &[u32], is_member: bool) {
        for item in items {
            if let Some(having) = self.items.get_mut(*item as usize) {
                having.add(is_member);
            }
        }
        let Categories { of_item, all } = &mut self.categories;
        let category = |item: &u32| of_item.get(*item as usize).copied().flatten();
        let mut categories: Vec<u32> = items.iter().filter_map(category).collect();
        categories.sort_unstable();
        categories.dedup();
        for category in categories {
            if let Some((_, having)) = all.get_mut(category as usize) {
                having.add(is_member);
            }
        }
    }

    fn lose(&mut self, user: u32, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Damage {
            return Err(error);
        }
        self.lost.insert(user);
        self.damage = Some(error);
        Ok(())
    }

    /// Reads who has events of which kind.
    fn read_kinds(&mut self, view: &View<Published>) -> Result<()> {
        view.each(&keys::states(), &mut |key, value| {
            let user = from_key("state", key, keys::u32_at(key, 1))?;
            match value.and_then(|value| codec::decode::<State>("state", &value)) {
                Ok(state) => {
                    for kind in state.figures.kinds.iter().filter(|kind| kind.count > 0) {
                        self.kinds.entry(kind.kind).or_default().insert(user);
                    }
                }
                Err(error) => self.lose(user, error)?,
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// Reads the categories of all items. An item whose record is damaged counts without one.
    fn read_categories(&mut self, view: &View<Published>, category: &str) -> Result<()> {
        let Categories { of_item, all } = &mut self.categories;
        of_item.resize(self.items.len(), None);
        let mut numbers = HashMap::new();
        view.each(&keys::items(), &mut |key, value| {
            let item = from_key("item", key, keys::u32_at(key, 1))?;
            match value.and_then(|value| codec::decode::<StoredItem>("item", &value)) {
                Ok(StoredItem { attributes, .. }) => {
                    let Some(name) = attributes.get(category).map(ToString::to_string) else {
                        return Ok(ControlFlow::Continue(()));
                    };
                    let no = *numbers.entry(name).or_insert_with_key(|name: &String| {
                        all.push((name.clone(), Having::default()));
                        all.len() as u32 - 1
                    });
                    if let Some(place) = of_item.get_mut(item as usize) {
                        *place = Some(no);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Damage => self.damage = Some(error),
                Err(error) => return Err(error),
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// All traits, those with a name in the order of the items and kinds that they are first seen with.
    pub(super) fn traits<'a>(
        &'a self,
        settings: &'a Settings,
        group: &'a Group,
    ) -> impl Iterator<Item = Found<'a>> {
        let categories = self.categories.all.iter();
        let categories = categories.map(|(name, having)| Found { of: Of::Category(name), having: *having });
        let items = (0..).zip(&self.items).map(|(no, having)| Found { of: Of::Item(no), having: *having });
        let kinds = self.kinds.iter().filter_map(move |(kind, users)| {
            let kind = settings.kinds.get(*kind)?;
            let len = |of: &RoaringBitmap| u32::try_from(users.intersection_len(of)).unwrap_or(u32::MAX);
            let having = Having { members: len(&group.members), users: len(&group.users) };
            Some(Found { of: Of::Kind(&kind.name), having })
        });
        categories.chain(items).chain(kinds)
    }
}

/// Whether acts of a kind are for what they are on, not against it.
fn counts(kinds: &Kinds, kind: u8) -> bool {
    kinds.get(kind).is_some_and(|kind| kind.weight >= 0.0)
}
