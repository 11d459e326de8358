//! A sealed file: what it holds, and which of its rows have died.

use super::coder::Coder;
use super::format::{Header, Layout, Section, checksum_of};
use super::mapping::Mapping;
use crate::compute::Spaced;
use crate::error::{Error, Result};
use roaring::RoaringBitmap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// An immutable graph with the codes and vectors of its nodes. Rows of equal vectors share a node. Only `died` ever
/// changes, and only from alive to a commit later than every view that exists, as in the other tiers.
#[derive(Debug)]
pub(in crate::index) struct Sealed {
    mapping: Mapping,
    layout: Layout,
    coder: Coder,
    /// For each row 0 while it is alive, else the commit at which it died, plus one.
    died: Vec<AtomicU64>,
    dead: AtomicUsize,
    /// Where it lies on disk, if it does.
    path: Option<PathBuf>,
    /// Whether the file goes with the last one that holds it.
    discarded: AtomicBool,
    /// Whether it was found damaged.
    distrusted: AtomicBool,
    place: String,
}

/// What tells a file from all others of its folder: its name, which may be given out again once all are made anew, and the checksum of
/// its header.
pub(in crate::index) type FileId = (String, u32);

/// Whoever searches may still hold a file that is replaced.
impl Drop for Sealed {
    fn drop(&mut self) {
        if let Some(path) = self.path.as_ref().filter(|_| self.discarded.load(Ordering::Relaxed))
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "a replaced index file is left until the store is opened again");
        }
    }
}

/// What a search reads of a file: its sections as slices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sections<'a> {
    pub entries: &'a [u32],
    /// Each node's neighbours, u32.
    pub links: Spaced<'a>,
    /// Each node's 4-bit codes.
    pub codes: Spaced<'a>,
    pub bytes: &'a [u8],
    pub factors: &'a [f32],
    pub nodes: usize,
}

impl Sections<'_> {
    /// A node's neighbours, filled up with itself.
    #[inline]
    pub(super) fn links_of(&self, node: u32) -> &[u32] {
        self.links.row(node).and_then(|links| bytemuck::try_cast_slice(links).ok()).unwrap_or_default()
    }
}

impl Sealed {
    /// Opens a file. Only its header and the mean of its vectors are read.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`].
    pub(in crate::index) fn open(path: &Path) -> Result<Self> {
        Self::new(Mapping::open(path)?, Some(path.to_owned()), path.display().to_string())
    }

    pub(super) fn new(mapping: Mapping, path: Option<PathBuf>, place: String) -> Result<Self> {
        if cfg!(target_endian = "big") {
            return Err(Error::invalid(
                "this machine",
                "big-endian",
                "sealed files need a little-endian one",
            ));
        }
        let bytes = mapping.bytes();
        let layout = Layout::decode(bytes, bytes.len() as u64, &place)?;
        let mean: Vec<f32> = section(bytes, &layout, Section::Mean).to_vec();
        if mean.iter().any(|value| !value.is_finite()) {
            return Err(Error::damaged(&place, "the mean of its vectors is not finite"));
        }
        let coder = Coder::new(layout.header.grid(mean));
        let died = (0..layout.header.rows).map(|_| AtomicU64::new(0)).collect();
        let (discarded, distrusted) = (AtomicBool::new(false), AtomicBool::new(false));
        let dead = AtomicUsize::new(0);
        Ok(Self { mapping, layout, coder, died, dead, path, discarded, distrusted, place })
    }

    pub(in crate::index) fn header(&self) -> &Header {
        &self.layout.header
    }

    /// Where it lies on disk, if it does.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Its name on disk, if it lies there.
    pub(in crate::index) fn name(&self) -> Option<&str> {
        self.path.as_deref()?.file_name()?.to_str()
    }

    /// The checksum of its header, which holds those of its sections.
    pub(in crate::index) fn checksum(&self) -> u32 {
        checksum_of(self.mapping.bytes())
    }

    /// What tells it from all other files of its folder, if it lies on disk.
    pub(in crate::index) fn id(&self) -> Option<FileId> {
        Some((self.name()?.to_owned(), self.checksum()))
    }

    /// Has the file removed once nobody holds it any more.
    pub(in crate::index) fn discard(&self) {
        self.discarded.store(true, Ordering::Relaxed);
    }

    /// Notes that it was found damaged.
    pub(in crate::index) fn distrust(&self) {
        self.distrusted.store(true, Ordering::Relaxed);
    }

