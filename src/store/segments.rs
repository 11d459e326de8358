//! Segments, as a host defines them and asks for them.

use super::{Snapshot, Store, Transaction};
use crate::error::Result;
use crate::model::{
    OnProgress, Predicate, Record, Removal, SegmentChanges, SegmentDefinition, SegmentSummary, Time,
};
use crate::query::{self, Contrast, Overlaps, Reasons};
use crate::telemetry::{Operation, observed};

impl Transaction<'_> {
    /// Defines a segment: from then on the store keeps up to date who is in it. One of that name gets the new predicate, and its
    /// version counts on; nothing changes where it is the same.
    ///
    /// Everybody is looked at once, while other writers wait. After that each write looks at those whom it touches, for the segments that
    /// ask for what it changes. `now()` and intervals go by the instant of [`Store::advance_segments`]; before the first of these, by that of defining the first
    /// segment. A predicate may ask for other segments ([`crate::model::in_segment`]), though not for itself, at whatever remove.
    ///
    /// ```
    /// use kindred::{Store, model::{Event, Interval, attribute, count, in_segment}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     tx.put_user("ann", [("country", "DE".into())])?;
    ///     tx.put_user("bob", [("country", "AT".into())])?;
    ///     tx.define_segment("german", attribute("country").eq("DE"))?;
    ///     tx.define_segment("german buyers", in_segment("german") & count("purchase").ge(1))
    /// })?;
    /// assert_eq!(store.snapshot().members("german")?, ["ann"]);
    ///
    /// store.write(|tx| tx.record(Event::new("ann", "purchase", "2026-01-20T12:00:00Z".parse()?)))?;
    /// assert_eq!(store.snapshot().segments_of("ann")?, ["german", "german buyers"]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Predicate`] for a text that is no predicate, names an attribute that nobody has (unless nobody has any yet) or compares
    /// what cannot be compared; [`crate::Error::Invalid`] for a bad name. The rest is told by [`Store::write`]: [`crate::Error::Unknown`] for a kind of
    /// event or a segment that there is not, [`crate::Error::Invalid`] for a segment that would ask for itself, or that compares
    /// `now()` with nothing of the user.
    pub fn define_segment<P: TryInto<Predicate>>(&mut self, name: &str, predicate: P) -> Result<()>
    where
        crate::Error: From<P::Error>,
    {
        let predicate = predicate.try_into()?;
        query::check_attributes(&self.engine.view(), &predicate)?;
        self.apply(Record::Segment(SegmentDefinition { name: name.to_owned(), predicate, now: None }))
    }

    /// Drops a segment, if there is one of that name.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`], told by [`Store::write`], where another segment asks for it.
    pub fn drop_segment(&mut self, name: &str) -> Result<()> {
        self.apply(Record::Remove(Removal::Segment { segment: name.to_owned() }))
    }
}

impl Store {
    /// Has segments go by a later instant, and looks again at those for whom that matters: an event that leaves the last
    /// thirty days, a birthday that has passed. Call it as often as segments are to follow the time; what came and went in between two calls is in
    /// no change of the feed.
    ///
    /// ```
    /// use kindred::{Store, model::{Event, Interval, Time, count}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// let day = |day: &str| day.parse::<Time>();
    /// store.advance_segments(day("2026-01-01")?, &|_| {})?;
    /// store.write(|tx| {
    ///     tx.define_segment("active", count("view").within(Interval::days(30)).ge(1))?;
    ///     tx.record(Event::new("ann", "view", day("2026-01-01")?))
    /// })?;
    /// assert_eq!(store.snapshot().members("active")?, ["ann"]);
    /// store.advance_segments(day("2026-02-01")?, &|_| {})?;
    /// assert!(store.snapshot().members("active")?.is_empty());
    ///
    /// let feed = store.snapshot().changes_since(0, 10)?;
    /// let told: Vec<_> = feed.changes.iter().map(|change| (&*change.user, change.entered)).collect();
    /// assert_eq!((told, feed.next), (vec![("ann", true), ("ann", false)], 2));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for an instant before the one that they go by. Where it fails on the way, the rest is done by the next call.
    pub fn advance_segments(&self, now: Time, progress: OnProgress<'_>) -> Result<()> {
        observed(Operation::Write, || self.engine.advance_segments(now, progress))
    }
}

impl Snapshot {
    /// All segments, in the order in which they were first defined, with how many users are in each.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] where it cannot be read who is in one, which only the process that has the store open can make anew.
    pub fn segments(&self) -> Result<Vec<SegmentSummary>> {
        observed(Operation::Query, || query::segments(&self.view))
    }

    /// The instant that segments go by; none before there was one.
    #[must_use]
    pub fn segments_now(&self) -> Option<Time> {
        self.view.attachment().segments.now()
    }

