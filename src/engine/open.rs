//! Opening: check the settings, read the learned model, load the index.

use super::points::Points;
use super::published::Published;
use super::reader::{Flow, Reader, Visit, from_key};
use super::seal::{identity, swept_key};
use super::segments;
use super::session::embedding;
use super::settings::{Request, Settings, Source};
use super::stored::{Counters, State, encoder_number};
use super::upkeep::{Turns, Upkeep};
use super::verify::sound;
use super::{Core, Engine, Shared};
use crate::encoder::Encoder;
use crate::error::{Error, ErrorKind, Result, known};
use crate::index::{DamagedFiles, Index, IndexView, Options as IndexOptions};
use crate::model::{Blend, KeepEvents, Salt};
use crate::profile::{Learned, Space};
use crate::storage::keys::Key;
use crate::storage::{
    Contents, Database, Opened, Options, codec, holds_store, index_folder, index_of, keys, must_hold_store,
};
use crate::telemetry::{self, redacted};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Users that are handed to the index at a time.
const CHUNK: usize = 4096;

impl Reader for Contents {
    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(key)
    }

    fn scan_between(&self, from: &[u8], to: Option<&[u8]>, f: &mut Visit<'_>) -> Result<()> {
        Contents::scan_between(self, from, to, f)
    }
}

impl Engine {
    /// Opens the store in a folder, or makes one.
    pub(crate) fn open(path: &Path, request: &Request) -> Result<Self> {
        telemetry::describe();
        if request.must_exist {
            must_hold_store(path)?;
        }
        // Before a folder is made, so that a mistake in the options leaves none behind.
        let new = if holds_store(path) { None } else { Some(request.resolve_new()?) };
        let mut options = Options::default();
        options.durability = request.durability.unwrap_or(options.durability);
        options.cache_bytes = request.cache_bytes.unwrap_or(options.cache_bytes);
        options.heal = request.heal.unwrap_or(options.heal);
        let opened = Database::<Published>::open(path, &options)?;
        let may_find = !opened.is_damaged() && !opened.is_new;
        let started = Self::start(opened, path, request, new, Threads::Own, may_find);
        let found = match &started {
            Ok(engine) => engine.shared.db.is_healing(),
            Err(error) => error.kind() == ErrorKind::Damage,
        };
        if !(may_find && found) {
            return started;
        }
        // Now that it is known, opening makes the data anew.
        drop(started);
        let opened = Database::<Published>::open(path, &options)?;
        Self::start(opened, path, request, None, Threads::Own, false)
    }

    /// Makes a store in a new folder with settings that are known in full; of the request the rest counts.
    pub(super) fn make(path: &Path, request: &Request, settings: New) -> Result<Self> {
        let opened = Database::<Published>::open(path, &Options::default())?;
        let request = Request { must_exist: false, must_be_new: true, ..request.clone() };
        Self::start(opened, path, &request, Some(settings), Threads::Own, false)
    }

    /// Starts the store of an opened folder, a new one with the settings `new`. What is found damaged may have it opened once more, made anew.
    fn start(
        opened: Opened,
        path: &Path,
        request: &Request,
        new: Option<New>,
        threads: Threads,
        may_be_again: bool,
    ) -> Result<Self> {
        if !opened.is_new && request.must_be_new {
            return Err(Error::invalid(
                "folder",
                path.display(),
                "it holds a store already: open that, or take another folder",
            ));
        }
        if opened.is_new && request.must_exist {
            return Err(Error::NotAStore { path: path.to_owned(), reason: "it holds no store".into() });
        }
        let contents = &opened.contents;
        check_complete(contents, opened.is_new)?;
        let stored: Option<Settings> = contents.read("settings", &keys::meta("settings"))?;
        let (settings, encoder) = match &stored {
            Some(stored) => request.resolve(stored)?,
            None => new.map_or_else(|| request.resolve_new(), Ok)?,
        };
        let loading = stored.as_ref().unwrap_or(&settings);
        let loaded = load(contents, loading, encoder, &Files::Own(path), request.head_rows)?;
        let Loaded { mut core, published, left_out } = loaded;
        if left_out && opened.is_damaged() && opened.is_backed() {
            core.index.forgo_manifest();
        }
        let (store_id, last) = (contents.store_id(), contents.seq());
        let (users, indexed) = (published.counters.users, published.index.len());
        tracing::info!(commit = last, users, indexed, "opened");
        let db = match threads {
            Threads::Own => opened.start(published)?,
            #[cfg(test)]
            Threads::None => opened.start_by_hand(published),
        };
        let shared = Shared {
            db,
            store_id,
            folder: path.canonicalize().map_err(|e| Error::io("open", path, e))?,
            core: Mutex::new(core),
            task: Mutex::new(()),
            turns: Turns::default(),
            manifest: Mutex::new(last),
            fitting: Mutex::new(()),
            settings: Arc::new(settings.clone()),
        };
        let shared = Arc::new(shared);
        if stored.as_ref() != Some(&settings) {
            shared.adopt(stored.as_ref(), &settings)?;
        }
        // Until then, nothing is given up that may be made anew.
        if !(may_be_again && shared.db.is_healing()) {
            shared.catch_up(request)?;
        }
        let upkeep = match threads {
            Threads::Own => Upkeep::start(&shared, request)?,
            #[cfg(test)]
            Threads::None => Upkeep::none(),
        };
        Ok(Self { shared, upkeep })
    }

