//! A record as it was found, before cleaning: any value in any field.

use crate::model::Time;
use std::borrow::Cow;

/// A value of whatever type the source gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Loose<'a> {
    /// The field is not there.
    #[default]
    Absent,
    /// The field is there, and says that the value is missing.
    Null,
    Bool(bool),
    Int(i64),
    /// Only what [`Loose::Int`] cannot hold.
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
    Time(Time),
    List(Vec<Loose<'a>>),
    /// A value that no field takes, in words.
    Odd(&'static str),
}

impl Loose<'_> {
    /// The time in it: RFC 3339, a date or an epoch, the latter as a number or a text.
    pub(super) fn as_time(&self) -> Option<Time> {
        match self {
            Self::Time(time) => Some(*time),
            Self::Int(number) => Time::from_epoch(*number).ok(),
            Self::Float(number) => time_of_float(*number),
            Self::Text(text) => time_of_text(text.trim()),
            _ => None,
        }
    }

    /// The type in words, for error messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Absent | Self::Null => "nothing",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Unsigned(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Odd(what) => what,
        }
    }
}

/// What is a whole number is not tried as a float, which would round it into the years that there are.
fn time_of_text(text: &str) -> Option<Time> {
    match text.parse() {
        Ok(number) => Time::from_epoch(number).ok(),
        Err(_) => text.parse().ok().or_else(|| text.parse().ok().and_then(time_of_float)),
    }
}

/// Whole numbers in any unit of an epoch, as tables with missing values hold them; fractions in seconds only.
fn time_of_float(number: f64) -> Option<Time> {
    if number.fract() == 0.0 && number.abs() < 1e18 {
        Time::from_epoch(number as i64).ok()
    } else if number.abs() < 1e11 {
        Time::from_micros((number * 1e6).round() as i64).ok()
    } else {
        None
    }
}

/// Every field that some record type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Type,
    Id,
    User,
    Item,
    Kind,
    Time,
    Value,
    Quantity,
    Text,
    Vector,
    Attribute,
    Salt,
    Hash,
    Attributes,
}

impl Field {
    pub(super) const ALL: [Self; 14] = [
        Self::Type,
        Self::Id,
        Self::User,
        Self::Item,
        Self::Kind,
        Self::Time,
        Self::Value,
        Self::Quantity,
        Self::Text,
        Self::Vector,
        Self::Attribute,
        Self::Salt,
        Self::Hash,
        Self::Attributes,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Id => "id",
            Self::User => "user",
            Self::Item => "item",
            Self::Kind => "kind",
            Self::Time => "time",
            Self::Value => "value",
            Self::Quantity => "quantity",
            Self::Text => "text",
            Self::Vector => "vector",
            Self::Attribute => "attribute",
            Self::Salt => "salt",
            Self::Hash => "hash",
            Self::Attributes => "attributes",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "type" => Self::Type,
            "id" => Self::Id,
            "user" => Self::User,
            "item" => Self::Item,
            "kind" => Self::Kind,
            "time" => Self::Time,
            "value" => Self::Value,
            "quantity" => Self::Quantity,
            "text" => Self::Text,
            "vector" => Self::Vector,
            "attribute" => Self::Attribute,
            "salt" => Self::Salt,
            "hash" => Self::Hash,
            "attributes" => Self::Attributes,
            _ => return None,
        })
    }
}

/// One record as found. Fields are taken out while it is cleaned; what is left then was not expected.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    fields: [Loose<'a>; Field::ALL.len()],
    /// Elements of the field `attributes`, in the order in which they were found.
    pub(super) attributes: Vec<(Cow<'a, str>, Loose<'a>)>,
    /// Names of fields that no record type has.
    pub(super) unknown: Vec<Cow<'a, str>>,
    /// A field that was given twice.
    pub(super) twice: Option<Field>,
}

impl<'a> Draft<'a> {
    /// Sets a field, and remembers it if it was set before.
    pub(super) fn set(&mut self, field: Field, value: Loose<'a>) {
        let slot = &mut self.fields[field as usize];
        if *slot != Loose::Absent {
            self.twice = Some(field);
        }
        *slot = value;
    }

    pub(super) fn is_of_type(&self, name: &str) -> bool {
        matches!(&self.fields[Field::Type as usize], Loose::Text(text) if text == name)
    }

    pub(super) fn take(&mut self, field: Field) -> Loose<'a> {
        std::mem::take(&mut self.fields[field as usize])
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.fields[field as usize] != Loose::Absent
    }

    /// Names of the fields that nothing has taken.
    pub(super) fn left_over(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for field in Field::ALL {
            if self.has(field) {
                names.push(field.name());
            }
        }
        for name in &self.unknown {
            names.push(name);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_positions_agree() {
        for (position, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, position);
            assert_eq!(Field::from_name(field.name()), Some(field));
        }
    }
}
