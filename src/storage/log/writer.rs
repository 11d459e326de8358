//! Appends records to the log's newest file, syncs it, and sets aside or removes what a checkpoint has made needless.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::group_commit::GroupCommit;
use super::record::{Key, Record, RecordBuilder};
use super::{Which, file};
use crate::error::{Error, Result};
use crate::storage::disk::{Disk, DiskFile};
use crate::storage::log;
use crate::sync::atomic::AtomicU64;
use crate::sync::{Mutex, MutexGuard};

/// The commit log of an open store.
pub(crate) struct Log {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    store_id: u128,
    tail: Mutex<Tail>,
    group: GroupCommit,
    /// Records behind this commit are kept once the data has them; none: [`KEEP_NONE`].
    keep_after: AtomicU64,
    /// Held by who removes or renames files, which the applier does, and who renews the base.
    retiring: Mutex<()>,
}

/// Records are removed once the data has them.
pub(crate) const KEEP_NONE: u64 = u64::MAX;

/// The newest file.
struct Tail {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    key: Key,
    len: u64,
    appended: u64,
    /// Whether bytes of a failed write may lie behind the end.
    torn: bool,
    /// The next file, which could not be begun: it must not be there when this one goes on.
    begun: Option<PathBuf>,
}

impl Log {
    /// A log whose next record is `last_seq + 1`, in a new file. The backend must have everything that the older ones hold on
    /// disk; of these, records behind `keep_after` are kept.
    pub(crate) fn start(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        store_id: u128,
        last_seq: u64,
        keep_after: u64,
    ) -> Result<Self> {
        let tail = Tail::create(&**disk, folder, store_id, last_seq)?;
        let (group, keep_after) = (GroupCommit::new(last_seq), AtomicU64::new(keep_after));
        let (disk, folder) = (Arc::clone(disk), folder.to_owned());
        let log = Self {
            disk,
            folder,
            store_id,
            tail: Mutex::new(tail),
            group,
            keep_after,
            retiring: Mutex::default(),
        };
        log.retire(last_seq)?;
        Ok(log)
    }

    /// Appends a commit's changes and returns them with the number they got.
    ///
    /// # Errors
    /// Nothing was appended. What a failed write left at the end is taken back, now or before the next one.
    pub(crate) fn append(&self, changes: RecordBuilder) -> Result<Record> {
        let mut tail = self.tail();
        let record = changes.finish(tail.appended + 1, self.group.durable(), &tail.key);
        let record =
            record.ok_or_else(|| Error::invalid("a commit", "over 4 GiB", "at most 4 GiB of changes"))?;
        tail.write(record.bytes(), &*self.disk, &self.folder)?;
        tail.appended = record.seq;
        Ok(record)
    }

    /// Returns once commit `seq` is on disk; waiting threads share one sync.
    pub(crate) fn make_durable(&self, seq: u64) -> Result<()> {
        self.group.wait(seq, || {
            let (file, path, appended) = {
                let tail = self.tail();
                (Arc::clone(&tail.file), tail.path.clone(), tail.appended)
            };
            file.sync().map_err(|e| Error::io("sync", path, e))?;
            Ok(appended)
        })
    }

    /// Number up to which all is on disk.
    #[cfg(test)]
    pub(crate) fn durable(&self) -> u64 {
        self.group.durable()
    }

    /// # Errors
    /// [`Error::ReadOnly`] once a sync has failed: what it left unwritten, no later one writes either.
    pub(crate) fn check(&self) -> Result<()> {
        self.group.check()
    }

    /// Where its files lie.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The folder of its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The id of the store.
    pub(crate) fn store_id(&self) -> u128 {
        self.store_id
    }

    /// Bytes in the newest file, its header apart.
    pub(crate) fn tail_bytes(&self) -> u64 {
        self.tail().len - file::HEADER_BYTES as u64
    }

    /// Goes on in a new file; returns the number of the last record in the older ones, which are
    /// then on disk.
    pub(crate) fn rotate(&self) -> Result<u64> {
        self.group.alone(|| {
            let mut tail = self.tail();
            if let Err(error) = tail.mend(&*self.disk, &self.folder) {
                return Ok((0, Err(error)));
            }
            let appended = tail.appended;
            tail.file.sync().map_err(|e| Error::io("sync", &tail.path, e))?;
            Ok((appended, self.begin_next(&mut tail)))
        })?
    }

