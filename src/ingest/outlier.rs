//! Outlying numbers: robust z-scores, winsorized.
//!
//! The score is the distance from the median in units of the scaled median absolute deviation (Iglewicz & Hoaglin,
//! *How to Detect and Handle Outliers*, 1993). Money and counts are skewed with a heavy tail, where a plain score
//! would cut honest big purchases; a field that is positive but for exceptions is therefore scored on the scale of
//! ln(1 + x).

use super::reader::Line;
use crate::model::{Record, Value};
use std::collections::{BTreeMap, VecDeque};

/// Records held back, at most, to learn what is usual.
const HELD_RECORDS: usize = 10_000;
const HELD_BYTES: usize = 64 << 20;
/// Fewer values than this say nothing about what is usual.
const MIN_SAMPLE: usize = 30;
/// Fields that are watched, at most: names come from files.
const MAX_FIELDS: usize = 4096;
/// Median absolute deviation and interquartile range of a normal distribution, in standard deviations.
const NORMAL_MAD: f64 = 0.674_489_750_196_081_7;
const NORMAL_IQR: f64 = 1.348_979_500_392_163_5;

/// Holds records back until the usual range of their numbers is known, then clips to it.
pub(super) struct Outliers {
    limit: f64,
    events: BTreeMap<String, [Scale; 2]>,
    items: BTreeMap<String, Scale>,
    users: BTreeMap<String, Scale>,
    held: VecDeque<Line>,
    held_bytes: usize,
    ready: VecDeque<Line>,
}

/// What is known of one number.
#[derive(Debug)]
enum Scale {
    Learning(Vec<f64>),
    Known { low: f64, high: f64 },
}

impl Default for Scale {
    fn default() -> Self {
        Self::Learning(Vec::new())
    }
}

impl Scale {
    /// Learns from a number; gives whether the range is known already.
    fn observe(&mut self, number: f64) -> bool {
        match self {
            Self::Known { .. } => true,
            Self::Learning(sample) => {
                sample.push(number);
                false
            }
        }
    }

    fn settle(&mut self, limit: f64) {
        if let Self::Learning(sample) = self
            && sample.len() >= MIN_SAMPLE
        {
            let (low, high) = usual_range(std::mem::take(sample), limit);
            *self = Self::Known { low, high };
        }
    }

    fn clip(&self, number: f64) -> f64 {
        match self {
            Self::Learning(_) => number,
            Self::Known { low, high } => number.clamp(*low, *high),
        }
    }
}

impl Outliers {
    pub(super) fn new(limit: f64) -> Self {
        Self {
            limit,
            events: BTreeMap::new(),
            items: BTreeMap::new(),
            users: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            ready: VecDeque::new(),
        }
    }

    /// Takes a record in; it comes out of [`Outliers::pop`], now or later, in the same order.
    pub(super) fn push(&mut self, mut line: Line) {
        let known = self.observe(&line.record);
        if known && self.held.is_empty() {
            self.clip(&mut line);
            self.ready.push_back(line);
            return;
        }
        self.held_bytes += size_bytes(&line.record);
        self.held.push_back(line);
        if self.held.len() >= HELD_RECORDS || self.held_bytes >= HELD_BYTES {
            self.settle();
        }
    }

    pub(super) fn pop(&mut self) -> Option<Line> {
        self.ready.pop_front()
    }

    /// Lets all held records go, clipped by what is known by now.
    pub(super) fn settle(&mut self) {
        let limit = self.limit;
        self.events.values_mut().flatten().for_each(|scale| scale.settle(limit));
        self.items.values_mut().chain(self.users.values_mut()).for_each(|scale| scale.settle(limit));
        let held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        for mut line in held {
            self.clip(&mut line);
            self.ready.push_back(line);
        }
    }

    fn observe(&mut self, record: &Record) -> bool {
        match record {
            Record::Event(event) if event.value.is_some() || event.quantity.is_some() => {
                let Some([value, quantity]) = scales(&mut self.events, &event.kind) else { return true };
                let value = event.value.is_none_or(|number| value.observe(number));
                let quantity = event.quantity.is_none_or(|number| quantity.observe(number));
                value && quantity
            }
            Record::Item(item) => observe_all(&mut self.items, &item.attributes),
            Record::User(user) => observe_all(&mut self.users, &user.attributes),
            _ => true,
        }
    }

