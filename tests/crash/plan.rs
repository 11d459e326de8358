//! What a child does, step by step: decided by a seed and a step's number alone, so that whoever knows both knows what must be
//! in the store.

use crate::random::Random;
use crate::settings::amount;
use kindred::encoder::HashedEncoder;
use kindred::model::{
    Acts, Erasure, Event, Interval, Item, Metric, Record, Removal, SegmentDefinition, Text, Time, User,
    Value, attribute, count, in_segment, texts,
};
use kindred::{Fusion, Options, Store};
use std::sync::Arc;
use std::time::Duration;

/// Dimensions of the texts' encoder, and of own vectors.
const TEXT_DIM: usize = 32;
const VECTOR_DIM: usize = 12;
const USERS: u64 = 90;
const ITEMS: u64 = 40;
/// Bytes of an item that is there to fill the disk.
const BULK: u64 = 50_000;
/// An item that says which step wrote last.
pub const MARK: &str = "mark";

const KINDS: [&str; 5] = ["purchase", "view", "cart", "dismiss", "review"];
const NOUNS: [&str; 8] = ["salmon", "dog food", "chair", "espresso", "puzzle", "tent", "lamp", "bread"];
const QUALITIES: [&str; 8] = ["fresh", "smoked", "wooden", "small", "cheap", "green", "dark", "dry"];

/// Users who are erased and let in again.
const GUESTS: u64 = 5;
/// The first instant of all, in seconds since 1970.
const FIRST: i64 = 1_500_000_000;
/// Seconds from the first instant of one step to that of the next, where steps have instants of their own.
const STEP_SECS: u64 = 1_000;
/// Steps whose events are kept when old ones are folded.
const KEPT_STEPS: u64 = 10;

/// One thing that a child does. What must survive is what [`Step::Write`] and [`Step::Ingest`] wrote.
pub enum Step {
    /// One commit.
    Write(Vec<Record>),
    /// The same out of a file.
    Ingest(Vec<Record>),
    Fit,
    /// Fold events before an instant, a commit after the other.
    Expire(Time),
    Seal,
    Compact,
    Checkpoint,
    /// Close and open again.
    Reopen,
    /// Leave the store alone, long enough for its own threads to begin something.
    Rest(Duration),
}

