//! Encoding all texts anew, when the encoder itself learned from the store.

use super::Shared;
use super::archive::each_folded;
use super::encode::encode_rows;
use super::points::raw_text;
use super::published::Published;
use super::reader::{Flow, Reader};
use super::stored::{StoredEvent, StoredItem, StoredUser, encoder_number, text_hash};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use crate::profile::sentence;
use crate::storage::keys::{self, Key, TextHash};
use crate::storage::{View, codec};
use crossbeam::channel::bounded;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Texts that are encoded and put down at a time.
const CHUNK: usize = 4096;

impl Shared {
    /// The encoder as it learns from the store's texts, with the vectors of all of them put down under its
    /// new number; the same encoder where it does not learn.
    pub(super) fn learn_encoder(
        &self,
        view: &View<Published>,
        encoder: Arc<dyn Encoder>,
        progress: OnProgress<'_>,
    ) -> Result<Arc<dyn Encoder>> {
        let learned = std::thread::scope(|scope| {
            let (found, texts) = bounded(CHUNK);
            let scan = scope.spawn(move || {
                each_text(view, &mut |text| {
                    let wanted = found.send(text.to_owned()).is_ok();
                    Ok(if wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
                })
            });
            let learned = encoder.learn(&mut texts.into_iter());
            let scanned = scan.join().map_err(|_| Error::Bug("the scan for texts panicked".to_owned()))?;
            scanned.and(learned)
        })?;
        let Some(learned) = learned else { return Ok(encoder) };
        self.encode_all(view, learned.as_ref(), progress)?;
        Ok(Arc::from(learned))
    }

    /// Puts down the vectors of all texts that an encoder has not made yet, as they are found.
    pub(super) fn encode_all(
        &self,
        view: &View<Published>,
        encoder: &dyn Encoder,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let number = encoder_number(encoder.id());
        let mut seen: HashSet<TextHash> = HashSet::new();
        let mut chunk: Vec<(TextHash, String)> = Vec::new();
        let mut done = 0;
        let mut encode = |chunk: &mut Vec<(TextHash, String)>| -> Result<()> {
            done += chunk.len() as u64;
            self.put_encoded(encoder, number, &std::mem::take(chunk))?;
            progress(Progress { stage: "encoding texts anew", done, total: None });
            Ok(())
        };
        each_text(view, &mut |text| {
            let hash = text_hash(text);
            if seen.insert(hash) && view.raw(&keys::text_vector(number, hash))?.is_none() {
                chunk.push((hash, text.to_owned()));
            }
            if chunk.len() == CHUNK {
                encode(&mut chunk)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        encode(&mut chunk)?;
        self.keep_vectors(view, number, seen)
    }

    /// Takes over the vectors of folded texts, whose words are gone: they stay as the encoder made them before it learned.
    fn keep_vectors(&self, view: &View<Published>, number: u32, mut seen: HashSet<TextHash>) -> Result<()> {
        let (old, dim) = (view.attachment().space.encoder, view.attachment().space.text_dims());
        let mut chunk: Vec<(Key, Vec<f32>)> = Vec::new();
        let mut kept = 0_u64;
        each_folded(view, &mut |entry| {
            let Some(hash) = entry.text.filter(|hash| seen.insert(*hash)) else { return Ok(()) };
            let key = keys::text_vector(number, hash);
            if view.raw(&key)?.is_none()
                && let Some(vector) = raw_text(view, (old, dim), hash)?
            {
                kept += 1;
                chunk.push((key, vector));
            }
            if chunk.len() == CHUNK { self.put_aside(std::mem::take(&mut chunk)) } else { Ok(()) }
        })?;
        if kept > 0 {
            tracing::warn!(
                texts = kept,
                "texts of folded events keep the vectors from before the encoder learned"
            );
        }
        self.put_aside(chunk)
    }

    fn put_encoded(&self, encoder: &dyn Encoder, number: u32, texts: &[(TextHash, String)]) -> Result<()> {
        let borrowed: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let rows = encode_rows(encoder, &borrowed, &|_| {})?;
        self.put_aside(texts.iter().map(|(hash, _)| keys::text_vector(number, *hash)).zip(rows))
    }
}

/// Every stored text that has a vector, some more than once, until `f` breaks off.
pub(super) fn each_text(view: &View<Published>, f: &mut dyn FnMut(&str) -> Flow) -> Result<()> {
    let mut on = ControlFlow::Continue(());
    let mut hand = |text: Option<&str>| -> Flow {
        if let Some(text) = text {
            on = f(text)?;
        }
        Ok(on)
    };
    view.scan(&keys::items(), |_, value| hand(codec::decode::<StoredItem>("item", value)?.text.as_deref()))?;
    view.scan(&keys::users(), |_, value| {
        hand(sentence(&codec::decode::<StoredUser>("user", value)?.attributes).as_deref())
    })?;
    view.scan(&keys::all_texts(), |_, value| hand(Some(&codec::decode::<String>("text", value)?)))?;
    view.scan(&keys::events(), |_, value| hand(codec::decode::<StoredEvent>("event", value)?.text.as_deref()))
}
