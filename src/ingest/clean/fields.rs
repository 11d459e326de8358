//! The rules of each field.

use super::text::clean_text;
use super::{Notes, Refusal};
use crate::ingest::draft::{Draft, Field, Loose};
use crate::model::{Attributes, MAX_ATTRIBUTES, MAX_DIM, MAX_TEXT_BYTES, Time, Value, check_id, narrowed};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Whole numbers up to here are exact in a float, so that they can stand for an id.
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// How much is mended.
#[derive(Clone, Copy, Debug)]
pub(in crate::ingest) struct Cleaner {
    /// Texts and ids stay as they are.
    pub(in crate::ingest) as_is: bool,
    /// A number given as a text needs no mention: the source knows nothing else.
    pub(in crate::ingest) numbers_are_texts: bool,
}

impl Cleaner {
    /// An id: a text or a whole number, without the white space around it.
    pub(super) fn id(
        self,
        draft: &mut Draft<'_>,
        field: Field,
        notes: &mut Notes,
    ) -> Result<Option<String>, Refusal> {
        let id = match draft.take(field) {
            Loose::Absent => return Ok(None),
            Loose::Null => String::new(),
            Loose::Text(text) => self.trimmed(text, field.name(), notes),
            Loose::Int(number) => number.to_string(),
            Loose::Unsigned(number) => number.to_string(),
            Loose::Float(number) if number.fract() == 0.0 && number.abs() < MAX_EXACT_FLOAT => {
                (number as i64).to_string()
            }
            other => return Err(Refusal::new(field.name(), "not an id", other.type_name())),
        };
        if id.is_empty() {
            notes.missing.push(field.name().into());
            return Ok(None);
        }
        check_id(field.name(), &id).map_err(|e| Refusal::new(field.name(), "not an id", e.to_string()))?;
        Ok(Some(id))
    }

    pub(super) fn required_id(
        self,
        draft: &mut Draft<'_>,
        field: Field,
        notes: &mut Notes,
    ) -> Result<String, Refusal> {
        self.id(draft, field, notes)?.ok_or_else(|| Refusal::missing(field))
    }

    fn trimmed(self, text: Cow<'_, str>, field: &'static str, notes: &mut Notes) -> String {
        let trimmed = text.trim();
        if self.as_is || trimmed.len() == text.len() {
            return text.into_owned();
        }
        if !trimmed.is_empty() {
            notes.repair(field, "white space around it");
        }
        trimmed.to_owned()
    }

    /// A finite number, or none with a note.
    pub(super) fn number(self, draft: &mut Draft<'_>, field: Field, notes: &mut Notes) -> Option<f64> {
        let number = match draft.take(field) {
            Loose::Absent => return None,
            Loose::Int(number) => number as f64,
            Loose::Unsigned(number) => number as f64,
            Loose::Float(number) => number,
            Loose::Text(text) if !text.trim().is_empty() => {
                let Ok(number) = text.trim().parse::<f64>() else {
                    notes.repair(field.name(), "not a number");
                    return None;
                };
                if !self.numbers_are_texts && number.is_finite() {
                    notes.repair(field.name(), "number given as a text");
                }
                number
            }
            Loose::Null | Loose::Text(_) => {
                notes.missing.push(field.name().into());
                return None;
            }
            _ => {
                notes.repair(field.name(), "not a number");
                return None;
            }
        };
        if number.is_finite() {
            return Some(number);
        }
        notes.repair(field.name(), "not finite");
        None
    }

