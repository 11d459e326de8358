//! Refuses what the store cannot take, before anything of a write is done.

use super::encode::NEARLY_UNIT;
use super::settings::{Settings, Source};
use crate::error::{Error, Result};
use crate::model::{
    Archive, ArchiveEntry, Attributes, Event, MAX_ARCHIVE_ENTRIES, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES,
    MAX_SET, MAX_TEXT_BYTES, Metric, Record, Removal, Time, User, Value, check_id,
};
use std::collections::BTreeSet;

/// Longest vector: squares of longer ones overflow.
const MAX_LENGTH: f64 = 1e18;

/// Refuses a record with a bad id, text, number, vector or kind.
pub(crate) fn check(settings: &Settings, record: &Record) -> Result<()> {
    match record {
        Record::Store(given) => settings.check_same(given),
        Record::Item(item) => {
            check_id("item id", &item.id)?;
            check_text("text of an item", item.text.as_deref())?;
            check_attributes(&item.attributes)
        }
        Record::User(user) => check_user(settings, user),
        Record::Event(event) => check_event(settings, event),
        Record::Archive(archive) => check_archive(settings, archive),
        Record::Text(text) => {
            check_id("user id", &text.user)?;
            check_text("text", Some(&text.text))
        }
        Record::Remove(Removal::User { user }) => check_id("user id", user),
        Record::Remove(Removal::Item { item }) => check_id("item id", item),
        Record::Remove(Removal::Segment { segment }) => check_id("segment name", segment),
        Record::Segment(definition) => {
            check_id("segment name", &definition.name)?;
            #[cfg(feature = "sql")]
            crate::ingest::check_text_of(&definition.predicate)?;
            Ok(())
        }
        Record::Erase(erasure) | Record::Readmit(erasure) => check_id("user id", &erasure.user),
        Record::Erased(_) => Ok(()),
        Record::Remove(Removal::UserAttribute { user, attribute }) => {
            check_id("user id", user)?;
            check_id("attribute name", attribute)
        }
    }
}

fn check_user(settings: &Settings, user: &User) -> Result<()> {
    check_id("user id", &user.id)?;
    check_attributes(&user.attributes)?;
    match (&user.vector, &settings.source) {
        (None, _) => Ok(()),
        (Some(_), Source::Encoder { .. }) => Err(Error::OwnEmbeddings { what: "a user" }),
        (Some(vector), Source::Vectors { dim, metric }) => {
            check_vector(&format!("the vector of user {:?}", user.id), vector, *dim)?;
            check_direction(&format!("the vector of user {:?}", user.id), vector, *metric)
        }
    }
}

/// Refuses a vector of zeros where vectors are compared by direction.
pub(crate) fn check_direction(what: &str, vector: &[f32], metric: Metric) -> Result<()> {
    if metric == Metric::Cosine && vector.iter().all(|&x| x == 0.0) {
        return Err(Error::invalid(what, "all zeros", "it has no direction, which cosine needs"));
    }
    Ok(())
}

/// Refuses a vector of the wrong length or with NaN or infinities.
pub(crate) fn check_vector(what: &str, vector: &[f32], dim: usize) -> Result<()> {
    if vector.len() != dim {
        return Err(Error::Dimension { what: what.to_owned(), expected: dim, found: vector.len() });
    }
    if let Some(position) = vector.iter().position(|x| !x.is_finite()) {
        return Err(Error::NotFinite { what: what.to_owned(), position });
    }
    let length = crate::compute::distance::norm(vector);
    if length > MAX_LENGTH {
        return Err(Error::invalid(
            format!("length of {what}"),
            length,
            "at most 1e18: scale your vectors down",
        ));
    }
    Ok(())
}

fn check_event(settings: &Settings, event: &Event) -> Result<()> {
    event.id.as_deref().map_or(Ok(()), |id| check_id("event id", id))?;
    check_id("user id", &event.user)?;
    event.item.as_deref().map_or(Ok(()), |id| check_id("item id", id))?;
    check_text("text of an event", event.text.as_deref())?;
    check_number("value of an event", event.value)?;
    check_number("quantity of an event", event.quantity)?;
    check_kind(settings, &event.kind)
}

fn check_kind(settings: &Settings, kind: &str) -> Result<()> {
    check_id("event kind", kind)?;
    if settings.kinds.find(kind).is_none() {
        let names = settings.kinds.iter().map(|kind| kind.name.as_str());
        return Err(Error::Unknown {
            what: "event kind",
            name: kind.to_owned(),
            nearest: crate::model::nearest_name(kind, names),
        });
    }
    Ok(())
}

