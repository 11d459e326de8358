//! Predicates of one user, over whatever users are read from: bound to a store, and evaluated.

mod bind;
mod due;
mod evaluate;
mod facts;
mod items;

pub(crate) use bind::{Alike, Binding, Bound, Field, Scores, Source, bind};
pub(crate) use due::{due, reach};
pub(crate) use evaluate::{Values, holds, not};
pub(crate) use facts::{Facts, stored_user};
