//! Where storage, index and profiles meet: open, write, fit and keep the index up to date.

mod acts;
mod apply;
mod archive;
mod assign;
mod backup;
mod buckets;
mod categories;
mod check;
mod columns;
mod contributions;
mod encode;
mod erase;
mod event_ids;
mod feedback;
mod fit;
mod linear_hash;
mod load;
mod mend;
mod open;
mod points;
pub(crate) mod predicate;
mod published;
mod read_only;
mod reader;
mod reencode;
mod refuse;
mod remove;
mod repair;
mod rows;
mod scrub;
mod seal;
pub(crate) mod segments;
mod session;
mod settings;
mod stored;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;
mod write;

pub(crate) use acts::ItemAct;
pub use archive::Expired;
pub(crate) use archive::{Folded, archive_in, archive_of, each_folded, head_of};
pub(crate) use backup::{backup_closed, backup_elsewhere, restore};
pub(crate) use categories::Categories;
pub(crate) use check::{check_direction, check_text, check_vector};
pub(crate) use contributions::{Share, contributions_in, contributions_of, each_user_past_damage};
pub(crate) use encode::encode_rows;
pub use fit::FitReport;
pub(crate) use points::{Points, learned_factor, raw_text};
pub(crate) use published::Published;
pub(crate) use read_only::Follower;
pub(crate) use reader::{EachReader, Reader, from_key, time_of};
pub(crate) use repair::repair;
pub use repair::{RepairReport, RepairedModel};
pub(crate) use session::embedding;
pub(crate) use settings::{EncoderChoice, Request, Settings, Source};
pub(crate) use stored::{State, StoredEvent, StoredItem, StoredUser, text_hash, text_number};
#[cfg(test)]
pub(crate) use verify::OTHER_VECTOR;
pub(crate) use verify::verify_closed;
pub use verify::{VerifyOptions, VerifyReport};

use crate::error::{Error, Result};
use crate::index::Index;
use crate::model::{OnProgress, Time};
pub(crate) use crate::storage::holds_store;
use crate::storage::{Database, FolderBytes, View, cut_at};
use crate::telemetry::redacted;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use upkeep::{Turns, Upkeep};

/// An open store.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    upkeep: Upkeep,
}

/// How the storage is doing.
pub(crate) struct Condition {
    pub folder: FolderBytes,
    pub waiting_commits: usize,
    /// Views that are held.
    pub snapshots: usize,
    /// Number of the commit up to which the data is on disk without the log.
    pub checkpoint: u64,
    /// Whether values of the data are known to be damaged, and how often such were made anew.
    pub damaged: bool,
    pub heals: u64,
    pub read_only: Option<String>,
}

/// What the engine shares with its upkeep thread.
pub(crate) struct Shared {
    db: Database<Published>,
    core: Mutex<Core>,
    /// Held while a task of the index runs, of which there is one at a time.
    task: Mutex<()>,
    /// Who has the next turn at that.
    turns: Turns,
    /// Held while a manifest of the index is made and written, so that the newest is written last. It is taken before
    /// the core. It guards the last commit of which there may ever have been one on disk.
    manifest: Mutex<u64>,
    /// The store's own number.
    store_id: u128,
    /// Where the store lies, in full.
    folder: PathBuf,
    /// Held while the model of the store is learned.
    fitting: Mutex<()>,
    settings: Arc<Settings>,
}

/// What only the one writer touches. Its lock is taken before the database's.
struct Core {
    index: Index,
    points: Points,
    /// How often damaged values had been made anew when the points were begun.
    heals: u64,
}

impl Engine {
    /// The newest snapshot.
    pub(crate) fn view(&self) -> View<Published> {
        self.shared.db.view()
    }

    /// Applies commits that wait, where no thread does.
    #[cfg(test)]
    pub(crate) fn apply_waiting(&self) {
        self.shared.db.apply_waiting();
    }

    /// Renews the base, due or not.
    #[cfg(test)]
    pub(crate) fn renew_base(&self) -> Result<bool> {
        self.shared.db.renew_base(&|_| {}, &std::sync::atomic::AtomicBool::new(false))
    }

