//! The façade: [`Store`], [`Options`] and [`Snapshot`]. Each method is one call down.

mod analysis;
mod backup;
mod import;
mod options;
mod read_only;
mod recommend;
mod repair;
mod segments;
mod stats;
mod verify;

pub use options::Options;
pub use read_only::ReadOnlyStore;
pub use stats::{Stats, StoreStats};

use crate::analysis::Rules;
use crate::engine::{self, Engine};
pub use crate::engine::{Expired, FitReport, RepairReport, RepairedModel, VerifyOptions, VerifyReport};
use crate::error::Result;
use crate::index::Wanted;
use crate::ingest::{self, Report};
use crate::model::{
    Erasure, Event, Item, OnProgress, Predicate, Record, Removal, StoreSettings, Text, Time, Tombstone, User,
};
use crate::query::{self, Like, Profile, Records, Selection, Similar};
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(any(test, fuzzing))]
pub(crate) mod expected;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod live;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod simulation;

/// An embedded profile store: one folder on disk, open in one process at a time.
///
/// A `Store` is `Send + Sync`: share it between threads by reference or in an `Arc`. Writers wait for
/// each other and share disk syncs; readers wait for nobody.
///
/// ```
/// use kindred::{Store, model::{Event, Item, Time}};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("store");
/// let store = Store::open(&path)?;
/// store.write(|tx| {
///     tx.put_item(Item { id: "p1".into(), text: Some("fresh salmon".into()), ..Item::default() })?;
///     tx.put_item(Item { id: "p2".into(), text: Some("smoked salmon".into()), ..Item::default() })?;
///     tx.put_item(Item { id: "p3".into(), text: Some("dog food".into()), ..Item::default() })?;
///     let noon: Time = "2026-01-01T12:00:00Z".parse()?;
///     tx.record(Event::new("ann", "purchase", noon).item("p1"))?;
///     tx.record(Event::new("bob", "purchase", noon).item("p2"))?;
///     tx.record(Event::new("cem", "purchase", noon).item("p3"))
/// })?;
/// let hits = store.snapshot().similar("ann").limit(1).run()?;
/// assert_eq!(hits[0].user, "bob");
/// # Ok::<(), kindred::Error>(())
/// ```
pub struct Store {
    engine: Engine,
}

impl Store {
    /// Opens the store in a folder; where there is none, makes one with the built-in encoder.
    ///
    /// # Errors
    /// [`crate::Error::Locked`] where another process has it open, [`crate::Error::NotAStore`],
    /// [`crate::Error::Format`], [`crate::Error::Model`], [`crate::Error::Damaged`], [`crate::Error::Io`].
    /// The last also where a file of the folder `index` is there and cannot be read just now: call again once the cause is
    /// gone, or remove that folder, and the index is made anew from the store's records.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Options to open a store with.
    pub fn options() -> Options {
        Options::default()
    }

