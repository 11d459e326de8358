//! Whether the index has the vector of each profile, and no other.

use super::super::Published;
use super::super::open::with_vectors;
use super::super::points::Points;
use super::super::reader::{EachReader, Reader};
use super::super::settings::Source;
use super::TOLD;
use super::findings::sound;
use crate::compute::distance::norm;
use crate::error::Result;
use crate::index::WHOLE;
use crate::model::{Metric, OnProgress, Problem, Progress};
use crate::storage::{View, keys};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far a vector may be from what another processor makes of the same sums, as a part of its length.
const VECTORS_APART: f64 = 1e-5;

/// What is said of users who have others in the index than their own.
pub(crate) const OTHER_VECTOR: &str = "has another vector than the profile";

/// Users whose vectors the index lacks, and who have others in it.
#[derive(Default)]
pub(super) struct WrongVectors {
    missing: Vec<u32>,
    other: Vec<u32>,
}

impl WrongVectors {
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.other.is_empty()
    }

    pub(super) fn users(&self) -> Vec<u32> {
        [&self.missing[..], &self.other].concat()
    }

    pub(super) fn problems(&self, view: &View<Published>) -> Result<Vec<Problem>> {
        let missing = problem("lacks the vector", &self.missing, view)?;
        let other = problem(OTHER_VECTOR, &self.other, view)?;
        Ok(missing.into_iter().chain(other).collect())
    }
}

fn problem(what: &str, users: &[u32], view: &View<Published>) -> Result<Option<Problem>> {
    let Some((&first, others)) = users.split_first() else { return Ok(None) };
    let user = sound(view.user(first))?.flatten().map(|user| user.id);
    let name = user.as_ref().map_or(format!("user number {first}"), |id| format!("user {id:?}"));
    let others = match others.len() {
        0 => String::new(),
        1 => " and of another user".to_owned(),
        others => format!(" and of {others} other users"),
    };
    Ok(Some(Problem { user, ..Problem::new(WHOLE, format!("it {what} of {name}{others}")) }))
}

/// Whether a vector of the index is that of a profile, which it has as it compares them.
fn same(indexed: &[f32], made: &[f32], metric: Metric) -> bool {
    let length = norm(made);
    let scale = if metric == Metric::Cosine { length.recip() } else { 1.0 };
    let near = |(&a, &b): (&f32, &f32)| {
        (f64::from(a) - scale * f64::from(b)).abs() <= VECTORS_APART * scale * length
    };
    indexed.len() == made.len() && indexed.iter().zip(made).all(near)
}

/// What is wrong with the vectors that the index has; nothing where it was cancelled.
pub(super) fn wrong_vectors(
    view: &View<Published>,
    source: &Source,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<Option<WrongVectors>> {
    let published = view.attachment();
    let mut indexed: HashMap<u32, &[f32]> = published.index.vectors().collect();
    let mut wrong = WrongVectors::default();
    let mut points = Points::new(Arc::clone(&published.space));
    let (mut done, total, metric) = (0, published.counters.users as usize, source.metric());
    with_vectors(view, source, &mut points, |prefix, vector_of| {
        view.each(&prefix, &mut |key, value| {
            if cancel.load(Ordering::Relaxed) {
                return Ok(ControlFlow::Break(()));
            }
            if (done as u64).is_multiple_of(TOLD) {
                progress(Progress::of("comparing the index with profiles", done, total));
            }
            done += 1;
            // What is damaged is told of already.
            let Some(no) = keys::u32_at(key, 1) else { return Ok(ControlFlow::Continue(())) };
            match (indexed.remove(&no), sound(value.and_then(|value| vector_of(no, &value)))?) {
                (None, Some(Some(_))) => wrong.missing.push(no),
                (Some(_), Some(None)) => wrong.other.push(no),
                (Some(indexed), Some(Some(made))) if !same(indexed, &made, metric) => wrong.other.push(no),
                _ => {}
            }
            Ok(ControlFlow::Continue(()))
        })
    })?;
    if cancel.load(Ordering::Relaxed) {
        return Ok(None);
    }
    wrong.other.extend(indexed.into_keys());
    Ok(Some(wrong))
}
