//! A store that another process may have open, as of one commit.

use super::open::{Files, Loaded, check_complete, load};
use super::published::Published;
use super::reader::Reader;
use super::scrub::Scrubbing;
use super::settings::{Request, Settings};
use crate::error::{Error, Result};
use crate::index::{DamagedFiles, Scrub};
use crate::storage::{self, Contents, View, keys};
use crate::telemetry::{failed, redacted};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time between two looks at a store one of whose files is damaged, where the first failed; twice as long each time.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// One snapshot of a store.
pub(crate) type Look = (View<Published>, Arc<Settings>);

/// A store that is only read, as of the last look at it. A thread of its own reads the index's files through; where one is damaged, it
/// looks again, without any of them.
pub(crate) struct Follower {
    shared: Arc<Following>,
    /// Wakes the thread, and ends it where it is gone.
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Following {
    path: PathBuf,
    request: Request,
    newest: Mutex<Newest>,
    /// Locked before `newest`, if both are.
    scrubbing: Mutex<Scrubbing>,
    /// Held by who looks: a look may need as much memory as all vectors take.
    looking: Mutex<()>,
    /// Whether nobody waits for the thread's own look any more.
    given_up: AtomicBool,
}

struct Newest {
    look: Look,
    /// Of the store: another may take its place, restored for instance, with fewer commits.
    store_id: u128,
    /// The commit that callers know of: the thread's own look may be of a later one.
    told: u64,
}

impl Follower {
    /// Looks at the store in a folder, whoever has it open. Of `request`, its encoder counts, and whether it scrubs.
    pub(crate) fn open(path: &Path, request: &Request) -> Result<Self> {
        let (look, store_id) = look(path, request, &DamagedFiles::default())?;
        let scrub = if request.scrubs() { look.0.attachment().index.scrub() } else { Scrub::default() };
        let shared = Arc::new(Following {
            path: path.to_owned(),
            request: request.clone(),
            newest: Mutex::new(Newest { told: look.0.seq(), look, store_id }),
            scrubbing: Mutex::new(Scrubbing::of(scrub)),
            looking: Mutex::default(),
            given_up: AtomicBool::new(false),
        });
        let mut follower = Self { shared, wake: None, thread: None };
        if request.scrubs() {
            follower.start()?;
        }
        Ok(follower)
    }

    fn start(&mut self) -> Result<()> {
        let (wake, woken) = bounded(1);
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("kindred-scrub".into())
            .spawn(move || shared.look_through(&woken))
            .map_err(|e| Error::io("start a thread of", "kindred-scrub", e))?;
        (self.wake, self.thread) = (Some(wake), Some(thread));
        Ok(())
    }

    /// The last look.
    pub(crate) fn newest(&self) -> Look {
        lock(&self.shared.newest).look.clone()
    }

    /// Looks again; returns whether that is of a later commit than callers know of, or of another store.
    pub(crate) fn refresh(&self) -> Result<bool> {
        self.shared.look_again(&lock(&self.shared.looking))?;
        let is_later = {
            let mut newest = lock(&self.shared.newest);
            let seq = newest.look.0.seq();
            std::mem::replace(&mut newest.told, seq) < seq
        };
        if let Some(Err(TrySendError::Disconnected(()))) = self.wake.as_ref().map(|wake| wake.try_send(())) {
            tracing::error!("the thread that reads the index's files through has ended");
        }
        Ok(is_later)
    }
}

impl Drop for Follower {
    /// Waits for the piece that is being read, but not for a look, which may take minutes and is of no use to anybody.
    fn drop(&mut self) {
        self.shared.given_up.store(true, Ordering::SeqCst);
        self.wake = None;
        let looks = matches!(self.shared.looking.try_lock(), Err(TryLockError::WouldBlock));
        if let Some(thread) = self.thread.take().filter(|_| !looks)
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads the index's files through ended in a panic");
        }
    }
}

