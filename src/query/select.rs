//! Users of whom a predicate is true.

use super::apart::Contrast;
use super::filter::{Answer, Plan, answer, fitting};
use super::lookalikes::Lookalikes;
use super::reasons::{Reasons, reasons};
use super::similar::user_id;
use crate::engine::{Published, Settings};
use crate::error::{Result, known};
use crate::model::{Predicate, Time};
use crate::storage::View;
use crate::telemetry::{Operation, observed, tell_left_out};

/// A question for the users of whom a predicate is true: set what is wanted, then [`Selection::run`] or [`Selection::count`].
#[must_use = "a question does nothing until it is run"]
pub struct Selection<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    predicate: Predicate,
    now: Option<Time>,
    limit: usize,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, predicate: Predicate) -> Self {
        Self { view, settings, predicate, now: None, limit: usize::MAX }
    }

    /// The instant that `now()` and intervals go by; that of asking unless said.
    pub fn now(mut self, now: Time) -> Self {
        self.now = Some(now);
        self
    }

    /// How many users at most; all unless said.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Their ids, in the order in which the users were first seen. A user whose record is damaged is left out, with a warning in the
    /// log: [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`crate::Error::Predicate`], or for a predicate that was built in Rust [`crate::Error::Unknown`] and [`crate::Error::Invalid`], where it asks for
    /// a kind of event that there is not, or compares what cannot be compared; as text also where it names an attribute that no user has.
    pub fn run(&self) -> Result<Vec<String>> {
        observed(Operation::Query, || {
            let (mut users, mut lost) = (Vec::new(), None);
            for no in self.answer()?.matching {
                if users.len() == self.limit {
                    break;
                }
                users.extend(known(user_id(self.view, no), &mut lost)?);
            }
            tell_left_out(lost.as_ref());
            Ok(users)
        })
    }

    /// How many they are, whatever the limit.
    ///
    /// # Errors
    /// As [`Selection::run`].
    pub fn count(&self) -> Result<u64> {
        observed(Operation::Query, || self.answer().map(|answer| answer.matching.len()))
    }

    /// What sets these users apart from all others, whatever the limit.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute, query::TraitOf};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     (0..40).try_for_each(|n| {
    ///         let town = if n % 4 == 0 { "Ulm" } else { "Bonn" };
    ///         tx.put_user(&format!("u{n}"), [("age", (20 + n % 4).into()), ("town", town.into())])
    ///     })
    /// })?;
    /// let portrait = store.snapshot().users_where(attribute("age").eq(20))?.sets_apart().run()?;
    /// let town = portrait.traits.iter().find(|found| matches!(&found.of, TraitOf::Attribute { name, .. } if name == "town"));
    /// assert_eq!(town.map(|town| (town.members, town.lift)), Some((10, 4.0)));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn sets_apart(self) -> Contrast<'a> {
        let now = self.now.unwrap_or_else(Time::now);
        Contrast::of_matching(self.view, self.settings, (self.predicate, now))
    }

    /// Who is like these users, together, without being one of them, whatever the limit.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, buys, vector) in [("ann", true, [1.0, 0.1]), ("bob", true, [0.9, 0.2]), ("cem", false, [0.1, 1.0]), ("dan", false, [0.8, 0.3])] {
    ///         tx.put_user(user, [("buys", buys.into())])?;
    ///         tx.put_vector(user, vector.to_vec())?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let alike = store.snapshot().users_where(attribute("buys").eq(true))?.lookalikes().limit(1).run()?;
    /// assert_eq!((alike.seed, &*alike.users[0].user), (2, "dan"));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn lookalikes(self) -> Lookalikes<'a> {
        let now = self.now.unwrap_or_else(Time::now);
        Lookalikes::of_matching(self.view, self.settings, (self.predicate, now))
    }

    /// Asks, and tells how it was answered: which parts of the predicate the columns of attributes told, in which order, how many
    /// users each left, and how many had to be asked.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::{attribute, count}, query::Access};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     tx.put_user("ann", [("country", "DE".into()), ("age", 31.into())])?;
    ///     tx.put_user("bob", [("country", "AT".into()), ("age", 35.into())])
    /// })?;
    /// let wanted = count("purchase").eq(0) & attribute("age").between(25, 40) & attribute("country").eq("DE");
    /// let plan = store.snapshot().users_where(wanted)?.plan()?;
    /// assert_eq!((plan.matching, plan.users, plan.asked), (1, 2, 1));
    /// let first = &plan.root.parts[0];
    /// assert_eq!((&*first.part, first.access, first.users), (r#""country" = 'DE'"#, Access::Lookup, 1));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Selection::run`].
    pub fn plan(&self) -> Result<Plan> {
        observed(Operation::Query, || self.answer().map(|answer| answer.plan()))
    }

    /// Why the predicate is true of a user, or is not: part by part, what each is of the user, and the values that it goes by.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::{Truth, attribute}};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| tx.put_user("ann", [("age", 31.into())]))?;
    /// let snapshot = store.snapshot();
    /// let reasons = snapshot.users_where(attribute("age").ge(18) & attribute("town").eq("Ulm"))?.explain("ann")?;
    /// let truths: Vec<Truth> = reasons.root.parts.iter().map(|part| part.truth).collect();
    /// assert_eq!((reasons.root.truth, &truths[..]), (Truth::Unknown, &[Truth::True, Truth::Unknown][..]));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Selection::run`]; [`crate::Error::Unknown`] for a user who is not there, and [`crate::Error::Damaged`] where what it goes by
    /// cannot be read.
    pub fn explain(&self, user: &str) -> Result<Reasons> {
        observed(Operation::Query, || {
            let now = self.now.unwrap_or_else(Time::now);
            let bound = fitting(self.view, self.settings, &self.predicate, now)?;
            reasons(self.view, &bound, now, user)
        })
    }

    fn answer(&self) -> Result<Answer<'_>> {
        answer(self.view, self.settings, &self.predicate, self.now.unwrap_or_else(Time::now))
    }
}
