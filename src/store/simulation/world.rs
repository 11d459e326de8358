//! A store on a disk that fails and forgets, and what it should hold.

use super::backups::Backups;
use super::records::{Taste, batch, time};
use crate::encoder::HashedEncoder;
use crate::engine::{EncoderChoice, Engine, Request};
use crate::error::{Error, Result};
use crate::index::Wanted;
use crate::model::{Fusion, KeepEvents, Record};
use crate::storage::{Dice, Disk, Durability, MemoryBackend, MemoryDisk};
use crate::store::expected::{Model, Taken};
use crate::store::{Snapshot, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Writes that may wait to be applied: more would wait for a thread that is not there.
const MOST_WAITING: usize = 8;

/// One history in progress.
pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) taste: Taste,
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<MemoryDisk>,
    pub(super) backend: Arc<MemoryBackend>,
    pub(super) store: Option<Store>,
    /// What the store said that it took.
    pub(super) model: Model,
    /// What a crash may leave instead: states since the last that is known to be on disk, and that of a write that failed.
    pub(super) perhaps: Vec<Model>,
    pub(super) held: Vec<(Snapshot, Model)>,
    pub(super) backups: Backups,
    /// Whether the base may be damaged, so that the data cannot be made anew until it is renewed.
    pub(super) base_cut: bool,
    durability: Durability,
    waiting: usize,
    /// What was done, for people.
    pub(super) trace: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, folder: &Path) -> Self {
        let mut dice = Dice(seed);
        let (users, items) = (3 + dice.below(12), 2 + dice.below(6));
        let dim = if dice.one_in(2) { 4 } else { 0 };
        let relaxed = dice.one_in(4);
        let keep = if seed.is_multiple_of(3) { 1 + seed / 3 % 6 } else { 0 };
        let durability = if relaxed { Durability::Within(Duration::ZERO) } else { Durability::Immediate };
        let mut world = Self {
            dice,
            taste: Taste { users, items, dim, keep },
            folder: folder.to_owned(),
            disk: Arc::default(),
            backend: Arc::default(),
            store: None,
            model: Model::default(),
            perhaps: Vec::new(),
            held: Vec::new(),
            backups: Backups::default(),
            base_cut: false,
            durability,
            waiting: 0,
            trace: Vec::new(),
        };
        world.open().unwrap();
        world
    }

    pub(super) fn is_relaxed(&self) -> bool {
        self.durability != Durability::Immediate
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    pub(super) fn open(&mut self) -> Result<()> {
        self.store = Some(self.open_in(&self.folder, &self.disk, &self.backend)?);
        self.waiting = 0;
        Ok(())
    }

    /// Opens a store of this taste.
    pub(super) fn open_in(
        &self,
        folder: &Path,
        disk: &Arc<MemoryDisk>,
        backend: &Arc<MemoryBackend>,
    ) -> Result<Store> {
        let encoder = || EncoderChoice::Host(Arc::new(HashedEncoder::new(16).unwrap()));
        let request = Request {
            encoder: if self.taste.dim == 0 { encoder() } else { EncoderChoice::Stored },
            dim: (self.taste.dim > 0).then_some(self.taste.dim),
            fusion: Some(Fusion { item_dims: 4, group_dims: 2, ..Fusion::default() }),
            durability: Some(self.durability),
            keep_events: (self.taste.keep > 0).then(|| KeepEvents::last(self.taste.keep)),
            ..Request::default()
        };
        let disk: Arc<dyn Disk> = disk.clone();
        let engine = Engine::open_over(folder, &request, &disk, &(backend.clone() as _))?;
        Ok(Store { engine })
    }

    /// Writes a batch; what was acknowledged is in the model.
    pub(super) fn write(&mut self) -> Result<()> {
        let records = batch(&mut self.dice, self.taste);
        self.trace.push(format!("write {}", serde_json::to_string(&records).unwrap()));
        self.make_room();
        let mut after = self.model.clone();
        let refused = records.iter().any(|record| after.apply(record) == Taken::Erased);
        after.keep(self.taste.keep);
        let written = self.apply(&records);
        match (written, refused) {
            (Err(Error::Erased { .. }), true) => Ok(()),
            (Ok(()), false) => {
                self.acknowledge(after);
                Ok(())
            }
            (Err(error), _) => {
                if !refused {
                    self.perhaps.push(after);
                }
                Err(error)
            }
            (Ok(()), true) => panic!("an erased user came back"),
        }
    }

    fn acknowledge(&mut self, after: Model) {
        if self.is_relaxed() {
            self.perhaps.push(self.model.clone());
        } else {
            self.settled();
        }
        self.model = after;
    }

    /// Folds all events before an instant; so few that they go into one commit.
    pub(super) fn advance(&mut self) -> Result<()> {
        let now = time(&mut self.dice);
        self.trace.push(format!("advance to {now}"));
        self.make_room();
        let mut after = self.model.clone();
        let is_later = after.advance(now);
        match self.store().advance_segments(now, &|_| {}) {
            Err(Error::Invalid { .. }) if !is_later => Ok(()),
            Ok(()) if is_later => {
                self.acknowledge(after);
                Ok(())
            }
            Ok(()) => panic!("segments went back"),
            Err(error) => {
                self.perhaps.push(after);
                Err(error)
            }
        }
    }

    pub(super) fn expire(&mut self) -> Result<()> {
        let before = time(&mut self.dice);
        self.trace.push(format!("expire before {before}"));
        self.make_room();
        let mut after = self.model.clone();
        after.expire(before);
        match self.store().expire(before) {
            // Nothing is written then, and nothing synced.
            Ok(expired) if expired.events == 0 => Ok(()),
            Ok(_) => {
                self.acknowledge(after);
                Ok(())
            }
            Err(error) => {
                self.perhaps.push(after);
                Err(error)
            }
        }
    }

    fn apply(&self, records: &[Record]) -> Result<()> {
        self.store().write(|tx| records.iter().try_for_each(|record| tx.apply(record.clone())))
    }

    fn make_room(&mut self) {
        self.waiting += 1;
        if self.waiting >= MOST_WAITING {
            self.apply_waiting();
        }
    }

    pub(super) fn apply_waiting(&mut self) {
        self.store().engine.apply_waiting();
        self.waiting = 0;
    }

    pub(super) fn checkpoint(&mut self) -> Result<()> {
        self.store().checkpoint()?;
        self.waiting = 0;
        self.settled();
        Ok(())
    }

    pub(super) fn renew_base(&mut self) -> Result<()> {
        self.apply_waiting();
        self.store().engine.renew_base()?;
        self.base_cut = false;
        Ok(())
    }

    /// All that was acknowledged is on disk.
    pub(super) fn settled(&mut self) {
        self.perhaps.clear();
    }

    pub(super) fn arrange(&mut self, wanted: Wanted) -> Result<()> {
        self.apply_waiting();
        self.store().engine.arrange_index(wanted, &|_| {}, &AtomicBool::new(false)).map(drop)
    }

    pub(super) fn hold(&mut self) {
        self.held.push((self.store().snapshot(), self.model.clone()));
    }
}
