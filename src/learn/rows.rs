//! Vectors of one length, one behind the other.

use crate::compute::distance::normalize;

/// Vectors of one length, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows {
    dim: usize,
    is_unit: bool,
    values: Vec<f32>,
}

impl Rows {
    /// No rows yet. Of unit rows only the direction counts: each is brought to length 1.
    pub(crate) fn new(dim: usize, is_unit: bool) -> Self {
        Self { dim: dim.max(1), is_unit, values: Vec::new() }
    }

    /// Makes room for more rows.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.values.reserve_exact(rows * self.dim);
    }

    /// No rows, of the same kind as these.
    pub(crate) fn none(&self) -> Self {
        Self::new(self.dim, self.is_unit)
    }

    /// Adds a row of `dim` values. Returns false, and adds nothing, where it has no direction and needs one.
    pub(crate) fn push(&mut self, row: &[f32]) -> bool {
        debug_assert_eq!(row.len(), self.dim);
        let from = self.values.len();
        self.values.extend_from_slice(row);
        let has_length = !self.is_unit || normalize(&mut self.values[from..]) > 0.0;
        if !has_length {
            self.values.truncate(from);
        }
        has_length
    }

    /// These rows, in this order.
    pub(crate) fn pick(&self, rows: &[u32]) -> Self {
        let mut picked = self.none();
        picked.reserve(rows.len());
        rows.iter().for_each(|&row| picked.values.extend_from_slice(self.row(row as usize)));
        picked
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    pub(crate) fn is_unit(&self) -> bool {
        self.is_unit
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_rows_have_unit_length_and_need_a_direction() {
        let mut rows = Rows::new(2, true);
        assert!(rows.push(&[3.0, 4.0]) && !rows.push(&[0.0, 0.0]) && rows.push(&[0.0, 2.0]));
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0.6, 0.8], [0.0, 1.0]]);
        assert_eq!(rows.pick(&[1, 1]).iter().collect::<Vec<_>>(), [[0.0, 1.0]; 2]);
        let mut rows = Rows::new(2, false);
        assert!(rows.push(&[0.0, 0.0]) && rows.push(&[3.0, 4.0]));
        assert_eq!((rows.len(), rows.row(1)), (2, &[3.0, 4.0][..]));
    }
}
