//! Traits that attributes make: read off their columns, without any user's record.

use super::Group;
use super::traits::{Found, Of};
use super::weigh::Having;
use crate::columns::{Column, Columns, Users};
use crate::model::Value;
use crate::model::predicate::Family;

/// Ranges that the values of a number are parted into.
const RANGES: u64 = 4;

/// All traits of attributes that are told, by the names of the attributes, in the order of the values.
pub(super) fn traits<'a>(
    columns: &'a Columns,
    group: &Group,
    is_told: &dyn Fn(Having) -> bool,
) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    // Most values of many attributes are one user's alone: they are not kept.
    let mut note = |of, having| found.extend(is_told(having).then_some(Found { of, having }));
    for name in columns.names() {
        let Some(column) = columns.get(name) else { continue };
        for (value, users) in [Family::Bool, Family::Text].into_iter().flat_map(|of| column.values(of)) {
            note(Of::Attribute(name, value), group.having(users));
        }
        for Range { least, most, having, .. } in
            [Family::Number, Family::Time].into_iter().flat_map(|family| ranges(column, family, group))
        {
            note(Of::Range(name, least, most), having);
        }
        for (text, users) in column.texts() {
            note(Of::Has(name, text), group.having(users));
        }
    }
    found
}

impl Group {
    /// How many of the group and of all are among some.
    fn having(&self, users: &Users) -> Having {
        let len = |of| u32::try_from(users.len_in(of)).unwrap_or(u32::MAX);
        Having { members: len(&self.members), users: len(&self.users) }
    }
}

/// Neighbouring values, with the users who have them.
struct Range<'a> {
    quarter: u64,
    least: &'a Value,
    most: &'a Value,
    having: Having,
}

/// The values of a type in ranges that have about as many users each: a value, which is never parted, lies in the quarter of the users where
/// the first of those who have it comes, in their order by value.
fn ranges<'a>(column: &'a Column, family: Family, group: &Group) -> Vec<Range<'a>> {
    let counted = || column.values(family).map(|(value, users)| (value, group.having(users)));
    let all: u64 = counted().map(|(_, having)| u64::from(having.users)).sum();
    let (mut ranges, mut before): (Vec<Range<'a>>, u64) = (Vec::new(), 0);
    for (value, having) in counted().filter(|(_, having)| having.users > 0) {
        let quarter = before * RANGES / all;
        before += u64::from(having.users);
        match ranges.last_mut().filter(|range| range.quarter == quarter) {
            Some(range) => {
                range.most = value;
                range.having.members += having.members;
                range.having.users += having.users;
            }
            None => ranges.push(Range { quarter, least: value, most: value, having }),
        }
    }
    ranges
}
