//! Where things lie among others.

use super::super::recommend::STRONGEST;
use super::things::{Acted, Thing};
use crate::compute::distance::normalize;
use crate::engine::{Points, Published};
use crate::error::{Error, Result, known};
use crate::learn::Rows;
use crate::profile::{Point, Space, Target};
use crate::storage::View;

/// Things that lie somewhere.
pub(super) struct Places {
    /// Where: half by the meaning of the text, half by the strongest directions of the factor, in which things are close that are done by the
    /// same users; all by one of them where the other is missing. Unit length.
    pub rows: Rows,
    /// For each row, the place of the thing.
    pub things: Vec<usize>,
}

impl Places {
    pub(super) fn of(
        view: &View<Published>,
        points: &Points,
        things: &[Thing],
        lost: &mut Option<Error>,
    ) -> Result<Self> {
        let space = points.space();
        let mut places = Self { rows: Rows::new(dims(space), true), things: Vec::new() };
        for (at, thing) in things.iter().enumerate() {
            let Acted { target, point, .. } = &thing.own;
            let meaning = known(points.meaning(view, *target), lost)?.flatten();
            if places.rows.push(&place(space, (*target, point), meaning.as_deref())) {
                places.things.push(at);
            }
        }
        Ok(places)
    }
}

/// A direction of items' factors is none of groups' factors.
fn dims(space: &Space) -> usize {
    space.text_dims() + 2 * STRONGEST
}

/// Where a target lies that has a point and perhaps a text of some meaning: unit length, or zeros.
pub(super) fn place(space: &Space, (target, point): (Target, &Point), meaning: Option<&[f32]>) -> Vec<f32> {
    let mut place = vec![0.0; dims(space)];
    let (text, factors) = place.split_at_mut(space.text_dims());
    let (of_groups, of_items) = factors.split_at_mut(STRONGEST);
    let own = if matches!(target, Target::Group(_)) { of_groups } else { of_items };
    for (values, known) in [(text, meaning), (own, point.factor.as_deref())] {
        values.iter_mut().zip(known.unwrap_or_default()).for_each(|(value, known)| *value = *known);
        normalize(values);
    }
    normalize(&mut place);
    place
}
