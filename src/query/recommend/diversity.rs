//! Which of the best are recommended, and in which order.

use super::blend::Blended;
use crate::compute::distance::dot;

/// The places of at most `limit` things: the best, or, the more `diversity` is asked for, those that are good and unlike what was
/// chosen before (Carbonell and Goldstein, "The use of MMR", SIGIR 1998, section 2).
pub(super) fn choose(blended: &Blended, limit: usize, diversity: f32) -> Vec<usize> {
    let scores: Vec<f32> = (0..blended.things.len()).map(|at| blended.score(at)).collect();
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&a, &b| {
        let no = |at: usize| blended.things[at].candidate.no;
        scores[b].total_cmp(&scores[a]).then(no(a).cmp(&no(b)))
    });
    if diversity > 0.0 {
        let directions: Vec<_> = blended.things.iter().map(|thing| thing.marks.direction()).collect();
        let cosine = |a: usize, b: usize| match (&directions[a], &directions[b]) {
            (Some((of, a)), Some((same, b))) if of == same => dot(a, b),
            _ => 0.0,
        };
        return differing(
            places,
            limit,
            |at| (1.0 - diversity) * scores[at],
            |a, b| diversity * cosine(a, b),
        );
    }
    places.truncate(limit);
    places
}

/// Takes one after the other what has the most worth less its likeness to what was taken; the first of equals.
fn differing(
    mut places: Vec<usize>,
    limit: usize,
    worth: impl Fn(usize) -> f32,
    alike: impl Fn(usize, usize) -> f32,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(limit.min(places.len()));
    let mut likeness = vec![0.0_f32; places.len()];
    while chosen.len() < limit && !places.is_empty() {
        let mut best = 0;
        for at in 1..places.len() {
            let value = |at: usize| worth(places[at]) - likeness[at];
            if value(at) > value(best) {
                best = at;
            }
        }
        let taken = places.remove(best);
        likeness.remove(best);
        likeness.iter_mut().zip(&places).for_each(|(most, &at)| *most = most.max(alike(taken, at)));
        chosen.push(taken);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// As the definition has it: each is the one of those left with the most worth less its greatest likeness to those before.
        #[test]
        fn each_is_the_best_of_those_left(
            worth in prop::collection::vec(-1.0_f32..1.0, 1..12),
            alike in prop::collection::vec(0.0_f32..1.0, 144),
            limit in 0_usize..14,
        ) {
            let alike = |a: usize, b: usize| alike[12 * a.min(b) + a.max(b)];
            let chosen = differing((0..worth.len()).collect(), limit, |at| worth[at], alike);
            prop_assert_eq!(chosen.len(), limit.min(worth.len()));
            for (place, &taken) in chosen.iter().enumerate() {
                let value = |at: usize| {
                    let most = chosen[..place].iter().map(|&before| alike(before, at)).fold(0.0, f32::max);
                    worth[at] - most
                };
                for left in (0..worth.len()).filter(|left| !chosen[..place].contains(left)) {
                    prop_assert!(value(taken) >= value(left), "{chosen:?} at {place}: {left} is better");
                }
            }
        }
    }
}
