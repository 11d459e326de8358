//! One write in progress: what it has read, changed and still has to put down.

use super::archive::Head;
use super::buckets::{Buckets, Slot};
use super::categories::LazyCategories;
use super::columns::{LazyColumns, Noted};
use super::contributions::Share;
use super::encode::encode_rows;
use super::event_ids::EventIds;
use super::points::Points;
use super::published::Published;
use super::reader::Reader;
use super::segments::{ItemInputs, Segments, Touched};
use super::stored::{Counters, State, StoredGroup, StoredItem, StoredUser, text_hash};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::model::{Attributes, KeepEvents, Salt, Time};
use crate::profile::{Parts, Space, Sums};
use crate::storage::keys::{self, Key, TextHash};
use crate::storage::{Writer, codec};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Vectors of texts that this write brings, made before the writer lock was taken.
#[derive(Default)]
pub(crate) struct Encoded {
    /// The encoder that made them.
    pub encoder: String,
    pub vectors: HashMap<TextHash, Vec<f32>>,
}

impl Encoded {
    /// The vector of a text, unless another encoder made it than the one in use now.
    fn get(&self, hash: TextHash, encoder: &dyn Encoder) -> Option<&Vec<f32>> {
        if self.encoder == encoder.id() { self.vectors.get(&hash) } else { None }
    }
}

/// Changes for the index: a user's new vector, or that it has none any more.
pub(crate) type IndexChanges = BTreeMap<u32, Option<Vec<f32>>>;

/// Memory of a user's work and of what will be put of it, besides sums and embedding, about.
const WORK_BYTES: usize = 2_048;
/// Times that a touched user's sums are in memory until they are published: as read, as put, and as logged.
const SUMS_COPIES: usize = 3;

/// How much of its items' text a group keeps as its name.
const GROUP_NAME_CHARS: usize = 120;

/// A user that this write touches.
#[derive(Default)]
pub(super) struct Work {
    pub state: State,
    pub sums: Sums,
    pub buckets: Buckets<Share>,
}

/// What is needed of an item to record an act on it.
#[derive(Clone, Copy)]
pub(super) struct ItemFacts {
    pub no: u32,
    pub group: Option<u32>,
}

/// What a session leaves to be committed and published.
pub(crate) struct Finished<'db> {
    pub tx: Writer<'db, Published>,
    pub index: IndexChanges,
    pub counters: Counters,
    pub salt: Option<Salt>,
    pub folded: Option<u64>,
    pub columns: Arc<LazyColumns>,
    pub categories: Arc<LazyCategories>,
    pub segments: Arc<Segments>,
}

/// One write in progress. Nothing is stored before its [`Session::finish`] is committed.
pub(crate) struct Session<'s, 'db> {
    pub(super) tx: Writer<'db, Published>,
    pub(super) space: Arc<Space>,
    pub(super) points: &'s mut Points,
    pub(super) counters: Counters,
    pub(super) salt: Option<Salt>,
    pub(super) work: BTreeMap<u32, Work>,
    work_bytes: usize,
    pub(super) index: IndexChanges,
    pub(super) event_ids: EventIds,
    /// Events folded and not removed since, once there were any.
    pub(super) folded: Option<u64>,
    /// What is known of the archives of users, if they have one.
    pub(super) heads: HashMap<u32, Option<Head>>,
    /// How long events are kept, and users who got any.
    pub(super) keep: KeepEvents,
    pub(super) grown: BTreeSet<u32>,
    /// Items whose text changed and items that are gone: whoever acted on them is made anew at the end.
    pub(super) changed_items: BTreeSet<u32>,
    pub(super) removed_items: BTreeSet<u32>,
    /// Items that were put or removed, whatever of them changed.
    pub(super) touched_items: Vec<u32>,
    /// What changes of users' attributes.
    pub(super) noted: Noted,
    /// Segments, what changes of users that they may ask for, and which are to be made anew.
    pub(super) segments: Segments,
    pub(super) touched: BTreeMap<u32, Touched>,
    /// What changes of items that were there before.
    pub(super) item_changes: BTreeMap<u32, ItemInputs>,
    pub(super) redefined: BTreeSet<u32>,
    /// Whether definitions came or went.
    pub(super) reroute: bool,
    encoder: Option<Arc<dyn Encoder>>,
    encoded: &'s Encoded,
    users: HashMap<String, u32>,
    items: HashMap<String, ItemFacts>,
}

