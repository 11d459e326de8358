//! The layout of a sealed file: a header of one page, then sections, each at a page's start. `docs/format.md`
//! gives it to the byte.

use super::coder::{Grid, code_dim, has_factors};
use crate::compute::BLOCK_BYTES;
use crate::error::{Error, Result};
use crate::model::{MAX_DIM, Metric};

const MAGIC: [u8; 8] = *b"KNDRSEAL";
/// The newest version this build reads, and the one it writes.
pub(super) const VERSION: u32 = 2;
/// Sections start at multiples of this.
pub(super) const PAGE: usize = 4096;
/// Where the section table starts in the header.
const TABLE: usize = 128;
/// Bytes of one section's entry there.
const ENTRY: usize = 24;
/// Where the header's checksum is: its last four bytes.
const CHECKSUM: usize = PAGE - 4;
/// Most links of a node.
pub(in crate::index) const MAX_DEGREE: usize = 256;
/// Most rows: an id and a flag share 32 bits in a search.
pub(super) const MAX_ROWS: usize = 1 << 30;

/// The sections, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Nodes where every search starts.
    Entries,
    /// What a walk reads of each node, side by side: `degree` neighbours, the node itself where there are fewer, since walks
    /// have seen that; then its 4-bit codes.
    Nodes,
    /// What refines them, a byte for each dimension.
    Bytes,
    /// The length of each node's centred vector; absent under cosine.
    Factors,
    /// The label of each row: first that of each node, then those of rows equal to a node's.
    Labels,
    /// All rows, ordered by label.
    ByLabel,
    /// The node of each row beyond the nodes, ascending.
    Equals,
    /// The mean that codes are centred on.
    Mean,
    /// The vector of each node, in full precision.
    Vectors,
}

pub(super) const SECTIONS: [Section; 9] = [
    Section::Entries,
    Section::Nodes,
    Section::Bytes,
    Section::Factors,
    Section::Labels,
    Section::ByLabel,
    Section::Equals,
    Section::Mean,
    Section::Vectors,
];

/// Where a section lies, and its checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub offset: u64,
    pub length: u64,
    pub checksum: u32,
}

/// What the header says, the sections' places apart.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::index) struct Header {
    pub metric: Metric,
    pub dim: usize,
    pub degree: usize,
    pub rows: usize,
    pub nodes: usize,
    pub entries: usize,
    pub seed: u64,
    /// The last commit whose changes went into the file.
    pub seq: u64,
    pub step: f32,
    pub limit: f32,
    /// Nodes that a walk of width [`CALIBRATION_EF`] compares, on average.
    pub compared: usize,
    /// By how much, on average, scores fall as ranks grow by a factor of e, in the measure of [`Query`](super::coder::Query); 0 where it
    /// is not known.
    pub slope: f32,
    /// Rows that came or died since the graph was made at once.
    pub repaired: usize,
}

/// A steeper fall than any measure has.
pub(super) const MOST_SLOPE: f32 = 1e3;

/// The width of the walks that were counted when the file was made.
pub(super) const CALIBRATION_EF: usize = 64;

/// A header as it lies in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub header: Header,
    pub extents: [Extent; SECTIONS.len()],
}

/// Bytes of `degree` links, filled up to whole cache lines.
pub(super) fn link_bytes(degree: usize) -> usize {
    (degree * 4).next_multiple_of(BLOCK_BYTES)
}

impl Header {
    /// Bytes of a section.
    pub(super) fn length(&self, section: Section) -> usize {
        let width = code_dim(self.dim);
        match section {
            Section::Entries => self.entries * 4,
            Section::Nodes => self.nodes * self.node_bytes(),
            Section::Bytes => self.nodes * width,
            Section::Factors => {
                if has_factors(self.metric) {
                    self.nodes * 4
                } else {
                    0
                }
            }
            Section::Labels | Section::ByLabel => self.rows * 4,
            Section::Equals => (self.rows - self.nodes) * 4,
            Section::Mean => self.dim * 4,
            Section::Vectors => self.nodes * self.dim * 4,
        }
    }

