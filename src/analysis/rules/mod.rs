//! Association rules: what is in one basket with what, more often than by chance.

mod answer;
mod best;
mod elements;
mod gather;
mod options;
#[cfg(test)]
mod tests;

pub use answer::{FoundRules, Rule};
pub use options::{Element, RuleOrder, Support};

use crate::engine::{Published, Settings};
use crate::error::{Error, ErrorKind, Result, shorten};
use crate::learn::{Figures, Itemsets, Mining, each_rule, frequent_itemsets};
use crate::model::{Interval, OnProgress, Predicate, Time, nearest_name};
use crate::storage::View;
use crate::telemetry::{Operation, failed, observed, redacted};
use best::{Best, Ranked};
use elements::Elements;
use gather::Gathering;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// The kind of event whose items make baskets, unless said.
const KIND: &str = "purchase";

/// Most elements in the sets that rules are made of.
const MAX_LEN: usize = 8;

/// Most rules one query may ask for.
const MAX_LIMIT: usize = 100_000;

/// Most itemsets: with as many elements as they may have, some 50 MB.
const MAX_ITEMSETS: usize = 1_000_000;

/// Tells of whom a predicate is true.
pub(crate) type Matching = fn(&View<Published>, &Settings, &Predicate, Time) -> Result<RoaringBitmap>;

/// A query for association rules: set what is wanted, then [`Rules::run`].
///
/// A *basket* is what one user did, of some kinds of events, within some time: a [window](Rules::within) that begins with the first of these events.
/// The sets that are often in one basket are found by FP-growth (Han, Pei and Yin, SIGMOD 2000), and each makes a rule for each of its elements.
///
/// Memory: four bytes for each item of the store, the values of the attribute (or the texts of the groups) once each, and some 20 at most for each element of a basket (each once, however often it
/// was bought); beside them a million itemsets of some 50 bytes at most.
#[must_use = "a query does nothing until it is run"]
pub struct Rules<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    matching: Matching,
    kinds: Vec<String>,
    by: Element,
    within: Interval,
    per_user: bool,
    filter: Option<Predicate>,
    now: Option<Time>,
    min_support: Option<Support>,
    min_confidence: f64,
    min_lift: f64,
    max_len: usize,
    limit: usize,
    order: RuleOrder,
}

/// Which events make baskets, and how.
struct Question {
    kinds: Vec<u8>,
    within: Interval,
    per_user: bool,
}