    /// The field `text`, cleaned.
    pub(super) fn text(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Option<String>, Refusal> {
        let text = match draft.take(Field::Text) {
            Loose::Absent => return Ok(None),
            Loose::Null => Cow::Borrowed(""),
            Loose::Text(text) if self.as_is => return bounded(text.into_owned()).map(Some),
            Loose::Text(text) => text,
            other => {
                let number = number_in_words(&other);
                notes.repair("text", if number.is_some() { "number given for a text" } else { "not a text" });
                return Ok(number);
            }
        };
        let (cleaned, changed) = cleaned(text);
        if cleaned.is_empty() {
            notes.missing.push("text".into());
            return Ok(None);
        }
        if changed {
            notes.repair("text", "text cleaned");
        }
        bounded(cleaned).map(Some)
    }

    /// The field `attributes`. An attribute that cannot be mended is left out with a note.
    pub(super) fn attributes(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Attributes, Refusal> {
        let found = draft.take(Field::Attributes);
        if !matches!(found, Loose::Absent | Loose::Null) {
            return Err(Refusal::new("attributes", "not an object", found.type_name()));
        }
        let mut attributes = Attributes::new();
        for (name, value) in std::mem::take(&mut draft.attributes) {
            let name = self.trimmed(name, "attributes", notes);
            if check_id("name of an attribute", &name).is_err() {
                notes.repair("attributes", "not a name");
                continue;
            }
            if attributes.contains_key(&name) {
                return Err(Refusal::new("attributes", "given twice", name));
            }
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(Refusal::new("attributes", "more than 4096", ""));
            }
            if let Some(value) = self.attribute(&name, value, notes) {
                attributes.insert(name, value);
            }
        }
        Ok(attributes)
    }

    fn attribute(self, name: &str, value: Loose<'_>, notes: &mut Notes) -> Option<Value> {
        let field = || Cow::Owned(format!("attributes.{name}"));
        match value {
            Loose::Absent => None,
            Loose::Null => {
                notes.missing.push(field());
                None
            }
            Loose::Bool(yes) => Some(Value::Bool(yes)),
            Loose::Int(number) => Some(Value::Int(number)),
            Loose::Float(number) if number.is_finite() => Some(Value::Float(number)),
            Loose::Time(time) => Some(Value::Time(time)),
            Loose::Text(text) => self.attribute_text(text, field, notes).map(Value::Text),
            Loose::List(texts) => self.set(texts, field, notes).map(Value::Set),
            Loose::Float(_) => {
                notes.repair(field(), "not finite");
                None
            }
            Loose::Unsigned(_) => {
                notes.repair(field(), "number too large");
                None
            }
            Loose::Odd(what) => {
                notes.repair(field(), what);
                None
            }
        }
    }

    fn attribute_text(
        self,
        text: Cow<'_, str>,
        field: impl Fn() -> Cow<'static, str>,
        notes: &mut Notes,
    ) -> Option<String> {
        let (cleaned, changed) = if self.as_is { (text.into_owned(), false) } else { cleaned(text) };
        if cleaned.is_empty() && !self.as_is {
            notes.missing.push(field());
            return None;
        }
        if cleaned.len() > MAX_TEXT_BYTES {
            notes.repair(field(), "longer than 1 MiB");
            return None;
        }
        if changed {
            notes.repair(field(), "text cleaned");
        }
        Some(cleaned)
    }

    fn set(
        self,
        texts: Vec<Loose<'_>>,
        field: impl Fn() -> Cow<'static, str> + Copy,
        notes: &mut Notes,
    ) -> Option<BTreeSet<String>> {
        let mut set = BTreeSet::new();
        for text in texts {
            let Loose::Text(text) = text else {
                notes.repair(field(), "a set holds texts only");
                return None;
            };
            let Some(text) = self.attribute_text(text, field, notes) else { continue };
            if !set.insert(text) {
                notes.repair(field(), "a text of a set given twice");
            }
        }
        Some(set)
    }
}

/// The field `time`, which every record that has it needs.
pub(super) fn time(draft: &mut Draft<'_>) -> Result<Time, Refusal> {
    let found = draft.take(Field::Time);
    match &found {
        Loose::Absent | Loose::Null => return Err(Refusal::missing(Field::Time)),
        Loose::Text(text) if text.trim().is_empty() => return Err(Refusal::missing(Field::Time)),
        _ => {}
    }
    found.as_time().ok_or_else(|| {
        let detail = match &found {
            Loose::Text(text) => text.chars().take(80).collect(),
            Loose::Int(number) => number.to_string(),
            Loose::Float(number) => number.to_string(),
            other => other.type_name().to_owned(),
        };
        Refusal::new("time", "not a time in the years 1 to 9999", detail)
    })
}

/// The field `vector`: 1 to [`MAX_DIM`] numbers, finite as 32-bit floats.
pub(super) fn vector(draft: &mut Draft<'_>) -> Result<Option<Vec<f32>>, Refusal> {
    const WHAT: &str = "not 1 to 4096 finite numbers";
    let list = match draft.take(Field::Vector) {
        Loose::Absent | Loose::Null => return Ok(None),
        Loose::List(list) => list,
        other => return Err(Refusal::new("vector", WHAT, other.type_name())),
    };
    if list.is_empty() || list.len() > MAX_DIM {
        return Err(Refusal::new("vector", WHAT, format!("{} elements", list.len())));
    }
    let element = |(position, element): (usize, &Loose<'_>)| {
        let number = match element {
            Loose::Int(number) => *number as f32,
            Loose::Unsigned(number) => *number as f32,
            Loose::Float(number) => narrowed(*number),
            _ => f32::NAN,
        };
        let refusal = || Refusal::new("vector", WHAT, format!("at position {position}"));
        number.is_finite().then_some(number).ok_or_else(refusal)
    };
    list.iter().enumerate().map(element).collect::<Result<_, _>>().map(Some)
}

fn cleaned(text: Cow<'_, str>) -> (String, bool) {
    match clean_text(&text) {
        Cow::Borrowed(_) => (text.into_owned(), false),
        Cow::Owned(cleaned) => {
            let changed = cleaned != text;
            (cleaned, changed)
        }
    }
}

fn bounded(text: String) -> Result<String, Refusal> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Refusal::new("text", "longer than 1 MiB", format!("{} bytes", text.len())));
    }
    Ok(text)
}

fn number_in_words(value: &Loose<'_>) -> Option<String> {
    match value {
        Loose::Int(number) => Some(number.to_string()),
        Loose::Unsigned(number) => Some(number.to_string()),
        Loose::Float(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}
