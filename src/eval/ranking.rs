//! How high the right answer stands in a ranked list.

/// Share of queries whose first answer is the right one. `ranks` holds the right answer's place in
/// each, from 0, `None` where it was not found. No queries give 0.
///
/// ```
/// assert_eq!(kindred::eval::top_1(&[Some(0), Some(3), None, Some(0)]), 0.5);
/// ```
#[must_use]
pub fn top_1(ranks: &[Option<usize>]) -> f64 {
    mean(ranks, |rank| if rank == 0 { 1.0 } else { 0.0 })
}

/// Mean of 1 / (place from 1), 0 where the right answer was not found (Voorhees 1999). No queries give 0.
///
/// ```
/// assert_eq!(kindred::eval::mean_reciprocal_rank(&[Some(0), Some(3), None]), (1.0 + 0.25) / 3.0);
/// ```
#[must_use]
pub fn mean_reciprocal_rank(ranks: &[Option<usize>]) -> f64 {
    mean(ranks, |rank| 1.0 / (rank + 1) as f64)
}

fn mean(ranks: &[Option<usize>], gain: impl Fn(usize) -> f64) -> f64 {
    let total: f64 = ranks.iter().flatten().map(|&rank| gain(rank)).sum();
    total / ranks.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_queries_give_zero() {
        assert!(top_1(&[]).abs() < 1e-12);
        assert!(mean_reciprocal_rank(&[]).abs() < 1e-12);
    }

    #[test]
    fn the_second_place_is_half() {
        assert!((mean_reciprocal_rank(&[Some(1)]) - 0.5).abs() < 1e-12);
        assert!(top_1(&[Some(1)]).abs() < 1e-12);
    }
}
