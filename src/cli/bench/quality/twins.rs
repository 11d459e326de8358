//! The same household across alternating baskets.

use super::Work;
use crate::cli::eval::twins::{Twins, find, half};
use crate::cli::journey::TRANSACTIONS;
use crate::error::{Error, Result};
use crate::ingest::{Entry, Reader};
use crate::model::{Event, Record, Time};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Households with at least this many baskets take part.
const BASKETS: usize = 20;

type Basket = (Time, String);

pub(super) fn measure(work: &Work<'_>) -> Result<Twins> {
    let known = known_products(work)?;
    let events = purchases(work, &known)?;
    let mut baskets: BTreeMap<String, BTreeSet<Basket>> = BTreeMap::new();
    for event in &events {
        baskets.entry(event.user.clone()).or_default().insert(basket(event)?);
    }
    baskets.retain(|_, baskets| baskets.len() >= BASKETS);
    let mut halves = Vec::with_capacity(events.len());
    for mut event in events {
        let Some(own) = baskets.get(&event.user) else { continue };
        let position = own.range(..basket(&event)?).count();
        event.user = half(&event.user, position);
        halves.push(Record::Event(event));
    }
    let store = work.fitted("twins", &halves)?;
    find(&store.snapshot(), baskets.keys(), work.bars)
}

/// The ids of all products that are in the catalogue.
fn known_products(work: &Work<'_>) -> Result<HashSet<String>> {
    let (source, options) = crate::cli::journey::PRODUCTS.source(work.folder)?;
    let mut known = HashSet::new();
    for entry in Reader::open(source, &options)? {
        if let Entry::Accepted(line) = entry?
            && let Record::Item(item) = line.record
        {
            known.insert(item.id);
        }
    }
    Ok(known)
}

/// All purchases of known products.
fn purchases(work: &Work<'_>, known: &HashSet<String>) -> Result<Vec<Event>> {
    let (source, options) = TRANSACTIONS.source(work.folder)?;
    let mut events = Vec::new();
    for entry in Reader::open(source, &options)? {
        if let Entry::Accepted(line) = entry?
            && let Record::Event(event) = line.record
            && event.item.as_ref().is_some_and(|item| known.contains(item))
        {
            events.push(event);
        }
    }
    Ok(events)
}

/// The basket is the first half of the event's id.
fn basket(event: &Event) -> Result<Basket> {
    let id = event.id.as_deref().and_then(|id| id.split_once('-'));
    let (basket, _) = id.ok_or_else(|| Error::Bug("a purchase has no basket in its id".to_owned()))?;
    Ok((event.time, basket.to_owned()))
}