fn check_archive(settings: &Settings, archive: &Archive) -> Result<()> {
    check_id("user id", &archive.user)?;
    if archive.entries.len() > MAX_ARCHIVE_ENTRIES {
        let expected = format!("a record has at most {MAX_ARCHIVE_ENTRIES}");
        return Err(Error::invalid("number of entries of an archive", archive.entries.len(), expected));
    }
    let mut names = BTreeSet::new();
    for entry in &archive.entries {
        check_entry(settings, archive.horizon, entry)?;
        let text = entry.text.as_ref().map(|text| text.hash.0);
        if !names.insert((entry.item.as_deref(), text, entry.kind.as_str())) {
            let expected = "there is one for each item, text and kind";
            return Err(Error::invalid("entries of an archive", "two alike", expected));
        }
    }
    Ok(())
}

fn check_entry(settings: &Settings, horizon: Time, entry: &ArchiveEntry) -> Result<()> {
    entry.item.as_deref().map_or(Ok(()), |id| check_id("item id", id))?;
    check_kind(settings, &entry.kind)?;
    check_number("value of an archive's entry", Some(entry.value))?;
    check_number("quantity of an archive's entry", Some(entry.quantity))?;
    if entry.first > entry.last || entry.last > horizon {
        let times = format!("{} to {}", entry.first, entry.last);
        let expected = format!("the first is not after the last, and that not after the horizon, {horizon}");
        return Err(Error::invalid("times of an archive's entry", times, expected));
    }
    let hours: u64 = entry.hours.iter().map(|&(_, count)| u64::from(count)).sum();
    let ascend = entry.hours.is_sorted_by(|a, b| a.0 < b.0);
    let counted = entry.hours.iter().all(|&(hour, count)| hour < 24 && count > 0);
    if entry.count == 0 || hours != entry.count || !ascend || !counted {
        let expected = format!(
            "each from 0 to 23, in order, with at least 1 act, and together the {} of the entry, which are at least 1",
            entry.count
        );
        return Err(Error::invalid("hours of an archive's entry", format!("{:?}", entry.hours), expected));
    }
    entry
        .text
        .as_ref()
        .and_then(|text| text.vector.as_ref())
        .map_or(Ok(()), |v| check_text_vector(settings, v))
}

fn check_text_vector(settings: &Settings, vector: &[f32]) -> Result<()> {
    let what = "the vector of a folded text";
    let Source::Encoder { dim, .. } = settings.source else {
        let expected = "a store of the host's own vectors keeps none of texts";
        return Err(Error::invalid(what, "given", expected));
    };
    check_vector(what, vector, dim)?;
    let length = crate::compute::distance::norm(vector);
    if length != 0.0 && (length - 1.0).abs() > NEARLY_UNIT {
        return Err(Error::invalid(
            format!("length of {what}"),
            length,
            "it is 1, or 0 of a text without content",
        ));
    }
    Ok(())
}

fn check_number(what: &str, number: Option<f64>) -> Result<()> {
    match number {
        Some(number) if !number.is_finite() => Err(Error::invalid(what, number, "it is a finite number")),
        _ => Ok(()),
    }
}

/// Refuses a text that is too long.
pub(crate) fn check_text(what: &str, text: Option<&str>) -> Result<()> {
    match text {
        Some(text) if text.len() > MAX_TEXT_BYTES => Err(Error::invalid(
            what,
            format!("{} bytes long", text.len()),
            format!("a text has at most {MAX_TEXT_BYTES} bytes"),
        )),
        _ => Ok(()),
    }
}

fn check_attributes(attributes: &Attributes) -> Result<()> {
    if attributes.len() > MAX_ATTRIBUTES {
        let expected = format!("a record has at most {MAX_ATTRIBUTES}");
        return Err(Error::invalid("number of attributes", attributes.len(), expected));
    }
    let mut bytes = 0;
    for (name, value) in attributes {
        check_id("attribute name", name)?;
        bytes += name.len() + check_value(&format!("attribute {name:?}"), value)?;
    }
    if bytes > MAX_ATTRIBUTES_BYTES {
        return Err(Error::invalid(
            "names and texts of the attributes of a record",
            format!("{bytes} bytes long"),
            format!("they have at most {MAX_ATTRIBUTES_BYTES} bytes together"),
        ));
    }
    Ok(())
}

/// Gives the bytes of its texts.
fn check_value(what: &str, value: &Value) -> Result<usize> {
    match value {
        Value::Float(number) => check_number(what, Some(*number)).map(|()| 0),
        Value::Text(text) => check_text(what, Some(text)).map(|()| text.len()),
        Value::Set(texts) if texts.len() > MAX_SET => Err(Error::invalid(
            what,
            format!("a set of {} texts", texts.len()),
            format!("a set has at most {MAX_SET}"),
        )),
        Value::Set(texts) => texts.iter().map(|text| check_text(what, Some(text)).map(|()| text.len())).sum(),
        Value::Bool(_) | Value::Int(_) | Value::Time(_) => Ok(0),
    }
}
