//! A store of what was before, and what came later.

use super::beside::Writing;
use crate::cli::output::Bars;
use crate::error::Result;
use crate::model::{Event, Progress, Record, Time};
use crate::{Snapshot, Store};
use std::collections::BTreeMap;

/// Which of a user's events are later ones.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Later {
    /// From this instant on.
    From(Time),
    /// So many of each user's last.
    Last(usize),
}

/// What users did earlier and later.
pub(in crate::cli) struct Split {
    /// A store of what was earlier, fitted.
    pub store: Store,
    /// Each user's earlier events.
    pub earlier: BTreeMap<String, Vec<Act>>,
    /// Each user's later events.
    pub later: BTreeMap<String, Vec<Act>>,
}

/// An event on an item.
pub(in crate::cli) struct Act {
    pub item: String,
    pub kind: String,
}

/// Writes all but the later events into a store that is empty, and fits it.
pub(in crate::cli) fn split(from: &Snapshot, later: Later, store: Store, bars: &Bars) -> Result<Split> {
    let mut writing = Writing::into(&store);
    for item in from.items() {
        writing.put(Record::Item(item?))?;
    }
    let (total, mut acts) = (from.stats()?.users as usize, [BTreeMap::new(), BTreeMap::new()]);
    for (done, user) in from.users().enumerate() {
        let user = user?;
        let id = user.id.clone();
        writing.put(Record::User(user))?;
        let mut earlier: Vec<Event> = from.events(&id)?.collect::<Result<_>>()?;
        let held = earlier.split_off(later.starts_at(&earlier));
        let until = later.from(&held);
        for (acts, events) in acts.iter_mut().zip([&earlier, &held]) {
            acts.insert(id.clone(), events.iter().filter_map(act).collect());
        }
        earlier.into_iter().try_for_each(|event| writing.put(Record::Event(event)))?;
        for text in from.texts(&id)? {
            let text = text?;
            if until.is_none_or(|until| text.time < until) {
                writing.put(Record::Text(text))?;
            }
        }
        bars.tell(Progress::of("splitting events", done + 1, total));
    }
    writing.flush()?;
    store.fit_with_progress(&|p| bars.tell(p))?;
    let [earlier, later] = acts;
    Ok(Split { store, earlier, later })
}

impl Later {
    /// From when on a user's texts are later ones, too: texts tell what comes next.
    fn from(self, held: &[Event]) -> Option<Time> {
        match self {
            Self::From(time) => Some(time),
            Self::Last(_) => held.first().map(|first| first.time),
        }
    }

    /// The place of the first later event among a user's events, oldest first.
    fn starts_at(self, events: &[Event]) -> usize {
        match self {
            Self::From(time) => events.partition_point(|event| event.time < time),
            Self::Last(events_held) => events.len().saturating_sub(events_held),
        }
    }
}

fn act(event: &Event) -> Option<Act> {
    Some(Act { item: event.item.clone()?, kind: event.kind.clone() })
}
