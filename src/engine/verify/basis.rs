//! What values are judged by: the settings, the learned model and the counts, as far as they can be read.

use super::super::reader::EachReader;
use super::super::settings::{Settings, Source};
use super::super::stored::Counters;
use super::findings::sound;
use crate::error::Result;
use crate::profile::{Layout, Learned};
use crate::storage::keys;

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
        Ok(Self {
            settings: sound(reader.read("settings", &keys::meta("settings")))?.flatten(),
            learned: learned.map(Option::unwrap_or_default),
            counters: counters.map(Option::unwrap_or_default),
            encoder,
            seq,
        })
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
}
