//! What is searched: options of a store, each between two bounds.

use crate::error::{Error, Result};
use crate::model::{EventKind, StoreSettings};
use std::str::FromStr;

/// Parameters that need no kind of event to be named.
const NAMES: &str = "text, item, group, attribute, sentence, own-text, own-text-half-life, item-dims, group-dims, \
                     weight:KIND or half-life:KIND";

/// An option of a store.
#[derive(Clone, Debug, PartialEq)]
enum Of {
    Text,
    Item,
    Group,
    Attribute,
    Sentence,
    OwnText,
    OwnTextHalfLife,
    ItemDims,
    GroupDims,
    Weight(String),
    HalfLife(String),
}

/// An option, and the bounds that it is searched between.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameter {
    name: String,
    of: Of,
    low: f64,
    high: f64,
}

/// `NAME=LOW..HIGH`.
impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let form = || format!("{text:?} is not NAME=LOW..HIGH, such as text=0..1");
        let (name, bounds) = text.split_once('=').ok_or_else(form)?;
        let (low, high) = bounds.split_once("..").ok_or_else(form)?;
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| form());
        let of = Of::named(name).ok_or_else(|| format!("{name:?} is none of {NAMES}"))?;
        let (low, high) = (number(low)?, number(high)?);
        let (least, most) = of.range();
        if low >= least && low < high && high <= most {
            return Ok(Self { name: name.to_owned(), of, low, high });
        }
        Err(format!("{name} lies in {least} to {most}, and the smaller bound comes first"))
    }
}

impl Of {
    fn named(name: &str) -> Option<Self> {
        let kind = |of: fn(String) -> Self, kind: &str| Some(of(kind.to_owned()));
        match (name, name.split_once(':')) {
            (_, Some(("weight", name))) => kind(Self::Weight, name),
            (_, Some(("half-life", name))) => kind(Self::HalfLife, name),
            ("text", _) => Some(Self::Text),
            ("item", _) => Some(Self::Item),
            ("group", _) => Some(Self::Group),
            ("attribute", _) => Some(Self::Attribute),
            ("sentence", _) => Some(Self::Sentence),
            ("own-text", _) => Some(Self::OwnText),
            ("own-text-half-life", _) => Some(Self::OwnTextHalfLife),
            ("item-dims", _) => Some(Self::ItemDims),
            ("group-dims", _) => Some(Self::GroupDims),
            _ => None,
        }
    }

    /// What it may be at all.
    const fn range(&self) -> (f64, f64) {
        match self {
            Self::Text | Self::Item | Self::Group | Self::Attribute | Self::Sentence => (0.0, 1.0),
            Self::OwnText | Self::Weight(_) => (-100.0, 100.0),
            Self::OwnTextHalfLife | Self::HalfLife(_) => (0.01, 1e6),
            Self::ItemDims | Self::GroupDims => (1.0, 1024.0),
        }
    }

    /// Whether twice as much is as far as half as much: so are days, and dimensions.
    const fn is_logarithmic(&self) -> bool {
        matches!(self, Self::OwnTextHalfLife | Self::HalfLife(_) | Self::ItemDims | Self::GroupDims)
    }
}

impl Parameter {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value at a place between the bounds, 0 to 1.
    pub(super) fn at(&self, place: f64) -> f64 {
        let value = if self.of.is_logarithmic() {
            self.low * (self.high / self.low).powf(place)
        } else {
            self.low + (self.high - self.low) * place
        };
        // Three digits: more could not be told apart, and nobody would want to type them.
        let digits = if matches!(self.of, Of::ItemDims | Of::GroupDims) {
            1.0
        } else {
            10_f64.powf(2.0 - value.abs().max(1e-3).log10().floor()).max(1.0)
        };
        ((value * digits).round() / digits).clamp(self.low, self.high)
    }

    /// Refuses one of a kind that the store does not know.
    pub(super) fn check(&self, settings: &StoreSettings) -> Result<()> {
        match &self.of {
            Of::Weight(kind) | Of::HalfLife(kind) if settings.kinds.find(kind).is_none() => {
                Err(Error::Unknown { what: "kind of event", name: kind.clone(), nearest: None })
            }
            _ => Ok(()),
        }
    }

    /// Its value in settings.
    pub(super) fn of(&self, settings: &StoreSettings) -> f64 {
        let fusion = &settings.fusion;
        let kind = |name: &String, of: fn(&EventKind) -> f32| {
            settings.kinds.find(name).map_or(0.0, |(_, kind)| of(kind))
        };
        let value = match &self.of {
            Of::Text => fusion.text_weight,
            Of::Item => fusion.item_weight,
            Of::Group => fusion.group_weight,
            Of::Attribute => fusion.attribute_weight,
            Of::Sentence => fusion.sentence_share,
            Of::OwnText => fusion.own_text_weight,
            Of::OwnTextHalfLife => fusion.own_text_half_life_days,
            Of::ItemDims => fusion.item_dims as f32,
            Of::GroupDims => fusion.group_dims as f32,
            Of::Weight(name) => kind(name, |kind| kind.weight),
            Of::HalfLife(name) => kind(name, |kind| kind.half_life_days),
        };
        // As it is written, not as it is held: 0.4 and not 0.4000000059604645.
        value.to_string().parse().unwrap_or_else(|_| f64::from(value))
    }