    /// Opens a store over a backend and a disk of the tests' own, without threads: [`Engine::apply_waiting`] does what they do.
    #[cfg(test)]
    pub(crate) fn open_over(
        path: &Path,
        request: &Request,
        disk: &Arc<dyn crate::storage::Disk>,
        data: &Arc<dyn crate::storage::Data>,
    ) -> Result<Self> {
        let mut options = Options { retry_after: std::time::Duration::ZERO, ..Options::default() };
        options.durability = request.durability.unwrap_or(options.durability);
        let opened = Opened::open_over(path, &options, disk, data)?;
        Self::start(opened, path, request, None, Threads::None, false)
    }
}

/// The settings of a new store, with its encoder.
pub(super) type New = (Settings, Option<Arc<dyn Encoder>>);

/// Who does what is due in the background.
#[derive(Clone, Copy)]
enum Threads {
    Own,
    #[cfg(test)]
    None,
}

impl Shared {
    /// Stores new settings; where they change what profiles are made of, fuses all anew.
    fn adopt(&self, stored: Option<&Settings>, settings: &Settings) -> Result<()> {
        let refuse = stored.is_some_and(|s| s.kinds != settings.kinds || s.fusion != settings.fusion);
        let view = self.db.view();
        let learned = view.attachment().space.learned.clone();
        let encoder = view.attachment().encoder.clone();
        if refuse && encoder.is_some() {
            return self.refuse(settings, learned, encoder, &|_| {});
        }
        let space = Arc::new(space(settings, encoder.as_deref(), learned));
        let core = self.core()?;
        let mut tx = self.db.begin()?;
        tx.put(keys::meta("settings"), codec::encode(settings)?);
        self.commit(core, tx, super::session::IndexChanges::new(), |published| published.space = space)
    }
}

impl Shared {
    /// Does what a store that was closed in the middle of it, or came to harm, left undone; and what is asked of it now.
    fn catch_up(&self, request: &Request) -> Result<()> {
        self.make_segments_anew()?;
        self.finish_advance()?;
        request.keep_events.map_or(Ok(()), |keep| self.adopt_keep(keep))
    }

    /// Stores another policy for old events, once all users are as it says. One that broke off is done again with the next
    /// open that asks for it.
    fn adopt_keep(&self, keep: KeepEvents) -> Result<()> {
        if self.db.view().attachment().keep == keep {
            return Ok(());
        }
        self.fold_due(keep, &|_| {})?;
        let core = self.core()?;
        let mut tx = self.db.begin()?;
        tx.put(keys::meta("keep"), codec::encode(&keep)?);
        self.commit(core, tx, super::session::IndexChanges::new(), |published| published.keep = keep)
    }
}

/// The space of a store's settings, encoder and learned model.
pub(super) fn space(settings: &Settings, encoder: Option<&dyn Encoder>, learned: Learned) -> Space {
    let encoder = encoder.map_or((0, 0), |encoder| (encoder_number(encoder.id()), encoder.dim()));
    Space::new(encoder, settings.fusion.clone(), settings.kinds.clone(), learned)
}

/// The store's folder, where the index's files are.
pub(super) enum Files<'a> {
    Own(&'a Path),
    /// Those of another process, which are only read, and which of them are of no use.
    Others(&'a Path, &'a DamagedFiles),
}

/// Refuses a store that lacks what it cannot be without, such as one restored from a backup of a damaged one: it would take
/// other settings, give numbers out a second time, or let erased users come back.
pub(super) fn check_complete(opened: &Contents, is_new: bool) -> Result<()> {
    let needed = [
        ("settings", "settings", !is_new),
        ("counts", "counters", has_any(opened, &[keys::users(), keys::items(), keys::groups()])?),
        ("salt of the marks of erased users", "salt", has_any(opened, &[keys::tombstones()])?),
        ("state of all segments", "segments", has_any(opened, &[keys::segments()])?),
    ];
    for (what, name, is_needed) in needed {
        if is_needed && opened.get(&keys::meta(name))?.is_none() {
            return Err(Error::damaged(format!("the {what}"), "nothing is there"));
        }
    }
    Ok(())
}

