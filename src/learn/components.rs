//! Principal components: the directions in which rows vary most. Found by randomised subspace iteration with Rayleigh–Ritz
//! (Halko, Martinsson and Tropp, SIAM Review 2011), so that no matrix of dimensions by dimensions is ever made.
//!
//! Rows are worked on by the threads of the pool that it is called in. Sums are always taken in the same order, so that how many
//! threads there are changes nothing.

use super::rows::Rows;
use crate::compute::SplitMix;
use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

/// Directions that are followed beside those wanted: the more, the sooner these are found.
const MORE: usize = 8;
/// Rounds at most. Nearly always it takes a dozen.
const ROUNDS: usize = 300;
/// Where a round gains less than this share of the variance found, it was the last.
const GAIN: f64 = 1e-11;
/// Pieces that rows are worked on in, whatever the number of threads.
const PIECES: usize = 32;

/// Rows as seen along the directions in which they vary most.
#[derive(Clone, Debug)]
pub(crate) struct Components {
    /// For each row its coordinates, from the mean of all rows: along the first direction, the second, and so on.
    pub points: Vec<Vec<f64>>,
    /// The share of the rows' variance that lies along each direction, falling; 0 where they do not vary that way.
    pub shares: Vec<f64>,
}

/// The first few principal components of rows.
pub(crate) fn components(rows: &Rows, wanted: usize, seed: u64) -> Components {
    let means = means(rows);
    let varied = Varied { rows, means: &means };
    let total = varied.total();
    let width = (wanted + MORE).min(rows.dim());
    let mut random = SplitMix::new(seed);
    let mut space = orthonormal(DMatrix::from_fn(rows.dim(), width, |_, _| f64::from(random.gaussian())));
    let (mut variances, mut before) = (vec![0.0; width], 0.0);
    for _ in 0..ROUNDS {
        let moved = varied.applied(&space);
        let (turned, found) = ritz(&space, &moved);
        variances = found;
        let sum: f64 = variances.iter().take(wanted).sum();
        let is_last = (sum - before).abs() <= GAIN * sum;
        space = if is_last { turned } else { orthonormal(moved) };
        if is_last {
            break;
        }
        before = sum;
    }
    let axes: Vec<Vec<f64>> = space.column_iter().take(wanted).map(|axis| upright(axis.iter())).collect();
    let share = |at: usize| variances.get(at).map_or(0.0, |variance| (variance / total).clamp(0.0, 1.0));
    let shares = (0..wanted).map(|at| if total > 0.0 { share(at) } else { 0.0 }).collect();
    Components { points: varied.along(&axes, wanted), shares }
}

/// Rows, taken from their mean.
struct Varied<'a> {
    rows: &'a Rows,
    means: &'a [f64],
}

impl Varied<'_> {
    /// The mean squared distance from the mean.
    fn total(&self) -> f64 {
        let sums = self.pieces(|total: &mut f64, row| *total += row.iter().map(|x| x * x).sum::<f64>());
        sums.into_iter().sum::<f64>() / self.rows.len().max(1) as f64
    }

    /// The covariance of the rows times some columns, without the covariance itself.
    fn applied(&self, columns: &DMatrix<f64>) -> DMatrix<f64> {
        let (dim, width) = columns.shape();
        let sums = self.pieces(|sums: &mut Vec<f64>, row| {
            sums.resize(dim * width, 0.0);
            for (column, sums) in columns.column_iter().zip(sums.chunks_exact_mut(dim)) {
                let along = dot(row.iter(), column.iter());
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += along * x);
            }
        });
        let mut all = DMatrix::zeros(dim, width);
        for sums in sums {
            all.iter_mut().zip(&sums).for_each(|(all, sum)| *all += sum);
        }
        all / self.rows.len().max(1) as f64
    }

    /// The rows' coordinates along some directions, and 0 for each that there is none for.
    fn along(&self, axes: &[Vec<f64>], wanted: usize) -> Vec<Vec<f64>> {
        let points = self.pieces(|points: &mut Vec<Vec<f64>>, row| {
            let mut point: Vec<f64> = axes.iter().map(|axis| dot(row.iter(), axis.iter())).collect();
            point.resize(wanted, 0.0);
            points.push(point);
        });
        points.into_iter().flatten().collect()
    }

    /// Sums up pieces of the rows, one sum for each, in their order.
    fn pieces<S: Default + Send>(&self, add: impl Fn(&mut S, &[f64]) + Sync) -> Vec<S> {
        let each = self.rows.len().div_ceil(PIECES).max(1);
        let sum = |piece: usize| {
            let (mut sum, mut row) = (S::default(), Vec::with_capacity(self.means.len()));
            for values in self.rows.iter().skip(piece * each).take(each) {
                row.clear();
                row.extend(values.iter().zip(self.means).map(|(&x, mean)| f64::from(x) - mean));
                add(&mut sum, &row);
            }
            sum
        };
        (0..PIECES).into_par_iter().map(sum).collect()
    }
}

