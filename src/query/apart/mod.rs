//! What sets a group of users apart: what its members have, and do, more often than others.

mod acts;
mod attributes;
mod question;
mod traits;
mod weigh;

pub use question::Contrast;
pub use traits::{Portrait, Trait, TraitOf};

use crate::columns::Columns;
use crate::engine::predicate::stored_user;
use crate::engine::{Published, Reader, Settings};
use crate::error::{ErrorKind, Result};
use crate::model::OnProgress;
use crate::storage::View;
use crate::telemetry::tell_left_out;
use acts::Acts;
use roaring::RoaringBitmap;
use traits::Found;
use weigh::{Having, Sides};

/// Which traits are told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    /// How many at most.
    pub limit: usize,
    /// So many members at least have it.
    pub min_support: u64,
    /// The least G² that is no chance.
    pub min_g2: f64,
}

impl Default for Wanted {
    /// By chance G² is above this for one trait in a thousand.
    fn default() -> Self {
        Self { limit: 20, min_support: 5, min_g2: 10.83 }
    }
}

/// The group and all users, as far as they can be read.
struct Group {
    members: RoaringBitmap,
    users: RoaringBitmap,
}

impl Group {
    fn sides(&self) -> Sides {
        Sides { members: self.members.len(), users: self.users.len() }
    }
}

/// What sets some users, by their numbers, apart from all others. It reads what all users did once; users of whom something cannot be
/// read are in none of its figures, and are warned of.
pub(super) fn portrait(
    view: &View<Published>,
    settings: &Settings,
    group: &RoaringBitmap,
    wanted: &Wanted,
    progress: OnProgress<'_>,
) -> Result<Portrait> {
    let columns = view.attachment().columns.get(view)?;
    let acts = Acts::count(view, settings, (columns.all(), group), progress)?;
    let users = &**columns.all() - &acts.lost;
    let group = Group { members: &users & group, users };
    let sides = group.sides();
    let is_told = |having: Having| sides.are_told_apart(having, wanted);
    let mut found = attributes::traits(columns, &group, &is_told);
    found.extend(acts.traits(settings, &group).filter(|found| is_told(found.having)));
    // Behind a stable sort, what is alike stays in the order in which it was found.
    found.sort_by(|a, b| sides.g2(b.having).total_cmp(&sides.g2(a.having)));
    let traits = named(view, sides, &found, wanted.limit)?;
    tell_left_out(acts.damage.as_ref());
    tell_unread(view, columns);
    Ok(Portrait { members: sides.members, users: sides.users, traits })
}

/// The first of them with their names. In the place of an item that cannot be named for a damaged record comes the next.
fn named(view: &View<Published>, sides: Sides, found: &[Found<'_>], limit: usize) -> Result<Vec<Trait>> {
    let mut traits = Vec::new();
    for Found { of, having } in found {
        if traits.len() == limit {
            break;
        }
        match of.named(|no| view.item(no)) {
            Ok(Some(of)) => traits.push(sides.weighed(of, *having)),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::Damage => tell_left_out(Some(&error)),
            Err(error) => return Err(error),
        }
    }
    Ok(traits)
}

/// Tells of users whose records could not be read when the columns were made.
fn tell_unread(view: &View<Published>, columns: &Columns) {
    let lost = columns.unread().iter().find_map(|no| stored_user(view, no).err());
    tell_left_out(lost.as_ref());
}
