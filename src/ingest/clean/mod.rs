//! From a draft to a record: what can be mended is mended and noted, what cannot is refused with its reason.

mod fields;
mod html;
mod text;

use super::draft::{Draft, Field, Loose};
use crate::model::{Erasure, Event, Hex, Item, Record, Removal, Text, Tombstone, User};
use std::borrow::Cow;

pub(super) use fields::Cleaner;

/// Why a record is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) field: &'static str,
    pub(super) what: &'static str,
    pub(super) detail: String,
}

impl Refusal {
    pub(super) fn new(field: &'static str, what: &'static str, detail: impl Into<String>) -> Self {
        Self { field, what, detail: detail.into() }
    }

    pub(super) fn missing(field: Field) -> Self {
        Self::new(field.name(), "missing", "")
    }

    /// The reason without what differs from line to line.
    pub(super) fn reason(&self) -> String {
        format!("{}: {}", self.field, self.what)
    }
}

/// What was noticed in one record. Counted only once the record is accepted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) repairs: Vec<(Cow<'static, str>, &'static str)>,
    pub(super) missing: Vec<Cow<'static, str>>,
    pub(super) unknown: Vec<String>,
}

impl Notes {
    pub(super) fn clear(&mut self) {
        self.repairs.clear();
        self.missing.clear();
        self.unknown.clear();
    }

    fn repair(&mut self, field: impl Into<Cow<'static, str>>, what: &'static str) {
        self.repairs.push((field.into(), what));
    }
}

impl Cleaner {
    /// The record in a draft.
    pub(super) fn record(self, mut draft: Draft<'_>, notes: &mut Notes) -> Result<Record, Refusal> {
        if let Some(field) = draft.twice {
            return Err(Refusal::new(field.name(), "given twice", ""));
        }
        let draft = &mut draft;
        let record = match draft.take(Field::Type) {
            Loose::Text(name) => match name.as_ref() {
                "event" => self.event(draft, notes).map(Record::Event)?,
                "item" => self.item(draft, notes).map(Record::Item)?,
                "user" => self.user(draft, notes).map(Record::User)?,
                "text" => self.text_record(draft, notes).map(Record::Text)?,
                "remove" => self.removal(draft, notes).map(Record::Remove)?,
                "erase" => self.erasure("erase", draft, notes).map(Record::Erase)?,
                "readmit" => self.erasure("readmit", draft, notes).map(Record::Readmit)?,
                "erased" => tombstone(draft).map(Record::Erased)?,
                other => {
                    return Err(Refusal::new("type", "unknown", other.chars().take(80).collect::<String>()));
                }
            },
            Loose::Absent | Loose::Null => return Err(Refusal::missing(Field::Type)),
            other => return Err(Refusal::new("type", "unknown", other.type_name())),
        };
        notes.unknown.extend(draft.left_over().into_iter().map(str::to_owned));
        Ok(record)
    }

    fn event(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Event, Refusal> {
        Ok(Event {
            id: self.id(draft, Field::Id, notes)?,
            user: self.required_id(draft, Field::User, notes)?,
            item: self.id(draft, Field::Item, notes)?,
            kind: self.required_id(draft, Field::Kind, notes)?,
            time: fields::time(draft)?,
            value: self.number(draft, Field::Value, notes),
            quantity: self.number(draft, Field::Quantity, notes),
            text: self.text(draft, notes)?,
        })
    }

    fn item(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Item, Refusal> {
        Ok(Item {
            id: self.required_id(draft, Field::Id, notes)?,
            text: self.text(draft, notes)?,
            attributes: self.attributes(draft, notes)?,
        })
    }

    fn user(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<User, Refusal> {
        Ok(User {
            id: self.required_id(draft, Field::Id, notes)?,
            attributes: self.attributes(draft, notes)?,
            vector: fields::vector(draft)?,
        })
    }

    fn text_record(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Text, Refusal> {
        Ok(Text {
            user: self.required_id(draft, Field::User, notes)?,
            text: self.text(draft, notes)?.ok_or_else(|| Refusal::missing(Field::Text))?,
            time: fields::time(draft)?,
        })
    }

    /// Stricter than the rest: what is misread here would remove more than was meant.
    fn removal(self, draft: &mut Draft<'_>, notes: &mut Notes) -> Result<Removal, Refusal> {
        let names_attribute = draft.has(Field::Attribute);
        let user = self.id(draft, Field::User, notes)?;
        let item = self.id(draft, Field::Item, notes)?;
        let attribute = self.id(draft, Field::Attribute, notes)?;
        if let Some(name) = draft.left_over().first() {
            return Err(Refusal::new("remove", "unknown field", *name));
        }
        match (user, item, attribute) {
            (Some(user), None, Some(attribute)) => Ok(Removal::UserAttribute { user, attribute }),
            (Some(user), None, None) if !names_attribute => Ok(Removal::User { user }),
            (None, Some(item), None) if !names_attribute => Ok(Removal::Item { item }),
            _ => Err(Refusal::new("remove", "not one user, attribute of a user, or item", "")),
        }
    }

    /// As strict as a removal.
    fn erasure(
        self,
        what: &'static str,
        draft: &mut Draft<'_>,
        notes: &mut Notes,
    ) -> Result<Erasure, Refusal> {
        let user = self.required_id(draft, Field::User, notes)?;
        match draft.left_over().first() {
            Some(name) => Err(Refusal::new(what, "unknown field", *name)),
            None => Ok(Erasure { user }),
        }
    }
}

fn tombstone(draft: &mut Draft<'_>) -> Result<Tombstone, Refusal> {
    Ok(Tombstone { salt: hex(draft, Field::Salt)?, hash: hex(draft, Field::Hash)? })
}

fn hex<const N: usize>(draft: &mut Draft<'_>, field: Field) -> Result<Hex<N>, Refusal> {
    match draft.take(field) {
        Loose::Absent | Loose::Null => Err(Refusal::missing(field)),
        Loose::Text(text) => text
            .parse()
            .map_err(|_| Refusal::new(field.name(), "not the hexadecimal digits of an export", "")),
        other => {
            Err(Refusal::new(field.name(), "not the hexadecimal digits of an export", other.type_name()))
        }
    }
}

#[cfg(test)]
mod tests;