impl<'s, 'db> Session<'s, 'db> {
    pub(crate) fn new(tx: Writer<'db, Published>, points: &'s mut Points, encoded: &'s Encoded) -> Self {
        let published = Arc::clone(tx.attachment());
        Self {
            tx,
            space: Arc::clone(&published.space),
            points,
            counters: published.counters,
            salt: published.salt,
            work: BTreeMap::new(),
            work_bytes: 0,
            index: IndexChanges::new(),
            event_ids: EventIds::default(),
            folded: published.folded,
            heads: HashMap::new(),
            keep: published.keep,
            grown: BTreeSet::new(),
            changed_items: BTreeSet::new(),
            removed_items: BTreeSet::new(),
            touched_items: Vec::new(),
            noted: Noted::nothing(published.columns.is_wanted() || !published.segments.is_empty()),
            segments: Segments::clone(&published.segments),
            touched: BTreeMap::new(),
            item_changes: BTreeMap::new(),
            redefined: BTreeSet::new(),
            reroute: false,
            encoder: published.encoder.clone(),
            encoded,
            users: HashMap::new(),
            items: HashMap::new(),
        }
    }

    /// Memory that it takes until it is published, about.
    pub(super) fn bytes(&self) -> usize {
        self.tx.bytes() + self.work_bytes
    }