    /// Collects changes in the closure, then applies all of them or none. They are on disk when this
    /// returns, unless [`Options::durability`] relaxes that, and in every snapshot taken after.
    ///
    /// An error out of the closure writes nothing; wrap your own with [`crate::Error::host`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = kindred::Store::open(folder.path().join("store"))?;
    /// let failed = store.write(|tx| {
    ///     tx.put_user("ann", [("age", 31.into()), ("town", "Bonn".into())])?;
    ///     tx.put_user("", [])
    /// });
    /// assert!(failed.is_err());
    /// assert_eq!(store.snapshot().stats()?.users, 0);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn write<R>(&self, changes: impl FnOnce(&mut Transaction<'_>) -> Result<R>) -> Result<R> {
        let mut transaction = Transaction { engine: &self.engine, records: Vec::new() };
        let value = changes(&mut transaction)?;
        observed(Operation::Write, || self.engine.write(&transaction.records, &|_| {}))?;
        Ok(value)
    }

    /// Reads a source to its end: cleans its records, stores the good ones in large commits, and writes
    /// each bad line with its reason to `rejects` as JSON Lines. Reading the same source again changes
    /// nothing, as long as its events have ids or differ.
    ///
    /// In strict mode the first bad line is an error; what came before it is stored.
    ///
    /// ```
    /// use kindred::{Store, ingest::{Options, Source}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// let lines = "{\"type\":\"user\",\"id\":\"ann\",\"attributes\":{\"age\":31}}\n{\"type\":\"user\"}\n";
    /// let mut rejects = Vec::new();
    /// let source = Source::reader("example", lines.as_bytes());
    /// let report = store.ingest(source, &Options::new(), &mut rejects, &|_| {})?;
    /// assert_eq!((report.accepted, report.rejected), (1, 1));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the source or the rejects fail, [`crate::Error::Line`] in strict mode,
    /// and as [`Store::write`].
    pub fn ingest(
        &self,
        source: ingest::Source,
        options: &ingest::Options,
        rejects: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<Report> {
        observed(Operation::Ingest, || self.engine.ingest(source, options, true, rejects, progress))
    }

    /// An immutable view of everything as of now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { view: self.engine.view(), settings: self.engine.settings() }
    }

    /// Learns the model of the store from what it holds (rarity, whitening, item factors, scales) and
    /// fuses all profiles anew with it. Worth doing after the first large ingest, and again when the
    /// catalogue or the users' habits have changed. Readers go on meanwhile with what was; writers wait
    /// while profiles are fused.
    ///
    /// # Errors
    /// [`crate::Error::NoEncoder`] for a store of the host's own vectors.
    pub fn fit(&self) -> Result<FitReport> {
        self.fit_with_progress(&|_| {})
    }

    /// [`Store::fit`], telling how far it is.
    pub fn fit_with_progress(&self, progress: OnProgress<'_>) -> Result<FitReport> {
        observed(Operation::Fit, || self.engine.fit(progress))
    }

    /// Folds all events before an instant: they go out of the list of events, with their ids and the words of their texts, and
    /// stay in all that is made of them. For hosts with a deadline for raw data; [`Options::keep_events`] does the like as
    /// events come in. It is done in commits of some 10,000 events, between which others write.
    ///
    /// From a user's folded time no event is taken any more: it might be counted already. One without folded events may
    /// still get some from before the instant. Until [`Store::compact`], bytes of what was folded may be left in the
    /// store's files.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Time}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// let [old, new]: [Time; 2] = ["2025-01-01".parse()?, "2026-01-01".parse()?];
    /// store.write(|tx| {
    ///     tx.record(Event::new("ann", "purchase", old).item("p1").value(2.0))?;
    ///     tx.record(Event::new("ann", "purchase", new).item("p1").value(3.0))
    /// })?;
    /// let expired = store.expire(new)?;
    /// assert_eq!((expired.users, expired.events), (1, 1));
    /// let snapshot = store.snapshot();
    /// assert_eq!(snapshot.events("ann")?.count(), 1);
    /// assert_eq!(snapshot.profile("ann")?.kinds[0].value, 5.0);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn expire(&self, before: Time) -> Result<Expired> {
        self.expire_with_progress(before, &|_| {})
    }

    /// [`Store::expire`], telling how far it is.
    pub fn expire_with_progress(&self, before: Time, progress: OnProgress<'_>) -> Result<Expired> {
        observed(Operation::Expire, || self.engine.expire(before, progress))
    }

    /// [`Store::seal`] that goes on to its end.
    pub fn build_index(&self, progress: OnProgress<'_>) -> Result<()> {
        self.seal(progress, &AtomicBool::new(false)).map(drop)
    }

    /// Moves all of the index into sealed files and waits for it: compact graphs, which the next open finds as they are. Never
    /// needed for right answers: a background thread does so when enough has changed, and what is in no file is searched
    /// as well. Setting `cancel` gives up, and leaves the index as it was; returns whether it came to its end.
    ///
    /// ```
    /// use std::sync::atomic::AtomicBool;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("store");
    /// let store = kindred::Store::options().dim(2).open(&path)?;
    /// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0]))?;
    /// assert!(!store.seal(&|_| {}, &AtomicBool::new(true))?);
    /// assert!(store.seal(&|_| {}, &AtomicBool::new(false))?);
    /// let stats = store.snapshot().stats()?;
    /// assert_eq!((stats.vectors_sealed, stats.sealed_files), (1, 1));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Io`] where a file cannot be written; [`crate::Error::Damaged`] where one that it is made of is damaged.
    /// The next call then makes that file's part anew from the store's records, and seals.
    pub fn seal(&self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        observed(Operation::Seal, || self.engine.arrange_index(Wanted::Sealed, progress, cancel))
    }

    /// Moves all of the index into one sealed file, the fastest to search, and writes the data and the log anew: the folder is
    /// then as small as it gets, and holds no trace of what was changed or removed before. Reads and writes go on meanwhile;
    /// it takes as much space again as the data. Damaged values are made anew from the store's second copy and its log, for
    /// which writers wait. It waits for a fit that is under way, so it must not be called from what a fit calls. For the rest it is as [`Store::seal`].
    ///
    /// ```
    /// use std::sync::atomic::AtomicBool;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("store");
    /// let store = kindred::Store::options().dim(2).open(&path)?;
    /// for (user, vector) in [("ann", [1.0, 0.0]), ("bob", [0.0, 1.0])] {
    ///     store.write(|tx| tx.put_vector(user, vector.to_vec()))?;
    ///     store.build_index(&|_| {})?;
    /// }
    /// store.write(|tx| tx.remove_user("ann"))?;
    /// assert!(store.compact(&|_| {}, &AtomicBool::new(false))?);
    /// let stats = store.snapshot().stats()?;
    /// assert_eq!((stats.vectors_sealed, stats.sealed_files), (1, 1));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::seal`]; [`crate::Error::Damaged`] too where values are damaged and so is what they would be made anew of.
    pub fn compact(&self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        observed(Operation::Compact, || self.engine.compact(progress, cancel))
    }

    /// Syncs the storage below, writes down what the index's files hold, and sets the commit log aside. Done by itself when
    /// the log grows.
    pub fn checkpoint(&self) -> Result<()> {
        observed(Operation::Checkpoint, || self.engine.checkpoint())
    }

    /// Bytes of the store's folder.
    pub fn size_bytes(&self) -> Result<u64> {
        self.engine.size_bytes()
    }
}

