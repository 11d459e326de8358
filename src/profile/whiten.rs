//! Whitening of text vectors: raw BERT-family vectors all point the same way and blur who did what
//! (Su et al., "Whitening Sentence Representations", 2021). The fewer texts there are, the less it does.

use crate::compute::distance::{dot, normalize};
use nalgebra::{DMatrix, SymmetricEigen};

/// Smallest variance of a direction, as a share of the mean variance.
const FLOOR: f64 = 0.01;

/// Texts to a dimension from which on their mean and covariance are taken at their word.
const ENOUGH: f64 = 2.0;

/// Centres a vector and evens out the variance of its directions.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Whitening {
    mean: Vec<f32>,
    /// Row-major, dimensions x dimensions, symmetric.
    matrix: Vec<f32>,
}

impl Whitening {
    /// The whitened vector, at unit length; zeros where nothing but the mean is left.
    pub(crate) fn apply(&self, raw: &[f32]) -> Vec<f32> {
        let centred = self.subtract_mean(raw);
        let mut white: Vec<f32> =
            self.matrix.chunks_exact(self.mean.len()).map(|row| dot(row, &centred)).collect();
        normalize(&mut white);
        white
    }

    /// Whether it takes vectors of this length.
    pub(crate) fn fits(&self, dim: usize) -> bool {
        dim > 0 && self.mean.len() == dim && self.matrix.len() == dim * dim
    }

    /// The vector less the mean, at unit length.
    pub(crate) fn centre(&self, raw: &[f32]) -> Vec<f32> {
        let mut centred = self.subtract_mean(raw);
        normalize(&mut centred);
        centred
    }

    fn subtract_mean(&self, raw: &[f32]) -> Vec<f32> {
        raw.iter().zip(&self.mean).map(|(x, m)| x - m).collect()
    }
}

/// Sums up the mean and covariance of the vectors it is shown.
pub(crate) struct WhiteningLearner {
    dim: usize,
    seen: usize,
    count: f64,
    sum: Vec<f64>,
    products: Vec<f64>,
}

impl WhiteningLearner {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, seen: 0, count: 0.0, sum: vec![0.0; dim], products: vec![0.0; dim * dim] }
    }

    /// Counts a vector in, with a weight.
    pub(crate) fn add(&mut self, vector: &[f32], weight: f64) {
        self.seen += 1;
        self.count += weight;
        for (i, &x) in vector.iter().enumerate() {
            let x = f64::from(x) * weight;
            self.sum[i] += x;
            let row = &mut self.products[i * self.dim..(i + 1) * self.dim];
            for (product, &y) in row.iter_mut().zip(vector) {
                *product += x * f64::from(y);
            }
        }
    }

    /// The symmetric whitening `C^(-1/2)`, with variances raised to at least [`FLOOR`] of their mean: some
    /// models have directions that never vary. `None` where fewer than two vectors were seen, or all are
    /// equal.
    ///
    /// A few texts say little of a space of hundreds of dimensions: below [`ENOUGH`] texts to a dimension,
    /// mean and covariance are shrunk towards leaving the space as it is (as in Ledoit and Wolf, "A
    /// well-conditioned estimator", 2004, with the intensity set by count alone).
    pub(crate) fn finish(self) -> Option<Whitening> {
        if self.seen < 2 {
            return None;
        }
        let dim = self.dim;
        let trust = (self.seen as f64 / (ENOUGH * dim as f64)).min(1.0);
        let mean: Vec<f64> = self.sum.iter().map(|sum| sum / self.count).collect();
        let covariance =
            DMatrix::from_fn(dim, dim, |i, j| self.products[i * dim + j] / self.count - mean[i] * mean[j]);
        let variance = covariance.trace() / dim as f64;
        if variance <= f64::EPSILON {
            return None;
        }
        let eigen = SymmetricEigen::new(covariance);
        let shrunk = |value: f64| trust * value.max(FLOOR * variance) + (1.0 - trust) * variance;
        let scales = eigen.eigenvalues.map(|value| shrunk(value).sqrt().recip());
        let scaled = &eigen.eigenvectors * DMatrix::from_diagonal(&scales);
        let matrix = scaled * eigen.eigenvectors.transpose();
        Some(Whitening {
            mean: mean.iter().map(|&m| (trust * m) as f32).collect(),
            matrix: matrix.iter().map(|&x| x as f32).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn directions_come_out_even() {
        let mut learner = WhiteningLearner::new(2);
        for (x, y) in [(10.0, 1.0), (-10.0, 1.0), (10.0, -1.0), (-10.0, -1.0)] {
            learner.add(&[x + 5.0, y], 1.0);
        }
        let whitening = learner.finish().unwrap();
        let white = whitening.apply(&[15.0, 1.0]);
        assert!((white[0] - white[1]).abs() < 1e-5, "{white:?}");
    }

    #[test]
    fn a_few_texts_hardly_bend_the_space() {
        let mut learner = WhiteningLearner::new(100);
        let one_hot = |at: usize| -> Vec<f32> { (0..100).map(|i| if i == at { 1.0 } else { 0.0 }).collect() };
        (0..3).for_each(|at| learner.add(&one_hot(at), 1.0));
        let whitening = learner.finish().unwrap();
        let (white, raw) = (whitening.apply(&one_hot(1)), one_hot(1));
        assert!(dot(&white, &raw) > 0.95 && dot(&whitening.centre(&raw), &raw) > 0.95);
    }

    #[test]
    fn too_little_to_learn_from_is_none() {
        let mut learner = WhiteningLearner::new(2);
        learner.add(&[1.0, 2.0], 1.0);
        assert!(learner.finish().is_none());
        let mut learner = WhiteningLearner::new(2);
        (0..9).for_each(|_| learner.add(&[1.0, 2.0], 1.0));
        assert!(learner.finish().is_none());
    }

    proptest! {
        #[test]
        fn always_finite(rows in prop::collection::vec(prop::array::uniform4(-1.0_f32..1.0), 0..20)) {
            let mut learner = WhiteningLearner::new(4);
            rows.iter().for_each(|row| learner.add(row, 1.0));
            if let Some(whitening) = learner.finish() {
                for row in &rows {
                    prop_assert!(whitening.apply(row).iter().all(|x| x.is_finite()));
                }
            }
        }
    }
}
