//! The index's files and the store's keys as one: which files are of use at open, and which users' vectors they lack.

use super::reader::{Reader, from_key};
use super::refuse::commit_aside;
use super::session::IndexChanges;
use super::verify::sound;
use super::{Shared, lock};
use crate::error::{ErrorKind, Result};
use crate::index::{Identity, Manifest, Options as IndexOptions, Problem};
use crate::profile::Space;
use crate::storage::keys::{self, Key};
use crate::storage::{codec, prefix_end};
use crate::telemetry::redacted;
use std::ops::ControlFlow;

/// What makes an embedding of what is stored: to be counted up where the same store would give other ones.
const EMBEDDINGS: u32 = 1;
/// Keys of the journal that are deleted in one commit.
const SWEEP: usize = 20_000;

/// The key of the commit up to which the journal lacks what a manifest held.
pub(super) fn swept_key() -> Key {
    keys::meta("sealed")
}

/// What decides a store's vectors. Settings need not be named: where they change vectors, the epoch changes too.
pub(super) fn identity(store_id: u128, space: &Space, options: &IndexOptions) -> Identity {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&store_id.to_le_bytes());
    for number in [EMBEDDINGS, space.encoder, space.learned.version, space.learned.epoch, options.dim as u32]
    {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(options.metric.to_string().as_bytes());
    hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
}

impl Shared {
    /// Writes down what the index's files hold, if that has changed, and takes it out of the journal. After an error it
    /// is due the next time.
    pub(super) fn write_manifest(&self) -> Result<()> {
        let mut last = lock(&self.manifest)?;
        let Some(mut manifest) = self.manifest()? else { return Ok(()) };
        if manifest.seq() <= *last {
            // Each has a commit of its own: where an earlier one came back, what the journal lost since would be missed.
            self.core()?.index.take_back(manifest);
            self.commit_nothing()?;
            let Some(later) = self.manifest()? else { return Ok(()) };
            manifest = later;
        }
        let written = self.put_down(&manifest);
        match &written {
            Ok(()) => *last = manifest.seq(),
            Err(_) => self.core()?.index.take_back(manifest),
        }
        written
    }

    /// What the index's files hold, where that is due to be written.
    fn manifest(&self) -> Result<Option<Manifest>> {
        let mut core = self.core()?;
        // The core's lock keeps commits away, and the writer sees the last one's model before it is published.
        let tx = self.db.begin()?;
        let identity = identity(self.store_id, &tx.attachment().space, core.index.options());
        Ok(core.index.manifest(identity))
    }

    /// Counts the commits up.
    fn commit_nothing(&self) -> Result<()> {
        let core = self.core()?;
        let mut tx = self.db.begin()?;
        let swept: Option<Option<u64>> = sound(tx.read("journal", &swept_key()))?;
        // A damaged one is made good by one that refuses every manifest before this commit.
        let swept = swept.map_or_else(|| tx.next_seq(), Option::unwrap_or_default);
        tx.put(swept_key(), codec::encode(&swept)?);
        self.commit_unjournaled(core, tx, IndexChanges::new(), |_, _| {})
    }

    fn put_down(&self, manifest: &Manifest) -> Result<()> {
        // A manifest of commits that a crash takes back would be of no use.
        self.db.make_durable(manifest.seq())?;
        manifest.write()?;
        self.sweep_journal(manifest)
    }

    /// Has the next open make the index anew if the index still has what is damaged, unless it is mended before.
    pub(super) fn distrust(&self, problems: &[Problem]) -> Result<()> {
        let _one_at_a_time = lock(&self.manifest)?;
        self.core()?.index.distrust(problems)
    }

    /// Deletes the journal's keys of what a manifest on disk covers.
    fn sweep_journal(&self, manifest: &Manifest) -> Result<()> {
        let end = prefix_end(&keys::all_unsealed());
        let mut from = keys::all_unsealed();
        loop {
            let covered = self.covered(manifest, &from, end.as_deref())?;
            let Some(last) = covered.last() else { return Ok(()) };
            from.clone_from(last);
            from.push(0);
            let mut tx = self.db.begin()?;
            for key in covered {
                // It may have changed again.
                if tx.read::<u64>("journal", &key)?.is_some_and(|seq| seq <= manifest.seq()) {
                    tx.delete(key);
                }
            }
            tx.put(swept_key(), codec::encode(&manifest.seq())?);
            commit_aside(tx)?;
        }
    }

    /// The next keys of the journal that a manifest covers.
    fn covered(&self, manifest: &Manifest, from: &[u8], to: Option<&[u8]>) -> Result<Vec<Key>> {
        let mut covered = Vec::new();
        self.db.view().scan_from(from, to, |key, value| {
            let no = from_key("journal", key, keys::u32_at(key, 1))?;
            match value.and_then(|value| codec::decode::<u64>("journal", &value)) {
                Ok(seq) if seq <= manifest.seq() && manifest.covers(no) => covered.push(key.to_vec()),
                Ok(_) => {}
                // It stays, and has its user made anew at every open.
                Err(error) if error.kind() == ErrorKind::Damage => {
                    tracing::warn!(user = no, error = %redacted(&error), "it stays in the journal");
                }
                Err(error) => return Err(error),
            }
            Ok(if covered.len() < SWEEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(covered)
    }
}