fn means(rows: &Rows) -> Vec<f64> {
    let mut sums = vec![0.0; rows.dim()];
    rows.iter().for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x)));
    sums.into_iter().map(|sum| sum / rows.len().max(1) as f64).collect()
}

fn dot<'a>(a: impl Iterator<Item = &'a f64>, b: impl Iterator<Item = &'a f64>) -> f64 {
    a.zip(b).map(|(a, b)| a * b).sum()
}

/// Columns of length 1 at right angles, that span what the given ones do.
fn orthonormal(columns: DMatrix<f64>) -> DMatrix<f64> {
    columns.qr().q()
}

/// The best directions within a space, the most variance first, with their variances.
fn ritz(space: &DMatrix<f64>, moved: &DMatrix<f64>) -> (DMatrix<f64>, Vec<f64>) {
    let within = space.transpose() * moved;
    let eigen = SymmetricEigen::new((&within + within.transpose()) / 2.0);
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let vectors = DMatrix::from_fn(order.len(), order.len(), |row, at| eigen.eigenvectors[(row, order[at])]);
    (space * vectors, order.iter().map(|&at| eigen.eigenvalues[at]).collect())
}

/// A direction or its opposite, which is as good: the one whose largest entry is positive.
fn upright<'a>(axis: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let axis: Vec<f64> = axis.copied().collect();
    let largest = axis.iter().fold(0.0_f64, |largest, x| if x.abs() > largest.abs() { *x } else { largest });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    axis.into_iter().map(|x| sign * x).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(dim: usize, values: &[Vec<f32>]) -> Rows {
        let mut rows = Rows::new(dim, false);
        values.iter().for_each(|row| assert!(rows.push(row)));
        rows
    }

    /// All eigenvalues and eigenvectors of the covariance, by Jacobi's rotations.
    fn by_rotations(rows: &Rows) -> Vec<(f64, Vec<f64>)> {
        let (dim, count) = (rows.dim(), rows.len() as f64);
        let mean: Vec<f64> =
            (0..dim).map(|d| rows.iter().map(|r| f64::from(r[d])).sum::<f64>() / count).collect();
        let at = |a: usize, b: usize| {
            rows.iter().map(|r| (f64::from(r[a]) - mean[a]) * (f64::from(r[b]) - mean[b])).sum::<f64>()
                / count
        };
        let mut matrix: Vec<Vec<f64>> = (0..dim).map(|a| (0..dim).map(|b| at(a, b)).collect()).collect();
        let mut vectors: Vec<Vec<f64>> =
            (0..dim).map(|a| (0..dim).map(|b| f64::from(u8::from(a == b))).collect()).collect();
        for _ in 0..60 {
            for p in 0..dim {
                for q in p + 1..dim {
                    if matrix[p][q].abs() < 1e-300 {
                        continue;
                    }
                    let angle = 0.5 * (2.0 * matrix[p][q]).atan2(matrix[q][q] - matrix[p][p]);
                    let (sin, cos) = angle.sin_cos();
                    for row in &mut matrix {
                        (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                    }
                    let (above, below) = matrix.split_at_mut(q);
                    for (a, b) in above[p].iter_mut().zip(&mut below[0]) {
                        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
                    }
                    for row in &mut vectors {
                        (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
                    }
                }
            }
        }
        let mut pairs: Vec<(f64, Vec<f64>)> =
            (0..dim).map(|at| (matrix[at][at], vectors.iter().map(|row| row[at]).collect())).collect();
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        pairs
    }

    proptest! {
        #[test]
        fn components_are_the_first_eigenvectors(
            (dim, values) in (1_usize..16).prop_flat_map(|dim| {
                let row = prop::collection::vec(-50_i8..50, dim);
                (Just(dim), prop::collection::vec(row.prop_map(|row| row.into_iter().map(f32::from).collect()), 1..40))
            }),
            seed in any::<u64>(),
        ) {
            let rows = rows(dim, &values);
            let (found, expected) = (components(&rows, 2, seed), by_rotations(&rows));
            let total: f64 = expected.iter().map(|(variance, _)| variance).sum();
            prop_assert_eq!((found.shares.len(), found.points.len()), (2, values.len()));
            for at in 0..2 {
                let variance = expected.get(at).map_or(0.0, |(variance, _)| *variance);
                prop_assert!((found.shares[at] * total - variance).abs() <= 1e-6 * total.max(1e-9), "{found:?} {expected:?}");
                // What the points themselves vary is what is told of them.
                let along = found.points.iter().map(|point| point[at] * point[at]).sum::<f64>() / values.len() as f64;
                prop_assert!((along - variance).abs() <= 1e-6 * total.max(1e-9));
                let gap = |a: usize, b: usize| expected[a].0 - expected.get(b).map_or(0.0, |(variance, _)| *variance);
                let is_alone = at < dim && gap(at, at + 1) > 0.02 * total && (at == 0 || gap(at - 1, at) > 0.02 * total);
                if is_alone {
                    let means = means(&rows);
                    let expected: Vec<f64> = rows
                        .iter()
                        .map(|row| (0..dim).map(|d| (f64::from(row[d]) - means[d]) * expected[at].1[d]).sum())
                        .collect();
                    let told: Vec<f64> = found.points.iter().map(|point| point[at]).collect();
                    let length = |a: &[f64]| dot(a.iter(), a.iter()).sqrt();
                    let cosine = dot(told.iter(), expected.iter()) / (length(&told) * length(&expected));
                    prop_assert!(cosine.abs() > 1.0 - 1e-6, "{cosine} {found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn many_dimensions_do_not_depend_on_threads() {
        let mut random = SplitMix::new(3);
        let values: Vec<Vec<f32>> = (0..500)
            .map(|no| {
                (0..300)
                    .map(|d| random.gaussian() * if d < 2 { 9.0 - d as f32 } else { 1.0 } + no as f32 % 2.0)
                    .collect()
            })
            .collect();
        let rows = rows(300, &values);
        let on = |threads: usize| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| components(&rows, 2, 7))
        };
        let (one, three) = (on(1), on(3));
        assert_eq!(one.points, three.points);
        // Two dimensions were made to vary most, beside the step that all have in common.
        assert!(one.shares[0] > one.shares[1] && one.shares[1] > 0.1, "{:?}", one.shares);
    }

    #[test]
    fn what_does_not_vary_has_no_share() {
        for values in [vec![], vec![vec![1.0, 2.0]], vec![vec![1.0, 2.0]; 5]] {
            let found = components(&rows(2, &values), 2, 0);
            assert_eq!((found.points.len(), &found.shares), (values.len(), &vec![0.0, 0.0]));
            assert!(found.points.iter().flatten().all(|x| *x == 0.0));
        }
        let line = components(&rows(1, &[vec![1.0], vec![3.0]]), 2, 0);
        assert_eq!((line.points, line.shares), (vec![vec![-1.0, 0.0], vec![1.0, 0.0]], vec![1.0, 0.0]));
    }
}