    /// Puts everything down and hands back what is to be committed.
    pub(crate) fn finish(mut self) -> Result<Finished<'db>> {
        self.flush()?;
        self.replay_users_of_items()?;
        self.fold_grown()?;
        for (at, ids) in std::mem::take(&mut self.event_ids).changed() {
            if ids.is_empty() {
                self.tx.delete(keys::event_ids(at));
            } else {
                self.put(keys::event_ids(at), &ids)?;
            }
        }
        if self.counters != self.tx.attachment().counters {
            self.put(keys::meta("counters"), &self.counters.clone())?;
        }
        if let Some(folded) = self.folded.filter(|_| self.folded != self.tx.attachment().folded) {
            self.put(keys::meta("folded"), &folded)?;
        }
        let columns = self.columns()?;
        let categories = self.tx.attachment().categories.followed(&self.touched_items);
        self.follow_segments()?;
        let Self { tx, index, counters, salt, folded, segments, .. } = self;
        Ok(Finished { tx, index, counters, salt, folded, columns, categories, segments: Arc::new(segments) })
    }

    pub(super) fn put<T: bincode::Encode>(&mut self, key: Key, value: &T) -> Result<()> {
        self.tx.put(key, codec::encode(value)?);
        Ok(())
    }

    /// Puts the changed ones of a user's buckets.
    pub(super) fn put_buckets<S: Slot>(&mut self, user: u32, buckets: &Buckets<S>) -> Result<()> {
        for bucket in buckets.changed(user) {
            let (key, slots) = bucket?;
            self.tx.put(key, slots);
        }
        Ok(())
    }

    /// Whether the store makes embeddings itself.
    pub(super) fn embeds(&self) -> bool {
        self.encoder.is_some()
    }

    /// The user's number; a new one gets the next.
    pub(super) fn user(&mut self, id: &str) -> Result<u32> {
        if let Some(&no) = self.users.get(id) {
            return Ok(no);
        }
        let no = match self.tx.user_no(id)? {
            Some(no) => no,
            None => self.new_user(id)?,
        };
        self.users.insert(id.to_owned(), no);
        Ok(no)
    }

    /// The user's number, if there is such a user.
    pub(super) fn known_user(&self, id: &str) -> Result<Option<u32>> {
        match self.users.get(id) {
            Some(&no) => Ok(Some(no)),
            None => self.tx.user_no(id),
        }
    }

    fn new_user(&mut self, id: &str) -> Result<u32> {
        let no = next(&mut self.counters.next_user, "users")?;
        self.counters.users += 1;
        self.note_new_user(no);
        let epoch = self.space.learned.epoch;
        for key in [keys::user(no), keys::state(no), keys::sums(epoch, no), Share::key(no, 0)] {
            self.tx.note_absent(key);
        }
        self.put(keys::user_name(id), &no)?;
        self.put(keys::user(no), &StoredUser { id: id.to_owned(), attributes: Attributes::new() })?;
        Ok(no)
    }

    /// The item's number and group; a new one gets the next number and no facts.
    pub(super) fn item(&mut self, id: &str) -> Result<ItemFacts> {
        if let Some(&facts) = self.items.get(id) {
            return Ok(facts);
        }
        let facts = match self.tx.item_no(id)? {
            Some(no) => ItemFacts { no, group: self.tx.item(no)?.and_then(|item| item.group) },
            None => ItemFacts { no: self.new_item(id)?, group: None },
        };
        self.items.insert(id.to_owned(), facts);
        Ok(facts)
    }

    fn new_item(&mut self, id: &str) -> Result<u32> {
        let no = next(&mut self.counters.next_item, "items")?;
        self.counters.items += 1;
        self.tx.note_absent(keys::item(no));
        self.put(keys::item_name(id), &no)?;
        self.put(keys::item(no), &StoredItem { id: id.to_owned(), ..StoredItem::default() })?;
        Ok(no)
    }

    /// Forgets what was read of names, after something was removed or changed.
    pub(super) fn forget_names(&mut self) {
        self.users.clear();
        self.items.clear();
    }

    /// The number of the group of all items of a text; a new one gets the next.
    pub(super) fn group(&mut self, hash: TextHash, text: &str) -> Result<u32> {
        if let Some(no) = self.tx.read("group name", &keys::group_name(hash))? {
            return Ok(no);
        }
        let no = next(&mut self.counters.next_group, "groups")?;
        self.put(keys::group_name(hash), &no)?;
        let name = text.chars().take(GROUP_NAME_CHARS).collect();
        self.tx.note_absent(keys::group(no));
        self.put(keys::group(no), &StoredGroup { text: hash, name })?;
        Ok(no)
    }

    /// Whether something of that time is newer than all that the user did.
    pub(super) fn is_newer(&self, time: Time, no: u32) -> Result<bool> {
        let newest = match self.work.get(&no) {
            Some(work) => work.state.figures.newest,
            None => self.tx.state(no)?.figures.newest,
        };
        // Of one who was there before this write, figures may be missing.
        let is_new = no >= self.tx.attachment().counters.next_user;
        Ok(newest.map_or(is_new, |newest| newest < time))
    }

    /// The user's work so far, read on first use.
    pub(super) fn work(&mut self, no: u32) -> Result<&mut Work> {
        if !self.work.contains_key(&no) {
            let state = self.tx.state(no)?;
            let sums = self.tx.sums(&self.space, no)?;
            self.work_bytes += WORK_BYTES;
            self.count_growth(0, sums.held());
            if sums.held() == 0 && state.sentence.is_some() {
                self.count_embedding();
            }
            self.work.insert(no, Work { state, sums, buckets: Buckets::default() });
        }
        self.work.get_mut(&no).ok_or_else(|| Error::Bug("work just put is gone".into()))
    }

    /// Adds acts to a user's contributions and sums: the same work however much the user has done.
    pub(super) fn accumulate(&mut self, user: u32, (target, kind, acts): Share) -> Result<()> {
        self.work(user)?;
        let Some(work) = self.work.get_mut(&user) else { return Ok(()) };
        let total = &mut work.state.contributions;
        let (old, new) = work.buckets.add(&self.tx, user, total, (target, kind), acts)?;
        if self.encoder.is_some() {
            let point = self.points.get(&self.tx, target)?;
            let before = work.sums.held();
            self.space.replace_share(&mut work.sums, (target, kind), &point, old, new);
            let now = work.sums.held();
            self.count_growth(before, now);
        }
        Ok(())
    }

    /// Counts the memory of sums that grew, and of the embedding where they are the first of it.
    fn count_growth(&mut self, before: usize, now: usize) {
        self.work_bytes += SUMS_COPIES * size_of::<f32>() * (now - before);
        if before == 0 && now > 0 {
            self.count_embedding();
        }
    }

    /// Counts the memory of attributes that are kept as they were and as they are.
    pub(super) fn count_noted(&mut self, text_bytes: usize) {
        self.work_bytes += WORK_BYTES + 2 * text_bytes;
    }

    /// Counts the memory of a user's embedding.
    pub(super) fn count_embedding(&mut self) {
        if self.embeds() {
            self.work_bytes += size_of::<f32>() * self.space.layout.dim();
        }
    }

    /// Counts one more use of a text's vector in, which is made on first use.
    pub(super) fn retain_text(&mut self, text: &str) -> Result<Option<TextHash>> {
        let Some(encoder) = self.encoder.clone() else { return Ok(None) };
        let hash = text_hash(text);
        let uses = self.uses(hash)?;
        if uses == 0 {
            let vector = match self.encoded.get(hash, encoder.as_ref()) {
                Some(vector) => vector.clone(),
                None => encode_rows(encoder.as_ref(), &[text], &|_| {})?.concat(),
            };
            self.put(keys::text_vector(self.space.encoder, hash), &vector)?;
            self.points.forget_text(hash);
        }
        self.put(keys::text_uses(hash), &uses.saturating_add(1))?;
        Ok(Some(hash))
    }

    /// [`Session::retain_text`] of a text whose words are not there, but its vector.
    pub(super) fn retain_vector(&mut self, hash: TextHash, vector: Option<&Vec<f32>>) -> Result<()> {
        let uses = self.uses(hash)?;
        if let Some(vector) = vector.filter(|_| uses == 0) {
            self.put(keys::text_vector(self.space.encoder, hash), vector)?;
            self.points.forget_text(hash);
        }
        self.put(keys::text_uses(hash), &uses.saturating_add(1))
    }

    /// How often a text's vector is used.
    pub(super) fn uses(&self, hash: TextHash) -> Result<u32> {
        Ok(self.tx.read("text uses", &keys::text_uses(hash))?.unwrap_or(0))
    }

    /// Counts one use of a text's vector out; the last takes the vector with it.
    pub(super) fn release_text(&mut self, hash: TextHash) -> Result<()> {
        let uses = self.uses(hash)?;
        if uses > 1 {
            return self.put(keys::text_uses(hash), &(uses - 1));
        }
        self.tx.delete(keys::text_uses(hash));
        self.tx.delete(keys::text_vector(self.space.encoder, hash));
        self.points.forget_text(hash);
        Ok(())
    }

    /// Puts the touched users down, with their new embeddings for the index.
    pub(super) fn flush(&mut self) -> Result<()> {
        let epoch = self.space.learned.epoch;
        for (no, work) in std::mem::take(&mut self.work) {
            self.put_buckets(no, &work.buckets)?;
            self.put(keys::state(no), &work.state)?;
            if self.embeds() {
                self.put(keys::sums(epoch, no), &work.sums)?;
                // Who has attributes has a sentence made of them: the others' need not be read.
                let attributes = match work.state.sentence {
                    Some(_) => attributes(&self.tx, no)?,
                    None => Attributes::new(),
                };
                let known = (&work.state, &work.sums, &attributes);
                let embedding = fused(&self.tx, &self.space, self.points, known)?;
                self.index.insert(no, embedding);
            }
        }
        Ok(())
    }
}