/// No panic leaves what these guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Following {
    /// What it had before goes when no lock is held but that of who looks.
    fn look_again(&self, _one_at_a_time: &MutexGuard<'_, ()>) -> Result<()> {
        let damaged = lock(&self.scrubbing).damaged().clone();
        let (look, store_id) = look(&self.path, &self.request, &damaged)?;
        let mut scrubbing = lock(&self.scrubbing);
        let mut newest = lock(&self.newest);
        if store_id != newest.store_id {
            (newest.store_id, newest.told) = (store_id, 0);
        } else if look.0.seq() < newest.look.0.seq() {
            return Ok(());
        }
        // Also where nothing changed: what the files held before need not stay.
        if self.request.scrubs() {
            scrubbing.follow(&look.0.attachment().index);
        }
        let before = std::mem::replace(&mut newest.look, look);
        drop((newest, scrubbing));
        drop(before);
        Ok(())
    }

    /// Reads the files of the newest look, until nobody can wake it any more.
    fn look_through(&self, woken: &Receiver<()>) {
        let (mut again, mut pause): (Option<Instant>, _) = (None, PAUSE);
        loop {
            // Also beside who refreshes, and so wakes it, without end.
            if self.finds_damage() {
                (again, pause) = (Some(Instant::now()), PAUSE);
            }
            if again.is_some_and(|at| at <= Instant::now()) {
                again = if self.does_without() { None } else { Instant::now().checked_add(pause) };
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            let next = lock(&self.scrubbing).next();
            let woken = match [next, again].into_iter().flatten().min() {
                Some(at) => woken.recv_deadline(at),
                None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if woken == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Looks again, unless somebody has done so meanwhile, or nobody needs it; whether no damaged file is in use then.
    fn does_without(&self) -> bool {
        let looking = lock(&self.looking);
        if self.given_up.load(Ordering::SeqCst) || !self.has_damaged() {
            return true;
        }
        let looked = self.look_again(&looking);
        if let Some(error) = looked.err().filter(|_| !self.given_up.load(Ordering::SeqCst)) {
            failed("scrub", &error);
            tracing::error!(error = %redacted(&error), "a damaged file of the index stays in use: the store cannot be looked at again");
        }
        !self.has_damaged()
    }

    fn has_damaged(&self) -> bool {
        let damaged = lock(&self.scrubbing).damaged().clone();
        lock(&self.newest).look.0.attachment().index.has_any(&damaged)
    }

    /// Whether the next piece, if it is time for it, is damaged.
    fn finds_damage(&self) -> bool {
        let problem = {
            let mut scrubbing = lock(&self.scrubbing);
            scrubbing.next().filter(|at| *at <= Instant::now()).and_then(|_| scrubbing.piece())
        };
        let Some(problem) = problem else { return false };
        let error = Error::damaged(&problem.place, &problem.what);
        failed("scrub", &error);
        tracing::error!(error = %redacted(&error), "a file of the index is damaged: it is done without");
        true
    }
}

/// The newest snapshot of a store, without files of its index that are `damaged`, and the store's id.
fn look(path: &Path, request: &Request, damaged: &DamagedFiles) -> Result<(Look, u128)> {
    storage::must_hold_store(path)?;
    let contents = storage::read_only(path)?;
    let store_id = contents.store_id();
    Ok((view(contents, path, request, damaged)?, store_id))
}

fn view(contents: Contents, path: &Path, request: &Request, damaged: &DamagedFiles) -> Result<Look> {
    let Some(settings) = contents.read::<Settings>("settings", &keys::meta("settings"))? else {
        return Err(Error::NotAStore { path: path.to_owned(), reason: "it is only being made".into() });
    };
    check_complete(&contents, false)?;
    let (_, encoder) = request.resolve(&settings)?;
    // The index's files are in memory as long as a view has them; what writes to them is not needed.
    let Loaded { published, .. } =
        load(&contents, &settings, encoder, &Files::Others(path, damaged), request.head_rows)?;
    Ok((contents.view(published, Arc::new(())), Arc::new(settings)))
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::*;
    use crate::index::Wanted;
    use crate::model::{Record, User};

    fn users(range: std::ops::Range<u16>) -> Vec<Record> {
        let user =
            |n: u16| User { id: format!("u{n}"), vector: Some(vec![f32::from(n), 1.0]), ..User::default() };
        range.map(|n| Record::User(user(n))).collect()
    }

    /// A store whose only file is damaged, and who reads it without a thread.
    fn damaged() -> (tempfile::TempDir, Engine, Follower) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut engine = Engine::open(&path, &Request { dim: Some(2), ..Request::default() }).unwrap();
        engine.upkeep.stop();
        engine.write(&users(0..50), &|_| {}).unwrap();
        assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
        let follower = Follower::open(&path, &Request { scrub: Some(false), ..Request::default() }).unwrap();
        let mut files = std::fs::read_dir(path.join("index")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.find(|path| path.extension().is_some_and(|end| end == "sealed")).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        // What fills up its last page.
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, bytes).unwrap();
        lock(&follower.shared.scrubbing).follow(&follower.newest().0.attachment().index);
        (folder, engine, follower)
    }

    fn find(follower: &Follower) {
        while !follower.shared.finds_damage() {
            assert!(lock(&follower.shared.scrubbing).next().is_some(), "all is read, and nothing found");
        }
    }

    fn sealed(follower: &Follower) -> usize {
        follower.newest().0.attachment().index.sealed_len()
    }

    #[test]
    fn a_commit_that_its_own_look_has_brought_is_told_of() {
        let (_folder, engine, follower) = damaged();
        find(&follower);
        engine.write(&users(50..51), &|_| {}).unwrap();
        assert_eq!(sealed(&follower), 50);
        assert!(follower.shared.does_without());
        assert_eq!((sealed(&follower), follower.newest().0.attachment().index.len()), (0, 51));
        assert!(follower.refresh().unwrap());
        assert!(!follower.refresh().unwrap());
        assert_eq!(sealed(&follower), 0);
    }

    #[test]
    fn a_file_stays_in_use_until_a_look_without_it_succeeds() {
        let (folder, engine, follower) = damaged();
        find(&follower);
        let (path, aside) = (folder.path().join("store"), folder.path().join("aside"));
        std::fs::rename(&path, &aside).unwrap();
        assert!(!follower.shared.does_without());
        assert_eq!(sealed(&follower), 50);
        std::fs::rename(&aside, &path).unwrap();
        follower.shared.given_up.store(true, Ordering::SeqCst);
        assert!(follower.shared.does_without());
        assert_eq!(sealed(&follower), 50, "nobody waits for it any more");
        follower.shared.given_up.store(false, Ordering::SeqCst);
        assert!(follower.shared.does_without());
        assert_eq!(sealed(&follower), 0);
        drop(engine);
    }

    #[test]
    fn a_drop_does_not_wait_for_a_look() {
        let (folder, engine, follower) = damaged();
        drop(follower);
        let follower = Follower::open(&folder.path().join("store"), &Request::default()).unwrap();
        let shared = Arc::clone(&follower.shared);
        let looking = lock(&shared.looking);
        // The thread comes to wait for the lock, or is still reading: neither is waited for.
        drop(follower);
        drop(looking);
        // It ends by itself.
        while Arc::strong_count(&shared) > 1 {
            std::thread::yield_now();
        }
        drop(engine);
    }

    #[test]
    fn a_store_in_the_place_of_another_is_told_of_whatever_its_commits() {
        let (folder, engine, follower) = damaged();
        engine.write(&users(50..51), &|_| {}).unwrap();
        assert!(follower.refresh().unwrap());
        drop(engine);
        let path = folder.path().join("store");
        std::fs::remove_dir_all(&path).unwrap();
        let engine = Engine::open(&path, &Request { dim: Some(2), ..Request::default() }).unwrap();
        engine.write(&users(0..1), &|_| {}).unwrap();
        assert!(engine.view().seq() < follower.newest().0.seq());
        assert!(follower.refresh().unwrap());
        assert_eq!(follower.newest().0.attachment().index.len(), 1);
        assert!(!follower.refresh().unwrap());
    }
}