    /// Gives the settings a value of it.
    pub(super) fn set(&self, settings: &mut StoreSettings, value: f64) -> Result<()> {
        let (fusion, small) = (&mut settings.fusion, value as f32);
        match &self.of {
            Of::Text => fusion.text_weight = small,
            Of::Item => fusion.item_weight = small,
            Of::Group => fusion.group_weight = small,
            Of::Attribute => fusion.attribute_weight = small,
            Of::Sentence => fusion.sentence_share = small,
            Of::OwnText => fusion.own_text_weight = small,
            Of::OwnTextHalfLife => fusion.own_text_half_life_days = small,
            Of::ItemDims => fusion.item_dims = value as usize,
            Of::GroupDims => fusion.group_dims = value as usize,
            Of::Weight(kind) => return change(settings, kind, |kind| kind.weight = small),
            Of::HalfLife(kind) => return change(settings, kind, |kind| kind.half_life_days = small),
        }
        Ok(())
    }
}

fn change(settings: &mut StoreSettings, kind: &str, change: impl FnOnce(&mut EventKind)) -> Result<()> {
    let Some((_, kind)) = settings.kinds.find(kind) else { return Ok(()) };
    let mut kind = kind.clone();
    change(&mut kind);
    settings.kinds.set(kind)
}

/// The settings with values of some parameters. None where no block would have a weight.
pub(super) fn with(
    settings: &StoreSettings,
    parameters: &[Parameter],
    values: &[f64],
) -> Result<Option<StoreSettings>> {
    let mut settings = settings.clone();
    for (parameter, value) in parameters.iter().zip(values) {
        parameter.set(&mut settings, *value)?;
    }
    let fusion = &settings.fusion;
    let weights = [fusion.text_weight, fusion.item_weight, fusion.group_weight, fusion.attribute_weight];
    let is_sound = weights.iter().any(|weight| *weight > 0.0);
    Ok(is_sound.then_some(settings))
}

/// Options that were found where attributes take no part: there only the proportion of the other blocks is measured. Their weights together are
/// to be to that of attributes as they were.
pub(super) fn beside_attributes(own: &StoreSettings, mut found: StoreSettings) -> StoreSettings {
    let sum = |settings: &StoreSettings| {
        settings.fusion.text_weight + settings.fusion.item_weight + settings.fusion.group_weight
    };
    let scale = sum(own) / sum(&found);
    if scale.is_finite() && scale > 0.0 {
        let fusion = &mut found.fusion;
        for weight in [&mut fusion.text_weight, &mut fusion.item_weight, &mut fusion.group_weight] {
            *weight *= scale;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_attributes_take_no_part_their_share_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::Store::open(folder.path().join("store")).unwrap();
        let own = store.snapshot().settings();
        let mut found = own.clone();
        let sum = |of: &StoreSettings| of.fusion.text_weight + of.fusion.item_weight + of.fusion.group_weight;
        (found.fusion.text_weight, found.fusion.item_weight, found.fusion.group_weight) = (0.05, 0.04, 0.01);
        let scaled = beside_attributes(&own, found.clone());
        assert!((sum(&scaled) - sum(&own)).abs() < 1e-5, "{:?}", scaled.fusion);
        assert!((scaled.fusion.text_weight / scaled.fusion.item_weight - 1.25).abs() < 1e-5);
        assert_eq!(scaled.fusion.attribute_weight.to_bits(), own.fusion.attribute_weight.to_bits());
        (found.fusion.text_weight, found.fusion.item_weight, found.fusion.group_weight) = (0.0, 0.0, 0.0);
        assert_eq!(beside_attributes(&own, found.clone()), found);
    }

    #[test]
    fn parameters_are_read_or_refused() {
        let days: Parameter = "half-life:purchase=30..1920".parse().unwrap();
        assert_eq!([0.0, 0.5, 1.0].map(|place| days.at(place).to_string()), ["30", "240", "1920"]);
        let text: Parameter = "text=0..0.5".parse().unwrap();
        assert_eq!([0.0, 0.123_456, 1.0].map(|place| text.at(place).to_string()), ["0", "0.0617", "0.5"]);
        let dims: Parameter = "item-dims=16..64".parse().unwrap();
        assert_eq!([0.1, 0.5].map(|place| dims.at(place).to_string()), ["18", "32"]);
        for bad in
            ["text", "text=1", "texts=0..1", "text=0..2", "text=1..0", "text=0..nan", "half-life:view=0..9"]
        {
            assert!(bad.parse::<Parameter>().is_err(), "{bad}");
        }
    }
}
