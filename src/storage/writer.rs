//! The one writer: gathers changes, logs them as one commit, and publishes it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use super::changes::{Change, ChangeSet};
use super::core::{Core, Head};
use super::database::Durability;
use super::log::record::RecordBuilder;
use super::merge::{self, Overrides};
use super::published::Published;
use super::{stored, view};
use crate::error::{Error, Result};
use crate::sync::MutexGuard;
use crate::telemetry;

/// Keys that were only read, of which a writer keeps the value.
const KEPT_READS: usize = 1 << 18;
/// Log bytes of a change besides key and value.
const OP_BYTES: usize = 12;
/// Memory of a key that was read or changed, besides key and value, about.
const SLOT_BYTES: usize = 160;

/// Holds the writer lock. Reads see the newest commit, published or not, with this writer's own
/// changes over it. Dropped without [`Writer::commit`] it leaves nothing behind.
pub(crate) struct Writer<'a, A> {
    core: &'a Core<A>,
    head: MutexGuard<'a, Head<A>>,
    slots: RefCell<Slots>,
}

/// What is known of the keys that were read or changed.
#[derive(Default)]
struct Slots {
    by_key: BTreeMap<Vec<u8>, Slot>,
    kept_reads: usize,
    bytes: usize,
}

#[expect(clippy::option_option, reason = "outer: is it changed; inner: does the key exist")]
#[derive(Default)]
struct Slot {
    before: Before,
    after: Option<Option<Vec<u8>>>,
}

#[derive(Default)]
enum Before {
    #[default]
    Unknown,
    Known(Option<Vec<u8>>),
}

impl<'a, A> Writer<'a, A> {
    /// Waits for the writer lock, and for the applier where it is far behind.
    pub(crate) fn begin(core: &'a Core<A>) -> Result<Self> {
        core.queue.wait_for_room();
        let mut head = core.lock_head();
        core.health.check()?;
        let applied = core.publication.applied_seq();
        head.unapplied.retain(|set| set.seq > applied);
        Ok(Self { core, head, slots: RefCell::default() })
    }

    /// The value of `key`, this writer's own changes included.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if let Some(slot) = self.slots.borrow().by_key.get(key) {
            match slot {
                Slot { after: Some(after), .. } => return Ok(after.clone()),
                Slot { before: Before::Known(before), .. } => return Ok(before.clone()),
                Slot { before: Before::Unknown, after: None } => {}
            }
        }
        let value = read_committed(self.core, &self.head, key)?;
        let slots = &mut *self.slots.borrow_mut();
        if slots.kept_reads < KEPT_READS {
            slots.kept_reads += 1;
            slots.bytes += SLOT_BYTES + key.len() + value.as_ref().map_or(0, Vec::len);
            slots.by_key.insert(key.to_vec(), Slot { before: Before::Known(value.clone()), after: None });
        }
        Ok(value)
    }

    /// Visits all entries whose key begins with `prefix`, this writer's own changes included,
    /// ascending, until `visit` breaks or fails.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.scan_between(prefix, merge::prefix_end(prefix).as_deref(), visit)
    }

    /// The same of all entries with `from <= key < to`, to the end where `to` is `None`.
    pub(crate) fn scan_between(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let overrides = |from: &[u8], to: Option<&[u8]>| {
            let mut overrides = Overrides::new();
            view::override_newest(&self.head.unapplied, from, to, &mut overrides);
            self.slots.borrow().override_changed(from, to, &mut overrides);
            overrides
        };
        merge::scan(&*self.core.backend, from, to, overrides, visit)
    }

    /// Sets the value of `key`.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.slots.get_mut().bytes += SLOT_BYTES + key.len() + value.len();
        self.slots.get_mut().by_key.entry(key).or_default().after = Some(Some(value));
    }

    /// Sets the value of a `key` that the caller knows to be absent: saves reading it. Where it is
    /// not absent, older views lose its value.
    pub(crate) fn put_new(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.slots.get_mut().bytes += SLOT_BYTES + key.len() + value.len();
        match self.slots.get_mut().by_key.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(Slot { before: Before::Known(None), after: Some(Some(value)) });
            }
            Entry::Occupied(mut occupied) => occupied.get_mut().after = Some(Some(value)),
        }
    }

    /// Has `key` pass for absent, which the caller knows it to be: it is not read, now or when it is put.
    pub(crate) fn note_absent(&mut self, key: Vec<u8>) {
        self.slots.get_mut().by_key.entry(key).or_insert(Slot { before: Before::Known(None), after: None });
    }

    /// Deletes `key`, where it exists.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.slots.get_mut().by_key.entry(key).or_default().after = Some(None);
    }

    /// Hands over the keys under a prefix that were changed, ascending.
    pub(crate) fn each_changed(&self, prefix: &[u8], mut f: impl FnMut(&[u8])) {
        let slots = self.slots.borrow();
        let under = slots.by_key.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        under.filter(|(_, slot)| slot.after.is_some()).for_each(|(key, _)| f(key));
    }

    /// What belongs to the newest commit, published or not.
    pub(crate) fn attachment(&self) -> &Arc<A> {
        &self.head.attachment
    }

    /// Memory of what was read and put so far, about; what is put twice counts twice.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.borrow().bytes
    }

    /// The number that the commit gets, if it changes anything.
    pub(crate) fn next_seq(&self) -> u64 {
        self.head.seq + 1
    }

    /// Logs the changes as one commit. The writer lock stays held until it is published.
    ///
    /// # Errors
    /// Nothing was committed.
    pub(crate) fn commit(self) -> Result<Pending<'a, A>> {
        let Self { core, mut head, slots } = self;
        let changes = changes(core, &head, slots.into_inner())?;
        if !changes.is_empty() {
            append(core, &mut head, changes)?;
        }
        Ok(Pending { core, head: Some(head) })
    }
}