    /// Begins the file behind the newest, which is on disk.
    fn begin_next(&self, tail: &mut Tail) -> Result<u64> {
        let appended = tail.appended;
        match Tail::create(&*self.disk, &self.folder, self.store_id, appended) {
            Ok(next) => *tail = next,
            Err(error) => {
                tail.begun = Some(file::path(&self.folder, appended + 1));
                return Err(error);
            }
        }
        Ok(appended)
    }

    /// The backend has all records up to `seq` on disk: their files are set aside, or removed where nobody will need them.
    pub(crate) fn retire(&self, seq: u64) -> Result<()> {
        let _one_at_a_time = self.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = self.tail().path.clone();
        let files = log::files(&*self.disk, &self.folder, Which::After(0))?;
        for (path, next) in files.iter().zip(files.iter().skip(1)).filter(|(path, _)| **path != newest) {
            let (Some(first), Some(next)) = (file::first_seq(path), file::first_seq(next)) else { continue };
            match file::kept_until(path) {
                Some(last) => self.retire_file(path, first, last)?,
                None if first <= seq => self.retire_file(path, first, next.saturating_sub(1))?,
                None => {}
            }
        }
        self.disk.sync_folder(&self.folder)
    }

    fn retire_file(&self, path: &Path, first: u64, last: u64) -> Result<()> {
        // One without records, where an opening was broken off, says nothing to anybody.
        if last < first || last <= self.keep_after.load(Ordering::Relaxed) {
            return self.disk.remove(path);
        }
        let kept = file::kept_path(&self.folder, first, last);
        if path == kept { Ok(()) } else { self.disk.rename(path, &kept) }
    }

    /// Removes what was set aside and is not needed any more.
    pub(crate) fn forget(&self) -> Result<()> {
        self.retire(0)
    }

    /// Has records behind `commit` kept from now on. What is not needed for that goes with the next [`Log::retire`].
    pub(crate) fn keep_after(&self, commit: u64) {
        self.keep_after.store(commit, Ordering::Relaxed);
    }

    /// Bytes of the files that are set aside.
    pub(crate) fn kept_bytes(&self) -> Result<u64> {
        let files = self.disk.list(&self.folder)?;
        let kept = files.iter().filter(|path| file::kept_until(path).is_some());
        // One that has gone meanwhile has no bytes.
        Ok(kept.map(|path| self.disk.len(path).unwrap_or(0)).sum())
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn create(disk: &dyn Disk, folder: &Path, store_id: u128, last_seq: u64) -> Result<Self> {
        let path = file::path(folder, last_seq + 1);
        let io = |action| {
            let path = path.clone();
            move |e| Error::io(action, path, e)
        };
        let file = disk.create(&path)?;
        let header = file::header(store_id, last_seq + 1);
        file.append(&header).map_err(io("write"))?;
        file.sync().map_err(io("sync"))?;
        disk.sync_folder(folder)?;
        let (key, len) = (file::key(&header), file::HEADER_BYTES as u64);
        Ok(Self { file, path, key, len, appended: last_seq, torn: false, begun: None })
    }

    fn write(&mut self, bytes: &[u8], disk: &dyn Disk, folder: &Path) -> Result<()> {
        self.mend(disk, folder)?;
        if let Err(e) = self.file.append(bytes) {
            self.torn = true;
            // Where that fails, too, it is tried again before anything else is written.
            let _ = self.mend(disk, folder);
            return Err(Error::io("append to", &self.path, e));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Takes back what a failed write left, and a next file that could not be begun.
    fn mend(&mut self, disk: &dyn Disk, folder: &Path) -> Result<()> {
        if self.torn {
            self.file.cut(self.len).map_err(|e| Error::io("cut", &self.path, e))?;
            self.torn = false;
        }
        if let Some(begun) = &self.begun {
            match disk.remove(begun) {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
            // Or else a crash could bring it back.
            disk.sync_folder(folder)?;
            self.begun = None;
        }
        Ok(())
    }
}
