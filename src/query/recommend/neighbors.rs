//! Whose acts say what may be recommended.

use super::Recommend;
use crate::engine::Published;
use crate::error::Result;
use crate::model::Metric;
use crate::storage::{View, keys, prefix_end};
use roaring::RoaringBitmap;
use std::ops::ControlFlow;

/// Neighbors count by their score, over the largest, and are none where that is not above 0. Distances say only who is closer: by these they
/// count by their place.
pub(super) fn weighed(users: Vec<(u32, f32)>, metric: Metric) -> Vec<(u32, f32)> {
    if metric == Metric::L2 {
        return (1_u16..).zip(users).map(|(place, (user, _))| (user, f32::from(place).recip())).collect();
    }
    let largest = users.iter().map(|(_, score)| *score).fold(0.0, f32::max);
    let alike = users.into_iter().filter(|&(_, score)| score > 0.0);
    alike.map(|(user, score)| (user, score / largest)).collect()
}

/// So many others as there would be neighbors, evenly among those of whom the filter is true.
pub(super) fn sample(recommend: &Recommend<'_>, matching: Option<&RoaringBitmap>) -> Result<Vec<(u32, f32)>> {
    let own = recommend.user()?;
    let wanted = recommend.neighbors as u64;
    let users = match matching {
        Some(matching) => {
            let others = matching.len() - u64::from(own.is_some_and(|own| matching.contains(own)));
            let of = others.min(wanted);
            let place = |place: u64| (place * others / of) as u32;
            let others: RoaringBitmap = matching.iter().filter(|user| Some(*user) != own).collect();
            (0..of).filter_map(|at| others.select(place(at))).collect()
        }
        None => living(recommend.view, own, wanted)?,
    };
    Ok(users.into_iter().map(|user| (user, 1.0)).collect())
}

/// So many users at about equal distances, by their numbers, which those have left behind who are gone; without one of them.
fn living(view: &View<Published>, without: Option<u32>, wanted: u64) -> Result<Vec<u32>> {
    let numbers = u64::from(view.attachment().counters.next_user);
    let (mut users, mut from, end) = (Vec::new(), 0, prefix_end(&keys::users()));
    for place in 0..wanted.min(numbers) {
        from = from.max(place * numbers / wanted.min(numbers));
        let mut next = None;
        view.scan_from(&keys::user(from as u32), end.as_deref(), |key, _| {
            next = keys::u32_at(key, 1).filter(|user| Some(*user) != without);
            Ok(if next.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let Some(user) = next else { break };
        users.push(user);
        from = u64::from(user) + 1;
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Request};
    use crate::model::{Record, Removal, User};

    #[test]
    fn only_who_is_alike_counts_however_small_or_large_scores_are() {
        let weights = |scores: &[f32], metric| {
            let users = (0..).zip(scores.iter().copied()).collect();
            weighed(users, metric).into_iter().map(|(_, weight)| weight).collect::<Vec<_>>()
        };
        for scale in [1.0, 1e-38, 1e36] {
            let found = weights(&[2.0 * scale, scale, 0.0, -scale], Metric::InnerProduct);
            assert_eq!(found.len(), 2);
            assert!((found[0] - 1.0).abs() < 1e-6 && (found[1] - 0.5).abs() < 1e-3, "{scale}: {found:?}");
        }
        assert!(weights(&[-0.5, -1.0], Metric::Cosine).is_empty());
        assert_eq!(weights(&[0.0, -4.0], Metric::L2), [1.0, 0.5]);
    }

    #[test]
    fn those_who_are_left_are_found_wherever_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        let users: Vec<String> = (0..40).map(|no| format!("u{no}")).collect();
        let put = |id: &String| Record::User(User { id: id.clone(), ..Default::default() });
        engine.write(&users.iter().map(put).collect::<Vec<_>>(), &|_| {}).unwrap();
        assert_eq!(living(&engine.view(), None, 4).unwrap(), [0, 10, 20, 30]);
        assert_eq!(living(&engine.view(), Some(10), 4).unwrap(), [0, 11, 20, 30]);
        let gone = users[..36].iter().map(|id| Record::Remove(Removal::User { user: id.clone() }));
        engine.write(&gone.collect::<Vec<_>>(), &|_| {}).unwrap();
        assert_eq!(living(&engine.view(), None, 3).unwrap(), [36, 37, 38]);
        assert_eq!(living(&engine.view(), Some(37), 9).unwrap(), [36, 38, 39]);
        assert!(living(&engine.view(), None, 0).unwrap().is_empty());
    }
}