    /// Whether the data can be made anew.
    #[cfg(test)]
    pub(crate) fn is_based(&self) -> bool {
        self.shared.db.is_based()
    }

    /// Makes damaged values anew, as a thread does.
    #[cfg(test)]
    pub(crate) fn heal_if_due(&self) -> Result<bool> {
        self.shared.db.heal_if_due()
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.shared.settings)
    }

    /// What the storage says of itself, beside the newest snapshot.
    pub(crate) fn condition(&self) -> Result<Condition> {
        let view = self.view();
        Ok(Condition {
            folder: FolderBytes::of(&self.shared.folder)?,
            waiting_commits: view.waiting_commits(),
            snapshots: view.others(),
            checkpoint: cut_at(&self.shared.folder)?,
            damaged: self.shared.db.knows_damage(),
            heals: self.shared.db.heals(),
            // Commit 0 needs no sync: what is asked is whether writing has failed before.
            read_only: self.shared.db.make_durable(0).err().map(|error| error.to_string()),
        })
    }

    /// Bytes on disk.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        FolderBytes::of(&self.shared.folder).map(|bytes| bytes.total())
    }

    /// Has segments go by a later instant.
    pub(crate) fn advance_segments(&self, now: Time, progress: OnProgress<'_>) -> Result<()> {
        self.shared.advance_segments(now, progress)
    }

    /// Syncs everything below, writes down what the index's files hold, and sets the commit log aside.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.shared.write_manifest()?;
        self.shared.db.checkpoint()
    }
}

/// The next open has less to bring up to date, the more the index's files and their manifest say.
impl Drop for Engine {
    fn drop(&mut self) {
        self.upkeep.stop();
        if let Err(error) = self.shared.write_manifest() {
            tracing::warn!(error = %redacted(&error), "the next open has more of the index to make anew");
        }
    }
}

impl Shared {
    fn core(&self) -> Result<MutexGuard<'_, Core>> {
        lock(&self.core)
    }
}

/// Locks, unless a thread panicked while it held the lock: what it guards may then be half done.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.lock().map_err(|_| Error::ReadOnly { reason: "a write ended in a panic".to_owned() })
}

/// Settings out of an export: no store can be made like them, or they are stored and told as they were.
#[cfg(fuzzing)]
pub(crate) fn fuzz_settings(settings: crate::model::StoreSettings) {
    use crate::storage::codec::{decode, encode};
    let Ok((made, _)) = Request::default().like(settings.clone()).resolve_new() else { return };
    assert!(made.check_same(&settings).is_ok());
    let stored = encode(&made).and_then(|bytes| decode::<Settings>("fuzz", &bytes));
    assert_eq!(stored.ok().as_ref(), Some(&made));
}

/// Decodes bytes as each stored value; what decodes must survive being stored again.
#[cfg(fuzzing)]
pub(crate) fn fuzz_values(bytes: &[u8]) {
    fn check<T: bincode::Encode + bincode::Decode<()>>(bytes: &[u8]) {
        use crate::storage::codec::{decode, encode};
        let Ok(value) = decode::<T>("fuzz", bytes) else { return };
        let Ok(once) = encode(&value) else { return };
        let again = decode::<T>("fuzz", &once).and_then(|value| encode(&value));
        // Compared as bytes: NaN does not equal itself.
        assert_eq!(again.ok(), Some(once));
    }
    check::<StoredUser>(bytes);
    check::<StoredItem>(bytes);
    check::<StoredEvent>(bytes);
    check::<stored::StoredGroup>(bytes);
    check::<stored::StoredFactor>(bytes);
    check::<stored::State>(bytes);
    check::<archive::Head>(bytes);
    check::<Vec<Folded>>(bytes);
    check::<stored::Counters>(bytes);
    check::<Settings>(bytes);
    check::<crate::profile::Sums>(bytes);
    check::<crate::profile::Learned>(bytes);
    check::<segments::Head>(bytes);
    check::<segments::Part>(bytes);
    check::<Vec<segments::StoredChange>>(bytes);
    check::<segments::StoredSegment>(bytes);
}