impl Slots {
    fn override_changed(&self, from: &[u8], to: Option<&[u8]>, overrides: &mut Overrides) {
        if to.is_some_and(|to| to <= from) {
            return;
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, slot) in self.by_key.range::<[u8], _>((Bound::Included(from), end)) {
            if let Some(after) = &slot.after {
                overrides.insert(key.clone(), after.clone());
            }
        }
    }
}

/// The value of `key` after the newest commit. The applier may be at work: what it applies is in
/// `unapplied`, and hides what the backend says meanwhile.
fn read_committed<A>(core: &Core<A>, head: &Head<A>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    if let Some(value) = head.recent.borrow_mut().find(key) {
        telemetry::count(telemetry::CACHE_HITS, &[("cache", "values")], 1);
        return Ok(value);
    }
    telemetry::count(telemetry::CACHE_MISSES, &[("cache", "values")], 1);
    let value = match view::newest_change(&head.unapplied, key) {
        Some(value) => value.cloned(),
        None => stored::told(&*core.backend, stored::read(&*core.backend, key))?,
    };
    head.recent.borrow_mut().note(key, value.as_deref());
    Ok(value)
}

/// The changed ones of `slots` with their values before.
fn changes<A>(core: &Core<A>, head: &Head<A>, slots: Slots) -> Result<Vec<Change>> {
    let mut changes = Vec::with_capacity(slots.by_key.len() - slots.kept_reads.min(slots.by_key.len()));
    for (key, slot) in slots.by_key {
        let Some(after) = slot.after else { continue };
        stored::check(&key, after.as_deref())?;
        let before = match slot.before {
            Before::Known(before) => before,
            Before::Unknown => read_before(core, head, &key)?,
        };
        changes.push(Change { key, before, after });
    }
    Ok(changes)
}

/// A damaged value must not keep its key from being overwritten or deleted.
fn read_before<A>(core: &Core<A>, head: &Head<A>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    match read_committed(core, head, key) {
        Err(Error::Damaged { place, reason }) => {
            let place = telemetry::redacted_place(&place);
            tracing::warn!(place, reason, "a damaged value is overwritten");
            Ok(None)
        }
        read => read,
    }
}

fn append<A>(core: &Core<A>, head: &mut Head<A>, changes: Vec<Change>) -> Result<()> {
    let value_len = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
    let bytes = changes.iter().map(|c| c.key.len() + value_len(&c.after) + OP_BYTES).sum();
    let mut builder = RecordBuilder::with_capacity(bytes);
    for change in &changes {
        stored::write(&mut builder, &change.key, change.before.as_deref(), change.after.as_deref());
    }
    let record = core.log.append(builder)?;
    telemetry::count(telemetry::COMMITS, &[], 1);
    telemetry::count(telemetry::LOGGED_BYTES, &[], record.bytes().len() as u64);
    let recent = head.recent.get_mut();
    for change in &changes {
        recent.refresh(&change.key, change.after.as_deref());
    }
    let changes = Arc::new(ChangeSet::new(record.seq, changes));
    head.seq = record.seq;
    head.generation = head.generation.link(Arc::clone(&changes));
    head.unapplied.push(changes);
    core.queue.push(record);
    Ok(())
}

/// A logged commit that no view shows yet. Must be published: dropped, it makes the database
/// read-only, since what the engine keeps in memory lacks it.
pub(crate) struct Pending<'a, A> {
    core: &'a Core<A>,
    head: Option<MutexGuard<'a, Head<A>>>,
}

impl<A> Pending<'_, A> {
    /// Number of the commit.
    pub(crate) fn seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.seq)
    }

    /// Releases the writer lock, waits until the commit is as durable as the options ask, and
    /// shows it with `attachment` to all views made from then on.
    ///
    /// # Errors
    /// The commit is not shown, and the database is read-only until it is opened again. Whether
    /// the commit is there then is open.
    pub(crate) fn publish(mut self, attachment: A) -> Result<()> {
        let Some(mut head) = self.head.take() else { return Ok(()) };
        let (core, seq) = (self.core, head.seq);
        head.attachment = Arc::new(attachment);
        core.publication.queue(Published {
            seq,
            generation: Arc::clone(&head.generation),
            unapplied: Arc::new(head.unapplied.clone()),
            attachment: Arc::clone(&head.attachment),
        });
        drop(head);
        if core.options.durability == Durability::Immediate {
            core.log.make_durable(seq).inspect_err(|error| core.health.fail(error.to_string()))?;
        }
        core.publication.advance(seq);
        Ok(())
    }
}

impl<A> Drop for Pending<'_, A> {
    fn drop(&mut self) {
        if self.head.is_some() {
            self.core.health.fail("a commit was logged but not published".to_owned());
        }
    }
}
