//! Which color a user has on the map: that of a segment, or of what they have of an attribute.

use super::segments::Segments;
use crate::Snapshot;
use crate::analysis::{FindSegments, UserMap};
use crate::error::{Error, ErrorKind, Result, shorten};
use crate::model::{Value, nearest_name};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Groups that have a color of their own.
pub(super) const MOST: usize = 8;
/// Ranges that numbers and times are parted into, where there are more of them than colors.
const RANGES: usize = 4;

/// What the colors of a map mean.
#[derive(Serialize)]
pub(in crate::cli) struct Colored {
    pub by: By,
    pub groups: Vec<Group>,
}

/// What groups are made of.
#[derive(PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum By {
    Nothing,
    /// Each user is in the smallest of the segments that they are in.
    Segments,
    Attribute(String),
}

/// Users of one color.
#[derive(Serialize)]
pub(in crate::cli) struct Group {
    pub name: String,
    /// How many of them are on the map.
    pub users: usize,
}

/// What the colors mean, and for each point of the map its group.
pub(super) fn color(
    snapshot: &Snapshot,
    map: &UserMap,
    segments: &Segments,
    attribute: Option<&str>,
) -> Result<(Colored, Vec<Option<usize>>)> {
    if let Some(attribute) = attribute {
        let values = values(snapshot, attribute, true)?;
        return Ok(by_values(map, attribute, &values));
    }
    if !segments.told.is_empty() {
        return by_segments(snapshot, map, segments);
    }
    let values = values(snapshot, FindSegments::ATTRIBUTE, false)?;
    if values.is_empty() {
        return Ok((Colored { by: By::Nothing, groups: Vec::new() }, vec![None; map.points.len()]));
    }
    Ok(by_values(map, FindSegments::ATTRIBUTE, &values))
}

/// What users have of an attribute. Whose record is damaged is left out.
fn values(snapshot: &Snapshot, attribute: &str, is_wanted: bool) -> Result<HashMap<String, Value>> {
    let (mut values, mut names) = (HashMap::new(), BTreeSet::new());
    for user in snapshot.users() {
        match user {
            Ok(mut user) => {
                if let Some(value) = user.attributes.remove(attribute) {
                    values.insert(user.id, value);
                } else if is_wanted {
                    names.extend(user.attributes.into_keys());
                }
            }
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(%error, "a user whose record is damaged is left out of a report");
            }
            Err(error) => return Err(error),
        }
    }
    if is_wanted && values.is_empty() {
        let nearest = nearest_name(attribute, names.iter().map(String::as_str));
        return Err(Error::Unknown { what: "attribute", name: shorten(attribute), nearest });
    }
    Ok(values)
}

/// Each user by the smallest segment that they are in: it says the most of them.
fn by_segments(
    snapshot: &Snapshot,
    map: &UserMap,
    segments: &Segments,
) -> Result<(Colored, Vec<Option<usize>>)> {
    let mut groups: Vec<Option<usize>> = vec![None; map.points.len()];
    let shown: Vec<_> = segments.told.iter().filter(|segment| segment.members > 0).take(MOST).collect();
    // The largest come first, so that smaller ones have the last word.
    for (place, segment) in shown.iter().enumerate() {
        let members: BTreeSet<String> = snapshot.members(&segment.name)?.into_iter().collect();
        for (group, _) in
            groups.iter_mut().zip(&map.points).filter(|(_, point)| members.contains(&point.user))
        {
            *group = Some(place);
        }
    }
    let names = shown.into_iter().map(|segment| segment.name.clone()).collect();
    Ok((Colored { by: By::Segments, groups: counted(names, &groups) }, groups))
}

fn by_values(
    map: &UserMap,
    attribute: &str,
    values: &HashMap<String, Value>,
) -> (Colored, Vec<Option<usize>>) {
    let of_points: Vec<Option<&Value>> = map.points.iter().map(|point| values.get(&point.user)).collect();
    let (names, groups) = ranges(&of_points).unwrap_or_else(|| most_frequent(&of_points));
    let by = By::Attribute(attribute.to_owned());
    (Colored { by, groups: counted(names, &groups) }, groups)
}