    /// The position in the feed of the next change that there will be: where to begin who has read the members of all segments.
    #[must_use]
    pub fn segments_position(&self) -> u64 {
        self.view.attachment().segments.head.position
    }

    /// The ids of the users in a segment, in the order in which the users were first seen.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`]; [`crate::Error::Damaged`] as for [`Snapshot::segments`].
    pub fn members(&self, segment: &str) -> Result<Vec<String>> {
        observed(Operation::Query, || query::members(&self.view, segment))
    }

    /// The names of the segments that a user is in, in the order in which they were first defined.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a user who is not there; [`crate::Error::Damaged`] as for [`Snapshot::segments`].
    pub fn segments_of(&self, user: &str) -> Result<Vec<String>> {
        observed(Operation::Query, || query::segments_of(&self.view, query::known_user(&self.view, user)?))
    }

    /// How far segments overlap: for each two of them how many users are in both, and what that is of either.
    ///
    /// ```
    /// use kindred::{Store, model::attribute};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     (0..10).try_for_each(|n| tx.put_user(&format!("u{n}"), [("age", (20 + n).into())]))?;
    ///     tx.define_segment("from 24", attribute("age").ge(24))?;
    ///     tx.define_segment("up to 25", attribute("age").le(25))
    /// })?;
    /// let overlap = store.snapshot().overlaps().run()?.remove(0);
    /// assert_eq!((&*overlap.segment, &*overlap.other), ("from 24", "up to 25"));
    /// assert_eq!((overlap.members, overlap.members_of_other, overlap.both), (6, 6, 2));
    /// assert_eq!(overlap.jaccard, 0.2);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn overlaps(&self) -> Overlaps<'_> {
        Overlaps::new(&self.view)
    }

    /// Why a user is in a segment, or is not: its predicate part by part, what each is of the user, and the values that it goes by. It is evaluated
    /// as segments are, by the same instant: the whole is true of those who are in the segment, and of nobody else.
    ///
    /// ```
    /// use kindred::{Store, model::{Truth, attribute, count}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     tx.put_user("ann", [("country", "DE".into())])?;
    ///     tx.define_segment("german buyers", attribute("country").eq("DE") & count("purchase").ge(1))
    /// })?;
    /// let reasons = store.snapshot().explain_segment("ann", "german buyers")?;
    /// assert_eq!(reasons.root.truth, Truth::False);
    /// let bought = &reasons.root.parts[1];
    /// assert_eq!((&*bought.clause, bought.truth), ("count('purchase') >= 1", Truth::False));
    /// assert_eq!((&*bought.values[0].term, &bought.values[0].value), ("count('purchase')", &Some(0.into())));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a user or a segment that is not there; [`crate::Error::Damaged`] where what it goes by cannot be read.
    pub fn explain_segment(&self, user: &str, segment: &str) -> Result<Reasons> {
        observed(Operation::Query, || query::explain_segment(&self.view, &self.settings, user, segment))
    }

    /// What sets the members of a segment apart: the values of attributes, the categories and items acted on, and the kinds of events that they
    /// have more often than the other users.
    ///
    /// ```
    /// use kindred::{Store, model::{Event, attribute}, query::TraitOf};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for n in 0..40 {
    ///         let user = format!("u{n}");
    ///         tx.put_user(&user, [("parent", (n % 4 == 0).into())])?;
    ///         let item = if n % 4 == 0 { "rattle" } else { "beer" };
    ///         tx.record(Event::new(&user, "purchase", "2026-01-01".parse()?).item(item))?;
    ///     }
    ///     tx.define_segment("parents", attribute("parent").eq(true))
    /// })?;
    /// let portrait = store.snapshot().sets_apart("parents").limit(2).run()?;
    /// let rattle = &portrait.traits[1];
    /// assert_eq!(rattle.of, TraitOf::Item { id: "rattle".into(), text: None });
    /// assert_eq!((rattle.members, rattle.share_of_members, rattle.share_of_users, rattle.lift), (10, 1.0, 0.25, 4.0));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn sets_apart<'a>(&'a self, segment: &'a str) -> Contrast<'a> {
        Contrast::new(&self.view, &self.settings, segment)
    }

    /// Who came into segments and who left, from a position of the feed on, at most `limit` of them; go on from
    /// [`SegmentChanges::next`]. The feed begins at 0 and keeps the last million changes. Those of users and of segments that are gone are left
    /// out: whoever removes a user knows of it, and takes them out of what was made of the feed.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a position that is not kept any more, or not there yet; [`crate::Error::Damaged`] where changes cannot be
    /// read, which says from where to go on.
    pub fn changes_since(&self, position: u64, limit: usize) -> Result<SegmentChanges> {
        observed(Operation::Query, || query::changes_since(&self.view, position, limit))
    }
}