    fn clip(&self, line: &mut Line) {
        let (scales, prefix_of, attributes) = match &mut line.record {
            Record::Event(event) => {
                if let Some([value, quantity]) = self.events.get(&event.kind) {
                    clip_number(value, event.value.as_mut(), "value", &mut line.clipped);
                    clip_number(quantity, event.quantity.as_mut(), "quantity", &mut line.clipped);
                }
                return;
            }
            Record::Item(item) => (&self.items, "attributes", &mut item.attributes),
            Record::User(user) => (&self.users, "attributes", &mut user.attributes),
            _ => return,
        };
        for (name, value) in attributes {
            if let Some(scale) = scales.get(name)
                && clip_value(scale, value)
            {
                line.clipped.push(format!("{prefix_of}.{name}"));
            }
        }
    }
}

/// The entry of a name, unless there are too many names.
fn scales<'m, T: Default>(known: &'m mut BTreeMap<String, T>, name: &str) -> Option<&'m mut T> {
    if !known.contains_key(name) {
        if known.len() >= MAX_FIELDS {
            return None;
        }
        known.insert(name.to_owned(), T::default());
    }
    known.get_mut(name)
}

fn observe_all(known: &mut BTreeMap<String, Scale>, attributes: &BTreeMap<String, Value>) -> bool {
    let mut all_known = true;
    for (name, value) in attributes {
        if let Some(number) = value.as_number()
            && let Some(scale) = scales(known, name)
        {
            all_known &= scale.observe(number);
        }
    }
    all_known
}

fn clip_number(scale: &Scale, number: Option<&mut f64>, field: &str, clipped: &mut Vec<String>) {
    let Some(number) = number else { return };
    let inside = scale.clip(*number);
    if inside.to_bits() != number.to_bits() {
        *number = inside;
        clipped.push(field.to_owned());
    }
}

/// Clips a number to its range; whole numbers stay whole.
fn clip_value(scale: &Scale, value: &mut Value) -> bool {
    let Some(number) = value.as_number() else { return false };
    let inside = scale.clip(number);
    if inside.to_bits() == number.to_bits() {
        return false;
    }
    match value {
        Value::Int(whole) => *whole = (if inside < number { inside.floor() } else { inside.ceil() }) as i64,
        _ => *value = Value::Float(inside),
    }
    true
}

