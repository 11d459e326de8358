//! Logistic regression with an L2 penalty, its two classes balanced (King and Zeng, "Logistic Regression in Rare Events Data", Political
//! Analysis 9(2), 2001, section 4.1: weighting), by L-BFGS (Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics
//! of Computation 35, 1980).
//!
//! Rows are centred, and brought to a mean squared length of 1, on the fly: so one penalty fits vectors of any scale.

use super::rows::Rows;
use crate::compute::distance::{axpy, backend, norm};
use std::collections::VecDeque;

/// Rows whose gradients are summed in single precision before they go into the whole, which is in double.
const PIECE: usize = 128;
/// Steps that tell of the curvature.
const MEMORY: usize = 10;
/// Steps at most. Some dozens do.
const ROUNDS: usize = 300;
/// A gradient as short as this is none: at first it is 1 long at most.
const FLAT: f64 = 1e-5;
/// Rows that lie this share of their mean's length around it are the same but for rounding.
const SAME: f64 = 1e-6;
/// The share of what the slope promises that a step must keep (Armijo), and how often it is halved for that.
const KEPT: f64 = 1e-4;
const HALVINGS: usize = 30;

/// What tells rows of the one class from those of the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Logistic {
    pub weights: Vec<f32>,
    pub bias: f32,
}

impl Logistic {
    /// The logarithm of the odds that a row is of the class, where both are as frequent.
    pub(crate) fn log_odds(&self, row: &[f32]) -> f32 {
        backend().dot(&self.weights, row) + self.bias
    }
}

/// Learns which rows are of the class. Each of the two classes counts as much as the other, however many rows it has. The penalty is
/// half of it times the squared length of the weights of scaled rows, beside the mean loss. None where a class has no rows.
pub(crate) fn logistic(rows: &Rows, is_of_class: &[bool], penalty: f64) -> Option<Logistic> {
    let objective = Objective::new(rows, is_of_class, penalty)?;
    let found = minimum(&|at, gradient| objective.at(at, gradient), rows.dim() + 1);
    let (weights, bias) = objective.unscaled(&found);
    Some(Logistic { weights, bias })
}

/// What is to be as small as can be.
struct Objective<'a> {
    rows: &'a Rows,
    /// Of each row 1 or −1, and how much it counts; all count 1 together.
    targets: Vec<(f32, f32)>,
    mean: Vec<f32>,
    scale: f64,
    penalty: f64,
}

impl<'a> Objective<'a> {
    fn new(rows: &'a Rows, is_of_class: &[bool], penalty: f64) -> Option<Self> {
        let of_class = is_of_class.iter().filter(|is| **is).count();
        let others = is_of_class.len() - of_class;
        if of_class == 0 || others == 0 {
            return None;
        }
        let share = |count: usize| 0.5 / count as f32;
        let target = |&is: &bool| if is { (1.0, share(of_class)) } else { (-1.0, share(others)) };
        let mean = mean(rows);
        let squared = rows.iter().map(|row| f64::from(backend().l2_squared(row, &mean)));
        let spread = (squared.sum::<f64>() / rows.len() as f64).sqrt();
        // Rows that are all the same, but for rounding, tell nothing.
        let scale = if spread > SAME * norm(&mean) { spread.recip() } else { 0.0 };
        Some(Self { rows, targets: is_of_class.iter().map(target).collect(), mean, scale, penalty })
    }

    /// Weights and bias for rows as they are.
    fn unscaled(&self, at: &[f64]) -> (Vec<f32>, f32) {
        let (bias, weights) = at.split_last().map_or((0.0, at), |(bias, weights)| (*bias, weights));
        let weights: Vec<f32> = weights.iter().map(|weight| (weight * self.scale) as f32).collect();
        let shift = weights.iter().zip(&self.mean).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        (weights, (bias - shift) as f32)
    }

    /// The mean loss with its penalty at these weights and this bias, behind them; its gradient is put into the other.
    fn at(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let (weights, bias) = self.unscaled(at);
        let dim = weights.len();
        let (mut loss, mut slopes) = (0.0, 0.0);
        let mut sums = vec![0.0_f64; dim];
        let mut piece = vec![0.0_f32; dim];
        for (place, targets) in self.targets.chunks(PIECE).enumerate() {
            piece.fill(0.0);
            for (row, &(sign, share)) in (place * PIECE..).zip(targets) {
                let row = self.rows.row(row);
                let margin = sign * (backend().dot(&weights, row) + bias);
                let slope = -sign * share * sigmoid(-margin);
                loss += f64::from(share) * softplus(-margin);
                slopes += f64::from(slope);
                axpy(&mut piece, slope, row);
            }
            sums.iter_mut().zip(&piece).for_each(|(sum, &part)| *sum += f64::from(part));
        }
        for (at_dim, sum) in sums.iter().enumerate() {
            let centred = sum - slopes * f64::from(self.mean[at_dim]);
            gradient[at_dim] = centred * self.scale + self.penalty * at[at_dim];
        }
        gradient[dim] = slopes;
        loss + self.penalty / 2.0 * dot(&at[..dim], &at[..dim])
    }
}

