//! The sealed tier: an immutable graph over 4-bit codes in a memory-mapped file, made in the background.

mod build;
mod coder;
mod file;
mod format;
#[cfg(fuzzing)]
mod fuzz;
mod mapping;
mod pool;
mod reading;
mod rotation;
mod rows;
mod scratch;
mod search;
mod verify;
mod walk;
mod write;

pub(super) use build::{Base, BuildOptions, Source, build};
pub(super) use file::{FileId, Sealed};
pub(super) use format::MAX_DEGREE;
pub(super) use reading::{Piece, Reading};
pub(super) use rows::FileRows;
pub use search::SearchStep;
pub(super) use search::{Ask, Found};
pub(super) use write::{file_name, is_own_name, is_sealed_name, number_in};
