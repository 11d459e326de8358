//! Items that change: whoever acted on one is looked at for the segments that ask for what changed of it.

use crate::engine::contributions::each_user;
use crate::engine::session::Session;
use crate::engine::stored::StoredItem;
use crate::error::{ErrorKind, Result};
use crate::model::Item;
use crate::profile::Target;
use crate::telemetry::redacted;
use std::collections::{BTreeMap, BTreeSet};

/// What segments may ask for of an item, or what changed of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemInputs {
    pub attributes: BTreeSet<String>,
    pub text: bool,
}

impl ItemInputs {
    /// What is other than before.
    fn changed(before: &StoredItem, now: &Item) -> Self {
        let (before, text) = (&before.attributes, before.text != now.text);
        let names = before.keys().chain(now.attributes.keys());
        let is_other = |name: &&String| before.get(*name) != now.attributes.get(*name);
        Self { attributes: names.filter(is_other).cloned().collect(), text }
    }

    fn add(&mut self, other: &Self) {
        self.attributes.extend(other.attributes.iter().cloned());
        self.text |= other.text;
    }
}

impl Session<'_, '_> {
    /// Notes what changes of an item. Whoever acted on one that was not there before this write is touched by that.
    pub(in super::super) fn note_item(&mut self, no: u32, before: &StoredItem, now: &Item) {
        if !self.segments.is_empty() && no < self.tx.attachment().counters.next_item {
            self.item_changes.entry(no).or_default().add(&ItemInputs::changed(before, now));
        }
    }

    /// Has segments look at all who acted on the items that changed, found by one scan of all contributions, if any asks for what changed.
    pub(super) fn touch_users_of_items(&mut self) -> Result<()> {
        let mut changes = std::mem::take(&mut self.item_changes);
        changes.retain(|_, changed| self.segments.routes.ask_for(changed));
        if changes.is_empty() {
            return Ok(());
        }
        match self.users_of_items(&changes) {
            Ok(users) => users.into_iter().for_each(|(user, changed)| {
                self.touched.entry(user).or_default().items.add(&changed);
            }),
            // Who acted on them cannot be read of everybody: anybody may have.
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(error = %redacted(&error), "segments look at all users, since it cannot be read who acted on items that changed");
                (0..self.counters.next_user).for_each(|user| self.touch_all(user));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Who acted on items, with what changed of these.
    fn users_of_items(&self, changes: &BTreeMap<u32, ItemInputs>) -> Result<Vec<(u32, ItemInputs)>> {
        let mut users = Vec::new();
        each_user(&self.tx, &mut |user, contributions| {
            let mut of_user: Option<ItemInputs> = None;
            for (target, ..) in contributions {
                if let Target::Item(no) = target
                    && let Some(changed) = changes.get(no)
                {
                    of_user.get_or_insert_default().add(changed);
                }
            }
            users.extend(of_user.map(|changed| (user, changed)));
            Ok(())
        })?;
        Ok(users)
    }
}
