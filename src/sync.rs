//! What the storage's threads share and wait by, in one place: `tests/schedules/` compiles the storage with other ones, by which it
//! decides in what order threads run.

pub(crate) use arc_swap::ArcSwap;
pub(crate) use crossbeam::channel;
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, RwLock, atomic};
pub(crate) use std::thread;
