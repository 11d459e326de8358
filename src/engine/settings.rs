//! What a store was made with: recorded on first open, checked on the next.

use crate::encoder::{Encoder, HashedEncoder};
use crate::error::{Error, Result};
use crate::model::{EventKind, Fusion, KeepEvents, Kinds, MAX_DIM, Metric, StoreSettings, check_id};
use crate::profile::{Layout, Space};
use crate::storage::Durability;
use bincode::{Decode, Encode};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Smallest page cache: sled panics with much less.
const LEAST_CACHE_BYTES: u64 = 1 << 16;

/// Where a store's embeddings come from.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Source {
    /// The host's own vectors.
    Vectors { dim: usize, metric: Metric },
    /// An encoder, and where it is found again.
    Encoder { id: String, dim: usize, origin: Origin },
}

impl Source {
    /// How embeddings are compared.
    pub(crate) fn metric(&self) -> Metric {
        match self {
            Self::Vectors { metric, .. } => *metric,
            Self::Encoder { .. } => Metric::Cosine,
        }
    }

    /// Dimensions of an embedding, where it lies in a space.
    pub(crate) fn dim(&self, space: &Space) -> usize {
        match self {
            Self::Vectors { dim, .. } => *dim,
            Self::Encoder { .. } => space.layout.dim(),
        }
    }
}

/// Where an encoder is found again at the next open.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Origin {
    /// Built in.
    Hashed,
    /// A model folder.
    Folder(PathBuf),
    /// The host hands it in.
    Host,
}

/// What a store was made with.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Settings {
    pub source: Source,
    pub kinds: Kinds,
    pub fusion: Fusion,
}

impl Settings {
    /// As an export says it: all but the place where a model lies.
    pub(crate) fn declared(&self, keep_events: KeepEvents) -> StoreSettings {
        let (encoder, dim) = match &self.source {
            Source::Vectors { dim, .. } => (None, *dim),
            Source::Encoder { id, dim, .. } => (Some(id.clone()), *dim),
        };
        let metric = self.source.metric();
        let (kinds, fusion) = (self.kinds.clone(), self.fusion.clone());
        StoreSettings { encoder, dim, metric, kinds, fusion, keep_events }
    }

    /// Refuses the settings of a store that was made otherwise. How long that keeps events is its own affair.
    pub(crate) fn check_same(&self, given: &StoreSettings) -> Result<()> {
        given.keep_events.check()?;
        let own = self.declared(given.keep_events);
        same("encoder", &own.encoder, &given.encoder)?;
        same("dim", &own.dim, &given.dim)?;
        same("metric", &own.metric, &given.metric)?;
        same("kinds of events", &own.kinds, &given.kinds)?;
        same("fusion", &own.fusion, &given.fusion)
    }
}

/// An encoder as asked for at open.
#[derive(Clone, Default)]
pub(crate) enum EncoderChoice {
    /// As stored; the built-in one in a new store.
    #[default]
    Stored,
    Hashed,
    Folder(PathBuf),
    Host(Arc<dyn Encoder>),
}

/// What is asked for at open. What is not said stays as it was stored, or takes its default.
#[derive(Clone, Default)]
pub(crate) struct Request {
    pub encoder: EncoderChoice,
    pub dim: Option<usize>,
    pub metric: Option<Metric>,
    pub kinds: Vec<EventKind>,
    pub fusion: Option<Fusion>,
    pub keep_events: Option<KeepEvents>,
    /// What a new store is to be made like.
    pub like: Option<StoreSettings>,
    pub durability: Option<Durability>,
    pub cache_bytes: Option<u64>,
    pub head_rows: Option<usize>,
    pub settle_after: Option<Duration>,
    /// Whether the index's files are read through after opening.
    pub scrub: Option<bool>,
    /// Whether damaged values are made anew while the store is open.
    pub heal: Option<bool>,
    pub must_exist: bool,
    pub must_be_new: bool,
}

impl Request {
    /// Whether the index's files are read through after opening.
    pub(super) fn scrubs(&self) -> bool {
        self.scrub.unwrap_or(true)
    }

