//! Fusing all profiles anew: after a fit, or when weights or half-lives changed. No text is encoded for it, but
//! those that came while an encoder was learning.

use super::contributions::contributions_of;
use super::open::space;
use super::points::Points;
use super::reader::{EachReader, Reader, from_key};
use super::session::{IndexChanges, embedding};
use super::settings::Settings;
use super::stored::State;
use super::verify::sound;
use super::{Published, Shared};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use crate::profile::{Learned, Space, Sums};
use crate::storage::keys::{Key, TextHash};
use crate::storage::{Writer, codec, keys};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Users that are put down in one commit.
const CHUNK: usize = 1024;
/// Old keys that are deleted in one commit.
const SWEEP: usize = 20_000;

impl Shared {
    /// Makes all sums and embeddings anew under a new epoch and swaps them in with one commit. Writers
    /// wait meanwhile; readers go on with what was.
    pub(super) fn refuse(
        &self,
        settings: &Settings,
        mut learned: Learned,
        encoder: Option<Arc<dyn Encoder>>,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let mut core = self.core()?;
        // What an earlier writer still waits to have synced must be in the view that is read below.
        commit_aside(self.db.begin()?)?;
        let (old_epoch, old_encoder) = {
            let view = self.db.view();
            let space = &view.attachment().space;
            (space.learned.epoch, space.encoder)
        };
        // What a fit left that did not get to its end would pass for sums of the new epoch.
        self.sweep_prefix(&keys::all_sums(), old_epoch)?;
        learned.epoch = old_epoch
            .checked_add(1)
            .ok_or_else(|| Error::Bug("the store was fused 2^32 times".to_owned()))?;
        let new = Arc::new(space(settings, encoder.as_deref(), learned));
        let mut points = Points::new(Arc::clone(&new));
        if old_encoder != new.encoder
            && let Some(encoder) = &encoder
        {
            self.encode_all(&self.db.view(), encoder.as_ref(), progress)?;
        }
        let changes = self.fuse_all(&new, &mut points, progress)?;
        let mut tx = self.db.begin()?;
        tx.put(keys::meta("settings"), codec::encode(settings)?);
        tx.put(keys::meta("learned"), codec::encode(&new.learned)?);
        core.points = points;
        self.commit_unjournaled(core, tx, changes, |published, index| {
            published.space = Arc::clone(&new);
            published.encoder = encoder;
            // All users change, and the files are those of another model: nothing is gained by naming each.
            index.forgo_journal();
        })?;
        self.sweep(&new)
    }

