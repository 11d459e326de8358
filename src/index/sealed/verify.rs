//! Whether a sealed file is what was written, and whether that was sound: every property that searches lean on, each a
//! function of its own.

use super::coder::factor;
use super::file::Sealed;
use super::format::{Layout, PAGE, SECTIONS, Section};
use crate::compute::{BLOCK, BLOCK_BYTES};
use crate::error::{Error, Result};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicBool, Ordering};

/// Sections that a merge copies from, and the one by which was found which rows are dead: those it does not copy.
const COPIED: [Section; 5] =
    [Section::Nodes, Section::Labels, Section::ByLabel, Section::Equals, Section::Vectors];
/// Sections by which rows are found that died since the manifest, those that say whose a vector is, and what is read in any
/// case: little beside the others.
const OPENED: [Section; 4] = [Section::Labels, Section::ByLabel, Section::Equals, Section::Mean];
/// A code stands for the values within half a step; what rounding may differ by on another machine comes on top.
const MOST_STEPS: f32 = 0.75;
const ROUNDING: f32 = 1e-5;

/// Bytes that are read between two looks at whether to go on.
const READ: usize = 1 << 20;

impl Sealed {
    /// All that is wrong with the file, in words, or `None` once `cancel` is set: a large one takes a while to read.
    /// `progress` is told of steps done and in all.
    pub(in crate::index) fn verify(
        &self,
        progress: &dyn Fn(usize, usize),
        cancel: &AtomicBool,
    ) -> Option<Vec<String>> {
        let look = Look::new(self, cancel);
        let checks: [Check; 8] = [
            Look::wrong_padding,
            Look::wrong_entries,
            Look::wrong_links,
            Look::unreachable,
            Look::wrong_labels,
            Look::wrong_equals,
            Look::wrong_vectors,
            Look::wrong_codes,
        ];
        let total = SECTIONS.len() + checks.len();
        let mut problems = Vec::new();
        for step in 0..total {
            progress(step, total);
            let (section, check) = (SECTIONS.get(step), checks.get(step.wrapping_sub(SECTIONS.len())));
            problems.extend(section.and_then(|&section| look.wrong_checksum(section)));
            problems.extend(check.and_then(|check| check(&look)));
            if look.is_over() {
                return None;
            }
            if look.unreadable.get() {
                break;
            }
        }
        progress(total, total);
        Some(problems)
    }

    /// Whether what a merge copies is what was written: else damage would get a right checksum. False where `cancel` was
    /// set before all was read.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(in crate::index) fn check_copied(&self, cancel: &AtomicBool) -> Result<bool> {
        self.check_sections(&COPIED, cancel)
    }

    /// Whether what says which rows are dead, and which node is whose, is what was written: else a row might come back that was
    /// removed. Of all other damage the worst is a wrong neighbour.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(in crate::index) fn check_opened(&self) -> Result<()> {
        self.check_sections(&OPENED, &AtomicBool::new(false)).map(drop)
    }

    /// Whether the header still is what was written.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(in crate::index) fn check_header(&self) -> Result<()> {
        let length = self.bytes().len() as u64;
        let Some(mut disk) = self.open_again() else {
            return Layout::decode(self.bytes(), length, self.place()).map(drop);
        };
        let mut header = vec![0; PAGE];
        match disk.read_exact(&mut header) {
            Ok(()) => Layout::decode(&header, length, self.place()).map(drop),
            Err(error) => Err(Error::damaged(self.place(), format!("its header cannot be read: {error}"))),
        }
    }

    /// Its own handle, where the file still lies there: a sector that fails, or an end that was cut off, is an error to who reads, and
    /// the end of the process to who comes to such a page through the mapping.
    fn open_again(&self) -> Option<File> {
        File::open(self.path()?).ok()
    }

    fn check_sections(&self, sections: &[Section], cancel: &AtomicBool) -> Result<bool> {
        let look = Look::new(self, cancel);
        match sections.iter().find_map(|&section| look.wrong_checksum(section)) {
            Some(problem) => Err(Error::damaged(self.place(), problem)),
            None => Ok(!look.is_over()),
        }
    }
}

pub(super) fn wrong_checksum(section: Section) -> String {
    format!("the checksum of its section {section:?} is wrong")
}

pub(super) fn wrong_padding(section: Section) -> String {
    format!("behind its section {section:?} are not only zeros")
}

/// A file that is looked into until `cancel` is set: what is found then counts for nothing.
struct Look<'a> {
    file: &'a Sealed,
    cancel: &'a AtomicBool,
    disk: Option<File>,
    /// Whether a part of it could not be read: then nothing is looked at through the mapping.
    unreadable: Cell<bool>,
}

/// A property, and what is wrong with it.
type Check<'a> = fn(&Look<'a>) -> Option<String>;

impl<'a> Look<'a> {
    fn new(file: &'a Sealed, cancel: &'a AtomicBool) -> Self {
        Self { file, cancel, disk: file.open_again(), unreadable: Cell::new(false) }
    }