/// A user's embedding, as of the newest act.
pub(crate) fn embedding(
    reader: &impl Reader,
    space: &Space,
    points: &mut Points,
    no: u32,
    state: &State,
    sums: &Sums,
) -> Result<Option<Vec<f32>>> {
    fused(reader, space, points, (state, sums, &attributes(reader, no)?))
}

fn attributes(reader: &impl Reader, no: u32) -> Result<Attributes> {
    Ok(reader.user(no)?.map(|user| user.attributes).unwrap_or_default())
}

fn fused(
    reader: &impl Reader,
    space: &Space,
    points: &mut Points,
    (state, sums, attributes): (&State, &Sums, &Attributes),
) -> Result<Option<Vec<f32>>> {
    let total = state.figures.newest.map(|newest| space.total(sums, newest)).unwrap_or_default();
    let sentence = match state.sentence {
        Some(hash) => points.text(reader, hash)?,
        None => None,
    };
    Ok(space.embed(&Parts { total: &total, sentence: sentence.as_deref(), attributes }))
}

/// Takes the next number.
fn next(counter: &mut u32, what: &str) -> Result<u32> {
    let no = *counter;
    *counter = no
        .checked_add(1)
        .ok_or_else(|| Error::invalid(format!("number of {what}"), no, "a store holds at most 2^32 − 1"))?;
    Ok(no)
}
