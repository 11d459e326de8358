//! Telling the classes of rows in each fold from those of the others.

use super::report::{ToldBy, ToldValues};
use crate::compute::distance::backend;
use crate::compute::top_k::TopK;
use crate::eval::LabelQuality;
use crate::learn::{Rows, logistic};
use crate::model::{OnProgress, Progress};
use rayon::prelude::*;

/// The penalty of weights: weak, for the odds are to be as large as they are.
const PENALTY: f64 = 1e-3;

/// Rows, each of a class and in a fold.
pub(super) struct Samples {
    pub rows: Rows,
    /// Whether distances count, not directions.
    pub is_l2: bool,
    /// The class of each row.
    pub classes: Vec<usize>,
    /// How many classes there are.
    pub values: usize,
    /// The fold of each row.
    pub folds: Vec<usize>,
    /// How many folds there are.
    pub count: usize,
}

/// A sample's class, and the score of each.
type Scored = Vec<(usize, Vec<f64>)>;

impl Samples {
    /// Tells the class of each row by each method.
    pub(super) fn tell(&self, neighbors: usize, progress: OnProgress<'_>) -> Vec<ToldValues> {
        let frequency = |class| self.classes.iter().filter(|own| **own == class).count() as f64;
        let frequencies: Vec<f64> = (0..self.values).map(frequency).collect();
        let majority = self.classes.iter().map(|&class| (class, frequencies.clone())).collect();
        let (mut near, mut learned) = (Scored::new(), Scored::new());
        for fold in 0..self.count {
            let side = |told: bool| -> Vec<u32> {
                (0..).zip(&self.folds).filter(|(_, of)| (**of == fold) == told).map(|(row, _)| row).collect()
            };
            let (told, known) = (side(true), side(false));
            near.extend(
                told.par_iter().map(|&row| self.by_neighbors(row, &known, neighbors)).collect::<Vec<_>>(),
            );
            learned.extend(self.by_regression(&told, &known));
            progress(Progress::of("telling values", fold + 1, self.count));
        }
        let methods = [(ToldBy::Majority, majority), (ToldBy::Neighbors, near), (ToldBy::Logistic, learned)];
        let quality = |(by, scored): (ToldBy, Scored)| ToldValues {
            by,
            quality: LabelQuality::of(self.values, &scored),
        };
        methods.into_iter().map(quality).collect()
    }

    /// For each class its share of the nearest, each as much as it is alike.
    fn by_neighbors(&self, row: u32, known: &[u32], neighbors: usize) -> (usize, Vec<f64>) {
        let (backend, own) = (backend(), self.rows.row(row as usize));
        let mut nearest = TopK::new(neighbors.min(known.len()));
        for &other in known {
            let theirs = self.rows.row(other as usize);
            let score = if self.is_l2 { -backend.l2_squared(own, theirs) } else { backend.dot(own, theirs) };
            nearest.push(score, other);
        }
        let mut shares = vec![0.0; self.values];
        for (score, other) in nearest.into_sorted() {
            shares[self.classes[other as usize]] += if self.is_l2 { 1.0 } else { f64::from(score.max(0.0)) };
        }
        (self.classes[row as usize], shares)
    }

    /// For each class its log-odds against all others.
    fn by_regression(&self, told: &[u32], known: &[u32]) -> Scored {
        let rows = self.rows.pick(known);
        let of_class = |class: usize| {
            let is: Vec<bool> = known.iter().map(|&row| self.classes[row as usize] == class).collect();
            let learned = logistic(&rows, &is, PENALTY);
            // It was learned as if there were as many of either.
            let yes = is.iter().filter(|is| **is).count() as f64;
            let prior = (yes / (is.len() as f64 - yes)).ln();
            (learned, prior)
        };
        let learned: Vec<_> = (0..self.values).into_par_iter().map(of_class).collect();
        let score = |row: u32| {
            let odds = learned.iter().map(|(learned, prior)| {
                let odds = learned.as_ref().map_or(0.0, |of| of.log_odds(self.rows.row(row as usize)));
                f64::from(odds) + prior
            });
            (self.classes[row as usize], odds.collect())
        };
        told.iter().map(|&row| score(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn neighbors_are_the_nearest_of_the_other_folds(
            values in prop::collection::vec((prop::array::uniform2(-3_i8..4), 0_usize..3), 3..30),
            is_l2 in any::<bool>(),
            neighbors in 1_usize..6,
        ) {
            let mut rows = Rows::new(2, !is_l2);
            values.iter().for_each(|([x, y], _)| assert!(rows.push(&[f32::from(*x) + 0.5, f32::from(*y)])));
            let classes: Vec<usize> = values.iter().map(|(_, class)| *class).collect();
            let folds: Vec<usize> = (0..values.len()).map(|row| row % 3).collect();
            let samples = Samples { rows, is_l2, classes, values: 3, folds, count: 3 };
            let expected = |row: usize| {
                let own = samples.rows.row(row);
                let score = |other: usize| {
                    let theirs = samples.rows.row(other);
                    if is_l2 { -backend().l2_squared(own, theirs) } else { backend().dot(own, theirs) }
                };
                let mut others: Vec<usize> = (0..values.len()).filter(|other| other % 3 != row % 3).collect();
                others.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
                let mut shares = vec![0.0; 3];
                for &other in others.iter().take(neighbors) {
                    let weight = if is_l2 { 1.0 } else { f64::from(score(other).max(0.0)) };
                    shares[samples.classes[other]] += weight;
                }
                (samples.classes[row], shares)
            };
            let expected: Scored = (0..values.len()).map(expected).collect();
            let told = samples.tell(neighbors, &|_| {});
            // In the order of the folds; the figures know no order.
            prop_assert_eq!(&told[1].quality, &LabelQuality::of(3, &expected));
        }
    }
}
