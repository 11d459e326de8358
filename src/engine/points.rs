//! The vectors that acts add, read from the store and kept at hand.

use super::reader::Reader;
use super::stored::StoredFactor;
use crate::error::{Error, Result};
use crate::profile::{Point, Space, Target};
use crate::storage::keys::{self, TextHash};
use crate::telemetry;
use half::f16;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

/// How many points are kept: at 320 dimensions about 80 MiB of factors.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();

/// Points lately used. Valid for one [`Space`]: make a new one when that changes.
pub(crate) struct Points {
    space: Arc<Space>,
    targets: LruCache<Target, Arc<Point>>,
    texts: LruCache<TextHash, Option<Arc<[f32]>>>,
}

impl Points {
    pub(crate) fn new(space: Arc<Space>) -> Self {
        // A cache made with its capacity takes memory for all of it at once: too much for one query.
        let (mut targets, mut texts) = (LruCache::unbounded(), LruCache::unbounded());
        targets.resize(CAPACITY);
        texts.resize(CAPACITY);
        Self { space, targets, texts }
    }

    /// The space that the points are of.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// The point of a target; one that nothing is known of adds nothing.
    pub(crate) fn get(&mut self, reader: &impl Reader, target: Target) -> Result<Arc<Point>> {
        if let Some(point) = self.targets.get(&target) {
            telemetry::count(telemetry::CACHE_HITS, &[("cache", "points")], 1);
            return Ok(Arc::clone(point));
        }
        telemetry::count(telemetry::CACHE_MISSES, &[("cache", "points")], 1);
        let point = Arc::new(match target {
            Target::Item(no) => self.item(reader, no)?,
            Target::Group(no) => self.group(reader, no)?,
            Target::Text(number) => self.own_text(reader, number)?,
        });
        self.targets.put(target, Arc::clone(&point));
        Ok(point)
    }

    /// Forgets a target whose facts changed.
    pub(crate) fn forget(&mut self, target: Target) {
        self.targets.pop(&target);
    }

    /// Forgets a text whose vector came or went.
    pub(crate) fn forget_text(&mut self, hash: TextHash) {
        self.texts.pop(&hash);
    }

    /// A text's vector in the text block; `None` where the store has no vector of it.
    pub(crate) fn text(&mut self, reader: &impl Reader, hash: TextHash) -> Result<Option<Arc<[f32]>>> {
        if let Some(vector) = self.texts.get(&hash) {
            return Ok(vector.clone());
        }
        let raw = raw_text(reader, (self.space.encoder, self.space.text_dims()), hash)?;
        let vector: Option<Arc<[f32]>> = raw.map(|raw| self.space.text_vector(&raw).into());
        self.texts.put(hash, vector.clone());
        Ok(vector)
    }

    fn item(&mut self, reader: &impl Reader, no: u32) -> Result<Point> {
        if let Some((factor, idf)) = learned_factor(reader, self.space.learned.version, Target::Item(no))? {
            return Ok(Point { text: None, factor: Some(factor), idf });
        }
        let hash = reader.item(no)?.and_then(|item| item.text_hash);
        let text = hash.map(|hash| self.text(reader, hash)).transpose()?.flatten();
        let factor = text.as_deref().and_then(|text| self.space.predict_factor(text)).map(Arc::from);
        Ok(Point { text: None, factor, idf: self.space.new_idf(Target::Item(no)) })
    }

    fn group(&mut self, reader: &impl Reader, no: u32) -> Result<Point> {
        let hash = text_of(reader, self.space.encoder, Target::Group(no))?;
        let text = hash.map(|hash| self.text(reader, hash)).transpose()?.flatten();
        let learned = learned_factor(reader, self.space.learned.version, Target::Group(no))?;
        let idf = learned.as_ref().map_or(self.space.new_idf(Target::Group(no)), |(_, idf)| *idf);
        Ok(Point { text, factor: learned.map(|(factor, _)| factor), idf })
    }

    fn own_text(&mut self, reader: &impl Reader, number: u64) -> Result<Point> {
        let hash = text_of(reader, self.space.encoder, Target::Text(number))?;
        let text = hash.map(|hash| self.text(reader, hash)).transpose()?.flatten();
        Ok(Point { text, factor: None, idf: 1.0 })
    }

    /// The vector of a group's or a user's own text as that of a sentence to ask with ([`Space::sentence_vector`]): by these, texts are close
    /// to others of like meaning.
    pub(crate) fn meaning(&self, reader: &impl Reader, target: Target) -> Result<Option<Vec<f32>>> {
        let hash = text_of(reader, self.space.encoder, target)?;
        let of = (self.space.encoder, self.space.text_dims());
        let raw = hash.map(|hash| raw_text(reader, of, hash)).transpose()?.flatten();
        Ok(raw.map(|raw| self.space.sentence_vector(&raw)))
    }
}

/// The hash of the text whose vector acts on a target add, where there is one.
fn text_of(reader: &impl Reader, encoder: u32, target: Target) -> Result<Option<TextHash>> {
    let number = match target {
        Target::Group(no) => return Ok(reader.group(no)?.map(|group| group.text)),
        Target::Item(_) => return Ok(None),
        Target::Text(number) => number,
    };
    let mut found = None;
    let mut prefix = keys::text_vectors_by(encoder);
    prefix.extend_from_slice(&number.to_be_bytes());
    reader.scan(&prefix, &mut |key, _| {
        found = keys::text_hash_at(key);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// The factor of an item or a group, and its rarity, as a version of the model has them; none of what nobody had acted on.
pub(crate) fn learned_factor(
    reader: &impl Reader,
    version: u32,
    target: Target,
) -> Result<Option<(Arc<[f32]>, f32)>> {
    let (what, key) = match target {
        Target::Item(no) => ("item factor", keys::item_factor(version, no)),
        Target::Group(no) => ("group factor", keys::group_factor(version, no)),
        Target::Text(_) => return Ok(None),
    };
    let stored: Option<StoredFactor> = reader.read(what, &key)?;
    Ok(stored.map(|factor| (widen(&factor.values), factor.idf)))
}

/// A text's vector as an encoder, given by its number and dimensions, made it.
pub(crate) fn raw_text(
    reader: &impl Reader,
    (encoder, dim): (u32, usize),
    hash: TextHash,
) -> Result<Option<Vec<f32>>> {
    let vector: Option<Vec<f32>> = reader.read("text vector", &keys::text_vector(encoder, hash))?;
    match vector {
        Some(vector) if vector.len() != dim => {
            let reason = format!("it has {} dimensions, not {dim}", vector.len());
            Err(Error::damaged(format!("text vector {hash:02x?}"), reason))
        }
        vector => Ok(vector),
    }
}

fn widen(bits: &[u16]) -> Arc<[f32]> {
    bits.iter().map(|&bits| f16::from_bits(bits).to_f32()).collect()
}

/// A factor in half precision, as it is stored.
pub(crate) fn narrow(values: &[f32]) -> Vec<u16> {
    values.iter().map(|&value| f16::from_f32(value).to_bits()).collect()
}