/// Changes being collected by [`Store::write`]. Each is checked at once and applied with the others.
pub struct Transaction<'a> {
    engine: &'a Engine,
    records: Vec<Record>,
}

impl Transaction<'_> {
    /// Adds any record of the JSON Lines form.
    pub fn apply(&mut self, record: Record) -> Result<()> {
        self.engine.check(&record)?;
        self.records.push(record);
        Ok(())
    }

    /// Puts an item, replacing one of the same id.
    pub fn put_item(&mut self, item: Item) -> Result<()> {
        self.apply(Record::Item(item))
    }

    /// Puts a user; attributes that are not named keep their values.
    pub fn put_user<'n>(
        &mut self,
        id: &str,
        attributes: impl IntoIterator<Item = (&'n str, crate::model::Value)>,
    ) -> Result<()> {
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.apply(Record::User(User { id: id.to_owned(), attributes, vector: None }))
    }

    /// Puts a user's vector, in a store of the host's own vectors.
    pub fn put_vector(&mut self, id: &str, vector: Vec<f32>) -> Result<()> {
        let user = User { id: id.to_owned(), vector: Some(vector), ..User::default() };
        self.apply(Record::User(user))
    }

    /// Records an event. One that is there already (by its id, else word for word) is left as it is.
    pub fn record(&mut self, event: Event) -> Result<()> {
        self.apply(Record::Event(event))
    }

    /// Adds a text that a user wrote.
    pub fn add_text(&mut self, user: &str, text: impl Into<String>, time: Time) -> Result<()> {
        self.apply(Record::Text(Text { user: user.to_owned(), text: text.into(), time }))
    }

    /// Removes a user whole: attributes, events, texts, profile and vector. They may come back, as somebody new.
    pub fn remove_user(&mut self, user: &str) -> Result<()> {
        self.apply(Record::Remove(Removal::User { user: user.to_owned() }))
    }

    /// Removes a user whole and for good: a late record of the same user is an error from then on. What stays is a mark that
    /// keeps no personal data. Until [`Store::compact`], bytes of what was removed may be left in the store's files.
    ///
    /// ```
    /// # use kindred::{Error, Store};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| tx.add_text("ann", "I cook a lot of fish", "2026-01-01".parse()?))?;
    /// store.write(|tx| tx.erase_user("ann"))?;
    /// let late = store.write(|tx| tx.put_user("ann", [("age", 31.into())]));
    /// assert!(matches!(late, Err(Error::Erased { .. })));
    /// store.write(|tx| {
    ///     tx.readmit_user("ann")?;
    ///     tx.put_user("ann", [("age", 31.into())])
    /// })?;
    /// assert_eq!(store.snapshot().stats()?.texts, 0);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn erase_user(&mut self, user: &str) -> Result<()> {
        self.apply(Record::Erase(Erasure { user: user.to_owned() }))
    }

    /// Lets a user who was erased come back, as somebody new.
    pub fn readmit_user(&mut self, user: &str) -> Result<()> {
        self.apply(Record::Readmit(Erasure { user: user.to_owned() }))
    }

    /// Removes an item, its events and what it contributed to profiles.
    pub fn remove_item(&mut self, item: &str) -> Result<()> {
        self.apply(Record::Remove(Removal::Item { item: item.to_owned() }))
    }

    /// Removes one attribute of a user.
    pub fn remove_attribute(&mut self, user: &str, attribute: &str) -> Result<()> {
        let (user, attribute) = (user.to_owned(), attribute.to_owned());
        self.apply(Record::Remove(Removal::UserAttribute { user, attribute }))
    }
}

