//! One line of JSON to a draft. Hand-written, because serde's internally tagged enums buffer every field first.

use super::draft::{Draft, Field, Loose};
use crate::model::MAX_SET;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;

/// Longest list that is kept: no vector is longer.
const MAX_LIST: usize = MAX_SET;

pub(super) fn parse(line: &str) -> serde_json::Result<Draft<'_>> {
    serde_json::from_str(line)
}

impl<'de> Deserialize<'de> for Draft<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DraftVisitor)
    }
}

struct DraftVisitor;

impl<'de> Visitor<'de> for DraftVisitor {
    type Value = Draft<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft<'de>, A::Error> {
        let mut draft = Draft::default();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            match key {
                Key::Known(Field::Attributes) => {
                    let found = map.next_value_seed(AttributesSeed(&mut draft.attributes))?;
                    draft.set(Field::Attributes, found);
                }
                Key::Known(field) => {
                    let value = map.next_value()?;
                    draft.set(field, value);
                }
                Key::Unknown(name) => {
                    map.next_value::<IgnoredAny>()?;
                    draft.unknown.push(name);
                }
            }
        }
        Ok(draft)
    }
}

enum Key<'a> {
    Known(Field),
    Unknown(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = deserializer.deserialize_str(NameVisitor)?;
        Ok(Field::from_name(&name).map_or(Key::Unknown(name), Key::Known))
    }
}

/// A text, borrowed from the line unless it holds escapes.
struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Loose<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Bool(yes))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(i64::try_from(number).map_or(Loose::Unsigned(number), Loose::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            if list.len() == MAX_LIST {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Loose::Odd("a list of more than 65536 elements"));
            }
            list.push(element);
        }
        Ok(Loose::List(list))
    }

    /// The only object that a field takes is `{"time": …}`.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        const ODD: Loose<'static> = Loose::Odd("an object");
        let Some(Name(name)) = map.next_key()? else { return Ok(ODD) };
        let value = if name == "time" {
            map.next_value::<Loose>()?.as_time().map_or(Loose::Odd("an unreadable time"), Loose::Time)
        } else {
            map.next_value::<IgnoredAny>()?;
            ODD
        };
        let mut alone = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            alone = false;
        }
        Ok(if alone { value } else { ODD })
    }
}

/// Reads the object `attributes` into a list of pairs; gives what was found in the field.
struct AttributesSeed<'v, 'a>(&'v mut Vec<(Cow<'a, str>, Loose<'a>)>);

impl<'de> DeserializeSeed<'de> for AttributesSeed<'_, 'de> {
    type Value = Loose<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed<'_, 'de> {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E: Error>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            self.0.push((name, map.next_value()?));
        }
        Ok(Loose::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Odd("a bool"))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Odd("a number"))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Odd("a number"))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Odd("a number"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Odd("a text"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Odd("a list"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;

    #[test]
    fn plain_texts_are_borrowed_and_escaped_ones_decoded() {
        let mut draft = parse(r#"{"id":"a","user":"\u00e9"}"#).unwrap();
        assert!(matches!(draft.take(Field::Id), Loose::Text(Cow::Borrowed("a"))));
        assert_eq!(draft.take(Field::User), Loose::Text("é".into()));
    }

    #[test]
    fn every_kind_of_value_is_told_apart() {
        let mut draft =
            parse(r#"{"id":18446744073709551615,"user":-1,"item":1.5,"kind":null,"value":true,"time":{"time":0},"text":{"time":0,"a":1},"vector":[1,"a"],"x":{"y":[{}]},"attributes":{"a":1,"a":2}}"#)
                .unwrap();
        let found =
            [Field::Id, Field::User, Field::Item, Field::Kind, Field::Value, Field::Time, Field::Text]
                .map(|field| draft.take(field));
        let expected = [
            Loose::Unsigned(u64::MAX),
            Loose::Int(-1),
            Loose::Float(1.5),
            Loose::Null,
            Loose::Bool(true),
            Loose::Time(Time::default()),
            Loose::Odd("an object"),
        ];
        assert_eq!(found, expected);
        assert_eq!(draft.take(Field::Vector), Loose::List(vec![Loose::Int(1), Loose::Text("a".into())]));
        assert_eq!(draft.unknown, ["x"]);
        assert_eq!(draft.attributes.len(), 2);
    }

    #[test]
    fn long_lists_and_deep_nesting_stay_bounded() {
        let long = format!(r#"{{"vector":[{}0]}}"#, "0,".repeat(MAX_LIST));
        assert!(matches!(parse(&long).unwrap().take(Field::Vector), Loose::Odd(_)));
        let deep = format!(r#"{{"vector":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep).is_err());
        let deep_unknown = format!(r#"{{"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let _ = parse(&deep_unknown);
    }
}
