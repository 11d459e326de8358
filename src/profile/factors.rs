//! Learned factors: the right singular vectors of the sparse user x item matrix, found in a few passes
//! over its rows, which may be streamed (randomized subspace iteration: Halko, Martinsson and Tropp,
//! "Finding Structure with Randomness", SIAM Review 2011, algorithm 4.4).

use crate::compute::SplitMix;
use crate::compute::distance::axpy;
use nalgebra::{DMatrix, SymmetricEigen};

/// Extra directions carried along, which make the wanted ones come out right.
const OVERSAMPLING: usize = 32;
/// Columns that are multiplied at a time, so that copies stay small.
const BLOCK: usize = 4096;
/// Directions weaker than this share of the strongest are noise of rank-deficient data.
const NEGLIGIBLE: f64 = 1e-7;

/// Learns factors of `columns` targets: call [`FactorLearner::row`] for every row and
/// [`FactorLearner::end_pass`] after each pass, then [`FactorLearner::finish`].
///
/// Memory: two matrices of columns x (dims + 32) numbers, however many rows there are.
pub(crate) struct FactorLearner {
    dims: usize,
    /// One column for each target: `width` numbers that lie together.
    basis: DMatrix<f32>,
    product: DMatrix<f32>,
    projected: Vec<f32>,
    singular_values: Vec<f32>,
}

impl FactorLearner {
    pub(crate) fn new(columns: usize, dims: usize, seed: u64) -> Self {
        let width = (dims + OVERSAMPLING).min(columns.max(1));
        let mut random = SplitMix::new(seed);
        let mut basis = DMatrix::from_fn(width, columns, |_, _| random.gaussian());
        orthonormalize(&mut basis);
        Self {
            dims,
            product: DMatrix::zeros(width, columns),
            basis,
            projected: vec![0.0; width],
            singular_values: Vec::new(),
        }
    }

    /// Counts one row in, given as (column, value).
    pub(crate) fn row(&mut self, row: &[(u32, f32)]) {
        let width = self.projected.len();
        self.projected.fill(0.0);
        for &(column, value) in row {
            let at = column as usize * width;
            axpy(&mut self.projected, value, &self.basis.as_slice()[at..at + width]);
        }
        for &(column, value) in row {
            let at = column as usize * width;
            axpy(&mut self.product.as_mut_slice()[at..at + width], value, &self.projected);
        }
    }

    /// Ends a pass: the basis turns towards the strongest directions, strongest first.
    pub(crate) fn end_pass(&mut self) {
        let ritz = gram(&self.basis, &self.product);
        let eigen = SymmetricEigen::new((&ritz + ritz.transpose()) * 0.5);
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        self.singular_values = order.iter().map(|&i| eigen.eigenvalues[i].max(0.0).sqrt() as f32).collect();
        let turn = DMatrix::from_fn(order.len(), order.len(), |i, j| eigen.eigenvectors[(j, order[i])]);
        std::mem::swap(&mut self.basis, &mut self.product);
        rotate(&mut self.basis, &turn);
        orthonormalize(&mut self.basis);
        orthonormalize(&mut self.basis);
        self.product.fill(0.0);
    }

    /// The factors: for each target its `dims` numbers, padded with zeros where the data has fewer
    /// directions; each direction scaled by its singular value to the `power`.
    pub(crate) fn finish(self, power: f32) -> Factors {
        let strongest = self.singular_values.first().copied().unwrap_or(0.0);
        let kept = self.dims.min(self.basis.nrows());
        let scales: Vec<f32> = (0..kept)
            .map(|i| match self.singular_values.get(i) {
                Some(&value) if value > strongest * 1e-4 => (value / strongest).powf(power),
                _ => 0.0,
            })
            .collect();
        Factors { dims: self.dims, scales, basis: self.basis }
    }
}

/// What was learned: one factor for each target.
pub(crate) struct Factors {
    dims: usize,
    scales: Vec<f32>,
    basis: DMatrix<f32>,
}

impl Factors {
    /// The factor of a target; zeros for one that nobody acted on.
    pub(crate) fn of(&self, target: u32) -> Vec<f32> {
        let mut factor = vec![0.0; self.dims];
        let column = self.basis.column(target as usize);
        for ((out, value), scale) in factor.iter_mut().zip(column.iter()).zip(&self.scales) {
            *out = value * scale;
        }
        factor
    }
}

/// `a bᵀ`, summed up in blocks, in double precision between them.
fn gram(a: &DMatrix<f32>, b: &DMatrix<f32>) -> DMatrix<f64> {
    let mut sum = DMatrix::zeros(a.nrows(), b.nrows());
    for start in (0..a.ncols()).step_by(BLOCK) {
        let width = BLOCK.min(a.ncols() - start);
        let block = a.columns(start, width) * b.columns(start, width).transpose();
        sum += block.map(f64::from);
    }
    sum
}

