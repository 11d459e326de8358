//! A store that another process may have open, as of one commit.

use super::open::{Files, Loaded, check_complete, load};
use super::published::Published;
use super::reader::Reader;
use super::scrub::{Scrubbing, found_damaged};
use super::settings::{Request, Settings};
use crate::error::{Error, Result};
use crate::index::{DamagedFiles, Scrub};
use crate::storage::{self, Contents, View, holds_store, keys};
use crate::telemetry::redacted;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long it takes from one failed look at a store to the next, where a file of its index was found damaged; twice as long each time.
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
    newest: Mutex<Look>,
    /// Locked after `newest`, if both are.
    scrubbing: Mutex<Scrubbing>,
}

impl Follower {
    /// Looks at the store in a folder, whoever has it open. Of `request`, its encoder counts, and whether it scrubs.
    pub(crate) fn open(path: &Path, request: &Request) -> Result<Self> {
        let newest = look(path, request, &DamagedFiles::default())?;
        let scrubs = request.scrub.unwrap_or(true);
        let scrub = if scrubs { newest.0.attachment().index.scrub() } else { Scrub::default() };
        let shared = Arc::new(Following {
            path: path.to_owned(),
            request: request.clone(),
            newest: Mutex::new(newest),
            scrubbing: Mutex::new(Scrubbing::of(scrub)),
        });
        let mut follower = Self { shared, wake: None, thread: None };
        if scrubs {
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
        self.shared.newest().clone()
    }

    /// Looks again; returns whether that is of a later commit.
    pub(crate) fn refresh(&self) -> Result<bool> {
        let is_later = self.shared.refresh(self.wake.is_some())?;
        if let Some(wake) = &self.wake {
            // One that waits is enough.
            let _ = wake.try_send(());
        }
        Ok(is_later)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads the index's files through ended in a panic");
        }
    }
}

impl Following {
    fn newest(&self) -> MutexGuard<'_, Look> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scrubbing(&self) -> MutexGuard<'_, Scrubbing> {
        self.scrubbing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, scrubs: bool) -> Result<bool> {
        loop {
            let damaged = self.scrubbing().damaged().clone();
            let read = look(&self.path, &self.request, &damaged)?;
            let mut newest = self.newest();
            let mut scrubbing = self.scrubbing();
            if *scrubbing.damaged() != damaged {
                // One of those that it has was found damaged meanwhile.
                continue;
            }
            let is_later = read.0.seq() > newest.0.seq();
            // Also where nothing changed: what the files held before need not stay.
            if read.0.seq() >= newest.0.seq() {
                if scrubs {
                    scrubbing.follow(&read.0.attachment().index);
                }
                *newest = read;
            }
            return Ok(is_later);
        }
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
                again = self.refresh(true).err().and_then(|error| {
                    tracing::error!(error = %redacted(&error), "a damaged file of the index stays in use: the store cannot be looked at again");
                    Instant::now().checked_add(pause)
                });
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            let next = self.scrubbing().next();
            let woken = match [next, again].into_iter().flatten().min() {
                Some(at) => woken.recv_deadline(at),
                None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if woken == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Whether the next piece, if it is time for it, is damaged.
    fn finds_damage(&self) -> bool {
        let mut scrubbing = self.scrubbing();
        let problem = scrubbing.next().filter(|at| *at <= Instant::now()).and_then(|_| scrubbing.piece());
        problem.inspect(|problem| found_damaged(&Error::damaged(&problem.place, &problem.what))).is_some()
    }
}

/// The newest snapshot of a store, without files of its index that are `damaged`.
fn look(path: &Path, request: &Request, damaged: &DamagedFiles) -> Result<Look> {
    if !holds_store(path) {
        let reason = if path.is_dir() { "it holds no store" } else { "there is no such folder" };
        return Err(Error::NotAStore { path: path.to_owned(), reason: reason.into() });
    }
    view(storage::read_only(path)?, path, request, damaged)
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