impl<'a> Rules<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, matching: Matching) -> Self {
        Self {
            view,
            settings,
            matching,
            kinds: Vec::new(),
            by: Element::Item,
            within: Interval::hours(1),
            per_user: false,
            filter: None,
            now: None,
            min_support: None,
            min_confidence: 0.1,
            min_lift: 1.0,
            max_len: 3,
            limit: 10,
            order: RuleOrder::Lift,
        }
    }

    /// Events of this kind make baskets; call it again for more kinds. `purchase` unless said.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// What baskets hold; items unless said.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, analysis::Element, model::{Event, Item}};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (id, brand) in [("p1", "Acme"), ("p2", "Acme"), ("p3", "Umbra")] {
    ///         tx.put_item(Item { id: id.into(), attributes: [("brand".into(), brand.into())].into(), ..Item::default() })?;
    ///     }
    ///     for (user, item) in [("ann", "p1"), ("ann", "p3"), ("bob", "p2"), ("bob", "p3"), ("cem", "p1")] {
    ///         tx.record(Event::new(user, "purchase", "2026-01-01".parse()?).item(item))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let found = store.snapshot().rules().by(Element::Attribute("brand".into())).min_support(2).run()?;
    /// let rule = &found.rules[0];
    /// assert_eq!((&*rule.if_[0], &*rule.then, rule.baskets), ("Umbra", "Acme", 2));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn by(mut self, element: Element) -> Self {
        self.by = element;
        self
    }

    /// How long after a basket's first event another still goes into it; an hour unless said, and with nothing, `Interval::days(0)`, only what was
    /// done at the same instant. An hour holds together what is paid for, or put into the cart, one by one, and keeps the second trip
    /// of a day apart; the calendar's day would cut evenings in two in most of the world, since days are in UTC.
    pub fn within(mut self, interval: Interval) -> Self {
        self.within = interval;
        self
    }

    /// One basket for each user, of all that they ever did of these kinds, whenever it was, with what of it is folded.
    pub fn per_user(mut self, per_user: bool) -> Self {
        self.per_user = per_user;
        self
    }

    /// Only baskets of users of whom a predicate is true: one that was built, or the WHERE clause of SQL. A second one holds beside the first.
    ///
    /// # Errors
    /// [`Error::Predicate`] for a text that is none.
    pub fn filter<P: TryInto<Predicate>>(mut self, predicate: P) -> Result<Self>
    where
        Error: From<P::Error>,
    {
        self.filter = Some(Predicate::both(self.filter, predicate.try_into()?));
        Ok(self)
    }

    /// The instant that `now()` and intervals in the filter go by; that of asking unless said.
    pub fn now(mut self, now: Time) -> Self {
        self.now = Some(now);
        self
    }

    /// How many baskets hold both sides of a rule at least: a share of all (0.01), more than 0 and at most 1, or a number (100). Unless said
    /// one in a thousand, and two at least.
    pub fn min_support(mut self, support: impl Into<Support>) -> Self {
        self.min_support = Some(support.into());
        self
    }

    /// How often a rule is right at least, 0 to 1; 0.1 unless said.
    pub fn min_confidence(mut self, confidence: f64) -> Self {
        self.min_confidence = confidence;
        self
    }

    /// The least lift, 0 and up; 1 unless said, which leaves out what goes together less than by chance.
    pub fn min_lift(mut self, lift: f64) -> Self {
        self.min_lift = lift;
        self
    }

    /// How many elements a rule has at most, both sides together, 2 to 8; 3 unless said. Each more may take many times as long.
    pub fn max_len(mut self, elements: usize) -> Self {
        self.max_len = elements;
        self
    }

    /// How many rules at most; 10 unless said, at most 100,000.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Which rules come first; those of the highest lift unless said.
    pub fn sort(mut self, order: RuleOrder) -> Self {
        self.order = order;
        self
    }

    /// Asks. Rules that are alike in their figures come in the order in which their elements were first seen, so that the same store always
    /// gives the same answer. A user with a damaged value has no basket, and a damaged item is in none, with a warning in the log:
    /// [`crate::Store::verify`] names them.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # use kindred::{Store, model::{Event, Time}};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, item) in [("ann", "bread"), ("ann", "butter"), ("bob", "bread"), ("bob", "butter"), ("cem", "tea")] {
    ///         tx.record(Event::new(user, "purchase", "2026-01-01T12:00:00Z".parse()?).item(item))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let found = store.snapshot().rules().run()?;
    /// assert_eq!((found.baskets, found.elements, found.itemsets), (3, 3, 3));
    /// let rule = &found.rules[0];
    /// assert_eq!((&*rule.if_[0], &*rule.then), ("bread", "butter"));
    /// assert_eq!((rule.baskets, rule.confidence, rule.lift), (2, 1.0, 1.5));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] for bounds outside their ranges, and where more than a million sets are frequent; [`Error::Unknown`] for a kind or an attribute of
    /// items that there is not; for a filter as [`crate::query::Selection::run`].
    pub fn run(&self) -> Result<FoundRules> {
        self.run_with_progress(&|_| {})
    }

    /// [`Rules::run`], telling how far it is.
    pub fn run_with_progress(&self, progress: OnProgress<'_>) -> Result<FoundRules> {
        observed(Operation::Rules, || {
            self.check()?;
            let mut lost = Lost::default();
            let found = self.find(&mut lost, progress)?;
            lost.tell();
            Ok(found)
        })
    }

    fn check(&self) -> Result<()> {
        self.min_support.map_or(Ok(()), Support::check)?;
        if !(0.0..=1.0).contains(&self.min_confidence) {
            return Err(Error::invalid("min_confidence", self.min_confidence, "it lies in 0 to 1"));
        }
        if !(self.min_lift >= 0.0 && self.min_lift.is_finite()) {
            return Err(Error::invalid("min_lift", self.min_lift, "a number from 0"));
        }
        if !(2..=MAX_LEN).contains(&self.max_len) {
            let expected = format!("a rule has 2 to {MAX_LEN} elements, both sides together");
            return Err(Error::invalid("max_len", self.max_len, expected));
        }
        if self.limit > MAX_LIMIT {
            return Err(Error::invalid("limit", self.limit, format!("at most {MAX_LIMIT}")));
        }
        Ok(())
    }

    fn question(&self) -> Result<Question> {
        let known = &self.settings.kinds;
        let kind = |name: &str| match known.find(name) {
            Some((no, _)) => Ok(no),
            None => Err(Error::Unknown {
                what: "event kind",
                name: shorten(name),
                nearest: nearest_name(name, known.iter().map(|kind| kind.name.as_str())),
            }),
        };
        let kinds = if self.kinds.is_empty() {
            vec![kind(KIND)?]
        } else {
            self.kinds.iter().map(|name| kind(name)).collect::<Result<_>>()?
        };
        Ok(Question { kinds, within: self.within, per_user: self.per_user })
    }

    fn find(&self, lost: &mut Lost, progress: OnProgress<'_>) -> Result<FoundRules> {
        let question = self.question()?;
        let ask =
            |filter| (self.matching)(self.view, self.settings, filter, self.now.unwrap_or_else(Time::now));
        let users = self.filter.as_ref().map(ask).transpose()?;
        let elements = Elements::read(self.view, &self.by, &self.settings.fusion.category, lost)?;
        let gathering =
            Gathering { view: self.view, question: &question, elements: &elements, users: users.as_ref() };
        let folded = gathering.folded(lost)?;
        let baskets = gathering.baskets(lost, progress)?;
        let all = baskets.len() as u32;
        let min_count = self.min_support.map_or_else(|| Support::usual(all), |support| support.count(all));
        let mining = Mining { min_count, max_len: self.max_len, most: MAX_ITEMSETS };
        let sets = frequent_itemsets(baskets, &mining, progress)?;
        let mut best = Best::new(self.order, self.limit);
        each_rule(&sets, all, &mut |set, right, figures| {
            if figures.confidence >= self.min_confidence && figures.lift >= self.min_lift {
                best.offer(Ranked { set, right, figures });
            }
        });
        let mut found = FoundRules {
            matching: best.offered,
            baskets: all.into(),
            elements: sets.elements as u64,
            itemsets: sets.len() as u64,
            min_baskets: min_count.into(),
            folded,
            ..FoundRules::default()
        };
        found.name(best, &sets, &elements)?;
        Ok(found)
    }
}

