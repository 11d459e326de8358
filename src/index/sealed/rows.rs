//! A set of a file's rows.

use super::file::Sealed;
use roaring::RoaringBitmap;

/// Rows of one file: a bit for each, and the nodes that have some.
#[derive(Clone, Debug)]
pub(in crate::index) struct FileRows {
    bits: Vec<u64>,
    /// Rows in the set.
    pub count: usize,
    /// The nodes of rows in the set, ascending.
    pub(super) nodes: Vec<u32>,
}

impl FileRows {
    pub(in crate::index) fn new(file: &Sealed, labels: &RoaringBitmap) -> Self {
        let rows = file.rows();
        let mut set = Self { bits: vec![0; rows.div_ceil(64)], count: 0, nodes: Vec::new() };
        // Either way reads one file's labels about once; a small set is looked up label by label.
        if labels.len() * u64::from(rows.ilog2() + 1) < rows as u64 {
            labels.iter().filter_map(|label| file.row_of(label)).for_each(|row| set.insert(row));
        } else {
            (0..rows as u32).filter(|&row| labels.contains(file.label(row))).for_each(|row| set.insert(row));
        }
        let mut nodes: Vec<u32> = set.rows().map(|row| file.node_of(row)).collect();
        nodes.sort_unstable();
        nodes.dedup();
        set.nodes = nodes;
        set
    }

    fn insert(&mut self, row: u32) {
        self.bits[row as usize / 64] |= 1 << (row % 64);
        self.count += 1;
    }

    #[inline]
    pub(super) fn contains(&self, row: u32) -> bool {
        self.bits.get(row as usize / 64).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    fn rows(&self) -> impl Iterator<Item = u32> {
        self.bits.iter().zip((0..).step_by(64)).flat_map(|(&bits, first)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit: u32| first + bit)
        })
    }
}