fn counted(names: Vec<String>, groups: &[Option<usize>]) -> Vec<Group> {
    let users = |place: usize| groups.iter().filter(|group| **group == Some(place)).count();
    names.into_iter().enumerate().map(|(place, name)| Group { users: users(place), name }).collect()
}

/// Values by how often they occur; those beyond the colors that there are have none.
fn most_frequent(values: &[Option<&Value>]) -> (Vec<String>, Vec<Option<usize>>) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    values.iter().flatten().for_each(|value| *counts.entry(value.to_string()).or_default() += 1);
    let mut names: Vec<(String, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let names: Vec<String> = names.into_iter().take(MOST).map(|(name, _)| name).collect();
    let place = |value: Option<&Value>| {
        let value = value?.to_string();
        names.iter().position(|name| *name == value)
    };
    let groups = values.iter().copied().map(place).collect();
    (names, groups)
}

/// Ranges with about as many users each, where all values are numbers or times, and more than there are colors. A value is never
/// parted.
fn ranges(values: &[Option<&Value>]) -> Option<(Vec<String>, Vec<Option<usize>>)> {
    let key = |value: &Value| match value {
        Value::Time(time) => Some(time.micros() as f64),
        value => value.as_number(),
    };
    let mut sorted: Vec<(f64, &Value)> =
        values.iter().flatten().map(|value| Some((key(value)?, *value))).collect::<Option<_>>()?;
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut distinct = sorted.clone();
    distinct.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    if distinct.len() <= MOST {
        return None;
    }
    let mut ends: Vec<f64> = Vec::new();
    for quarter in 1..=RANGES {
        let last = sorted.get((sorted.len() * quarter / RANGES).max(1) - 1)?.0;
        if ends.last() != Some(&last) {
            ends.push(last);
        }
    }
    let place = |number: f64| ends.iter().position(|end| number <= *end);
    let name = |at: usize| {
        let within = |(number, _): &&(f64, &Value)| place(*number) == Some(at);
        let (least, most) = (sorted.iter().find(within)?.1, sorted.iter().rev().find(within)?.1);
        Some(format!("{least} to {most}"))
    };
    let names: Vec<String> = (0..ends.len()).map(name).collect::<Option<_>>()?;
    let groups = values.iter().map(|value| value.and_then(key).and_then(place)).collect();
    Some((names, groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_make_ranges_and_few_stay_values() {
        let numbers: Vec<Value> = (0..40).map(Value::Int).collect();
        let some: Vec<Option<&Value>> = [None].into_iter().chain(numbers.iter().map(Some)).collect();
        let (names, groups) = ranges(&some).unwrap();
        assert_eq!(names, ["0 to 9", "10 to 19", "20 to 29", "30 to 39"]);
        assert_eq!((groups[0], groups[1], groups[40]), (None, Some(0), Some(3)));
        assert!(ranges(&some[..9]).is_none());
        let text = Value::Text("x".to_owned());
        assert!(ranges(&[&some[..], &[Some(&text)]].concat()).is_none());
        // Nearly all alike: no range is empty.
        let alike: Vec<Value> = (0..100).map(|n| Value::Int(if n < 90 { 0 } else { n })).collect();
        let (names, groups) = ranges(&alike.iter().map(Some).collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (names, groups[89], groups[99]),
            (vec!["0 to 0".to_owned(), "90 to 99".to_owned()], Some(0), Some(1))
        );
    }

    #[test]
    fn values_beyond_the_colors_have_none() {
        let values: Vec<Value> =
            (0..12).flat_map(|n| vec![Value::Text(format!("v{n:02}")); 20 - n]).collect();
        let (names, groups) = most_frequent(&values.iter().map(Some).collect::<Vec<_>>());
        assert_eq!((names.len(), &*names[0], groups[0], groups.last()), (MOST, "v00", Some(0), Some(&None)));
    }
}