impl FoundRules {
    /// Puts the best rules in, by the names of their elements.
    fn name(&mut self, best: Best, sets: &Itemsets, elements: &Elements<'_>) -> Result<()> {
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        for Ranked { set, right, figures } in best.into_rules() {
            let mut sides = Vec::new();
            for element in sets.get(set) {
                if !names.contains_key(element) {
                    let (name, text) = elements.name(*element)?;
                    self.texts.extend(text.map(|text| (name.clone(), text)));
                    names.insert(*element, name);
                }
                sides.extend(names.get(element).cloned());
            }
            let then = sides.remove(right);
            sides.sort_unstable();
            self.rules.push(Rule::new(sides, then, figures));
        }
        Ok(())
    }
}

impl Rule {
    fn new(if_: Vec<String>, then: String, figures: Figures) -> Self {
        let Figures { baskets, support, confidence, lift, leverage, conviction } = figures;
        Self { if_, then, baskets, support, confidence, lift, leverage, conviction }
    }
}

/// The last damage that was met.
#[derive(Default)]
struct Lost(Option<Error>);

impl Lost {
    /// What was read; nothing where it is damaged, which is noted.
    fn noted<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Damage => {
                self.0 = Some(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn tell(&self) {
        if let Some(error) = &self.0 {
            failed(Operation::Rules.name(), error);
            tracing::warn!(error = %redacted(error), "users and items whose values are damaged are left out of rules");
        }
    }
}