    fn is_over(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    fn wrong_checksum(&self, section: Section) -> Option<String> {
        match self.checksum(section) {
            Ok(found) => found
                .filter(|found| *found != self.file.layout().extent(section).checksum)
                .map(|_| wrong_checksum(section)),
            Err(error) => {
                self.unreadable.set(true);
                Some(format!("its section {section:?} cannot be read: {error}"))
            }
        }
    }

    /// `None` where it is over before all is read.
    fn checksum(&self, section: Section) -> io::Result<Option<u32>> {
        let mut hasher = crc32fast::Hasher::new();
        let mapped = self.file.bytes_of(section);
        let mut disk = self.disk.as_ref();
        if let Some(disk) = &mut disk {
            disk.seek(SeekFrom::Start(self.file.layout().extent(section).offset))?;
        }
        let mut buffer = vec![0; READ.min(mapped.len())];
        for bytes in mapped.chunks(READ) {
            if self.is_over() {
                return Ok(None);
            }
            match &mut disk {
                Some(disk) => {
                    let read = &mut buffer[..bytes.len()];
                    disk.read_exact(read)?;
                    hasher.update(read);
                }
                None => hasher.update(bytes),
            }
        }
        Ok(Some(hasher.finalize()))
    }

    /// Behind a section there are zeros up to the next.
    fn wrong_padding(&self) -> Option<String> {
        SECTIONS.into_iter().find_map(|section| {
            let extent = self.file.layout().extent(section);
            let end = (extent.offset + extent.length) as usize;
            let padding = self.file.bytes().get(end..end.next_multiple_of(PAGE))?;
            padding.iter().any(|&byte| byte != 0).then(|| wrong_padding(section))
        })
    }

    fn wrong_entries(&self) -> Option<String> {
        let sections = self.file.sections();
        let entry = sections.entries.iter().find(|&&entry| entry as usize >= sections.nodes)?;
        Some(format!("entry {entry} is no node"))
    }

    /// A node's links are nodes, and itself only where it has no more.
    fn wrong_links(&self) -> Option<String> {
        let sections = self.file.sections();
        self.first_node(|node| {
            let links = sections.links_of(node);
            let count = links.iter().position(|&link| link == node).unwrap_or(links.len());
            links.len() != self.file.header().degree
                || links.iter().any(|&link| link as usize >= sections.nodes)
                || links[count..].iter().any(|&link| link != node)
        })
        .map(|node| format!("the links of node {node} are not what links can be"))
    }

    /// From the entries every node is reached.
    fn unreachable(&self) -> Option<String> {
        let sections = self.file.sections();
        let mut seen = vec![false; sections.nodes];
        let mut left: Vec<u32> = sections.entries.to_vec();
        while let Some(node) = left.pop() {
            if self.is_over() {
                return None;
            }
            if let Some(seen) = seen.get_mut(node as usize).filter(|seen| !**seen) {
                *seen = true;
                left.extend_from_slice(sections.links_of(node));
            }
        }
        let node = seen.iter().position(|seen| !seen)?;
        Some(format!("no walk reaches node {node}"))
    }

    /// Each label comes once, and each row once in the order of labels.
    fn wrong_labels(&self) -> Option<String> {
        let by_label = self.file.by_label();
        let rows = self.file.rows() as u32;
        if let Some(row) = by_label.iter().find(|&&row| row >= rows) {
            return Some(format!("the order of labels names row {row} of {rows}"));
        }
        // Labels that grow are all different, and so are their rows.
        let pair = by_label
            .windows(2)
            .take_while(|_| !self.is_over())
            .find(|pair| self.file.label(pair[0]) >= self.file.label(pair[1]))?;
        Some(format!("label {} is not where the order of labels puts it", self.file.label(pair[1])))
    }

    fn wrong_equals(&self) -> Option<String> {
        let (equals, nodes) = (self.file.equals(), self.file.header().nodes);
        let wrong = !equals.is_sorted() || equals.last().is_some_and(|&node| node as usize >= nodes);
        wrong.then(|| "the nodes of rows of equal vectors do not ascend, or are no nodes".to_owned())
    }

    fn wrong_vectors(&self) -> Option<String> {
        self.first_node(|node| !self.file.vector(node).iter().all(|value| value.is_finite()))
            .map(|node| format!("the vector of node {node} is not finite"))
    }

    /// Codes say what the vectors do.
    fn wrong_codes(&self) -> Option<String> {
        let mut rotated = vec![0.0; self.file.coder().code_dim()];
        self.first_node(|node| {
            self.file.coder().rotate(self.file.vector(node), true, &mut rotated);
            let length = self.file.coder().normalize(&mut rotated);
            let stored = factor(self.file.sections().factors, node);
            let near = (stored - length).abs() <= ROUNDING * length;
            !near || !self.says(node, &rotated)
        })
        .map(|node| format!("the codes of node {node} are not those of its vector"))
    }

    /// Whether a node's codes stand for these rotated values.
    fn says(&self, node: u32, rotated: &[f32]) -> bool {
        let (sections, levels) = (self.file.sections(), &self.file.coder().levels);
        let slack = ROUNDING * self.file.coder().grid.limit;
        let width = rotated.len();
        let codes = sections.codes.row(node).unwrap_or_default();
        let bytes = &sections.bytes[node as usize * width..][..width];
        (0..width).all(|i| {
            let (block, within) = (i / BLOCK, i % BLOCK);
            let pair = codes[block * BLOCK_BYTES + within % BLOCK_BYTES];
            let code = usize::from(if within < BLOCK_BYTES { pair & 15 } else { pair >> 4 });
            let value = levels.base[code] + f32::from(bytes[i]) * levels.step[code];
            (value - rotated[i]).abs() <= MOST_STEPS * levels.step[code] + slack
        })
    }

    fn first_node(&self, mut is_wrong: impl FnMut(u32) -> bool) -> Option<u32> {
        (0..self.file.header().nodes as u32).take_while(|_| !self.is_over()).find(|&node| is_wrong(node))
    }
}