/// Lowest and highest number whose robust z-score is at most `limit`; unbounded where the sample does not vary.
///
/// Which scale is used, and the scores, depend on medians alone, which clipping leaves as they are: a second pass
/// finds the same range.
fn usual_range(mut sample: Vec<f64>, limit: f64) -> (f64, f64) {
    sample.sort_unstable_by(f64::total_cmp);
    let skewed = quantile(&sample, 0.5) - median_deviation(&sample) >= 0.0;
    if skewed {
        for number in &mut sample {
            *number = signed_ln_1p(*number);
        }
    }
    let middle = quantile(&sample, 0.5);
    let mad = median_deviation(&sample) / NORMAL_MAD;
    let iqr = (quantile(&sample, 0.75) - quantile(&sample, 0.25)) / NORMAL_IQR;
    let spread = if mad > 0.0 { mad } else { iqr };
    let (low, high) = (middle - limit * spread, middle + limit * spread);
    if !spread.is_finite() || spread <= 0.0 || !low.is_finite() || !high.is_finite() {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    if skewed { (signed_exp_m1(low), signed_exp_m1(high)) } else { (low, high) }
}

/// The median distance from the median of a sorted sample.
fn median_deviation(sorted: &[f64]) -> f64 {
    let middle = quantile(sorted, 0.5);
    let mut distances: Vec<f64> = sorted.iter().map(|number| (number - middle).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    quantile(&distances, 0.5)
}

/// A logarithm that takes refunds and other negatives too.
fn signed_ln_1p(number: f64) -> f64 {
    number.signum() * number.abs().ln_1p()
}

/// The inverse of [`signed_ln_1p`].
fn signed_exp_m1(number: f64) -> f64 {
    number.signum() * number.abs().exp_m1()
}

/// The quantile of a sorted sample, without interpolation, so that clipped extremes cannot move it.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(position).copied().unwrap_or(0.0)
}

/// About how much memory a held record takes.
fn size_bytes(record: &Record) -> usize {
    const RECORD: usize = 256;
    const ATTRIBUTE: usize = 96;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let attributes = |attributes: &BTreeMap<String, Value>| {
        let size = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Set(texts) => texts.iter().map(|text| text.len() + ATTRIBUTE).sum(),
            _ => 0,
        };
        attributes.iter().map(|(name, value)| name.len() + ATTRIBUTE + size(value)).sum::<usize>()
    };
    RECORD
        + match record {
            Record::Event(event) => text(&event.text),
            Record::Item(item) => text(&item.text) + attributes(&item.attributes),
            Record::User(user) => {
                attributes(&user.attributes) + user.vector.as_ref().map_or(0, |v| v.len() * 4)
            }
            Record::Text(record) => record.text.len(),
            Record::Store(_)
            | Record::Archive(_)
            | Record::Remove(_)
            | Record::Erase(_)
            | Record::Readmit(_)
            | Record::Erased(_)
            | Record::Segment(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, Time, User};
    use proptest::prelude::*;

    fn line(record: Record) -> Line {
        Line { number: 1, record, clipped: Vec::new(), mended: false }
    }

    fn purchase(value: f64) -> Record {
        Record::Event(Event::new("u", "purchase", Time::default()).value(value).quantity(1.0))
    }

    fn run(limit: f64, records: impl IntoIterator<Item = Record>) -> Vec<Line> {
        let mut outliers = Outliers::new(limit);
        records.into_iter().for_each(|record| outliers.push(line(record)));
        outliers.settle();
        std::iter::from_fn(|| outliers.pop()).collect()
    }

    #[test]
    fn an_absurd_value_is_clipped_and_honest_ones_stay() {
        let values = (1..=100).map(f64::from).chain([1e9]);
        let lines = run(10.0, values.map(purchase));
        assert!(lines[..100].iter().all(|line| line.clipped.is_empty()));
        assert_eq!(lines[100].clipped, ["value"]);
        let Record::Event(event) = &lines[100].record else { panic!() };
        assert!(event.value.unwrap() < 1e6 && event.value.unwrap() > 100.0);
    }

    #[test]
    fn what_never_varies_clips_nothing_and_few_values_say_nothing() {
        let constant = run(3.0, (0..100).map(|n| purchase(if n == 99 { 1e9 } else { 5.0 })));
        assert!(constant.iter().all(|line| line.clipped.is_empty()));
        let few = run(3.0, (0..MIN_SAMPLE - 1).map(|n| purchase(1e3_f64.powi(n as i32))));
        assert!(few.iter().all(|line| line.clipped.is_empty()));
    }

    #[test]
    fn whole_attributes_stay_whole_and_negative_fields_are_scored_plainly() {
        let user = |n: i64| {
            Record::User(User {
                id: "u".into(),
                attributes: [("t".into(), Value::Int(n))].into(),
                vector: None,
            })
        };
        let lines = run(5.0, (-50..50).chain([-1_000_000, 1_000_000]).map(user));
        let clipped: Vec<_> = lines.iter().filter(|line| !line.clipped.is_empty()).collect();
        assert_eq!(clipped.len(), 2);
        assert_eq!(clipped[0].clipped, ["attributes.t"]);
        let Record::User(user) = &clipped[1].record else { panic!() };
        assert!(matches!(user.attributes["t"], Value::Int(100..300)));
    }

    #[test]
    fn order_is_kept_and_later_records_pass_at_once() {
        let mut outliers = Outliers::new(10.0);
        for number in 0..=HELD_RECORDS {
            let mut line = line(purchase(1.0 + (number % 7) as f64));
            line.number = number as u64;
            outliers.push(line);
        }
        let numbers: Vec<u64> = std::iter::from_fn(|| outliers.pop()).map(|line| line.number).collect();
        assert_eq!(numbers, (0..=HELD_RECORDS as u64).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn clipping_twice_is_clipping_once(
            values in prop::collection::vec(prop_oneof![-1e3..1e3, 0.0..10.0, Just(5.0), any::<i32>().prop_map(f64::from)], 0..200),
            limit in 2.0..20.0,
        ) {
            let once = run(limit, values.into_iter().map(purchase));
            let twice = run(limit, once.iter().map(|line| line.record.clone()));
            prop_assert!(twice.iter().all(|line| line.clipped.is_empty()));
        }
    }
}
