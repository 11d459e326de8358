//! How well classes are told, when there may be more than two.

use super::auc;
use serde::Serialize;

/// How well one class was told from all others. Figures are 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ClassQuality {
    /// Samples of the class.
    pub samples: usize,
    /// Samples that were told to be of it.
    pub told: usize,
    /// Of those that were told to be of it, the share that are. 0 where none was.
    pub precision: f64,
    /// Of those that are of it, the share that were told to be.
    pub recall: f64,
    /// The harmonic mean of precision and recall. 0 where both are.
    pub f1: f64,
    /// [`auc`] of the class's scores; none where all samples are of it, or none.
    pub auc: Option<f64>,
}

/// The means of the figures of several classes, each counting as much as any other, however many samples it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MeanQuality {
    /// Of their precision.
    pub precision: f64,
    /// Of their recall.
    pub recall: f64,
    /// Of their F1.
    pub f1: f64,
    /// Of the areas that there are.
    pub auc: Option<f64>,
}

/// How well the classes of samples were told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LabelQuality {
    /// The share of samples of which the right class was told.
    pub accuracy: f64,
    /// The means over the classes.
    pub mean: MeanQuality,
    /// Each class, by its number.
    pub classes: Vec<ClassQuality>,
}

impl LabelQuality {
    /// Of samples, each with the number of its class and a score for each class. The class that is told is the one with the largest score, the
    /// first of several. A sample whose class has no score is not counted.
    ///
    /// ```
    /// let samples = [(0, [0.9, 0.1]), (0, [0.4, 0.6]), (1, [0.3, 0.7]), (1, [0.2, 0.8])];
    /// let quality = kindred::eval::LabelQuality::of(2, &samples);
    /// assert_eq!((quality.accuracy, quality.classes[0].precision, quality.classes[0].recall), (0.75, 1.0, 0.5));
    /// assert_eq!(quality.mean.auc, Some(1.0));
    /// ```
    #[must_use]
    pub fn of<S: AsRef<[f64]>>(classes: usize, samples: &[(usize, S)]) -> Self {
        let scored = |(class, scores): &(usize, S)| {
            let scores = scores.as_ref().get(..classes)?;
            (*class < classes).then(|| (*class, told(scores), scores.to_vec()))
        };
        let samples: Vec<(usize, usize, Vec<f64>)> = samples.iter().filter_map(scored).collect();
        let right = samples.iter().filter(|(class, told, _)| class == told).count();
        let classes: Vec<ClassQuality> = (0..classes).map(|class| of_class(class, &samples)).collect();
        let accuracy = share(right, samples.len());
        Self { accuracy, mean: MeanQuality::of(&classes), classes }
    }
}

impl MeanQuality {
    fn of(classes: &[ClassQuality]) -> Self {
        let mean = |figure: fn(&ClassQuality) -> f64| {
            classes.iter().map(figure).sum::<f64>() / classes.len().max(1) as f64
        };
        let areas: Vec<f64> = classes.iter().filter_map(|class| class.auc).collect();
        let area = areas.iter().sum::<f64>() / areas.len().max(1) as f64;
        Self {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
            auc: (!areas.is_empty()).then_some(area),
        }
    }
}

/// The class with the largest score.
fn told(scores: &[f64]) -> usize {
    let best = |best: usize, class: usize| if scores[class] > scores[best] { class } else { best };
    (0..scores.len()).fold(0, best)
}

fn of_class(class: usize, samples: &[(usize, usize, Vec<f64>)]) -> ClassQuality {
    let count = |is: fn(bool, bool) -> bool| {
        samples.iter().filter(|(own, told, _)| is(*own == class, *told == class)).count()
    };
    let (both, own, told) = (count(|own, told| own && told), count(|own, _| own), count(|_, told| told));
    let scored: Vec<(f64, bool)> =
        samples.iter().map(|(own, _, scores)| (scores[class], *own == class)).collect();
    ClassQuality {
        samples: own,
        told,
        precision: share(both, told),
        recall: share(both, own),
        f1: share(2 * both, own + told),
        auc: auc(&scored),
    }
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_told_is_nothing_right() {
        let none: [(usize, Vec<f64>); 0] = [];
        let quality = LabelQuality::of(2, &none);
        assert_eq!((quality.accuracy, quality.classes[1]), (0.0, ClassQuality::default()));
        // Of a class that there is not, or without a score for each.
        let quality = LabelQuality::of(2, &[(2, vec![0.0, 1.0]), (0, vec![1.0])]);
        assert_eq!((quality.accuracy, quality.mean), (0.0, MeanQuality::default()));
        assert!(LabelQuality::of(0, &[(0, [1.0])]).classes.is_empty());
    }

    proptest! {
        #[test]
        fn figures_are_those_of_counting(
            samples in prop::collection::vec((0_usize..3, prop::array::uniform3(-3_i8..4)), 0..40),
        ) {
            let samples: Vec<(usize, [f64; 3])> =
                samples.into_iter().map(|(class, scores)| (class, scores.map(f64::from))).collect();
            let quality = LabelQuality::of(3, &samples);
            let mut table = [[0.0; 3]; 3];
            for (class, scores) in &samples {
                let largest = scores.iter().copied().fold(f64::MIN, f64::max);
                table[*class][scores.iter().position(|score| *score >= largest).unwrap()] += 1.0;
            }
            let right = table[0][0] + table[1][1] + table[2][2];
            prop_assert!((quality.accuracy - right / (samples.len() as f64).max(1.0)).abs() < 1e-12);
            for class in 0..3 {
                let told: f64 = table.iter().map(|row| row[class]).sum();
                let own: f64 = table[class].iter().sum();
                let (precision, recall) = (table[class][class] / told.max(1.0), table[class][class] / own.max(1.0));
                let harmonic =
                    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
                let found = quality.classes[class];
                prop_assert_eq!((found.samples as f64, found.told as f64), (own, told));
                for (found, expected) in [(found.precision, precision), (found.recall, recall), (found.f1, harmonic)] {
                    prop_assert!((found - expected).abs() < 1e-12, "{quality:?}");
                }
                let scored: Vec<(f64, bool)> =
                    samples.iter().map(|(own, scores)| (scores[class], *own == class)).collect();
                prop_assert_eq!(found.auc, auc(&scored));
            }
            let f1 = quality.classes.iter().map(|class| class.f1).sum::<f64>() / 3.0;
            prop_assert!((quality.mean.f1 - f1).abs() < 1e-12);
        }
    }
}