    /// Refuses what no store can be opened with.
    pub(crate) fn check(&self, folder: &Path) -> Result<()> {
        // Joined with a file's name it would stand for the folder that the process happens to be in.
        if folder.as_os_str().is_empty() {
            return Err(Error::invalid("the store's folder", "empty", "name one; . is the current one"));
        }
        self.keep_events.map_or(Ok(()), KeepEvents::check)?;
        match self.cache_bytes {
            Some(bytes) if bytes < LEAST_CACHE_BYTES => {
                let expected = format!("it is at least {LEAST_CACHE_BYTES}");
                Err(Error::invalid("cache_bytes", bytes, expected))
            }
            _ => Ok(()),
        }
    }

    /// The settings of a new store, with its encoder.
    pub(crate) fn resolve_new(&self) -> Result<(Settings, Option<Arc<dyn Encoder>>)> {
        let fusion = self.fusion.clone().unwrap_or_default();
        fusion.check()?;
        let (source, encoder) = if let Some(dim) = self.dim {
            (self.own_vectors(dim)?, None)
        } else {
            self.refuse_metric()?;
            let (encoder, origin) = self.load(&Origin::Hashed)?;
            check_id("id of the encoder", encoder.id())?;
            check_room(encoder.dim(), &fusion)?;
            let source = Source::Encoder { id: encoder.id().to_owned(), dim: encoder.dim(), origin };
            (source, Some(encoder))
        };
        let kinds = self.like.as_ref().map(|like| like.kinds.clone()).unwrap_or_default();
        let settings = Settings { source, kinds: self.kinds_over(kinds)?, fusion };
        self.like.as_ref().map_or(Ok(()), |like| settings.check_same(like))?;
        Ok((settings, encoder))
    }

    /// This request, for a new store made like another. An encoder that is not built in must have been asked for.
    pub(crate) fn like(mut self, settings: StoreSettings) -> Self {
        match &settings.encoder {
            None => (self.dim, self.metric) = (Some(settings.dim), Some(settings.metric)),
            Some(id) => {
                let unsaid = matches!(self.encoder, EncoderChoice::Stored);
                // One of other dimensions is the host's own choice, and must be handed in as any other.
                if unsaid && HashedEncoder::default().id() == id {
                    self.encoder = EncoderChoice::Hashed;
                }
            }
        }
        self.fusion = Some(settings.fusion.clone());
        self.keep_events = self.keep_events.or(Some(settings.keep_events));
        self.like = Some(settings);
        self
    }

    /// The settings of an existing store as changed by this request, with its encoder.
    pub(crate) fn resolve(&self, stored: &Settings) -> Result<(Settings, Option<Arc<dyn Encoder>>)> {
        let (source, encoder) = match &stored.source {
            Source::Vectors { dim, metric } => {
                self.check_vectors(*dim, *metric)?;
                (stored.source.clone(), None)
            }
            Source::Encoder { id, dim, origin } => {
                if let Some(given) = self.dim {
                    return Err(mismatch("encoder", id, format!("--dim {given}")));
                }
                if let Some(given) = self.metric.filter(|&given| given != Metric::Cosine) {
                    return Err(mismatch("metric", Metric::Cosine, given));
                }
                let (encoder, origin) = self.load(origin)?;
                if encoder.id() != id {
                    return Err(mismatch("encoder", id, encoder.id()));
                }
                if encoder.dim() != *dim {
                    return Err(mismatch("encoder dim", dim, encoder.dim()));
                }
                (Source::Encoder { id: id.clone(), dim: *dim, origin }, Some(encoder))
            }
        };
        let fusion = self.fusion.clone().unwrap_or_else(|| stored.fusion.clone());
        fusion.check()?;
        check_same_shape(&stored.fusion, &fusion)?;
        Ok((Settings { source, kinds: self.kinds_over(stored.kinds.clone())?, fusion }, encoder))
    }

