//! What a user is into, what is recommended to them and how that was taken, and who is like the users of a seed.

use super::{Snapshot, Store};
use crate::error::{Error, Result, shorten};
use crate::model::{Blend, Event, Time, check_id};
use crate::query::{Interests, Like, Lookalikes, Recommend, Recommendation, Seed, known_user};
use crate::telemetry::{Operation, observed};

/// Most things that one feedback may be of: each is compared with all above it.
const MOST_SHOWN: usize = 1_000;

impl Store {
    /// Tells how a list of recommendations was taken: each that was shown, in the order of the list, with a reward from −1 (dismissed), over 0
    /// (left alone), to 1 (taken up).
    ///
    /// Two things come of it, from the next snapshot on. What was dismissed is not recommended to the user any more: an event says so, at the time that is
    /// given, of the first kind of events that counts against things. And the weights of the signals are learned, for all users: where something got more than what stood above
    /// it, those signals grow a little that would have had it above. Questions that set no [`Blend`] of their own go by these weights ([`Snapshot::blend`]).
    /// What was taken up is no act by itself: record it as what it is, such as a purchase, too.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Item}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// # let day = "2026-01-01".parse()?;
    /// store.write(|tx| {
    ///     for (user, items) in [("ann", "a"), ("bob", "abc"), ("cem", "abd"), ("dan", "ac")] {
    ///         items.chars().try_for_each(|item| tx.record(Event::new(user, "purchase", day).item(item)))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// # store.write(|tx| "abcd".chars().try_for_each(|id| {
    /// #     tx.put_item(Item { id: id.into(), text: Some(format!("thing {id}")), ..Item::default() })
    /// # }))?;
    /// let shown = store.snapshot().recommend("ann").run()?;
    /// assert_eq!(shown.len(), 3);
    /// let first = shown[0].item.clone();
    /// store.feedback("ann", [(&shown[0], -1.0), (&shown[1], 1.0), (&shown[2], 0.0)], day)?;
    /// let next = store.snapshot().recommend("ann").run()?;
    /// assert!(next.iter().all(|thing| thing.item != first));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a user that is not there; [`Error::Invalid`] for a reward out of its range, for more than 1,000 things, or a dismissal where no
    /// kind of events counts against things. Then nothing is changed. Dismissals are written before weights are learned: where that fails, they stay.
    pub fn feedback<'r>(
        &self,
        user: &str,
        shown: impl IntoIterator<Item = (&'r Recommendation, f32)>,
        at: Time,
    ) -> Result<Blend> {
        known_user(&self.engine.view(), user)?;
        let shown: Vec<(&Recommendation, f32)> = shown.into_iter().take(MOST_SHOWN + 1).collect();
        if shown.len() > MOST_SHOWN {
            return Err(Error::invalid(
                "number of things shown",
                format!("over {MOST_SHOWN}"),
                "the first of them",
            ));
        }
        for (thing, reward) in &shown {
            check_id("item id", &thing.item)?;
            if !(-1.0..=1.0).contains(reward) {
                let what = format!("reward of {}", shorten(&thing.item));
                return Err(Error::invalid(what, reward, "-1 (dismissed) to 1 (taken up)"));
            }
            if thing.says().iter().any(|value| !(-1.0..=1.0).contains(value)) {
                let what = format!("signals of {}", shorten(&thing.item));
                return Err(Error::invalid(
                    what,
                    "out of -1 to 1",
                    "what the store told when it recommended it",
                ));
            }
        }
        let dismissed: Vec<&Recommendation> =
            shown.iter().filter(|(_, reward)| *reward < 0.0).map(|(thing, _)| *thing).collect();
        if !dismissed.is_empty() {
            self.dismiss(user, &dismissed, at)?;
        }
        let said: Vec<_> = shown.iter().map(|(thing, reward)| (thing.says(), *reward)).collect();
        observed(Operation::Write, || self.engine.learn_blend(|blend| blend.learned(&said)))
    }