fn mean(rows: &Rows) -> Vec<f32> {
    let mut sums = vec![0.0_f64; rows.dim()];
    for row in rows.iter() {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    sums.iter().map(|sum| (sum / rows.len() as f64) as f32).collect()
}

/// `1 / (1 + e^−x)`.
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + e^x)`, of which nothing overflows.
fn softplus(x: f32) -> f64 {
    let x = f64::from(x);
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A step that was taken, what it changed in the gradient, and the inverse of the product of both.
type Taken = (Vec<f64>, Vec<f64>, f64);

/// Where a smooth convex function is smallest, looked for from 0 on: it returns its value, and puts its gradient into the second.
fn minimum(function: &dyn Fn(&[f64], &mut [f64]) -> f64, dim: usize) -> Vec<f64> {
    let (mut at, mut gradient) = (vec![0.0; dim], vec![0.0; dim]);
    let mut value = function(&at, &mut gradient);
    let mut taken: VecDeque<Taken> = VecDeque::new();
    for _ in 0..ROUNDS {
        if dot(&gradient, &gradient).sqrt() <= FLAT {
            break;
        }
        let direction = downhill(&gradient, &taken);
        let Some(next) = step(function, (&at, value, &gradient), &direction) else { break };
        let moved: Vec<f64> = next.at.iter().zip(&at).map(|(new, old)| new - old).collect();
        let bent: Vec<f64> = next.gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = dot(&moved, &bent);
        if curvature > 0.0 && curvature.recip().is_finite() {
            taken.truncate(MEMORY - 1);
            taken.push_front((moved, bent, curvature.recip()));
        }
        Next { at, value, gradient } = next;
    }
    at
}

/// Down the gradient, by the curvature that the last steps met.
fn downhill(gradient: &[f64], taken: &VecDeque<Taken>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(taken.len());
    for (moved, bent, inverse) in taken {
        let share = inverse * dot(moved, &direction);
        direction.iter_mut().zip(bent).for_each(|(value, bent)| *value -= share * bent);
        shares.push(share);
    }
    // Of what nothing is known, a first step is 1 long at most.
    let length = match taken.front() {
        Some((_, bent, inverse)) => 1.0 / (inverse * dot(bent, bent)),
        None => 1.0 / dot(gradient, gradient).sqrt().max(1.0),
    };
    direction.iter_mut().for_each(|value| *value *= length);
    for ((moved, bent, inverse), share) in taken.iter().zip(&shares).rev() {
        let change = share - inverse * dot(bent, &direction);
        direction.iter_mut().zip(moved).for_each(|(value, moved)| *value += change * moved);
    }
    direction
}

/// Where a step led.
struct Next {
    at: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// The longest of a step and its halvings that goes down as it should; none where rounding leaves none.
fn step(
    function: &dyn Fn(&[f64], &mut [f64]) -> f64,
    (at, value, gradient): (&[f64], f64, &[f64]),
    direction: &[f64],
) -> Option<Next> {
    let slope = dot(gradient, direction);
    let mut length = 1.0;
    for _ in 0..HALVINGS {
        let there: Vec<f64> = at.iter().zip(direction).map(|(at, way)| at + length * way).collect();
        let mut gradient = vec![0.0; at.len()];
        let found = function(&there, &mut gradient);
        if found < value && found <= value + KEPT * length * slope {
            return Some(Next { at: there, value: found, gradient });
        }
        length /= 2.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The loss by its definition, over rows that are centred and scaled.
    fn loss(rows: &[Vec<f64>], is_of_class: &[bool], penalty: f64, at: &[f64]) -> f64 {
        let of_class = is_of_class.iter().filter(|is| **is).count() as f64;
        let others = is_of_class.len() as f64 - of_class;
        let (bias, weights) = at.split_last().unwrap();
        let losses = rows.iter().zip(is_of_class).map(|(row, &is)| {
            let odds = dot(weights, row) + bias;
            if is { (-odds).exp().ln_1p() / (2.0 * of_class) } else { odds.exp().ln_1p() / (2.0 * others) }
        });
        losses.sum::<f64>() + penalty / 2.0 * dot(weights, weights)
    }

    fn scaled(rows: &[Vec<f32>]) -> (Vec<Vec<f64>>, Vec<f64>, f64) {
        let count = rows.len() as f64;
        let mean: Vec<f64> = (0..rows[0].len())
            .map(|dim| rows.iter().map(|row| f64::from(row[dim])).sum::<f64>() / count)
            .collect();
        let centred = |row: &Vec<f32>| row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m).collect();
        let centred: Vec<Vec<f64>> = rows.iter().map(centred).collect();
        let spread = (centred.iter().map(|row| dot(row, row)).sum::<f64>() / count).sqrt();
        let scaled = centred.iter().map(|row| row.iter().map(|x| x / spread).collect()).collect();
        (scaled, mean, spread)
    }

    fn rows_of(values: &[Vec<f32>]) -> Rows {
        let mut rows = Rows::new(values[0].len(), false);
        values.iter().for_each(|row| assert!(rows.push(row)));
        rows
    }

    /// By symmetry the bias is in the middle, and the weight is where the slope of the loss is that of the penalty.
    #[test]
    fn two_points_are_told_apart_in_the_middle() {
        let found = logistic(&rows_of(&[vec![5.0], vec![9.0]]), &[false, true], 0.1).unwrap();
        let weight = f64::from(found.weights[0]) * 2.0;
        assert!((1.0 / (1.0 + weight.exp()) - 0.1 * weight).abs() < 1e-4, "{found:?}");
        assert!(found.log_odds(&[7.0]).abs() < 1e-4);
        assert!(found.log_odds(&[9.0]) > 1.0 && found.log_odds(&[5.0]) < -1.0);
    }

    #[test]
    fn what_cannot_be_told_apart_is_even() {
        let same = rows_of(&vec![vec![3.0, 4.0]; 5]);
        let found = logistic(&same, &[true, false, false, false, false], 1e-3).unwrap();
        assert_eq!(found, Logistic { weights: vec![0.0, 0.0], bias: 0.0 });
        assert_eq!(logistic(&same, &[true; 5], 1e-3), None);
        assert_eq!(logistic(&same, &[false; 5], 1e-3), None);
        assert_eq!(logistic(&Rows::new(2, false), &[], 1e-3), None);
    }

    #[test]
    fn vectors_of_any_scale_are_told_apart_alike() {
        let values: Vec<Vec<f32>> = (0..40_i16).map(|n| vec![f32::from(n % 7), f32::from(n % 5)]).collect();
        let is: Vec<bool> = (0..40).map(|n| n % 7 + n % 3 > 4).collect();
        let odds = |factor: f32| {
            let rows: Vec<Vec<f32>> =
                values.iter().map(|row| row.iter().map(|x| x * factor).collect()).collect();
            let found = logistic(&rows_of(&rows), &is, 1e-2).unwrap();
            rows.iter().map(|row| found.log_odds(row)).collect::<Vec<_>>()
        };
        for factor in [1e-12, 1e15] {
            for (a, b) in odds(factor).iter().zip(odds(1.0)) {
                assert!((a - b).abs() < 1e-2, "{factor}: {a} and {b}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        /// Nowhere around is the loss smaller, as a naive descent from there finds.
        #[test]
        fn the_loss_is_smallest_there(
            values in prop::collection::vec((prop::collection::vec(-3_i8..4, 3), any::<bool>()), 4..60),
            penalty in prop::sample::select(vec![1e-3, 1e-2, 0.1, 1.0]),
        ) {
            let (rows, is): (Vec<Vec<f32>>, Vec<bool>) =
                values.into_iter().map(|(row, is)| (row.into_iter().map(f32::from).collect(), is)).unzip();
            let (scaled, mean, spread) = scaled(&rows);
            prop_assume!(spread > 0.0 && is.contains(&true) && is.contains(&false));
            let found = logistic(&rows_of(&rows), &is, penalty).unwrap();
            let mut at: Vec<f64> = found.weights.iter().map(|&weight| f64::from(weight) * spread).collect();
            let shift: f64 = found.weights.iter().zip(&mean).map(|(&weight, m)| f64::from(weight) * m).sum();
            at.push(f64::from(found.bias) + shift);
            let least = loss(&scaled, &is, penalty, &at);
            let mut lower = at.clone();
            let mut reach = 0.5;
            while reach > 1e-5 {
                let before = loss(&scaled, &is, penalty, &lower);
                for dim in 0..lower.len() {
                    for way in [-reach, reach] {
                        let mut there = lower.clone();
                        there[dim] += way;
                        if loss(&scaled, &is, penalty, &there) < loss(&scaled, &is, penalty, &lower) {
                            lower = there;
                        }
                    }
                }
                if loss(&scaled, &is, penalty, &lower) >= before {
                    reach /= 2.0;
                }
            }
            prop_assert!(loss(&scaled, &is, penalty, &lower) > least - 1e-5, "{at:?} and {lower:?}");
        }
    }
}
