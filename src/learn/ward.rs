//! Rows grouped from below: the two groups that are closest become one, until few are left (Ward, Journal of the American
//! Statistical Association 1963).

use super::rows::Rows;
use crate::compute::distance::backend;
use kodama::{Method, linkage};

/// The group of each row, numbered from 0 in the order of their first rows. Groups are joined while there are more than `most`, and as long
/// as the two that are closest are no further apart than `apart`: of two rows that is their Euclidean distance, of two groups of
/// sizes a and b that of their means times √(2ab / (a + b)).
pub(crate) fn ward(rows: &Rows, most: usize, apart: f32) -> Vec<u32> {
    let count = rows.len();
    let mut condensed = condensed(rows);
    let tree = linkage(&mut condensed, count, Method::Ward);
    let joined = |&(done, far): &(usize, f32)| far <= apart || count - done > most.max(1);
    let steps = tree.steps().iter();
    let close = steps.enumerate().map(|(done, step)| (done, step.dissimilarity)).take_while(joined).count();
    let mut groups: Vec<usize> = (0..count + close).collect();
    for (made, step) in (count..).zip(&tree.steps()[..close]) {
        groups[step.cluster1] = made;
        groups[step.cluster2] = made;
    }
    // Whatever was joined was made later: from behind, each finds its last group.
    for group in (0..groups.len()).rev() {
        groups[group] = if groups[group] == group { group } else { groups[groups[group]] };
    }
    numbered(&groups[..count])
}

/// The distances of each row to all later ones.
fn condensed(rows: &Rows) -> Vec<f32> {
    let (backend, count) = (backend(), rows.len());
    let mut condensed = Vec::with_capacity(count * count.saturating_sub(1) / 2);
    for (at, row) in rows.iter().enumerate() {
        condensed.extend(rows.iter().skip(at + 1).map(|other| backend.l2_squared(row, other).sqrt()));
    }
    condensed
}

/// The same groups, numbered from 0 in the order in which they come up.
fn numbered(groups: &[usize]) -> Vec<u32> {
    let mut numbers = Vec::new();
    let number = |group: &usize| {
        let known = numbers.iter().position(|known| known == group);
        known.unwrap_or_else(|| {
            numbers.push(*group);
            numbers.len() - 1
        }) as u32
    };
    groups.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows_of(points: &[[f32; 2]]) -> Rows {
        let mut rows = Rows::new(2, false);
        points.iter().for_each(|point| assert!(rows.push(point)));
        rows
    }

    #[test]
    fn what_lies_together_is_one_group() {
        let rows = rows_of(&[[0.0, 0.0], [5.0, 0.0], [0.0, 1.0], [5.0, 1.0], [20.0, 0.0]]);
        assert_eq!(ward(&rows, 8, 0.0), [0, 1, 2, 3, 4]);
        assert_eq!(ward(&rows, 8, 1.0), [0, 1, 0, 1, 2]);
        assert_eq!(ward(&rows, 3, 0.0), [0, 1, 0, 1, 2]);
        assert_eq!(ward(&rows, 2, 0.0), [0, 0, 0, 0, 1]);
        assert_eq!(ward(&rows, 1, 0.0), [0; 5]);
        assert_eq!(ward(&rows, 0, 0.0), [0; 5]);
        assert_eq!(ward(&rows, 8, f32::INFINITY), [0; 5]);
        assert!(ward(&rows_of(&[]), 8, 0.0).is_empty());
        assert_eq!(ward(&rows_of(&[[1.0, 1.0]]), 8, 0.0), [0]);
    }

    /// Joins the two groups whose joining adds least to the squared distances from the means, by trying all.
    fn naive(points: &[[f32; 2]], most: usize, apart: f64) -> Vec<u32> {
        let mut groups: Vec<Vec<usize>> = (0..points.len()).map(|at| vec![at]).collect();
        let mean = |group: &[usize], axis: usize| {
            group.iter().map(|&at| f64::from(points[at][axis])).sum::<f64>() / group.len() as f64
        };
        loop {
            let mut best: Option<(f64, usize, usize)> = None;
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let sizes = (groups[a].len() * groups[b].len()) as f64
                        / (groups[a].len() + groups[b].len()) as f64;
                    let between: f64 =
                        (0..2).map(|axis| (mean(&groups[a], axis) - mean(&groups[b], axis)).powi(2)).sum();
                    let far = (2.0 * sizes * between).sqrt();
                    if best.is_none_or(|best| far < best.0) {
                        best = Some((far, a, b));
                    }
                }
            }
            match best {
                Some((far, a, b)) if groups.len() > most || far <= apart => {
                    let joined = groups.remove(b);
                    groups[a].extend(joined);
                }
                _ => break,
            }
        }
        let of = |at: usize| groups.iter().position(|group| group.contains(&at)).unwrap();
        numbered(&(0..points.len()).map(of).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn equals_joining_by_trial(
            points in prop::collection::vec(prop::array::uniform2(-100.0_f32..100.0), 1..24),
            most in 1_usize..6,
            apart in 0.0_f32..80.0,
        ) {
            prop_assert_eq!(ward(&rows_of(&points), most, apart), naive(&points, most, f64::from(apart)));
        }
    }
}