    /// Forgets what feedback taught of the weights of signals: they are those of [`Blend::default`] again. Dismissals stay.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn forget_feedback(&self) -> Result<()> {
        observed(Operation::Write, || self.engine.learn_blend(|_| Blend::default()).map(drop))
    }

    fn dismiss(&self, user: &str, things: &[&Recommendation], at: Time) -> Result<()> {
        let kinds = &self.engine.settings().kinds;
        let Some(against) = kinds.iter().find(|kind| kind.weight < 0.0) else {
            let expected = "0 or more: no kind of events of this store counts against things";
            return Err(Error::invalid("reward", "below 0", expected));
        };
        let event = |thing: &&Recommendation| Event::new(user, &*against.name, at).item(&thing.item);
        self.write(|tx| things.iter().map(event).try_for_each(|event| tx.record(event)))
    }
}

impl Snapshot {
    /// What a user is into: up to eight tastes, each with what stands for it.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Item}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (id, text) in [("p1", "fresh salmon"), ("p2", "smoked salmon"), ("p3", "garden hose")] {
    ///         tx.put_item(Item { id: id.into(), text: Some(text.into()), ..Item::default() })?;
    ///         tx.record(Event::new("ann", "purchase", "2026-01-01".parse()?).item(id))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let interests = store.snapshot().interests("ann").run()?;
    /// let names: Vec<&str> = interests.iter().map(|interest| &*interest.name).collect();
    /// assert_eq!(names, ["fresh salmon", "garden hose"]);
    /// assert_eq!(interests[0].members[1].text.as_deref(), Some("smoked salmon"));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn interests<'a>(&'a self, user: &'a str) -> Interests<'a> {
        Interests::new(&self.view, &self.settings, user)
    }

    /// What next for a user (a plain string names one), or for users whom a sentence or a vector describes: items, or categories of
    /// them, that the most similar users acted on.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Item, Time}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (id, text) in [("p1", "fresh salmon"), ("p2", "smoked salmon"), ("p3", "dog food")] {
    ///         tx.put_item(Item { id: id.into(), text: Some(text.into()), ..Item::default() })?;
    ///     }
    ///     for (user, item) in [("ann", "p1"), ("bob", "p1"), ("bob", "p2"), ("cem", "p3")] {
    ///         tx.record(Event::new(user, "purchase", "2026-01-01".parse()?).item(item))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let snapshot = store.snapshot();
    /// let next = snapshot.recommend("ann").neighbors(1).explain(true).run()?;
    /// assert_eq!((next.len(), &*next[0].item, next[0].neighbors), (1, "p2", 1));
    /// assert!(next[0].explanation.as_ref().unwrap().words.starts_with("1 of 1 most similar users acted on it"));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn recommend<'a>(&'a self, like: impl Into<Like<'a>>) -> Recommend<'a> {
        Recommend::new(&self.view, &self.settings, like.into())
    }

    /// Who is like the users of a segment, or of a list, together, without being one of them; of those of whom a predicate is true,
    /// [`crate::query::Selection::lookalikes`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, query::LookalikeMethod};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, vector) in [("ann", [1.0, 0.1]), ("bob", [0.9, 0.2]), ("cem", [0.1, 1.0]), ("dan", [0.8, 0.3])] {
    ///         tx.put_vector(user, vector.to_vec())?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let snapshot = store.snapshot();
    /// for method in [LookalikeMethod::Centroid, LookalikeMethod::Classifier] {
    ///     let alike = snapshot.lookalikes(["ann", "bob"]).method(method).run()?;
    ///     let names: Vec<&str> = alike.users.iter().map(|hit| &*hit.user).collect();
    ///     assert_eq!(names, ["dan", "cem"]);
    /// }
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn lookalikes<'a>(&'a self, seed: impl Into<Seed<'a>>) -> Lookalikes<'a> {
        Lookalikes::new(&self.view, &self.settings, seed.into())
    }

    /// How much each signal of a recommendation counts, unless a question says otherwise: as [`Store::feedback`] taught, before that the default.
    #[must_use]
    pub fn blend(&self) -> Blend {
        self.view.attachment().blend.unwrap_or_default()
    }
}
