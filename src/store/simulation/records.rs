//! Random records over few names, so that they meet.

use crate::model::{
    Acts, Erasure, Event, Interval, Item, Record, Removal, SegmentDefinition, Text, Time, User, Value, ago,
    attribute, count, item_text, last, sum, texts,
};
use crate::storage::Dice;

const WORDS: [&str; 8] = ["salmon", "dog", "chair", "coffee", "wooden", "fresh", "smoked", "puppy"];
const KINDS: [&str; 4] = ["view", "purchase", "review", "dismiss"];

/// What decides the records of a history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste {
    pub(super) users: usize,
    pub(super) items: usize,
    /// Dimensions of the host's own vectors; 0 in a store with an encoder.
    pub(super) dim: usize,
    /// How many events of a user are kept; 0 keeps all.
    pub(super) keep: u64,
}

/// The records of one write. Whole items are removed by its last record only: what a write says of an item after removing it
/// is tested elsewhere.
pub(super) fn batch(dice: &mut Dice, taste: Taste) -> Vec<Record> {
    let len = if dice.one_in(12) { 1 + dice.below(40) } else { 1 + dice.below(4) };
    let mut records: Vec<Record> = (0..len).map(|_| record(dice, taste)).collect();
    if dice.one_in(20) {
        records.push(Record::Remove(Removal::Item { item: item(dice, taste) }));
    }
    records
}

fn record(dice: &mut Dice, taste: Taste) -> Record {
    match dice.below(27) {
        0..=2 => Record::Item(Item { id: item(dice, taste), text: maybe_text(dice), ..Item::default() }),
        3..=8 => Record::User(put_user(dice, taste)),
        9..=17 => Record::Event(event(dice, taste)),
        18..=19 => Record::Text(Text { user: user(dice, taste), text: text(dice), time: time(dice) }),
        20 => Record::Remove(Removal::UserAttribute { user: user(dice, taste), attribute: "town".into() }),
        21 => Record::Remove(Removal::User { user: user(dice, taste) }),
        22 => Record::Erase(Erasure { user: user(dice, taste) }),
        23..=24 => Record::Segment(segment(dice)),
        25 => Record::Remove(Removal::Segment { segment: format!("s{}", dice.below(3)) }),
        _ => Record::Readmit(Erasure { user: user(dice, taste) }),
    }
}

/// Defines one of a few segments, at an instant which may be a later one.
fn segment(dice: &mut Dice) -> SegmentDefinition {
    let predicate = match dice.below(7) {
        0 => attribute("town").eq("salmon"),
        1 => !attribute("age").lt(30),
        2 => count("view").ge(2) & texts().eq(0),
        3 => count(Acts::All).within(Interval::days(10)).ge(1),
        4 => last("purchase").lt(ago(Interval::months(1))) | attribute("town").is_null(),
        5 => count("purchase").of(item_text().like("%salmon%")).ge(1),
        _ => sum("review").within(Interval::months(1)).gt(20),
    };
    SegmentDefinition { name: format!("s{}", dice.below(3)), predicate, now: Some(time(dice)) }
}

fn put_user(dice: &mut Dice, taste: Taste) -> User {
    let mut user = User { id: user(dice, taste), ..User::default() };
    if dice.one_in(2) {
        user.attributes.insert("town".into(), Value::Text(WORDS[dice.below(3)].into()));
    }
    if dice.one_in(3) {
        user.attributes.insert("age".into(), Value::Int(dice.below(90) as i64));
    }
    if taste.dim > 0 && !dice.one_in(4) {
        user.vector = Some(
            (0..taste.dim)
                .map(|_| 1.0 + dice.below(1_000) as f32 / 500.0 - 2.0 * (dice.below(2) as f32))
                .collect(),
        );
    }
    user
}

fn event(dice: &mut Dice, taste: Taste) -> Event {
    let mut event = Event::new(user(dice, taste), KINDS[dice.below(KINDS.len())], time(dice));
    event.id = dice.one_in(2).then(|| format!("e{}", dice.below(60)));
    event.item = (!dice.one_in(5)).then(|| item(dice, taste));
    event.value = dice.one_in(3).then(|| dice.below(100) as f64);
    event.text = dice.one_in(6).then(|| text(dice));
    event
}

fn user(dice: &mut Dice, taste: Taste) -> String {
    format!("user-{}", dice.below(taste.users))
}

fn item(dice: &mut Dice, taste: Taste) -> String {
    format!("item-{}", dice.below(taste.items))
}

pub(super) fn time(dice: &mut Dice) -> Time {
    Time::from_secs(dice.below(60) as i64 * 86_400).unwrap()
}

fn maybe_text(dice: &mut Dice) -> Option<String> {
    (!dice.one_in(4)).then(|| text(dice))
}

/// A few words; sometimes so many that the value lies in parts.
fn text(dice: &mut Dice) -> String {
    let count = if dice.one_in(40) { 2_000 } else { 1 + dice.below(3) };
    let words: Vec<&str> = (0..count).map(|_| WORDS[dice.below(WORDS.len())]).collect();
    words.join(" ")
}