/// An immutable view of the whole store at one commit. Cheap to take and to clone; holds on to what
/// changes meanwhile, so drop it when done. It outlives its [`Store`], whose folder stays locked as long.
#[derive(Clone)]
pub struct Snapshot {
    view: View<engine::Published>,
    settings: Arc<engine::Settings>,
}

impl Snapshot {
    /// All that is kept of a user.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Time}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| tx.record(Event::new("ann", "purchase", Time::from_secs(0)?).item("p1").value(2.5)))?;
    /// let profile = store.snapshot().profile("ann")?;
    /// assert_eq!((profile.kinds[0].count, profile.kinds[0].value), (1, 2.5));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a user that is not there.
    pub fn profile(&self, user: &str) -> Result<Profile> {
        observed(Operation::Profile, || query::profile(&self.view, &self.settings, user))
    }

    /// Users like a user (a plain string names one), a sentence or a vector. Only users with an embedding
    /// or vector are found, and one without has no similar users.
    pub fn similar<'a>(&'a self, like: impl Into<Like<'a>>) -> Similar<'a> {
        Similar::new(&self.view, &self.settings, like.into())
    }

    /// Users of whom a predicate is true: one that was built, or the WHERE clause of SQL.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, attribute, count}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     tx.put_user("ann", [("age", 31.into())])?;
    ///     tx.put_user("bob", [("age", 17.into())])?;
    ///     tx.record(Event::new("ann", "purchase", "2026-01-01".parse()?).item("p1"))
    /// })?;
    /// let snapshot = store.snapshot();
    /// let adults = snapshot.users_where(attribute("age").ge(18) & count("purchase").ge(1))?;
    /// assert_eq!(adults.run()?, ["ann"]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Predicate`] for a text that is none.
    pub fn users_where<P: TryInto<Predicate>>(&self, predicate: P) -> Result<Selection<'_>>
    where
        crate::Error: From<P::Error>,
    {
        Ok(Selection::new(&self.view, &self.settings, predicate.try_into()?))
    }