    /// Bytes of a node's links: whole cache lines.
    pub(super) fn link_bytes(&self) -> usize {
        link_bytes(self.degree)
    }

    /// Bytes of a node in its section.
    pub(super) fn node_bytes(&self) -> usize {
        self.link_bytes() + code_dim(self.dim) / 2
    }

    /// Where each section goes; checksums are still to come.
    pub(super) fn layout(self) -> Layout {
        let mut extents = [Extent::default(); SECTIONS.len()];
        let mut offset = PAGE;
        for (extent, section) in extents.iter_mut().zip(SECTIONS) {
            let length = self.length(section);
            *extent = Extent { offset: offset as u64, length: length as u64, checksum: 0 };
            offset += length.next_multiple_of(PAGE);
        }
        Layout { header: self, extents }
    }

    /// Nodes that a walk of a width is expected to compare.
    pub(super) fn compared_by(&self, ef: usize) -> usize {
        (self.compared.saturating_mul(ef) / CALIBRATION_EF).min(self.nodes)
    }

    fn check(&self, place: &str) -> Result<()> {
        let sound = (1..=MAX_DIM).contains(&self.dim)
            && (1..=MAX_DEGREE).contains(&self.degree)
            && self.rows <= MAX_ROWS
            && (1..=self.rows).contains(&self.nodes)
            && (1..=self.nodes).contains(&self.entries)
            && self.step.is_normal()
            && self.step > 0.0
            && self.limit.is_finite()
            && (0.0..=MOST_SLOPE).contains(&self.slope);
        if sound { Ok(()) } else { Err(Error::damaged(place, format!("its header says {self:?}"))) }
    }

    /// The grid of the file's codes, given the mean.
    pub(super) fn grid(&self, mean: Vec<f32>) -> Grid {
        Grid { metric: self.metric, seed: self.seed, mean, step: self.step, limit: self.limit }
    }
}

impl Layout {
    /// Bytes of the whole file.
    pub(super) fn file_length(&self) -> u64 {
        self.extents
            .iter()
            .map(|extent| (extent.offset + extent.length).next_multiple_of(PAGE as u64))
            .max()
            .unwrap_or(0)
    }

    pub(super) fn extent(&self, section: Section) -> Extent {
        self.extents[section as usize]
    }

    /// The header's page.
    pub(super) fn encode(&self) -> Vec<u8> {
        let header = &self.header;
        let mut page = Vec::with_capacity(PAGE);
        page.extend(MAGIC);
        page.extend(VERSION.to_le_bytes());
        page.extend((metric_number(header.metric)).to_le_bytes());
        for count in [header.dim, header.degree, header.rows, header.nodes, header.entries, SECTIONS.len()] {
            page.extend((count as u32).to_le_bytes());
        }
        page.extend(header.seed.to_le_bytes());
        page.extend(header.seq.to_le_bytes());
        page.extend(header.step.to_le_bytes());
        page.extend(header.limit.to_le_bytes());
        page.extend((header.compared as u32).to_le_bytes());
        page.extend(header.slope.to_le_bytes());
        page.extend((header.repaired as u32).to_le_bytes());
        page.resize(TABLE, 0);
        for extent in &self.extents {
            page.extend(extent.offset.to_le_bytes());
            page.extend(extent.length.to_le_bytes());
            page.extend(u64::from(extent.checksum).to_le_bytes());
        }
        page.resize(CHECKSUM, 0);
        page.extend(crc32fast::hash(&page).to_le_bytes());
        page
    }