    fn own_vectors(&self, dim: usize) -> Result<Source> {
        if !matches!(self.encoder, EncoderChoice::Stored) {
            return Err(Error::invalid(
                "options",
                "both an encoder and a dimension",
                "a store has one of them",
            ));
        }
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(Error::invalid("dim", dim, format!("a vector has 1 to {MAX_DIM} dimensions")));
        }
        Ok(Source::Vectors { dim, metric: self.metric.unwrap_or_default() })
    }

    fn check_vectors(&self, dim: usize, metric: Metric) -> Result<()> {
        if let Some(given) = self.dim.filter(|&given| given != dim) {
            return Err(mismatch("dim", dim, given));
        }
        if let Some(given) = self.metric.filter(|&given| given != metric) {
            return Err(mismatch("metric", metric, given));
        }
        match &self.encoder {
            EncoderChoice::Stored => Ok(()),
            EncoderChoice::Hashed => Err(mismatch("vectors of dim", dim, "the built-in encoder")),
            EncoderChoice::Folder(folder) => Err(mismatch("vectors of dim", dim, folder.display())),
            EncoderChoice::Host(encoder) => Err(mismatch("vectors of dim", dim, encoder.id())),
        }
    }

    fn refuse_metric(&self) -> Result<()> {
        match self.metric {
            None | Some(Metric::Cosine) => Ok(()),
            Some(given) => Err(Error::invalid(
                "metric",
                given,
                "a store with an encoder compares by cosine; other metrics are for vectors of your own (dim)",
            )),
        }
    }

    fn load(&self, stored: &Origin) -> Result<(Arc<dyn Encoder>, Origin)> {
        match &self.encoder {
            EncoderChoice::Hashed => Ok((Arc::new(HashedEncoder::default()), Origin::Hashed)),
            EncoderChoice::Folder(folder) => load_folder(folder),
            EncoderChoice::Host(encoder) => Ok((Arc::clone(encoder), Origin::Host)),
            EncoderChoice::Stored => match stored {
                Origin::Hashed => Ok((Arc::new(HashedEncoder::default()), Origin::Hashed)),
                Origin::Folder(folder) => load_folder(folder),
                Origin::Host => Err(Error::invalid(
                    "encoder",
                    "missing",
                    "this store was made with the host's own encoder: hand it in again with Options::encoder",
                )),
            },
        }
    }

    fn kinds_over(&self, mut kinds: Kinds) -> Result<Kinds> {
        self.kinds.iter().cloned().try_for_each(|kind| kinds.set(kind))?;
        Ok(kinds)
    }
}

/// Refuses an encoder whose embeddings, with the other blocks, are longer than the index takes.
fn check_room(text_dims: usize, fusion: &Fusion) -> Result<()> {
    // What the other blocks take beside one dimension of the text's: an encoder may say any number.
    let others = Layout::new(1, fusion).dim() - 1;
    if text_dims > 0 && text_dims <= MAX_DIM.saturating_sub(others) {
        return Ok(());
    }
    let expected = format!(
        "an encoder has at least 1 dimension, and with the other blocks ({others} here) an embedding has at most \
         {MAX_DIM}: item_dims and group_dims may be smaller"
    );
    Err(Error::invalid("dim of the encoder", text_dims, expected))
}

#[cfg(feature = "bert")]
fn load_folder(folder: &Path) -> Result<(Arc<dyn Encoder>, Origin)> {
    let absolute = std::path::absolute(folder).map_err(|e| Error::io("find", folder, e))?;
    if absolute.to_str().is_none() {
        let reason = "its path is not UTF-8, so the store cannot remember it".to_owned();
        return Err(Error::Model { folder: absolute, reason });
    }
    Ok((Arc::new(crate::encoder::BertEncoder::open(&absolute)?), Origin::Folder(absolute)))
}

#[cfg(not(feature = "bert"))]
fn load_folder(folder: &Path) -> Result<(Arc<dyn Encoder>, Origin)> {
    Err(Error::Feature { what: format!("the model in {}", folder.display()), feature: "bert" })
}

/// Weights may change from one open to the next; what decides the shape of stored vectors may not.
fn check_same_shape(stored: &Fusion, given: &Fusion) -> Result<()> {
    if stored.item_dims != given.item_dims {
        return Err(mismatch("item_dims", stored.item_dims, given.item_dims));
    }
    if stored.group_dims != given.group_dims {
        return Err(mismatch("group_dims", stored.group_dims, given.group_dims));
    }
    Ok(())
}

fn same<T: PartialEq + Serialize>(option: &'static str, own: &T, given: &T) -> Result<()> {
    if own == given {
        return Ok(());
    }
    let json =
        |value: &T| serde_json::to_string(value).map_err(|e| Error::Bug(format!("no JSON of {option}: {e}")));
    Err(mismatch(option, json(own)?, json(given)?))
}

fn mismatch(option: &'static str, stored: impl std::fmt::Display, given: impl std::fmt::Display) -> Error {
    Error::OptionMismatch { option, stored: stored.to_string(), given: given.to_string() }
}