    /// What is in one basket with what, more often than by chance: association rules over what users did.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Time}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, item) in [("ann", "bread"), ("ann", "butter"), ("bob", "bread"), ("bob", "butter"), ("cem", "tea")] {
    ///         tx.record(Event::new(user, "purchase", "2026-01-01T12:00:00Z".parse()?).item(item))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let found = store.snapshot().rules().min_support(2).limit(1).run()?;
    /// assert_eq!((&*found.rules[0].if_[0], &*found.rules[0].then), ("bread", "butter"));
    /// assert_eq!((found.baskets, found.matching), (3, 2));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn rules(&self) -> Rules<'_> {
        Rules::new(&self.view, &self.settings, query::matching)
    }

    /// All users, with their attributes and, in a store of the host's own, vectors.
    #[must_use]
    pub fn users(&self) -> Records<'_, User> {
        query::users(&self.view)
    }

    /// All items.
    #[must_use]
    pub fn items(&self) -> Records<'_, Item> {
        query::items(&self.view)
    }

    /// The marks of users who were erased.
    #[must_use]
    pub fn erased(&self) -> Records<'_, Tombstone> {
        query::erased(&self.view)
    }

    /// What the store was made with.
    #[must_use]
    pub fn settings(&self) -> StoreSettings {
        self.settings.declared(self.view.attachment().keep)
    }

    /// Writes everything as JSON Lines: what the store was made with, then items, users, their events and texts, what is left of
    /// folded events, and the marks of erased users; returns the number of lines. Nothing is lost: a store made of it by [`Options::import`] exports the
    /// same bytes. What [`Store::fit`] learned is not in it, since it is learned from it.
    ///
    /// ```
    /// use kindred::{Store, ingest::Source};
    /// # let folder = tempfile::tempdir().unwrap();
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.5]))?;
    /// let (mut lines, mut again) = (Vec::new(), Vec::new());
    /// assert_eq!(store.snapshot().export(&mut lines, &|_| {})?, 2);
    ///
    /// let source = Source::reader("export", std::io::Cursor::new(lines.clone()));
    /// let (copy, _) = Store::options().import(folder.path().join("copy"), source, &|_| {})?;
    /// copy.snapshot().export(&mut again, &|_| {})?;
    /// assert_eq!(again, lines);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the writer fails, [`crate::Error::Damaged`] at the first value that is.
    pub fn export(&self, out: &mut dyn Write, progress: OnProgress<'_>) -> Result<u64> {
        observed(Operation::Export, || query::export(&self.view, &self.settings, out, progress, &mut Err))
    }

    /// [`Snapshot::export`] that leaves out what is damaged, and tells `left_out` of each record.
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the writer fails.
    pub fn export_past_damage(
        &self,
        out: &mut dyn Write,
        progress: OnProgress<'_>,
        left_out: &mut dyn FnMut(crate::Error),
    ) -> Result<u64> {
        let mut leave_out = |error| {
            left_out(error);
            Ok(())
        };
        let export = || query::export(&self.view, &self.settings, out, progress, &mut leave_out);
        observed(Operation::Export, export)
    }

    /// A user's events, oldest first: those that are kept ([`Options::keep_events`]).
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a user that is not there.
    pub fn events(&self, user: &str) -> Result<Records<'_, Event>> {
        query::events(&self.view, &self.settings, user)
    }

    /// A user's texts, oldest first.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a user that is not there.
    pub fn texts(&self, user: &str) -> Result<Records<'_, Text>> {
        query::texts(&self.view, user)
    }
}
