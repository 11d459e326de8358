//! Which segments a change may matter to, and in which order they are to be looked at.

use super::Segment;
use super::follow::Touched;
use super::items::ItemInputs;
use crate::engine::predicate::{Bound, Field, Source};
use crate::model::predicate::TermKind;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a predicate asks of a user.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    attributes: BTreeSet<String>,
    kinds: BTreeSet<u8>,
    /// Events of whatever kind.
    any_kind: bool,
    texts: bool,
    /// Of the items that the user acted on.
    items: ItemInputs,
    pub segments: BTreeSet<u32>,
    /// Whether time alone may change what it is.
    pub is_relative: bool,
}

impl Inputs {
    pub(super) fn of(bound: &Bound<'_>) -> Self {
        let mut inputs = Self::default();
        bound.terms().into_iter().for_each(|field| inputs.field(field));
        inputs
    }

    fn field(&mut self, field: &Field<'_>) {
        self.is_relative |= matches!(field.kind(), TermKind::Now(_));
        match &field.source {
            Source::Attribute(name) => drop(self.attributes.insert((*name).to_owned())),
            Source::Texts => self.texts = true,
            Source::Segment(no) => drop(self.segments.insert(*no)),
            Source::Events(events) => {
                self.is_relative |= events.within.is_some();
                match events.kind {
                    Some(kind) => drop(self.kinds.insert(kind)),
                    None => self.any_kind = true,
                }
                if let Some(items) = &events.items {
                    self.items.attributes.extend(items.attributes().map(str::to_owned));
                    self.items.text |= items.asks_text();
                }
            }
            // No segment asks how alike users are.
            Source::Id | Source::Value(_) | Source::Alike(_) => {}
        }
    }
}

/// Places of segments by what they ask for; a segment's place is behind those of the segments that it asks for.
#[derive(Debug, Default)]
pub(super) struct Routes {
    order: Vec<Arc<Segment>>,
    places: BTreeMap<u32, u32>,
    all: RoaringBitmap,
    relative: RoaringBitmap,
    attributes: BTreeMap<String, RoaringBitmap>,
    kinds: BTreeMap<u8, RoaringBitmap>,
    any_kind: RoaringBitmap,
    texts: RoaringBitmap,
    item_attributes: BTreeMap<String, RoaringBitmap>,
    item_texts: RoaringBitmap,
    segments: BTreeMap<u32, RoaringBitmap>,
}

impl Routes {
    /// Of segments with what they ask for, of which none asks for itself, at whatever remove.
    pub(super) fn new(segments: Vec<(Arc<Segment>, Inputs)>) -> Self {
        let mut routes = Self::default();
        let mut left = segments;
        while !left.is_empty() {
            let is_ready = |inputs: &Inputs| inputs.segments.iter().all(|no| routes.places.contains_key(no));
            let (ready, waiting): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, inputs)| is_ready(inputs));
            if ready.is_empty() {
                break;
            }
            ready.into_iter().for_each(|(segment, inputs)| routes.add(segment, inputs));
            left = waiting;
        }
        routes
    }

    fn add(&mut self, segment: Arc<Segment>, inputs: Inputs) {
        let place = self.order.len() as u32;
        self.places.insert(segment.no, place);
        self.order.push(segment);
        self.all.insert(place);
        if inputs.is_relative {
            self.relative.insert(place);
        }
        if inputs.any_kind {
            self.any_kind.insert(place);
        }
        if inputs.texts {
            self.texts.insert(place);
        }
        for name in inputs.attributes {
            self.attributes.entry(name).or_default().insert(place);
        }
        for kind in inputs.kinds {
            self.kinds.entry(kind).or_default().insert(place);
        }
        if inputs.items.text {
            self.item_texts.insert(place);
        }
        for name in inputs.items.attributes {
            self.item_attributes.entry(name).or_default().insert(place);
        }
        for no in inputs.segments {
            self.segments.entry(no).or_default().insert(place);
        }
    }

    pub(super) fn in_order(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.order.iter()
    }

    pub(super) fn at(&self, place: u32) -> &Arc<Segment> {
        &self.order[place as usize]
    }

    pub(super) fn place(&self, segment: u32) -> Option<u32> {
        self.places.get(&segment).copied()
    }

    /// The places of all segments.
    pub(super) const fn all(&self) -> &RoaringBitmap {
        &self.all
    }

    /// The places of segments that time alone may change.
    pub(super) const fn relative(&self) -> &RoaringBitmap {
        &self.relative
    }

    pub(super) fn is_relative(&self, place: u32) -> bool {
        self.relative.contains(place)
    }

    /// The places of segments to which a change of a user may matter.
    pub(super) fn of(&self, touched: &Touched) -> RoaringBitmap {
        if touched.is_new {
            return self.all.clone();
        }
        let mut places = RoaringBitmap::new();
        for name in &touched.attributes {
            places |= self.attributes.get(name).unwrap_or(&RoaringBitmap::new());
        }
        for kind in &touched.kinds {
            places |= self.kinds.get(kind).unwrap_or(&RoaringBitmap::new());
        }
        if !touched.kinds.is_empty() {
            places |= &self.any_kind;
        }
        if touched.texts {
            places |= &self.texts;
        }
        places | self.of_items(&touched.items)
    }

    /// The places of segments to which a change of items may matter.
    fn of_items(&self, items: &ItemInputs) -> RoaringBitmap {
        let mut places = RoaringBitmap::new();
        for name in &items.attributes {
            places |= self.item_attributes.get(name).unwrap_or(&RoaringBitmap::new());
        }
        if items.text {
            places |= &self.item_texts;
        }
        places
    }

    /// Whether any segment asks for what changed of an item.
    pub(super) fn ask_for(&self, changed: &ItemInputs) -> bool {
        !self.of_items(changed).is_empty()
    }

    /// The places of segments that ask for a segment.
    pub(super) fn asking_for(&self, segment: u32) -> Option<&RoaringBitmap> {
        self.segments.get(&segment)
    }
}
