//! Ridge regression from an item's text to its factor, for items too new to have one.

use nalgebra::{Cholesky, DMatrix};

/// Weight of the penalty, as a share of the mean diagonal.
const PENALTY: f64 = 0.1;
/// Pairs that are multiplied in at a time.
const BLOCK: usize = 512;

/// Sums up the normal equations of the pairs it is shown.
pub(crate) struct RidgeLearner {
    inputs: DMatrix<f32>,
    outputs: DMatrix<f32>,
    filled: usize,
    gram: DMatrix<f64>,
    cross: DMatrix<f64>,
}

impl RidgeLearner {
    pub(crate) fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            inputs: DMatrix::zeros(input_dim, BLOCK),
            outputs: DMatrix::zeros(output_dim, BLOCK),
            filled: 0,
            gram: DMatrix::zeros(input_dim, input_dim),
            cross: DMatrix::zeros(input_dim, output_dim),
        }
    }

    /// Counts a pair in.
    pub(crate) fn add(&mut self, input: &[f32], output: &[f32]) {
        self.inputs.column_mut(self.filled).copy_from_slice(input);
        self.outputs.column_mut(self.filled).copy_from_slice(output);
        self.filled += 1;
        if self.filled == BLOCK {
            self.multiply();
        }
    }

    fn multiply(&mut self) {
        let inputs = self.inputs.columns(0, self.filled);
        let outputs = self.outputs.columns(0, self.filled);
        self.gram += (inputs * inputs.transpose()).map(f64::from);
        self.cross += (inputs * outputs.transpose()).map(f64::from);
        self.filled = 0;
    }

    /// Row-major output x input weights; `None` where nothing was seen.
    pub(crate) fn finish(mut self) -> Option<Vec<f32>> {
        if self.filled > 0 {
            self.multiply();
        }
        let dim = self.gram.nrows();
        let penalty = PENALTY * self.gram.trace() / dim as f64;
        if penalty <= 0.0 {
            return None;
        }
        for i in 0..dim {
            self.gram[(i, i)] += penalty;
        }
        let solved = Cholesky::new(self.gram)?.solve(&self.cross);
        Some(solved.iter().map(|&weight| weight as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_map_is_found_again() {
        let mut learner = RidgeLearner::new(2, 1);
        for i in 0..2000_u32 {
            let (x, y) = (f64::from(i).sin() as f32, f64::from(i).cos() as f32);
            learner.add(&[x, y], &[3.0 * x - y]);
        }
        let weights = learner.finish().unwrap();
        assert!((weights[0] - 3.0).abs() < 0.4 && (weights[1] + 1.0).abs() < 0.2, "{weights:?}");
    }

    #[test]
    fn nothing_seen_is_nothing_learned() {
        assert!(RidgeLearner::new(2, 1).finish().is_none());
    }
}
