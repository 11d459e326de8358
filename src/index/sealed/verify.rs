//! Whether a sealed file is what was written, and whether that was sound: every property that searches lean on, each a
//! function of its own.

use super::coder::factor;
use super::file::Sealed;
use super::format::{PAGE, SECTIONS, Section};
use crate::compute::{BLOCK, BLOCK_BYTES};
use crate::error::{Error, Result};

/// Sections that a merge copies from, and the one by which was found which rows are dead: those it does not copy.
const COPIED: [Section; 5] =
    [Section::Nodes, Section::Labels, Section::ByLabel, Section::Equals, Section::Vectors];
/// Sections by which rows are found that died since the manifest, and what is read in any case.
const OPENED: [Section; 3] = [Section::Labels, Section::ByLabel, Section::Mean];
/// A code stands for the values within half a step; what rounding may differ by on another machine comes on top.
const MOST_STEPS: f32 = 0.75;
const ROUNDING: f32 = 1e-5;

/// A property, and what is wrong with it.
type Check = fn(&Sealed) -> Option<String>;

impl Sealed {
    /// All that is wrong with the file, in words. `progress` is told of steps done and in all.
    pub(in crate::index) fn verify(&self, progress: &dyn Fn(usize, usize)) -> Vec<String> {
        let checks: [Check; 8] = [
            Self::wrong_padding,
            Self::wrong_entries,
            Self::wrong_links,
            Self::unreachable,
            Self::wrong_labels,
            Self::wrong_equals,
            Self::wrong_vectors,
            Self::wrong_codes,
        ];
        let total = SECTIONS.len() + checks.len();
        let mut problems = Vec::new();
        for (done, section) in SECTIONS.into_iter().enumerate() {
            progress(done, total);
            problems.extend(self.wrong_checksum(section));
        }
        for (done, check) in checks.into_iter().enumerate() {
            progress(SECTIONS.len() + done, total);
            problems.extend(check(self));
        }
        progress(total, total);
        problems
    }

    /// Whether what a merge copies is what was written: else damage would get a right checksum.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(in crate::index) fn check_copied(&self) -> Result<()> {
        self.check_sections(&COPIED)
    }

    /// Whether what says which rows are dead is what was written: else a row might come back that was removed. Of all
    /// other damage the worst is a wrong neighbour.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub(in crate::index) fn check_opened(&self) -> Result<()> {
        self.check_sections(&OPENED)
    }

    fn check_sections(&self, sections: &[Section]) -> Result<()> {
        match sections.iter().find_map(|&section| self.wrong_checksum(section)) {
            Some(problem) => Err(Error::damaged(self.place(), problem)),
            None => Ok(()),
        }
    }

    fn wrong_checksum(&self, section: Section) -> Option<String> {
        let right = crc32fast::hash(self.bytes_of(section)) == self.layout().extent(section).checksum;
        (!right).then(|| format!("the checksum of its section {section:?} is wrong"))
    }

    /// Behind a section there are zeros up to the next.
    fn wrong_padding(&self) -> Option<String> {
        SECTIONS.into_iter().find_map(|section| {
            let extent = self.layout().extent(section);
            let end = (extent.offset + extent.length) as usize;
            let padding = self.bytes().get(end..end.next_multiple_of(PAGE))?;
            padding
                .iter()
                .any(|&byte| byte != 0)
                .then(|| format!("behind its section {section:?} are not only zeros"))
        })
    }

    fn wrong_entries(&self) -> Option<String> {
        let sections = self.sections();
        let entry = sections.entries.iter().find(|&&entry| entry as usize >= sections.nodes)?;
        Some(format!("entry {entry} is no node"))
    }

    /// A node's links are nodes, and itself only where it has no more.
    fn wrong_links(&self) -> Option<String> {
        let sections = self.sections();
        self.first_node(|node| {
            let links = sections.links_of(node);
            let count = links.iter().position(|&link| link == node).unwrap_or(links.len());
            links.len() != self.header().degree
                || links.iter().any(|&link| link as usize >= sections.nodes)
                || links[count..].iter().any(|&link| link != node)
        })
        .map(|node| format!("the links of node {node} are not what links can be"))
    }

    /// From the entries every node is reached.
    fn unreachable(&self) -> Option<String> {
        let sections = self.sections();
        let mut seen = vec![false; sections.nodes];
        let mut left: Vec<u32> = sections.entries.to_vec();
        while let Some(node) = left.pop() {
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
        let by_label = self.by_label();
        let rows = self.rows() as u32;
        if let Some(row) = by_label.iter().find(|&&row| row >= rows) {
            return Some(format!("the order of labels names row {row} of {rows}"));
        }
        // Labels that grow are all different, and so are their rows.
        let pair = by_label.windows(2).find(|pair| self.label(pair[0]) >= self.label(pair[1]))?;
        Some(format!("label {} is not where the order of labels puts it", self.label(pair[1])))
    }

    fn wrong_equals(&self) -> Option<String> {
        let (equals, nodes) = (self.equals(), self.header().nodes);
        let wrong = !equals.is_sorted() || equals.last().is_some_and(|&node| node as usize >= nodes);
        wrong.then(|| "the nodes of rows of equal vectors do not ascend, or are no nodes".to_owned())
    }

    fn wrong_vectors(&self) -> Option<String> {
        self.first_node(|node| !self.vector(node).iter().all(|value| value.is_finite()))
            .map(|node| format!("the vector of node {node} is not finite"))
    }

    /// Codes say what the vectors do.
    fn wrong_codes(&self) -> Option<String> {
        let mut rotated = vec![0.0; self.coder().code_dim()];
        self.first_node(|node| {
            self.coder().rotate(self.vector(node), true, &mut rotated);
            let length = self.coder().normalize(&mut rotated);
            let stored = factor(self.sections().factors, node);
            let near = (stored - length).abs() <= ROUNDING * length;
            !near || !self.says(node, &rotated)
        })
        .map(|node| format!("the codes of node {node} are not those of its vector"))
    }

    /// Whether a node's codes stand for these rotated values.
    fn says(&self, node: u32, rotated: &[f32]) -> bool {
        let (sections, levels) = (self.sections(), &self.coder().levels);
        let slack = ROUNDING * self.coder().grid.limit;
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
        (0..self.header().nodes as u32).find(|&node| is_wrong(node))
    }
}
