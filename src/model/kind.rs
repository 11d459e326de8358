//! Kinds of events: what an act of each kind is worth and how fast it fades.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A kind of event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
pub struct EventKind {
    /// Its name, as events carry it.
    pub name: String,
    /// How much one act counts; negative counts against. −100 to 100.
    #[serde(with = "super::float")]
    pub weight: f32,
    /// Days until an act counts half. More than 0; infinity never fades, and is `"inf"` in JSON.
    #[serde(with = "super::float")]
    pub half_life_days: f32,
}

/// All kinds that a store knows, in the order in which they were added.
///
/// Default kinds, weights and half-lives:
///
/// | kind | weight | half-life in days |
/// |---|---|---|
/// | view | 0.2 | 90 |
/// | cart | 0.5 | 180 |
/// | purchase | 1.0 | 730 |
/// | review | 1.0 | 730 |
/// | like | 0.7 | 365 |
/// | share | 0.7 | 365 |
/// | dismiss | −0.5 | 365 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
#[serde(try_from = "Vec<EventKind>")]
pub struct Kinds(Vec<EventKind>);

const DEFAULTS: [(&str, f32, f32); 7] = [
    ("view", 0.2, 90.0),
    ("cart", 0.5, 180.0),
    ("purchase", 1.0, 730.0),
    ("review", 1.0, 730.0),
    ("like", 0.7, 365.0),
    ("share", 0.7, 365.0),
    ("dismiss", -0.5, 365.0),
];

impl Default for Kinds {
    fn default() -> Self {
        Self(
            DEFAULTS
                .iter()
                .map(|&(name, weight, half_life_days)| EventKind {
                    name: name.to_owned(),
                    weight,
                    half_life_days,
                })
                .collect(),
        )
    }
}

/// Refuses kinds that could not have been added one by one.
impl TryFrom<Vec<EventKind>> for Kinds {
    type Error = Error;

    fn try_from(list: Vec<EventKind>) -> Result<Self> {
        let mut kinds = Self(Vec::with_capacity(list.len().min(Self::MAX)));
        for kind in list {
            if kinds.find(&kind.name).is_some() {
                return Err(Error::invalid("name of an event kind", kind.name, "each kind is given once"));
            }
            kinds.set(kind)?;
        }
        Ok(kinds)
    }
}

impl Kinds {
    /// Most kinds a store may know.
    pub const MAX: usize = 255;

    /// Adds a kind, or changes the one of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name, weight or half-life, or for more than [`Kinds::MAX`] kinds.
    pub fn set(&mut self, kind: EventKind) -> Result<()> {
        super::check_id("name of an event kind", &kind.name)?;
        if !kind.weight.is_finite() || kind.weight.abs() > 100.0 {
            return Err(Error::invalid("weight of an event kind", kind.weight, "it lies in -100 to 100"));
        }
        if kind.half_life_days.is_nan() || kind.half_life_days <= 0.0 {
            return Err(Error::invalid(
                "half-life of an event kind",
                kind.half_life_days,
                "it is more than 0 days",
            ));
        }
        if let Some(old) = self.0.iter_mut().find(|old| old.name == kind.name) {
            *old = kind;
        } else if self.0.len() == Self::MAX {
            return Err(Error::invalid("number of event kinds", Self::MAX + 1, "a store knows at most 255"));
        } else {
            self.0.push(kind);
        }
        Ok(())
    }

    /// The position and the kind of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(u8, &EventKind)> {
        (0..=u8::MAX).zip(&self.0).find(|(_, kind)| kind.name == name)
    }

    /// The kind at a position.
    #[must_use]
    pub fn get(&self, position: u8) -> Option<&EventKind> {
        self.0.get(usize::from(position))
    }

    /// All kinds, in order.
    pub fn iter(&self) -> impl Iterator<Item = &EventKind> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_keeps_its_position_when_changed() {
        let mut kinds = Kinds::default();
        let (before, _) = kinds.find("purchase").unwrap();
        kinds.set(EventKind { name: "purchase".into(), weight: 2.0, half_life_days: 10.0 }).unwrap();
        let (after, kind) = kinds.find("purchase").unwrap();
        assert_eq!((before, kind.weight), (after, 2.0));
    }

    #[test]
    fn bad_kinds_are_refused() {
        let mut kinds = Kinds::default();
        for (name, weight, half_life_days) in
            [("", 1.0, 1.0), ("x", f32::NAN, 1.0), ("x", 1.0, 0.0), ("x", 1.0, f32::NAN), ("x", 1e9, 1.0)]
        {
            let kind = EventKind { name: name.into(), weight, half_life_days };
            assert!(kinds.set(kind.clone()).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn json_gives_the_same_kinds_or_a_refusal() {
        let mut kinds = Kinds::default();
        kinds.set(EventKind { name: "rent".into(), weight: 0.1, half_life_days: f32::INFINITY }).unwrap();
        let json = serde_json::to_string(&kinds).unwrap();
        assert!(json.ends_with(r#"{"name":"rent","weight":0.1,"half_life_days":"inf"}]"#), "{json}");
        assert_eq!(serde_json::from_str::<Kinds>(&json).unwrap(), kinds);
        for bad in [json.replace("rent", "view"), json.replace("0.1", "1e9"), json.replace("inf", "Inf")] {
            assert!(serde_json::from_str::<Kinds>(&bad).is_err(), "{bad}");
        }
    }
}
