//! Texts into vectors, before the writer lock is taken, each distinct text once.

use super::published::Published;
use super::reader::Reader;
use super::session::Encoded;
use super::stored::text_hash;
use crate::compute::distance::{norm, normalize};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress, Record, User};
use crate::profile::sentence;
use crate::storage::View;
use crate::storage::keys::{self, TextHash};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How far from unit length a row of an encoder may be and still stay as it is.
pub(super) const NEARLY_UNIT: f64 = 1e-3;

/// The vectors of all texts among these records that the store has no vector of yet.
pub(crate) fn encode_missing(
    view: &View<Published>,
    records: &[Record],
    progress: OnProgress<'_>,
) -> Result<Encoded> {
    let Some(encoder) = &view.attachment().encoder else { return Ok(Encoded::default()) };
    let space = &view.attachment().space;
    let mut missing: BTreeMap<TextHash, Cow<'_, str>> = BTreeMap::new();
    for record in records {
        let Some(text) = text_of(view, record)? else { continue };
        let hash = text_hash(&text);
        if !missing.contains_key(&hash) && view.raw(&keys::text_vector(space.encoder, hash))?.is_none() {
            missing.insert(hash, text);
        }
    }
    if missing.is_empty() {
        return Ok(Encoded::default());
    }
    let texts: Vec<&str> = missing.values().map(AsRef::as_ref).collect();
    let total = texts.len();
    let told = |done| progress(Progress::of("encoding texts", done, total));
    let rows = encode_rows(encoder.as_ref(), &texts, &told)?;
    let vectors = missing.into_keys().zip(rows).collect();
    Ok(Encoded { encoder: encoder.id().to_owned(), vectors })
}

/// The unit vectors of texts, one for each. What a host's encoder gives is checked here: a stored NaN would
/// go on into sums and the index.
pub(crate) fn encode_rows(
    encoder: &dyn Encoder,
    texts: &[&str],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Vec<f32>>> {
    let dim = encoder.dim();
    let numbers = encoder.encode(texts, progress)?;
    if numbers.len() != texts.len() * dim {
        return Err(Error::invalid(
            format!("output of the encoder {}", encoder.id()),
            format!("{} numbers for {} texts", numbers.len(), texts.len()),
            format!("it is {dim} for each text"),
        ));
    }
    let mut rows: Vec<Vec<f32>> = numbers.chunks_exact(dim).map(<[f32]>::to_vec).collect();
    rows.iter_mut().zip(texts).try_for_each(|(row, text)| to_unit(encoder, row, text))?;
    Ok(rows)
}

fn to_unit(encoder: &dyn Encoder, row: &mut [f32], text: &str) -> Result<()> {
    if let Some(bad) = row.iter().find(|value| !value.is_finite()) {
        return Err(Error::invalid(
            format!("output of the encoder {} for {text:?}", encoder.id()),
            bad,
            "it is finite",
        ));
    }
    let length = norm(row);
    if length > 0.0 && (length - 1.0).abs() > NEARLY_UNIT {
        normalize(row);
    }
    Ok(())
}

/// The text of a record that the encoder will be asked for.
fn text_of<'r>(view: &View<Published>, record: &'r Record) -> Result<Option<Cow<'r, str>>> {
    Ok(match record {
        Record::Item(item) => item.text.as_deref().map(Cow::Borrowed),
        Record::Event(event) => event.text.as_deref().map(Cow::Borrowed),
        Record::Text(text) => Some(Cow::Borrowed(&text.text)),
        Record::User(user) => sentence_of(view, user)?.map(Cow::Owned),
        Record::Store(_)
        | Record::Archive(_)
        | Record::Remove(_)
        | Record::Erase(_)
        | Record::Readmit(_)
        | Record::Erased(_)
        | Record::Segment(_) => None,
    })
}

/// The sentence of a user's attributes as they will be.
fn sentence_of(view: &View<Published>, user: &User) -> Result<Option<String>> {
    if user.attributes.is_empty() {
        return Ok(None);
    }
    let stored = match view.user_no(&user.id)? {
        Some(no) => view.user(no)?,
        None => None,
    };
    let mut attributes = stored.map(|user| user.attributes).unwrap_or_default();
    attributes.extend(user.attributes.clone());
    Ok(sentence(&attributes))
}