    /// Reads a header and checks that it is whole and fits a file of `file_length` bytes; `place` names the file
    /// in errors. What the sections hold is not looked at.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Format`] for a newer version.
    pub(super) fn decode(bytes: &[u8], file_length: u64, place: &str) -> Result<Self> {
        let Some(page) = bytes.first_chunk::<PAGE>() else {
            return Err(Error::damaged(place, format!("it has {} bytes, too few for a header", bytes.len())));
        };
        if page[..8] != MAGIC {
            return Err(Error::damaged(place, "it is no sealed index file"));
        }
        let found = u32_at(page, 8);
        if crc32fast::hash(&page[..CHECKSUM]) != u32_at(page, CHECKSUM) {
            return Err(Error::damaged(place, "the checksum of its header is wrong"));
        }
        if found > VERSION {
            return Err(Error::Format { found, newest: VERSION });
        }
        if found < VERSION {
            return Err(Error::damaged(place, format!("it is of version {found}, which is made anew")));
        }
        if u32_at(page, 36) as usize != SECTIONS.len() {
            return Err(Error::damaged(place, format!("its header names {} sections", u32_at(page, 36))));
        }
        let header = header_of(page, place)?;
        header.check(place)?;
        let layout = Self { header, extents: std::array::from_fn(|i| extent_at(page, TABLE + i * ENTRY)) };
        let expected = layout.header.clone().layout();
        let same_place = |(a, b): (&Extent, &Extent)| (a.offset, a.length) == (b.offset, b.length);
        if !layout.extents.iter().zip(&expected.extents).all(same_place) {
            return Err(Error::damaged(place, "its sections are not where its header's counts put them"));
        }
        if layout.file_length() != file_length {
            let length = layout.file_length();
            return Err(Error::damaged(place, format!("it has {file_length} bytes, not {length}")));
        }
        Ok(layout)
    }
}

#[cfg(fuzzing)]
impl Layout {
    /// Makes the checksum of a header right.
    pub(super) fn seal_header(bytes: &mut [u8]) {
        if let Some(page) = bytes.first_chunk_mut::<PAGE>() {
            let checksum = crc32fast::hash(&page[..CHECKSUM]);
            page[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
        }
    }
}

/// The checksum that a file's header ends with.
pub(super) fn checksum_of(bytes: &[u8]) -> u32 {
    bytes.first_chunk::<PAGE>().map_or(0, |page| u32_at(page, CHECKSUM))
}

fn header_of(page: &[u8; PAGE], place: &str) -> Result<Header> {
    let count = |at: usize| u32_at(page, at) as usize;
    let metric = metric_of(u32_at(page, 12))
        .ok_or_else(|| Error::damaged(place, format!("its metric is number {}", u32_at(page, 12))))?;
    Ok(Header {
        metric,
        dim: count(16),
        degree: count(20),
        rows: count(24),
        nodes: count(28),
        entries: count(32),
        seed: u64_at(page, 40),
        seq: u64_at(page, 48),
        step: f32::from_bits(u32_at(page, 56)),
        limit: f32::from_bits(u32_at(page, 60)),
        compared: count(64),
        slope: f32::from_bits(u32_at(page, 68)),
        repaired: count(72),
    })
}

fn metric_number(metric: Metric) -> u32 {
    match metric {
        Metric::Cosine => 0,
        Metric::InnerProduct => 1,
        Metric::L2 => 2,
    }
}

fn metric_of(number: u32) -> Option<Metric> {
    [Metric::Cosine, Metric::InnerProduct, Metric::L2].into_iter().find(|&m| metric_number(m) == number)
}

fn extent_at(page: &[u8; PAGE], at: usize) -> Extent {
    Extent { offset: u64_at(page, at), length: u64_at(page, at + 8), checksum: u32_at(page, at + 16) }
}

fn u32_at(page: &[u8; PAGE], at: usize) -> u32 {
    u32::from_le_bytes(page[at..].first_chunk().copied().unwrap_or_default())
}

fn u64_at(page: &[u8; PAGE], at: usize) -> u64 {
    u64::from_le_bytes(page[at..].first_chunk().copied().unwrap_or_default())
}
