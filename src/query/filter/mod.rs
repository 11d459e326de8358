//! Whom a predicate matches: bound to a store, checked against its attributes, narrowed down by their columns, and evaluated
//! for each user of whom these do not tell.

mod bounds;
mod catalogue;
mod item_catalogue;
mod likeness;
mod narrow;
mod plan;

pub use plan::{Access, Plan, PlanPart};

use super::scan::{stored_states, stored_users};
use crate::engine::predicate::{Binding, Bound, Facts, bind, stored_user};
use crate::engine::{Published, Settings};
use crate::error::{Error, Result, known};
use crate::model::predicate::{Node, Truth};
use crate::model::{Predicate, Time};
use crate::storage::View;
use crate::telemetry::tell_left_out;
use catalogue::{Catalogue, Catalogued};
use likeness::Likenesses;
use narrow::Narrowing;
use plan::Step;
use roaring::RoaringBitmap;

/// Where one user in so many is to be asked, all records are read in their order: that takes less than to look each of these up.
const SCAN_FROM: u64 = 8;

/// The answer to a predicate.
pub(super) struct Answer<'p> {
    /// The numbers of the users of whom it is true.
    pub matching: RoaringBitmap,
    bound: Bound<'p>,
    step: Step,
    users: u64,
    asked: u64,
}

impl Answer<'_> {
    pub(super) fn plan(&self) -> Plan {
        Plan::new(&self.bound, &self.step, self.users, self.asked, self.matching.len())
    }
}

/// Of whom a predicate is true at `now`. Users whose values are damaged are left out, with a warning.
///
/// # Errors
/// [`crate::Error::Predicate`], or without a place [`crate::Error::Invalid`] or [`crate::Error::Unknown`], for what is misspelt
/// or cannot be compared.
pub(super) fn answer<'p>(
    view: &View<Published>,
    settings: &Settings,
    predicate: &'p Predicate,
    now: Time,
) -> Result<Answer<'p>> {
    let mut bound = fitting(view, settings, predicate, now)?;
    let columns = view.attachment().columns.get(view)?;
    let narrowing = Narrowing { view, columns };
    narrowing.arrange(&mut bound);
    let (bounds, step) = narrowing.of(&bound, Truth::True)?;
    let asked = &*bounds.perhaps - &*bounds.surely;
    let mut asking = Asking { view, matching: RoaringBitmap::clone(&bounds.surely), lost: None };
    asking.ask(&Question::left(&bound, &step), &asked, columns.all().len())?;
    // What the columns lack may be sound again.
    for no in columns.unread() {
        let facts = stored_user(view, no).map(|user| asking.facts(no).with_record(user));
        asking.add(no, &Question::All(vec![&bound]), facts)?;
    }
    let Asking { matching, lost, .. } = asking;
    tell_left_out(lost.as_ref());
    let unread = columns.unread().len();
    let (users, asked) = (columns.all().len() + unread, asked.len() + unread);
    Ok(Answer { matching, bound, step, users, asked })
}

/// A predicate as a snapshot's users are asked for it.
pub(super) fn bound<'p>(
    view: &View<Published>,
    settings: &Settings,
    predicate: &'p Predicate,
    now: Time,
) -> Result<Bound<'p>> {
    let segments = &*view.attachment().segments;
    let alike = Likenesses::new(view, settings);
    bind(&predicate.node, &Binding { kinds: &settings.kinds, segments, now, alike: Some(&alike) })
}

/// A predicate that fits the store's attributes, as [`bound`].
///
/// # Errors
/// As [`answer`].
pub(super) fn fitting<'p>(
    view: &View<Published>,
    settings: &Settings,
    predicate: &'p Predicate,
    now: Time,
) -> Result<Bound<'p>> {
    let bound = bound(view, settings, predicate, now)?;
    Catalogue::new(view)?.check(&predicate.node)?;
    Ok(bound)
}

/// The numbers of the users of whom a predicate is true at `now`, for who asks more of them.
///
/// # Errors
/// As asking for the users themselves.
pub(crate) fn matching(
    view: &View<Published>,
    settings: &Settings,
    predicate: &Predicate,
    now: Time,
) -> Result<RoaringBitmap> {
    answer(view, settings, predicate, now).map(|answer| answer.matching)
}

/// Refuses a predicate out of a text that names an attribute which nobody has, and any that compares what cannot be compared; what nobody
/// has may be anything where nobody has any attribute yet.
pub(crate) fn check_attributes(view: &View<Published>, predicate: &Predicate) -> Result<()> {
    Catalogue::new(view)?.before_any().check(&predicate.node)
}

/// What users are asked.
enum Question<'a> {
    /// Each of these.
    All(Vec<&'a Bound<'a>>),
    /// Any of them.
    Any(Vec<&'a Bound<'a>>),
}

impl<'a> Question<'a> {
    /// What of a predicate the columns leave open of those of whom it may be true, and not surely: a part of a chain of `and` that they
    /// tell is true of all these, and one of `or` of none.
    fn left(bound: &'a Bound<'a>, step: &Step) -> Self {
        let open = |parts: &'a [Bound<'a>]| {
            let open = parts.iter().zip(&step.parts).filter(|(_, step)| !step.is_exact);
            open.map(|(part, _)| part).collect()
        };
        match bound {
            Node::All(parts) => Self::All(open(parts)),
            Node::Any(parts) => Self::Any(open(parts)),
            whole => Self::All(vec![whole]),
        }
    }

    fn is_true(&self, facts: &Facts<'_, View<Published>>) -> Result<bool> {
        let (parts, wanted) = match self {
            Self::All(parts) => (parts, true),
            Self::Any(parts) => (parts, false),
        };
        for part in parts {
            if (part.truth(facts)? == Truth::True) != wanted {
                return Ok(!wanted);
            }
        }
        Ok(wanted)
    }

    fn reads_record(&self) -> bool {
        let (Self::All(parts) | Self::Any(parts)) = self;
        parts.iter().any(|part| part.reads_record())
    }
}

/// Users who are asked, one after the other.
struct Asking<'a> {
    view: &'a View<Published>,
    matching: RoaringBitmap,
    lost: Option<Error>,
}

impl<'a> Asking<'a> {
    fn facts(&self, no: u32) -> Facts<'a, View<Published>> {
        Facts::new(self.view, &*self.view.attachment().segments, no)
    }

    fn add(
        &mut self,
        no: u32,
        question: &Question<'_>,
        facts: Result<Facts<'a, View<Published>>>,
    ) -> Result<()> {
        let is_true = facts.and_then(|facts| question.is_true(&facts));
        if known(is_true, &mut self.lost)? == Some(true) {
            self.matching.insert(no);
        }
        Ok(())
    }

    /// Asks some of all users.
    fn ask(&mut self, question: &Question<'_>, asked: &RoaringBitmap, all: u64) -> Result<()> {
        let view = self.view;
        let mut left = asked.clone();
        if asked.len() > all / SCAN_FROM {
            // What is damaged is told of when it is asked for by itself.
            if question.reads_record() {
                for (no, user) in stored_users(view).flatten() {
                    if left.remove(no) {
                        self.add(no, question, Ok(self.facts(no).with_record(user)))?;
                    }
                }
            } else {
                for (no, state) in stored_states(view).flatten() {
                    if left.remove(no) {
                        self.add(no, question, Ok(self.facts(no).with_state(state)))?;
                    }
                }
            }
        }
        left.iter().try_for_each(|no| self.add(no, question, Ok(self.facts(no))))
    }
}