    /// Puts the sums of all users down, chunk by chunk, and collects their embeddings.
    fn fuse_all(&self, space: &Space, points: &mut Points, progress: OnProgress<'_>) -> Result<IndexChanges> {
        let view = self.db.view();
        let total = view.attachment().counters.users as usize;
        let mut changes = IndexChanges::new();
        let mut chunk: Vec<(Key, Sums)> = Vec::new();
        view.scan(&keys::states(), |key, value| {
            let no = from_key("state", key, keys::u32_at(key, 1))?;
            let state: State = codec::decode("state", value)?;
            let sums = sums_of(&view, space, points, no)?;
            changes.insert(no, embedding(&view, space, points, no, &state, &sums)?);
            chunk.push((keys::sums(space.learned.epoch, no), sums));
            if chunk.len() == CHUNK {
                self.put_aside(std::mem::take(&mut chunk))?;
                progress(Progress::of("fusing profiles", changes.len(), total));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.put_aside(chunk)?;
        progress(Progress::of("fusing profiles", changes.len(), total));
        Ok(changes)
    }

    /// Deletes sums, factors and text vectors of other epochs, versions and encoders, also those a crash left behind.
    pub(super) fn sweep(&self, space: &Space) -> Result<()> {
        let Learned { version, epoch, .. } = space.learned;
        let kinds = [
            (keys::all_sums(), epoch),
            (keys::item_factors(), version),
            (keys::group_factors(), version),
            (keys::text_vectors(), space.encoder),
        ];
        for (prefix, current) in kinds {
            self.sweep_prefix(&prefix, current)?;
        }
        self.sweep_unused_vectors()
    }

    /// Deletes vectors of texts that nothing uses: those removed while all texts were encoded anew.
    fn sweep_unused_vectors(&self) -> Result<()> {
        let view = self.db.view();
        let mut unused = Vec::new();
        view.each(&keys::text_vectors(), &mut |key, _| {
            let hash = from_key("text vector", key, keys::text_hash_at(key))?;
            if is_unused(&view, hash)? {
                unused.push((key.to_vec(), hash));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if unused.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin()?;
        for (key, hash) in unused {
            if is_unused(&tx, hash)? {
                tx.delete(key);
            }
        }
        commit_aside(tx)
    }

    fn sweep_prefix(&self, prefix: &[u8], current: u32) -> Result<()> {
        loop {
            let mut old = Vec::new();
            // A damaged value of another epoch goes, too.
            self.db.view().each(prefix, &mut |key, _| {
                if keys::u32_at(key, 1) != Some(current) {
                    old.push(key.to_vec());
                }
                Ok(if old.len() < SWEEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            if old.is_empty() {
                return Ok(());
            }
            let mut tx = self.db.begin()?;
            old.into_iter().for_each(|key| tx.delete(key));
            commit_aside(tx)?;
        }
    }
}

/// Whether nothing uses a text. Where the count of its uses is damaged, something may.
fn is_unused(reader: &impl Reader, hash: TextHash) -> Result<bool> {
    Ok(sound(reader.raw(&keys::text_uses(hash)))?.is_some_and(|uses| uses.is_none()))
}

/// A user's sums, from the stored contributions.
pub(crate) fn sums_of(reader: &impl Reader, space: &Space, points: &mut Points, user: u32) -> Result<Sums> {
    let mut sums = Sums::default();
    for (target, kind, contribution) in contributions_of(reader, user)? {
        let point = points.get(reader, target)?;
        space.replace_share(&mut sums, (target, kind), &point, None, contribution);
    }
    Ok(sums)
}

/// Commits keys that no reader looks at yet, or any more.
pub(super) fn commit_aside(tx: Writer<'_, Published>) -> Result<()> {
    let published = Published::clone(tx.attachment());
    tx.commit()?.publish(published)
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::settings::{EncoderChoice, Request};
    use super::super::stored::text_hash;
    use super::*;
    use crate::encoder::HashedEncoder;
    use crate::model::{Erasure, Record, Text, Time};
    use std::sync::atomic::AtomicBool;

    #[test]
    fn compacting_takes_what_an_unfinished_fit_has_left_of_an_erased_user() {
        let folder = tempfile::tempdir().unwrap();
        let encoder = EncoderChoice::Host(Arc::new(HashedEncoder::new(16).unwrap()));
        let engine = Engine::open(folder.path(), &Request { encoder, ..Request::default() }).unwrap();
        let said = |user: &str, text: &str| Text {
            user: user.into(),
            text: text.into(),
            time: Time::from_secs(9).unwrap(),
        };
        engine
            .write(
                &[Record::Text(said("ann", "rare orchids")), Record::Text(said("bob", "football"))],
                &|_| {},
            )
            .unwrap();
        let (epoch, encoder) = {
            let view = engine.view();
            let space = &view.attachment().space;
            (space.learned.epoch, space.encoder)
        };
        // Of another encoder and of the next epoch, as if the process had been killed then; and of a text that nobody uses.
        let left = [
            keys::text_vector(encoder ^ 1, text_hash("rare orchids")),
            keys::text_vector(encoder, text_hash("never written")),
            keys::sums(epoch + 1, engine.view().user_no("ann").unwrap().unwrap()),
        ];
        engine.shared.put_aside(left.iter().cloned().map(|key| (key, vec![1.5_f32; 16]))).unwrap();
        engine.write(&[Record::Erase(Erasure { user: "ann".into() })], &|_| {}).unwrap();
        assert!(left.iter().all(|key| engine.view().raw(key).unwrap().is_some()));
        assert!(engine.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
        assert!(left.iter().all(|key| engine.view().raw(key).unwrap().is_none()));
        let bob = keys::text_vector(encoder, text_hash("football"));
        assert!(engine.view().raw(&bob).unwrap().is_some());
    }
}