/// What a store is opened with beside its settings, its users and its index.
pub(super) struct Meta {
    learned: Learned,
    counters: Counters,
    salt: Option<Salt>,
    keep: KeepEvents,
    folded: Option<u64>,
    blend: Option<Blend>,
}

impl Meta {
    pub(super) fn read(opened: &Contents) -> Result<Self> {
        Ok(Self {
            learned: opened.read("learned model", &keys::meta("learned"))?.unwrap_or_default(),
            counters: opened.read("counters", &keys::meta("counters"))?.unwrap_or_default(),
            salt: opened.read("salt", &keys::meta("salt"))?,
            keep: opened.read("policy for old events", &keys::meta("keep"))?.unwrap_or_default(),
            folded: opened.read("count of folded events", &keys::meta("folded"))?,
            blend: blend_or_default(opened)?,
        })
    }
}

/// What is learned of how much signals count; as by default where that is damaged: it makes answers better, and none right.
fn blend_or_default(opened: &Contents) -> Result<Option<Blend>> {
    let mut lost = None;
    let blend = known(blend(opened), &mut lost)?.flatten();
    if let Some(error) = lost {
        tracing::warn!(error = %redacted(&error), "the weights of signals are those of the beginning");
    }
    Ok(blend)
}

/// How much each signal of a recommendation counts, once that was learned.
pub(super) fn blend(opened: &Contents) -> Result<Option<Blend>> {
    let what = "weights of signals";
    let blend: Option<Blend> = opened.read(what, &keys::meta("blend"))?;
    match blend.map(Blend::check) {
        Some(Err(error)) => Err(Error::damaged(what, error.to_string())),
        _ => Ok(blend),
    }
}