impl Step {
    /// What it writes, if it does.
    pub fn records(&self) -> Option<&[Record]> {
        match self {
            Self::Write(records) | Self::Ingest(records) => Some(records),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
}

/// Segments that every store has from its first commit on; to verify it holds them to their predicates.
pub fn segments() -> impl Iterator<Item = Record> {
    let young = attribute("age").lt(40) & !attribute("town").eq("Ulm");
    let busy = count(Acts::All).ge(3) | texts().gt(1);
    let lately = count(Acts::All).within(Interval::days(1)).ge(1) & !in_segment("busy");
    let defined = [("young", young), ("busy", busy), ("lately", lately)];
    defined.into_iter().map(|(name, predicate)| {
        Record::Segment(SegmentDefinition { name: name.to_owned(), predicate, now: Some(first_instant(8)) })
    })
}

impl Plan {
    /// The plan of one of the histories of a run, the first of which may be a later one: every other is over own vectors.
    pub fn of_history(seed: u64, number: u64) -> Self {
        let number = number + amount("KINDRED_FIRST", 0);
        Self { seed: seed.wrapping_mul(1_000_000).wrapping_add(number) }
    }

    /// Whether the store keeps the host's own vectors.
    pub fn own_vectors(self) -> bool {
        self.seed.is_multiple_of(2)
    }

    /// Whether the plan writes a lot over and over again, so that sled uses parts of its file again.
    pub fn is_bulky(self) -> bool {
        self.seed.is_multiple_of(3)
    }

    /// Whether it also ingests, erases users and lets them in again, folds old events and learns models.
    pub fn is_rich(self) -> bool {
        self.seed / 6 % 3 == 2
    }

    /// Which events are folded where the store holds what a step wrote, and another may have begun: those before the first
    /// instant, and none from the second on.
    pub fn folded(self, step: u64, begun: u64) -> [Time; 2] {
        let latest = |steps: std::ops::Range<u64>| {
            let before = steps.filter_map(|n| match self.step(n) {
                Step::Expire(before) => Some(before),
                _ => None,
            });
            before.max().unwrap_or(first_instant(0))
        };
        let next = (begun.max(step) + 1..u64::MAX).find(|&n| self.step(n).records().is_some());
        let certainly = latest(1..step);
        [certainly, certainly.max(latest(step..next.unwrap_or(step)))]
    }

    /// Whether the store learns models, which a store made from nothing would not know.
    pub fn fits(self) -> bool {
        self.is_rich() && !self.own_vectors()
    }

    /// The options of the plan's store, as immediate as they are by default.
    pub fn options(self) -> Options {
        let mut random = Random::new(self.seed, &[]);
        let options = if self.own_vectors() {
            Store::options().dim(VECTOR_DIM).metric(self.metric())
        } else {
            let fusion = Fusion { item_dims: 8, group_dims: 4, ..Fusion::default() };
            Store::options().encoder(Arc::new(HashedEncoder::new(TEXT_DIM).unwrap())).fusion(fusion)
        };
        // Few rows and short pauses, so that the index is moved about while the child is killed.
        options.head_rows(*random.pick(&[8, 32])).settle_after(Duration::from_millis(random.below(40)))
    }

    fn metric(self) -> Metric {
        [Metric::Cosine, Metric::InnerProduct, Metric::L2][(self.seed / 2 % 3) as usize]
    }

    /// What step `n` does; steps count from 1.
    pub fn step(self, n: u64) -> Step {
        let mut random = Random::new(self.seed, &[n]);
        match random.below(100) {
            _ if n == 1 => Step::Write(self.records(n, 60, &mut random)),
            0..60 => self.write(n, 1, &mut random),
            60..72 => {
                let count = 2 + random.below(12);
                self.write(n, count, &mut random)
            }
            72..78 => {
                let count = 100 + random.below(150);
                self.write(n, count, &mut random)
            }
            78..84 => Step::Seal,
            84..86 if self.fits() => Step::Fit,
            90..92 if self.is_rich() => Step::Expire(first_instant(n.saturating_sub(KEPT_STEPS))),
            84..88 => Step::Compact,
            88..92 => Step::Checkpoint,
            92..96 => Step::Reopen,
            _ => Step::Rest(Duration::from_millis(random.below(30))),
        }
    }

    fn write(self, n: u64, count: u64, random: &mut Random) -> Step {
        let records = self.records(n, count, random);
        if self.is_rich() && random.percent(30) { Step::Ingest(records) } else { Step::Write(records) }
    }

    /// Records of one commit; the last says which step this was.
    fn records(self, n: u64, count: u64, random: &mut Random) -> Vec<Record> {
        let mut records: Vec<Record> = (0..count).map(|i| self.record(n, i, random)).collect();
        if self.is_rich() {
            records.extend(self.of_guest(n, count, random));
        }
        if self.is_bulky() {
            records.extend((0..=random.below(8)).map(|_| Record::Item(bulk(random))));
        }
        if random.percent(3) {
            records.push(Record::Remove(Removal::Item { item: item_id(random) }));
        }
        if n == 1 {
            records.extend(segments());
        }
        let attributes = [("step".to_owned(), Value::Int(n.cast_signed()))].into();
        records.push(Record::Item(Item { id: MARK.to_owned(), text: None, attributes }));
        records
    }

    fn record(self, n: u64, i: u64, random: &mut Random) -> Record {
        let user = format!("u{}", random.below(USERS));
        match random.below(100) {
            0..35 => Record::Event(self.event(user, n, i, random)),
            35..70 => Record::User(self.user(user, random)),
            70..80 => Record::Item(item(random)),
            80..90 => Record::Text(Text { user, text: text(random), time: self.time(n, random) }),
            90..96 => Record::Remove(Removal::User { user }),
            _ => Record::Remove(Removal::UserAttribute { user, attribute: "age".to_owned() }),
        }
    }

    /// Now and then a guest is erased, or let in and does something, be it for the first time.
    fn of_guest(self, n: u64, i: u64, random: &mut Random) -> Vec<Record> {
        let user = format!("guest{}", random.below(GUESTS));
        match random.below(10) {
            0 => vec![Record::Erase(Erasure { user })],
            1..4 => {
                let text = format!("{} for {user}", text(random));
                vec![
                    Record::Readmit(Erasure { user: user.clone() }),
                    Record::User(self.user(user.clone(), random)),
                    Record::Event(self.event(user.clone(), n, i, random)),
                    Record::Text(Text { user, text, time: self.time(n, random) }),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn user(self, id: String, random: &mut Random) -> User {
        let town = *random.pick(&["Bonn", "Köln", "Ulm"]);
        let age = Value::Int(20 + random.below(50).cast_signed());
        let attributes = [("age".to_owned(), age), ("town".to_owned(), town.into())].into();
        let vector = self.own_vectors().then(|| (0..VECTOR_DIM).map(|_| random.component()).collect());
        User { id, attributes, vector }
    }

    /// An event of which there is no other: what counts as the same one is not asked here.
    fn event(self, user: String, n: u64, i: u64, random: &mut Random) -> Event {
        let mut event = Event::new(user, *random.pick(&KINDS), self.time(n, random)).item(item_id(random));
        event.value = random.percent(70).then(|| random.below(50) as f64);
        event.quantity = Some((n * 1000 + i) as f64);
        event.id = random.percent(50).then(|| format!("e{n}-{i}"));
        event.text = random.percent(10).then(|| text(random));
        event
    }

    /// Where events are folded, none comes later than what is newer than it.
    fn time(self, n: u64, random: &mut Random) -> Time {
        let (step, span) = if self.is_rich() { (n, STEP_SECS) } else { (0, 40_000_000) };
        Time::from_secs(FIRST + (step * STEP_SECS + random.below(span)).cast_signed()).unwrap()
    }
}

/// The first instant of a step.
fn first_instant(n: u64) -> Time {
    Time::from_secs(FIRST + (n * STEP_SECS).cast_signed()).unwrap()
}

fn item(random: &mut Random) -> Item {
    // Now and then longer than what storage keeps in one piece.
    let notes = if random.percent(10) { text(random).repeat(900) } else { text(random) };
    let attributes = [("notes".to_owned(), Value::Text(notes))].into();
    Item { id: item_id(random), text: random.percent(90).then(|| text(random)), attributes }
}

/// An item without a text, which costs nothing but room.
fn bulk(random: &mut Random) -> Item {
    let notes = text(random).repeat((1 + random.below(BULK) / 20) as usize);
    let attributes = [("notes".to_owned(), Value::Text(notes))].into();
    Item { id: format!("bulk{}", random.below(15)), text: None, attributes }
}

fn item_id(random: &mut Random) -> String {
    format!("i{}", random.below(ITEMS))
}

fn text(random: &mut Random) -> String {
    format!("{} {} {}", random.pick(&QUALITIES), random.pick(&QUALITIES), random.pick(&NOUNS))
}
