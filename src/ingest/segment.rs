//! Segments in records: their predicates are SQL.

use super::clean::Refusal;
use crate::model::{Record, Removal, SegmentDefinition, Time};
use serde::Deserialize;

/// A line of that type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "type")]
    _type: String,
    name: String,
    #[serde(rename = "where")]
    predicate: String,
    #[serde(default)]
    now: Option<Time>,
}

/// The segment in a line of that type, strictly: what is misread would be another segment.
pub(super) fn segment(text: &str) -> Result<Record, Refusal> {
    let refusal = |detail: String| Refusal::new("segment", "not a segment", detail);
    let Line { name, predicate, now, .. } = serde_json::from_str(text).map_err(|e| refusal(e.to_string()))?;
    let predicate = parse(&predicate).map_err(|e| refusal(e.to_string()))?;
    Ok(Record::Segment(SegmentDefinition { name, predicate, now }))
}

#[cfg(feature = "sql")]
pub(crate) use parsed::check_text_of;
/// The removal of a segment in a line of that type, as strictly.
pub(super) fn removal(text: &str) -> Result<Record, Refusal> {
    let refusal = |detail: String| Refusal::new("remove", "not one segment", detail);
    match serde_json::from_str(text) {
        Ok(removal @ Record::Remove(Removal::Segment { .. })) => Ok(removal),
        Ok(_) => Err(refusal("something beside it".to_owned())),
        Err(e) => Err(refusal(e.to_string())),
    }
}

#[cfg(feature = "sql")]
use parsed::parse;

#[cfg(feature = "sql")]
mod parsed {
    use crate::error::{Error, Result};
    use crate::model::Predicate;

    pub(super) fn parse(text: &str) -> Result<Predicate> {
        Predicate::parse(text)
    }

    /// Refuses a predicate that its own text would not give again, for its length or depth.
    pub(crate) fn check_text_of(predicate: &Predicate) -> Result<()> {
        match parse(&predicate.to_string()) {
            Ok(read) if read == *predicate => Ok(()),
            _ => Err(Error::invalid(
                "the predicate",
                "longer or deeper than a text may be",
                "what is kept can be written as text",
            )),
        }
    }
}

#[cfg(not(feature = "sql"))]
fn parse(text: &str) -> crate::Result<crate::model::Predicate> {
    let expected = "a build with the feature `sql` reads predicates as text";
    Err(crate::Error::invalid("predicate", crate::error::shorten(text), expected))
}
