//! What values are judged by: the settings, the learned model and the counts, as far as they can be read.

use super::super::reader::EachReader;
use super::super::settings::{Settings, Source};
use super::super::stored::{Counters, encoder_number};
use super::findings::sound;
use crate::encoder::{Encoder, HashedEncoder};
use crate::error::Result;
use crate::profile::{Layout, Learned, Space};
use crate::storage::keys;
use std::sync::Arc;

/// What the other values go by. What is damaged of it is `None`, and nothing is judged by it then.
pub(crate) struct Basis {
    pub settings: Option<Settings>,
    pub learned: Option<Learned>,
    pub counters: Option<Counters>,
    /// The number of the encoder in force, where it is known.
    pub encoder: Option<u32>,
    /// The commit that is read.
    pub seq: u64,
}

impl Basis {
    pub(crate) fn read(reader: &impl EachReader, encoder: Option<u32>, seq: u64) -> Result<Self> {
        let learned = sound(reader.read("learned model", &keys::meta("learned")))?;
        let counters = sound(reader.read("counters", &keys::meta("counters")))?;
        let settings: Option<Settings> = sound(reader.read("settings", &keys::meta("settings")))?.flatten();
        let learned: Option<Learned> = learned.map(Option::unwrap_or_default);
        let counters = counters.map(Option::unwrap_or_default);
        let encoder = match (encoder, &settings, &learned) {
            (None, Some(settings), Some(learned)) => number_of(settings, learned)?,
            (encoder, ..) => encoder,
        };
        Ok(Self { settings, learned, counters, encoder, seq })
    }

    /// Dimensions of the host's own vectors, where the store is of these.
    pub(crate) fn vector_dim(&self) -> Option<usize> {
        match self.settings.as_ref()?.source {
            Source::Vectors { dim, .. } => Some(dim),
            Source::Encoder { .. } => None,
        }
    }

    /// Dimensions of a text's vector, where the store has an encoder.
    pub(crate) fn text_dim(&self) -> Option<usize> {
        match self.settings.as_ref()?.source {
            Source::Vectors { .. } => None,
            Source::Encoder { dim, .. } => Some(dim),
        }
    }

    /// Dimensions of sums, where the store has an encoder.
    pub(crate) fn summed_dim(&self) -> Option<usize> {
        let settings = self.settings.as_ref()?;
        self.text_dim().map(|dim| Layout::new(dim, &settings.fusion).summed_dim())
    }

    /// A kind of events, in words.
    pub(crate) fn kind(&self, kind: u8) -> String {
        let known = self.settings.as_ref().and_then(|settings| settings.kinds.get(kind));
        known.map_or(format!("number {kind}"), |kind| format!("{:?}", kind.name))
    }

    /// The space that profiles are made in, where all that makes it is known.
    pub(crate) fn space(&self) -> Option<Arc<Space>> {
        let (settings, learned) = (self.settings.as_ref()?, self.learned.clone()?);
        let encoder = (self.encoder?, self.text_dim()?);
        Some(Arc::new(Space::new(encoder, settings.fusion.clone(), settings.kinds.clone(), learned)))
    }
}

/// The number of a store's encoder without the encoder itself: by its id, where it learned nothing from the store, else only
/// of the built-in one.
fn number_of(settings: &Settings, learned: &Learned) -> Result<Option<u32>> {
    let Source::Encoder { id, dim, .. } = &settings.source else { return Ok(None) };
    let Some(state) = &learned.encoder_state else { return Ok(Some(encoder_number(id))) };
    match HashedEncoder::new(*dim) {
        Ok(built_in) if built_in.id() == id => {
            Ok(sound(built_in.with_state(state))?.map(|adapted| encoder_number(adapted.id())))
        }
        _ => Ok(None),
    }
}
