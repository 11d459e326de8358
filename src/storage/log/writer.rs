//! Appends records to the log's newest file, syncs it, and cuts the log behind a checkpoint.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file;
use super::group_commit::GroupCommit;
use super::record::{Record, RecordBuilder};
use crate::error::{Error, Result};
use crate::storage::folder;

/// The commit log of an open store.
pub(crate) struct Log {
    folder: PathBuf,
    store_id: u128,
    tail: Mutex<Tail>,
    group: GroupCommit,
}

/// The newest file.
struct Tail {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    appended: u64,
    /// Why no more is appended: a failed write that could not be taken back.
    broken: Option<String>,
}

impl Log {
    /// A log whose next record is `last_seq + 1`, in a new file; older files are removed, so the
    /// backend must have everything they hold on disk.
    pub(crate) fn start(folder: &Path, store_id: u128, last_seq: u64) -> Result<Self> {
        let tail = Tail::create(folder, store_id, last_seq)?;
        let group = GroupCommit::new(last_seq);
        let log = Self { folder: folder.to_owned(), store_id, tail: Mutex::new(tail), group };
        log.cut(last_seq)?;
        Ok(log)
    }

    /// Appends a commit's changes and returns them with the number they got.
    ///
    /// # Errors
    /// The file is as it was before, or else takes nothing more.
    pub(crate) fn append(&self, changes: RecordBuilder) -> Result<Record> {
        let mut tail = self.tail();
        let record = changes.finish(tail.appended + 1, self.group.durable());
        let record =
            record.ok_or_else(|| Error::invalid("a commit", "over 4 GiB", "at most 4 GiB of changes"))?;
        tail.write(record.bytes())?;
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
            file.sync_data().map_err(|e| Error::io("sync", path, e))?;
            Ok(appended)
        })
    }

    /// Number up to which all is on disk.
    #[cfg(test)]
    pub(crate) fn durable(&self) -> u64 {
        self.group.durable()
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
        let mut tail = self.tail();
        tail.check()?;
        let appended = tail.appended;
        if let Err(e) = tail.file.sync_data() {
            self.group.fail(format!("the log could not be synced: {e}"));
            return Err(Error::io("sync", &tail.path, e));
        }
        self.group.advance(appended);
        *tail = Tail::create(&self.folder, self.store_id, appended)?;
        Ok(appended)
    }

    /// Removes the files whose records are all at or before `seq`, which the backend must have on disk.
    pub(crate) fn cut(&self, seq: u64) -> Result<()> {
        let newest = self.tail().path.clone();
        for path in folder::list(&self.folder)? {
            if path != newest && file::first_seq(&path).is_some_and(|first| first <= seq) {
                fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
            }
        }
        folder::sync_folder(&self.folder)
    }

    /// Bytes of all files.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        let mut total = 0;
        for path in folder::list(&self.folder)? {
            total += fs::metadata(&path).map_or(0, |meta| meta.len());
        }
        Ok(total)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn create(folder: &Path, store_id: u128, last_seq: u64) -> Result<Self> {
        let path = file::path(folder, last_seq + 1);
        let io = |action| {
            let path = path.clone();
            move |e| Error::io(action, path, e)
        };
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).open(&path).map_err(io("create"))?;
        file.set_len(0).map_err(io("create"))?;
        file.write_all(&file::header(store_id, last_seq + 1)).map_err(io("write"))?;
        file.sync_all().map_err(io("sync"))?;
        folder::sync_folder(folder)?;
        Ok(Self {
            file: Arc::new(file),
            path,
            len: file::HEADER_BYTES as u64,
            appended: last_seq,
            broken: None,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.check()?;
        if let Err(e) = (&*self.file).write_all(bytes) {
            if let Err(e) = self.file.set_len(self.len) {
                self.broken = Some(format!("a torn record could not be taken back: {e}"));
            }
            return Err(Error::io("append to", &self.path, e));
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn check(&self) -> Result<()> {
        match &self.broken {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
