//! What takes the place of `src/sync.rs` here: the checker's, which decide at each use who goes on.

pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock, atomic};

use atomic::{AtomicBool, Ordering};
use std::ops::Deref;
use std::sync::Arc;

/// A place where another thread may go on. The checker knows only its own types.
#[derive(Default)]
struct Point(AtomicBool);

impl Point {
    fn pass(&self) {
        self.0.load(Ordering::SeqCst);
    }
}

/// [`arc_swap::ArcSwap`], each call of which is one step.
pub(crate) struct ArcSwap<T> {
    inner: arc_swap::ArcSwap<T>,
    point: Point,
}

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self { inner: arc_swap::ArcSwap::from_pointee(value), point: Point::default() }
    }

    pub(crate) fn load(&self) -> impl Deref<Target = Arc<T>> + use<T> {
        self.point.pass();
        self.inner.load()
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        self.point.pass();
        self.inner.load_full()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        self.point.pass();
        self.inner.store(value);
    }

    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        self.point.pass();
        self.inner.swap(value)
    }
}

/// [`std::sync::OnceLock`], each call of which is one step.
pub(crate) struct OnceLock<T> {
    inner: std::sync::OnceLock<T>,
    point: Point,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self { inner: std::sync::OnceLock::new(), point: Point::default() }
    }
}

impl<T> OnceLock<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.point.pass();
        self.inner.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.point.pass();
        self.inner.set(value)
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.inner.take()
    }
}

/// As much of `std::thread` as the storage uses, where threads may be refused.
pub(crate) mod thread {
    pub(crate) use shuttle::thread::{JoinHandle, scope, sleep, spawn, yield_now};
    use std::io;
    use std::sync::Mutex;

    /// The name of threads that the system has no room for.
    static REFUSED: Mutex<Option<&str>> = Mutex::new(None);

    /// Refuses threads of a name from now on, or none.
    pub(crate) fn refuse(name: Option<&'static str>) {
        *REFUSED.lock().unwrap() = name;
    }

    #[derive(Default)]
    pub(crate) struct Builder {
        name: String,
    }

    impl Builder {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn name(mut self, name: String) -> Self {
            self.name = name;
            self
        }

        pub(crate) fn spawn<T: Send + 'static>(
            self,
            run: impl FnOnce() -> T + Send + 'static,
        ) -> io::Result<JoinHandle<T>> {
            if *REFUSED.lock().unwrap() == Some(&*self.name) {
                return Err(io::Error::other("injected"));
            }
            shuttle::thread::Builder::new().name(self.name).spawn(run)
        }
    }
}

/// As much of crossbeam's channels as the storage uses.
pub(crate) mod channel {
    pub(crate) use crossbeam::channel::{RecvError, RecvTimeoutError, TrySendError};
    use shuttle::sync::{Condvar, Mutex};
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::time::Duration;

    struct Shared<T> {
        state: Mutex<State<T>>,
        changed: Condvar,
        room: usize,
    }

    struct State<T> {
        waiting: VecDeque<T>,
        /// Whether the sender is gone.
        closed: bool,
    }

    pub(crate) struct Sender<T>(Arc<Shared<T>>);
    pub(crate) struct Receiver<T>(Arc<Shared<T>>);

    pub(crate) fn bounded<T>(room: usize) -> (Sender<T>, Receiver<T>) {
        let state = Mutex::new(State { waiting: VecDeque::new(), closed: false });
        let shared = Arc::new(Shared { state, changed: Condvar::new(), room });
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }

    impl<T> Sender<T> {
        pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
            let mut state = self.0.state.lock().unwrap();
            if state.waiting.len() >= self.0.room {
                return Err(TrySendError::Full(value));
            }
            state.waiting.push_back(value);
            self.0.changed.notify_one();
            Ok(())
        }
    }

    impl<T> Drop for Sender<T> {
        fn drop(&mut self) {
            self.0.state.lock().unwrap().closed = true;
            self.0.changed.notify_all();
        }
    }

    impl<T> Clone for Receiver<T> {
        fn clone(&self) -> Self {
            Self(Arc::clone(&self.0))
        }
    }

    impl<T> Receiver<T> {
        pub(crate) fn recv(&self) -> Result<T, RecvError> {
            let mut state = self.0.state.lock().unwrap();
            loop {
                if let Some(value) = state.waiting.pop_front() {
                    return Ok(value);
                }
                if state.closed {
                    return Err(RecvError);
                }
                state = self.0.changed.wait(state).unwrap();
            }
        }

        /// No time passes here: who is never told waits for ever, which the checker reports.
        pub(crate) fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
            self.recv().map_err(|RecvError| RecvTimeoutError::Disconnected)
        }
    }
}