/// Whether any key begins with one of these.
fn has_any(opened: &Contents, prefixes: &[Key]) -> Result<bool> {
    let mut any = false;
    for prefix in prefixes {
        opened.scan_each(prefix, |_, _| {
            any = true;
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(any)
}

/// What is kept in memory.
pub(super) struct Loaded {
    pub core: Core,
    pub published: Published,
    /// Whether a user was left out of the index for a damaged value.
    pub left_out: bool,
}

/// Reads what is kept in memory.
pub(super) fn load(
    opened: &Contents,
    settings: &Settings,
    encoder: Option<Arc<dyn Encoder>>,
    files: &Files<'_>,
    head_rows: Option<usize>,
) -> Result<Loaded> {
    let Meta { learned, counters, salt, keep, folded, blend } = Meta::read(opened)?;
    let encoder = adapt(encoder, &learned)?;
    let text_dims = encoder.as_ref().map_or(0, |encoder| encoder.dim());
    if learned.whitening.as_ref().is_some_and(|whitening| !whitening.fits(text_dims)) {
        return Err(Error::damaged(
            "learned model",
            format!("its whitening is not of {text_dims} dimensions"),
        ));
    }
    let space = Arc::new(space(settings, encoder.as_deref(), learned));
    let mut points = Points::new(Arc::clone(&space));
    let mut options = IndexOptions::new(settings.source.dim(&space), settings.source.metric());
    options.head_rows = head_rows.unwrap_or(options.head_rows);
    // Where it is damaged nobody knows what the journal lacks: no manifest will do, and the index is made anew.
    let swept = sound(opened.read("journal", &swept_key()))?.map_or(u64::MAX, Option::unwrap_or_default);
    let identity = identity(opened.store_id(), &space, &options);
    let commits = swept..=opened.seq();
    let mut index = match files {
        Files::Own(store) => {
            options.folder = Some(index_folder(store)?);
            Index::open(options, &identity, commits)?
        }
        Files::Others(store, damaged) => Index::read(&index_of(store), options, &identity, commits, damaged)?,
    };
    let (view, left_out) = with_vectors(opened, &settings.source, &mut points, |prefix, vector| {
        Rows { opened, prefix, made: Made::new(vector) }.load(&mut index)
    })?;
    let segments = segments::load(opened, &settings.kinds)?;
    let published = Published {
        index: view,
        space,
        encoder,
        counters,
        salt,
        keep,
        folded,
        blend,
        columns: Arc::default(),
        acts: Arc::default(),
        categories: Arc::default(),
        segments: Arc::new(segments),
    };
    Ok(Loaded { core: Core { index, points, heals: 0 }, published, left_out })
}

/// An encoder with what it learned from the store.
pub(super) fn adapt(
    encoder: Option<Arc<dyn Encoder>>,
    learned: &Learned,
) -> Result<Option<Arc<dyn Encoder>>> {
    match (encoder, &learned.encoder_state) {
        (Some(encoder), Some(state)) => Ok(Some(Arc::from(encoder.with_state(state)?))),
        (encoder, _) => Ok(encoder),
    }
}

/// Hands over under what and a user's number lies that which the users' vectors are made of, and how they are.
pub(super) fn with_vectors<T>(
    reader: &impl Reader,
    source: &Source,
    points: &mut Points,
    work: impl FnOnce(Key, &mut VectorOf<'_>) -> T,
) -> T {
    match *source {
        Source::Vectors { dim, .. } => work(keys::vectors(), &mut |_, value| vector_of(value, dim)),
        Source::Encoder { .. } => {
            work(keys::states(), &mut |no, value| embedding_of(reader, points, no, value))
        }
    }
}

fn vector_of(value: &[u8], dim: usize) -> Result<Option<Vec<f32>>> {
    let vector: Vec<f32> = codec::decode("vector", value)?;
    if vector.len() == dim {
        Ok(Some(vector))
    } else {
        Err(Error::damaged("vector", format!("it has {} dimensions, not {dim}", vector.len())))
    }
}

fn embedding_of(
    reader: &impl Reader,
    points: &mut Points,
    no: u32,
    value: &[u8],
) -> Result<Option<Vec<f32>>> {
    let state: State = codec::decode("state", value)?;
    let space = Arc::clone(points.space());
    let sums = reader.sums(&space, no)?;
    embedding(reader, &space, points, no, &state, &sums)
}

/// Makes a user's vector out of its number and a stored value.
pub(super) type VectorOf<'a> = dyn FnMut(u32, &[u8]) -> Result<Option<Vec<f32>>> + 'a;

/// What is stored for the index.
struct Rows<'a> {
    opened: &'a Contents,
    /// Under this and a user's number lies what the user's vector is made of.
    prefix: Key,
    made: Made<'a>,
}

/// Makes the vectors of users, each by itself.
pub(super) struct Made<'a> {
    vector: &'a mut VectorOf<'a>,
    /// Whether a user was left out.
    pub left_out: bool,
}

impl Rows<'_> {
    /// Brings the index up to date: it has its files already, or nothing. Returns whether a user was left out, too.
    fn load(&mut self, index: &mut Index) -> Result<(IndexView, bool)> {
        let is_new = index.seq().is_none();
        let view = if is_new { self.load_all(index)? } else { self.load_changed(index)? };
        if is_new {
            index.forgo_journal();
        }
        Ok((view, self.made.left_out))
    }

    /// Loads all users, chunk by chunk.
    fn load_all(&mut self, index: &mut Index) -> Result<IndexView> {
        let (opened, mut chunk) = (self.opened, Vec::new());
        opened.scan_each(&self.prefix.clone(), |key, value| {
            let no = from_key("user", key, keys::u32_at(key, 1))?;
            chunk.push((no, self.made.of(no, value.map(Some))?));
            apply_full(&mut chunk, index, opened.seq())
        })?;
        index.apply(chunk, opened.seq())
    }

    /// Loads the users that the journal names.
    fn load_changed(&mut self, index: &mut Index) -> Result<IndexView> {
        let (opened, mut chunk) = (self.opened, Vec::new());
        opened.scan_each(&keys::all_unsealed(), |key, _| {
            let no = from_key("journal", key, keys::u32_at(key, 1))?;
            chunk.push((no, self.made.of_user(opened, &self.prefix, no)?));
            apply_full(&mut chunk, index, opened.seq())
        })?;
        index.apply(chunk, opened.seq())
    }
}

impl<'a> Made<'a> {
    pub(super) fn new(vector: &'a mut VectorOf<'a>) -> Self {
        Self { vector, left_out: false }
    }

    /// The vector of a user of whom nothing was read yet.
    pub(super) fn of_user(
        &mut self,
        reader: &impl Reader,
        prefix: &[u8],
        no: u32,
    ) -> Result<Option<Vec<f32>>> {
        self.of(no, reader.raw(&[prefix, &no.to_be_bytes()].concat()))
    }

    /// A user's vector. What is damaged costs its own user's place in the index and nothing else.
    pub(super) fn of(&mut self, no: u32, value: Result<Option<Vec<u8>>>) -> Result<Option<Vec<f32>>> {
        let vector = value.and_then(|value| match value {
            Some(value) => (self.vector)(no, &value),
            None => Ok(None),
        });
        match vector {
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(user = no, error = %redacted(&error), "left out of the index");
                self.left_out = true;
                Ok(None)
            }
            vector => vector,
        }
    }
}

/// Hands a chunk to the index once it is full.
fn apply_full(chunk: &mut Vec<(u32, Option<Vec<f32>>)>, index: &mut Index, seq: u64) -> Flow {
    if chunk.len() == CHUNK {
        index.apply(std::mem::take(chunk), seq)?;
    }
    Ok(ControlFlow::Continue(()))
}