    pub(in crate::index) fn is_distrusted(&self) -> bool {
        self.distrusted.load(Ordering::Relaxed)
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn coder(&self) -> &Coder {
        &self.coder
    }

    /// What names the file in errors.
    pub(in crate::index) fn place(&self) -> &str {
        &self.place
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        self.mapping.bytes()
    }

    /// All rows in the order of their labels.
    pub(super) fn by_label(&self) -> &[u32] {
        self.numbers(Section::ByLabel)
    }

    /// The node of each row beyond the nodes.
    pub(super) fn equals(&self) -> &[u32] {
        self.numbers(Section::Equals)
    }

    pub(super) fn bytes_of(&self, wanted: Section) -> &[u8] {
        section(self.mapping.bytes(), &self.layout, wanted)
    }

    fn numbers(&self, wanted: Section) -> &[u32] {
        section(self.mapping.bytes(), &self.layout, wanted)
    }

    pub(super) fn sections(&self) -> Sections<'_> {
        let bytes = self.mapping.bytes();
        let of = |wanted| section::<u8>(bytes, &self.layout, wanted);
        let nodes = Spaced::packed(of(Section::Nodes), self.header().node_bytes());
        Sections {
            entries: self.numbers(Section::Entries),
            links: nodes.to(self.header().degree * 4),
            codes: nodes.from(self.header().link_bytes()),
            bytes: of(Section::Bytes),
            factors: section(bytes, &self.layout, Section::Factors),
            nodes: self.header().nodes,
        }
    }

    /// Rows, dead ones included.
    pub(in crate::index) fn rows(&self) -> usize {
        self.header().rows
    }

    /// Rows that are alive now.
    pub(in crate::index) fn alive(&self) -> usize {
        self.rows() - self.dead.load(Ordering::Relaxed)
    }

    #[inline]
    pub(in crate::index) fn label(&self, row: u32) -> u32 {
        self.numbers(Section::Labels).get(row as usize).copied().unwrap_or(u32::MAX)
    }

    /// The row of a label, dead or alive.
    pub(in crate::index) fn row_of(&self, label: u32) -> Option<u32> {
        let rows = self.by_label();
        let at = rows.binary_search_by_key(&label, |&row| self.label(row)).ok()?;
        Some(rows[at]).filter(|&row| (row as usize) < self.rows())
    }

    /// The vector of a row, as prepared.
    #[inline]
    pub(in crate::index) fn vector(&self, row: u32) -> &[f32] {
        let dim = self.header().dim;
        let start = self.node_of(row) as usize * dim;
        let vectors: &[f32] = section(self.mapping.bytes(), &self.layout, Section::Vectors);
        &vectors[start..start + dim]
    }

    /// All nodes' vectors where one takes no more memory than its codes. With few dimensions rows are so close to each
    /// other that codes cannot tell them apart.
    pub(super) fn narrow_vectors(&self) -> Option<&[f32]> {
        let codes = 3 * self.coder.code_dim() / 2;
        (4 * self.header().dim <= codes)
            .then(|| section(self.mapping.bytes(), &self.layout, Section::Vectors))
    }

    /// The node of a row.
    pub(super) fn node_of(&self, row: u32) -> u32 {
        let nodes = self.header().nodes;
        let equal = (row as usize).checked_sub(nodes).and_then(|at| self.equals().get(at));
        // A number out of range can only be damage; it stands for the last node.
        equal.copied().unwrap_or(row).min(nodes as u32 - 1)
    }

    /// All rows of a node.
    #[inline]
    pub(super) fn rows_of(&self, node: u32) -> impl Iterator<Item = u32> {
        let equals = self.equals();
        let first = equals.partition_point(|&other| other < node);
        let count = equals[first..].iter().take_while(|&&other| other == node).count();
        let start = self.header().nodes + first;
        std::iter::once(node).chain((start..start + count).map(|row| row as u32))
    }

    /// Whether a view at commit `seq` sees the row.
    #[inline]
    pub(in crate::index) fn is_alive(&self, row: u32, seq: u64) -> bool {
        self.died(row).is_none_or(|died| died > seq)
    }

    /// The commit at which the row died.
    #[inline]
    pub(in crate::index) fn died(&self, row: u32) -> Option<u64> {
        self.died[row as usize].load(Ordering::Relaxed).checked_sub(1)
    }

    /// Rows that are dead now.
    pub(in crate::index) fn dead(&self) -> RoaringBitmap {
        let rows = (0..self.rows() as u32).filter(|&row| self.died(row).is_some());
        if self.alive() == self.rows() { RoaringBitmap::new() } else { rows.collect() }
    }

    /// Marks a row that is alive dead for views from commit `seq` on.
    pub(in crate::index) fn bury(&self, row: u32, seq: u64) {
        self.died[row as usize].store(seq + 1, Ordering::Relaxed);
        self.dead.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes that searches touch, those of the full vectors apart.
    pub(in crate::index) fn size_bytes(&self) -> usize {
        let beside = [Section::ByLabel, Section::Vectors].map(|s| self.layout.extent(s).length as usize);
        let sections: usize = self.layout.extents.iter().map(|extent| extent.length as usize).sum();
        sections - beside.iter().sum::<usize>() + self.rows() * size_of::<AtomicU64>()
    }
}

/// A section's values. Their places were checked against the file's length when it was opened, and pages suit every
/// type's alignment.
fn section<'a, T: bytemuck::AnyBitPattern>(bytes: &'a [u8], layout: &Layout, wanted: Section) -> &'a [T] {
    let extent = layout.extent(wanted);
    let start = extent.offset as usize;
    bytes
        .get(start..start + extent.length as usize)
        .and_then(|bytes| bytemuck::try_cast_slice(bytes).ok())
        .unwrap_or_default()
}
