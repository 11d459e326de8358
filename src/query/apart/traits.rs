//! What a group may have in common, and how much more it has of it than others.

use super::weigh::Having;
use crate::engine::StoredItem;
use crate::error::Result;
use crate::model::Value;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// What a user may have, or have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TraitOf {
    /// A value of an attribute that is true or false, or a text.
    Attribute {
        /// The attribute's name.
        name: String,
        /// The value.
        value: Value,
    },
    /// An attribute that is a number or a time, in one of at most four ranges that have about as many users each.
    Range {
        /// The attribute's name.
        name: String,
        /// The least value in it that a user has.
        least: Value,
        /// The greatest.
        most: Value,
    },
    /// A text in an attribute that is a set of texts.
    Has {
        /// The attribute's name.
        name: String,
        /// The text.
        text: String,
    },
    /// Acts on an item of this category ([`crate::Fusion::category`]), but for those of kinds with a negative weight.
    Category {
        /// The category.
        name: String,
    },
    /// Acts on an item, but for those of kinds with a negative weight.
    Item {
        /// The item's id.
        id: String,
        /// The item's text.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// Events of a kind.
    Kind {
        /// The kind's name.
        name: String,
    },
}

/// What members of a group have more often than the other users; shown, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Trait {
    /// What it is.
    pub of: TraitOf,
    /// Members who have it.
    pub members: u64,
    /// Users of the store who have it, members among them.
    pub users: u64,
    /// The share of the members who have it, 0 to 1.
    pub share_of_members: f64,
    /// The share of all users who have it, 0 to 1.
    pub share_of_users: f64,
    /// How many times as often members have it as users do: the one share by the other, more than 1.
    pub lift: f64,
    /// How sure that is: the log-likelihood ratio G² of members against the other users, at least 0. By chance it is above
    /// 3.84 for one trait in twenty, and above 10.83 for one in a thousand.
    pub g2: f64,
}

/// What sets a group apart from the other users, as [`crate::query::Contrast::run`] tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Portrait {
    /// Users in the group of whom all can be read.
    pub members: u64,
    /// Users of the store of whom all can be read.
    pub users: u64,
    /// What members have more often than the other users: what is the surest first.
    pub traits: Vec<Trait>,
}

/// What a trait is of, before it has a name of its own.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    Attribute(&'a str, &'a Value),
    Range(&'a str, &'a Value, &'a Value),
    Has(&'a str, &'a str),
    Category(&'a str),
    /// By its number.
    Item(u32),
    Kind(&'a str),
}

/// A trait that was counted.
pub(super) struct Found<'a> {
    pub of: Of<'a>,
    pub having: Having,
}

impl Of<'_> {
    /// With its name; none for an item that is not there.
    pub(super) fn named(
        self,
        item: impl FnOnce(u32) -> Result<Option<StoredItem>>,
    ) -> Result<Option<TraitOf>> {
        Ok(Some(match self {
            Self::Attribute(name, value) => {
                TraitOf::Attribute { name: name.to_owned(), value: value.clone() }
            }
            Self::Range(name, least, most) => {
                TraitOf::Range { name: name.to_owned(), least: least.clone(), most: most.clone() }
            }
            Self::Has(name, text) => TraitOf::Has { name: name.to_owned(), text: text.to_owned() },
            Self::Category(name) => TraitOf::Category { name: name.to_owned() },
            Self::Kind(name) => TraitOf::Kind { name: name.to_owned() },
            Self::Item(no) => {
                let Some(StoredItem { id, text, .. }) = item(no)? else { return Ok(None) };
                TraitOf::Item { id, text }
            }
        }))
    }
}

impl Display for TraitOf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute { name, value } => write!(f, "{name} is {value}"),
            Self::Range { name, least, most } if least == most => write!(f, "{name} is {least}"),
            Self::Range { name, least, most } => write!(f, "{name} from {least} to {most}"),
            Self::Has { name, text } => write!(f, "{name} has {text}"),
            Self::Category { name } => write!(f, "acted on items of category {name}"),
            Self::Item { id, text: None } => write!(f, "acted on item {id}"),
            Self::Item { id, text: Some(text) } => write!(f, "acted on item {id} ({text})"),
            Self::Kind { name } => write!(f, "has events of kind {name}"),
        }
    }
}

impl Display for Trait {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { of, members, share_of_members, share_of_users, lift, .. } = self;
        let (ours, theirs) = (share_of_members * 100.0, share_of_users * 100.0);
        write!(f, "{of}: {ours:.1} % of members, {theirs:.1} % of all, lift {lift:.1} ({members} users)")
    }
}