/// Replaces every column x by `turn · x`.
fn rotate(matrix: &mut DMatrix<f32>, turn: &DMatrix<f64>) {
    let turn = turn.map(|value| value as f32);
    for start in (0..matrix.ncols()).step_by(BLOCK) {
        let width = BLOCK.min(matrix.ncols() - start);
        let turned = &turn * matrix.columns(start, width);
        matrix.columns_mut(start, width).copy_from(&turned);
    }
}

/// Makes the rows orthonormal, keeping their order, by the Cholesky factor of their Gram matrix; rows
/// that depend on earlier ones become zero.
fn orthonormalize(matrix: &mut DMatrix<f32>) {
    let mut gram = gram(matrix, matrix);
    let n = gram.nrows();
    let floor = (0..n).map(|i| gram[(i, i)]).fold(0.0, f64::max) * NEGLIGIBLE * NEGLIGIBLE;
    let scales: Vec<f64> =
        (0..n).map(|i| if gram[(i, i)] > floor { gram[(i, i)].sqrt().recip() } else { 0.0 }).collect();
    for i in 0..n {
        for j in 0..n {
            gram[(i, j)] *= scales[i] * scales[j];
        }
    }
    let inverse = inverse_cholesky(&gram);
    let turn = DMatrix::from_fn(n, n, |i, j| inverse[(i, j)] * scales[j]);
    rotate(matrix, &turn);
}

/// `L⁻¹` for `gram = L Lᵀ`; a row whose pivot vanishes is zero.
fn inverse_cholesky(gram: &DMatrix<f64>) -> DMatrix<f64> {
    let n = gram.nrows();
    let mut lower = DMatrix::<f64>::zeros(n, n);
    let mut inverse = DMatrix::<f64>::zeros(n, n);
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| lower[(i, k)] * lower[(j, k)]).sum();
            let rest = gram[(i, j)] - dot;
            lower[(i, j)] = match (i == j, lower[(j, j)] > 0.0) {
                (true, _) => {
                    if rest > 1e-10 {
                        rest.sqrt()
                    } else {
                        0.0
                    }
                }
                (false, true) => rest / lower[(j, j)],
                (false, false) => 0.0,
            };
        }
        if lower[(i, i)] > 0.0 {
            for j in 0..i {
                let sum: f64 = (j..i).map(|k| lower[(i, k)] * inverse[(k, j)]).sum();
                inverse[(i, j)] = -sum / lower[(i, i)];
            }
            inverse[(i, i)] = lower[(i, i)].recip();
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn learn(rows: &[Vec<(u32, f32)>], columns: usize, dims: usize, passes: usize) -> FactorLearner {
        let mut learner = FactorLearner::new(columns, dims, 7);
        for _ in 0..passes {
            rows.iter().for_each(|row| learner.row(row));
            learner.end_pass();
        }
        learner
    }

    fn dense(rows: &[Vec<(u32, f32)>], columns: usize) -> DMatrix<f64> {
        let mut matrix = DMatrix::zeros(rows.len(), columns);
        for (i, row) in rows.iter().enumerate() {
            row.iter().for_each(|&(j, value)| matrix[(i, j as usize)] += f64::from(value));
        }
        matrix
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn singular_values_are_those_of_the_matrix(
            cells in prop::collection::vec((0_usize..30, 0_u32..12, 0.1_f32..3.0), 1..150),
        ) {
            let mut rows = vec![Vec::new(); 30];
            cells.iter().for_each(|&(row, column, value)| rows[row].push((column, value)));
            let learner = learn(&rows, 12, 12, 8);
            let expected = dense(&rows, 12).singular_values();
            let strongest = expected[0] as f32;
            for (found, want) in learner.singular_values.iter().zip(expected.iter()) {
                prop_assert!((found - *want as f32).abs() < 2e-3 * strongest, "{found} {want}");
            }
        }
    }

    #[test]
    fn factors_separate_two_tastes() {
        let rows: Vec<Vec<(u32, f32)>> = (0..20_u32)
            .map(|user| (0..3).map(|i| (3 * (user % 2) + (user / 2 + i) % 3, 1.0)).collect())
            .collect();
        let factors = learn(&rows, 6, 2, 6).finish(0.0);
        let cosine = |a: u32, b: u32| {
            let (a, b) = (factors.of(a), factors.of(b));
            let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f32>();
            dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
        };
        assert!(cosine(0, 1) > 0.99 && cosine(3, 5) > 0.99);
        assert!(cosine(0, 3).abs() < 0.01);
    }

    #[test]
    fn nothing_acted_on_gives_zeros() {
        let factors = learn(&[], 3, 8, 2).finish(0.0);
        assert_eq!(factors.of(1), vec![0.0; 8]);
    }
}
