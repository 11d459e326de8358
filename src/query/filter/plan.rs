//! How a predicate is answered: which of its parts the columns of attributes tell, in which order, and how many users are left.

use super::narrow::MOST_COUNTED;
use crate::engine::predicate::Bound;
use crate::model::predicate::Node;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// How a part of a predicate is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// Its parts tell.
    Parts,
    /// One value is looked up in the column of an attribute, or one user by the id.
    Lookup,
    /// Values of an attribute's column are gone through, at most so many; those of a range are counted up to 4,096, and one more stands for
    /// any number beyond.
    Values(u64),
    /// So many embeddings, all that there are, are compared with that of a user or a sentence.
    Embeddings(u64),
    /// Each user that the other parts leave is asked: the user's record, figures or events are read.
    Records,
    /// Nobody is left who could be asked.
    Unneeded,
}

/// How a predicate was answered, as [`crate::query::Selection::plan`] tells it; shown, a line for each part.
///
/// Parts that are joined stand in the order in which they were taken: what takes the least and leaves the fewest comes first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// Users of whom the predicate is true.
    pub matching: u64,
    /// All users of the store.
    pub users: u64,
    /// Users of whom the columns did not tell, and who were asked one after the other.
    pub asked: u64,
    /// The predicate.
    pub root: PlanPart,
}

/// A part of a [`Plan`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanPart {
    /// As SQL.
    pub part: String,
    /// How it was found.
    pub access: Access,
    /// Users of whom it holds by what the columns tell: just so many if `exact`, else at most. Below a `not`, `is false` and the like
    /// those of whom that is so.
    pub users: u64,
    /// Whether the columns tell all of it.
    pub exact: bool,
    /// Its own parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PlanPart>,
}

/// What was done for a part.
pub(super) struct Step {
    pub access: Access,
    pub users: u64,
    pub is_exact: bool,
    pub parts: Vec<Step>,
}

impl Step {
    /// Nothing was, for nobody was left.
    pub(super) const fn unneeded() -> Self {
        Self { access: Access::Unneeded, users: 0, is_exact: true, parts: Vec::new() }
    }

    /// It is left to the users, of whom there are so many.
    pub(super) const fn records(users: u64) -> Self {
        Self { access: Access::Records, users, is_exact: false, parts: Vec::new() }
    }
}

impl Plan {
    pub(super) fn new(bound: &Bound<'_>, step: &Step, users: u64, asked: u64, matching: u64) -> Self {
        Self { matching, users, asked, root: PlanPart::new(bound, step) }
    }
}

impl PlanPart {
    fn new(node: &Bound<'_>, step: &Step) -> Self {
        let parts = match node {
            Node::All(parts) | Node::Any(parts) => &parts[..],
            Node::Not(part) | Node::Is(part, _) => std::slice::from_ref(&**part),
            _ => &[],
        };
        let parts = parts.iter().zip(&step.parts).map(|(part, step)| Self::new(part, step)).collect();
        let Step { access, users, is_exact, .. } = *step;
        Self { part: node.to_string(), access, users, exact: is_exact, parts }
    }

    fn lines(&self, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
        let users = if self.exact {
            format!("{} users", self.users)
        } else {
            format!("at most {} users", self.users)
        };
        let how = match self.access {
            Access::Parts => format!("by its parts: {users}"),
            Access::Lookup => format!("looked up: {users}"),
            Access::Values(values) if values > MOST_COUNTED => {
                format!("more than {MOST_COUNTED} values gone through: {users}")
            }
            Access::Values(values) => format!("up to {values} values gone through: {users}"),
            Access::Embeddings(all) => format!("{all} embeddings compared: {users}"),
            Access::Records => "each user that is left is asked".to_owned(),
            Access::Unneeded => "not needed".to_owned(),
        };
        write!(f, "\n{:indent$}{}  [{how}]", "", self.part, indent = depth * 2)?;
        self.parts.iter().try_for_each(|part| part.lines(depth + 1, f))
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} users match, {} of whom were asked", self.matching, self.users, self.asked)?;
        self.root.lines(0, f)
    }
}
