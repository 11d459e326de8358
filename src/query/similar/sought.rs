//! What the index is asked for, made of the question.

use super::super::explain::Own;
use super::super::filter::answer;
use super::super::interests::{Found, MOST};
use super::{Like, Similar, embedding_of, known_user};
use crate::engine::{Points, Reader, Source, check_direction, check_text, check_vector, encode_rows};
use crate::error::{Error, Result};
use crate::index::RowSet;
use crate::model::Time;
use crate::profile::{Block, user_query};
use crate::storage::keys;
use roaring::RoaringBitmap;

/// What of a user others are to be like.
#[derive(Clone, Copy)]
pub(super) enum PartOfUser {
    Whole,
    /// The interest at a place.
    Interest(usize),
    AnyInterest,
}

/// All that the index is asked for.
pub(super) struct Question {
    /// Each by itself; nothing, where nobody can be alike.
    pub sought: Vec<Sought>,
    /// Of whom the filter is true.
    pub matching: Option<RoaringBitmap>,
    /// Their rows in the index.
    pub within: Option<RowSet>,
}

/// One vector that the index is asked for.
pub(super) struct Sought {
    pub query: Vec<f32>,
    pub asked: Asked,
    /// What the index's scores are to be divided by.
    pub norm: f32,
}

/// What a query was made of.
pub(super) enum Asked {
    /// A user's embedding.
    User(u32),
    /// An interest of a user's, by its name.
    Interest { user: u32, name: String, own: Own, embedding: Vec<f32> },
    /// A sentence, by its vector in the text block.
    Sentence(Vec<f32>),
    /// A vector of the host's own, perhaps a user's: nothing is known of what it is made of.
    Nobodys(Option<u32>),
}

impl Asked {
    /// The user who is asked about, who is no hit.
    pub(super) const fn user(&self) -> Option<u32> {
        match self {
            Self::User(no) | Self::Interest { user: no, .. } => Some(*no),
            Self::Nobodys(user) => *user,
            Self::Sentence(_) => None,
        }
    }

    /// The name of the interest.
    pub(super) fn interest(&self) -> Option<String> {
        match self {
            Self::Interest { name, .. } => Some(name.clone()),
            Self::User(_) | Self::Sentence(_) | Self::Nobodys(_) => None,
        }
    }
}

impl Similar<'_> {
    /// What the index is to be asked for.
    pub(super) fn question(&self, points: &mut Points) -> Result<Question> {
        // Also where nobody can be alike, so that a mistake in it is always told.
        let matching = self.matching()?;
        let sought = match (self.part, self.like) {
            (PartOfUser::Whole, Like::User(id)) => self.like_user(points, id)?.into_iter().collect(),
            (part, Like::User(id)) => self.like_interests(points, id, part)?,
            (PartOfUser::Whole, Like::Text(text)) => vec![self.like_text(text)?],
            (PartOfUser::Whole, Like::Vector(vector)) => vec![self.like_vector(vector)?],
            (_, Like::Text(_) | Like::Vector(_)) => {
                let what = if matches!(self.like, Like::Text(_)) { "of a sentence" } else { "of a vector" };
                return Err(Error::invalid("interests", what, "a user's: ask about a user"));
            }
        };
        let within = matching.clone().map(|matching| self.view.attachment().index.row_set(matching));
        Ok(Question { sought, matching, within })
    }

    /// Of whom the filter is true.
    fn matching(&self) -> Result<Option<RoaringBitmap>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        // Looked for first: a filter reads every user.
        if let Like::User(id) = self.like {
            known_user(self.view, id)?;
        }
        let now = self.now.unwrap_or_else(Time::now);
        Ok(Some(answer(self.view, self.settings, filter, now)?.matching))
    }

    fn like_interests(&self, points: &mut Points, id: &str, part: PartOfUser) -> Result<Vec<Sought>> {
        let user = known_user(self.view, id)?;
        let found = Found::of(self.view, self.settings, points, (user, MOST))?;
        let places = match part {
            PartOfUser::Interest(place) if place >= MOST => {
                return Err(Error::invalid("place of an interest", place, format!("below {MOST}")));
            }
            PartOfUser::Interest(place) => place..found.len().min(place + 1),
            PartOfUser::Whole | PartOfUser::AnyInterest => 0..found.len(),
        };
        let sought = |at: usize| {
            let Some((query, norm)) = found.query(points, at) else { return Ok(None) };
            let (name, embedding) = (found.name(self.view, at)?, found.embedding(at).to_vec());
            Ok(Some(Sought {
                query,
                asked: Asked::Interest { user, name, own: found.own(user, at), embedding },
                norm,
            }))
        };
        places.filter_map(|at| sought(at).transpose()).collect()
    }

    fn like_user(&self, points: &mut Points, id: &str) -> Result<Option<Sought>> {
        let no = known_user(self.view, id)?;
        if matches!(self.settings.source, Source::Vectors { .. }) {
            let vector: Option<Vec<f32>> = self.view.read("vector", &keys::vector(no))?;
            let asked = Asked::Nobodys(Some(no));
            return Ok(vector.map(|query| Sought { query, asked, norm: 1.0 }));
        }
        let Some(own) = embedding_of(self.view, points, no)? else { return Ok(None) };
        let norm = self.view.attachment().space.present_weight(&own).sqrt();
        Ok(Some(Sought { query: user_query(&own), asked: Asked::User(no), norm }))
    }

    fn like_text(&self, text: &str) -> Result<Sought> {
        let published = self.view.attachment();
        let Some(encoder) = &published.encoder else { return Err(Error::NoEncoder { what: "a sentence" }) };
        check_text("text", Some(text))?;
        if text.trim().is_empty() {
            return Err(Error::invalid("text", "empty", "describe the users in a few words"));
        }
        let raw = encode_rows(encoder.as_ref(), &[text], &|_| {})?.concat();
        let vector = published.space.sentence_vector(&raw);
        if vector.iter().all(|&x| x == 0.0) {
            return Err(Error::invalid(
                "text",
                format!("{text:?}"),
                "the encoder finds nothing in it: use other words",
            ));
        }
        let query = published.space.text_query(&vector);
        let norm = published.space.layout.weight(Block::Text).sqrt();
        if norm == 0.0 {
            return Err(Error::invalid(
                "text",
                format!("{text:?}"),
                "this store gives texts no weight (text_weight 0)",
            ));
        }
        Ok(Sought { query, asked: Asked::Sentence(vector), norm })
    }

    fn like_vector(&self, vector: &[f32]) -> Result<Sought> {
        let source = &self.settings.source;
        check_vector("the vector asked for", vector, source.dim(&self.view.attachment().space))?;
        check_direction("the vector asked for", vector, source.metric())?;
        Ok(Sought { query: vector.to_vec(), asked: Asked::Nobodys(None), norm: 1.0 })
    }
}
