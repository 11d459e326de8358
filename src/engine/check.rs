//! Refuses what the store cannot take, before anything of a write is done.

use super::settings::{Settings, Source};
use crate::error::{Error, Result};
use crate::model::{
    Attributes, Event, MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, MAX_SET, MAX_TEXT_BYTES, Metric, Record,
    Removal, User, Value, check_id,
};

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
        Record::Text(text) => {
            check_id("user id", &text.user)?;
            check_text("text", Some(&text.text))
        }
        Record::Remove(Removal::User { user }) => check_id("user id", user),
        Record::Remove(Removal::Item { item }) => check_id("item id", item),
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
    check_id("event kind", &event.kind)?;
    if settings.kinds.find(&event.kind).is_none() {
        let names = settings.kinds.iter().map(|kind| kind.name.as_str());
        return Err(Error::Unknown {
            what: "event kind",
            name: event.kind.clone(),
            nearest: crate::model::nearest_name(&event.kind, names),
        });
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
