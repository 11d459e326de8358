//! How far two ways of sharing out the same things agree.

use std::collections::BTreeMap;

/// The adjusted Rand index of two partitions of the same things, which hold the label of each: 1 where they are the same but for the
/// names of the parts, around 0 where they agree as far as by chance, and less where they agree less (Hubert and Arabie, "Comparing
/// partitions", Journal of Classification 1985).
///
/// `None` where the two are of different lengths, and where nothing is to be told: fewer than two things, or two partitions that both have
/// one part only, or both a part for each thing.
///
/// ```
/// use kindred::eval::adjusted_rand;
/// assert_eq!(adjusted_rand(&[0, 0, 1, 1], &[7, 7, 3, 3]), Some(1.0));
/// assert!((adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
/// assert_eq!(adjusted_rand(&[0, 0], &[1, 1]), None);
/// ```
#[must_use]
pub fn adjusted_rand<A: Ord, B: Ord>(one: &[A], other: &[B]) -> Option<f64> {
    if one.len() != other.len() {
        return None;
    }
    let both = pairs_within(one.iter().zip(other));
    let (of_one, of_other) = (pairs_within(one.iter()), pairs_within(other.iter()));
    let all = pairs(one.len());
    let expected = of_one * of_other / all;
    let most = f64::midpoint(of_one, of_other);
    // Without any pair 0 / 0 comes this far, too.
    (most - expected > 0.0).then(|| (both - expected) / (most - expected))
}

/// The pairs of things that have the same label.
fn pairs_within<L: Ord>(labels: impl Iterator<Item = L>) -> f64 {
    let mut counts: BTreeMap<L, usize> = BTreeMap::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    counts.into_values().map(pairs).sum()
}

fn pairs(things: usize) -> f64 {
    things as f64 * (things as f64 - 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_tells_nothing_has_no_index() {
        assert_eq!(adjusted_rand::<u8, u8>(&[], &[]), None);
        assert_eq!(adjusted_rand(&[1], &[2]), None);
        assert_eq!(adjusted_rand(&[1, 2, 3], &[3, 2, 1]), None);
        assert_eq!(adjusted_rand(&[1, 2], &[1, 2, 3]), None);
        assert_eq!(adjusted_rand(&[1, 1, 1], &[1, 2, 3]), Some(0.0));
    }

    proptest! {
        #[test]
        fn equals_counting_all_pairs(labels in prop::collection::vec((0_u8..4, 0_u8..4), 0..30)) {
            let (one, other): (Vec<u8>, Vec<u8>) = labels.iter().copied().unzip();
            // Pairs by whether they are together in the one, and in the other.
            let mut counts = [[0.0_f64; 2]; 2];
            for a in 0..labels.len() {
                for b in 0..a {
                    counts[usize::from(one[a] == one[b])][usize::from(other[a] == other[b])] += 1.0;
                }
            }
            let [[neither, second], [first, both]] = counts;
            let below = (neither + second) * (second + both) + (neither + first) * (first + both);
            match adjusted_rand(&one, &other) {
                Some(index) => {
                    prop_assert!((index - 2.0 * (neither * both - first * second) / below).abs() < 1e-9);
                    prop_assert!(index <= 1.0 + 1e-12);
                    prop_assert!((adjusted_rand(&other, &one).unwrap() - index).abs() < 1e-12);
                }
                None => prop_assert!(below == 0.0, "{counts:?}"),
            }
        }
    }
}
