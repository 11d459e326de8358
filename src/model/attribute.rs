//! Typed facts of users and items.

use super::Time;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Attributes by name, in the order of their names.
pub type Attributes = BTreeMap<String, Value>;

/// A typed fact.
///
/// In JSON a bool, number, string or array of strings stands for itself and a time is
/// `{"time": "2017-03-01T00:00:00Z"}`, so that reading back what was written gives the same types.
/// A whole number is read as [`Value::Int`], so floats are written with a decimal point.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// A text.
    Text(String),
    /// A point in time.
    Time(Time),
    /// A set of texts.
    Set(BTreeSet<String>),
}

impl Value {
    /// The number in it, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Bytes of the texts in it.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Set(texts) => texts.iter().map(String::len).sum(),
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Time(_) => 0,
        }
    }

    /// The text in it, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(yes) => f.write_str(if *yes { "yes" } else { "no" }),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Time(time) => write!(f, "{time}"),
            Self::Set(texts) => {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<BTreeSet<String>> for Value {
    fn from(texts: BTreeSet<String>) -> Self {
        Self::Set(texts)
    }
}
impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(yes) => serializer.serialize_bool(*yes),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Time(time) => serializer.collect_map([("time", time)]),
            Self::Set(texts) => serializer.collect_seq(texts),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(yes) => Ok(Self::Bool(yes)),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Ok(Self::Int(whole)),
                (None, Some(float)) if float.is_finite() => Ok(Self::Float(float)),
                _ => Err(D::Error::custom(format!("{number} is out of range"))),
            },
            serde_json::Value::String(text) => Ok(Self::Text(text)),
            serde_json::Value::Array(texts) => texts
                .into_iter()
                .map(|text| match text {
                    serde_json::Value::String(text) => Ok(text),
                    other => Err(D::Error::custom(format!("a set holds texts only, not {other}"))),
                })
                .collect::<Result<_, _>>()
                .map(Self::Set),
            serde_json::Value::Object(mut fields) if fields.len() == 1 && fields.contains_key("time") => {
                serde_json::from_value(fields.remove("time").unwrap_or_default())
                    .map(Self::Time)
                    .map_err(D::Error::custom)
            }
            other => Err(D::Error::custom(format!(
                "an attribute is a bool, number, text, array of texts or {{\"time\": …}}, not {other}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_the_types() {
        let values = [
            Value::Bool(true),
            Value::Int(3),
            Value::Float(3.0),
            Value::Text("3".into()),
            Value::Time(Time::from_secs(3).unwrap()),
            Value::Set(["a".to_owned(), "b".to_owned()].into()),
        ];
        for value in values {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value, "{json}");
        }
    }

    #[test]
    fn what_is_no_attribute_is_refused() {
        for json in ["null", "[1]", "{}", "{\"time\":\"never\"}", "{\"a\":1}"] {
            assert!(serde_json::from_str::<Value>(json).is_err(), "{json}");
        }
    }
}
