//! A sealed file read from disk in pieces, and compared with its checksums.

use super::file::{FileId, Sealed};
use super::format::{PAGE, SECTIONS, Section};
use super::verify::{wrong_checksum, wrong_padding};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

/// What the next piece of a file says.
#[derive(Debug, PartialEq)]
pub(in crate::index) enum Piece {
    /// Nothing wrong, and there is more.
    Sound,
    /// Nothing wrong, and it was the last.
    Last,
    /// The file is of no use any more, or cannot be opened just now.
    Left,
    /// What is wrong with the file.
    Wrong(String),
}

/// Bytes of a file that are one section, or what fills it up.
#[derive(Debug)]
struct Span {
    section: Section,
    left: usize,
    /// Of a section; what fills it up are zeros.
    checksum: Option<u32>,
}

/// A sealed file on disk, read once. It is read through a handle of its own: a sector that fails is an error then, and not the end of
/// the process, as it would be in a mapped page.
#[derive(Debug)]
pub(in crate::index) struct Reading {
    /// Never held: whoever was the last to hold a replaced file would keep it on disk.
    file: Weak<Sealed>,
    id: FileId,
    path: PathBuf,
    place: String,
    at: u64,
    /// In the order of the file, the next one last.
    spans: Vec<Span>,
    hasher: crc32fast::Hasher,
}

impl Reading {
    /// `None` for one in memory.
    pub(in crate::index) fn of(file: &Arc<Sealed>) -> Option<Self> {
        let spans = SECTIONS.into_iter().rev().flat_map(|section| {
            let extent = file.layout().extent(section);
            let length = extent.length as usize;
            let padding = length.next_multiple_of(PAGE) - length;
            [
                Span { section, left: padding, checksum: None },
                Span { section, left: length, checksum: Some(extent.checksum) },
            ]
        });
        Some(Self {
            file: Arc::downgrade(file),
            id: file.id()?,
            path: file.path()?.to_owned(),
            place: file.place().to_owned(),
            at: PAGE as u64,
            spans: spans.filter(|span| span.left > 0).collect(),
            hasher: crc32fast::Hasher::new(),
        })
    }

    /// What names the file in errors.
    pub(in crate::index) fn place(&self) -> &str {
        &self.place
    }

    pub(in crate::index) fn id(&self) -> &FileId {
        &self.id
    }

    /// Reads on for who has opened the same file again.
    pub(in crate::index) fn of_same(self, file: &Arc<Sealed>) -> Self {
        Self { file: Arc::downgrade(file), ..self }
    }

    /// Reads on, at most as much as `buffer` holds, which is not empty. The file is not open in between: what is replaced would stay on
    /// disk for as long.
    pub(in crate::index) fn next(&mut self, buffer: &mut [u8]) -> Piece {
        if self.file.strong_count() == 0 {
            return Piece::Left;
        }
        let Some(span) = self.spans.last() else { return Piece::Last };
        let most = span.left.min(buffer.len());
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            // Replaced, perhaps by another process; or too many files are open: nothing is known of what it holds.
            Err(error) => {
                if self.file.strong_count() > 0 && error.kind() != ErrorKind::NotFound {
                    tracing::warn!(path = %self.path.display(), %error, "a file of the index is not looked through");
                }
                return Piece::Left;
            }
        };
        match file.seek(SeekFrom::Start(self.at)).and_then(|_| file.read(&mut buffer[..most])) {
            Ok(0) => Piece::Wrong("it ends early".to_owned()),
            Ok(count) => self.compare(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => Piece::Sound,
            Err(error) => Piece::Wrong(format!("it cannot be read: {error}")),
        }
    }

    /// Compares the next bytes, all of the span that comes next.
    fn compare(&mut self, bytes: &[u8]) -> Piece {
        let Some(span) = self.spans.last_mut() else { return Piece::Last };
        self.at += bytes.len() as u64;
        span.left -= bytes.len();
        let section = span.section;
        match span.checksum {
            None if bytes.iter().any(|&byte| byte != 0) => return Piece::Wrong(wrong_padding(section)),
            None => {}
            Some(_) => self.hasher.update(bytes),
        }
        if span.left > 0 {
            return Piece::Sound;
        }
        let found = span.checksum.map(|checksum| (checksum, std::mem::take(&mut self.hasher).finalize()));
        self.spans.pop();
        match found {
            Some((written, found)) if written != found => Piece::Wrong(wrong_checksum(section)),
            _ if self.spans.is_empty() => Piece::Last,
            _ => Piece::Sound,
        }
    }
}
