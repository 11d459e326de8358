//! Options that make no store, and that open none.

use super::{Row, Victim, row};
use crate::fixture::{encoder, fusion, options, place, vector_options};
use kindred::encoder::{Encoder, HashedEncoder};
use kindred::model::{EventKind, KeepEvents, Metric};
use kindred::{Fusion, Options, Result, Store};
use std::sync::Arc;
use std::time::Duration;

type Make = fn() -> Options;

const fn bad(
    name: &'static str,
    input: Make,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<Make> {
    row(name, input, variant, words)
}

fn kind(name: impl Into<String>, weight: f32, half_life_days: f32) -> Options {
    options().kind(EventKind { name: name.into(), weight, half_life_days })
}

fn with(change: fn(&mut Fusion)) -> Options {
    let mut fusion = fusion();
    change(&mut fusion);
    options().fusion(fusion)
}

const SHARE: &[&str] = &["it lies in 0 to 1"];

const fn weighing(name: &'static str, input: Make, words: &'static [&'static str]) -> Row<Make> {
    row(name, input, "Invalid", words)
}

const fn mismatch(name: &'static str, input: Make, words: &'static [&'static str]) -> Row<Make> {
    row(name, input, "OptionMismatch", words)
}

/// Of a store that is not there yet.
pub(super) const NEW: &[Row<Make>] = &[
    bad("dim 0", || vector_options(0), "Invalid", &["dim is 0", "1 to 4096 dimensions"]),
    bad("dim 4097", || vector_options(4097), "Invalid", &["dim is 4097", "1 to 4096"]),
    bad("dim of all memory", || vector_options(usize::MAX), "Invalid", &["dim is 18446744073709551615"]),
    bad("dim and an encoder", || options().dim(3), "Invalid", &["both an encoder and a dimension"]),
    bad("dim and the built-in encoder", || vector_options(3).hashed(), "Invalid", &["both an encoder"]),
    bad("metric beside an encoder", || options().metric(Metric::L2), "Invalid", &["metric is l2", "cosine"]),
    bad("encoder without dimensions", || host("x", 0), "Invalid", &["dim of the encoder is 0", "at least 1"]),
    bad("encoder of too many dimensions", || host("x", 5000), "Invalid", &["at most 4096", "item_dims"]),
    bad("encoder without an id", || host("", 8), "Invalid", &["id of the encoder is empty"]),
    bad("encoder with an id of two lines", || host("a\nb", 8), "Invalid", &["id of the encoder", "control"]),
    bad(
        "encoder of all memory",
        || host("x", usize::MAX),
        "Invalid",
        &["dim of the encoder is 18446744073709551615"],
    ),
    bad(
        "no events to be kept",
        || options().keep_events(KeepEvents::last(0)),
        "Invalid",
        &["number of events to keep is 0", "at least 1"],
    ),
    bad(
        "events to be kept for no time",
        || options().keep_events(KeepEvents::within(Duration::ZERO)),
        "Invalid",
        &["time for which events are kept is 0"],
    ),
    bad(
        "page cache of nothing",
        || options().cache_bytes(0),
        "Invalid",
        &["cache_bytes is 0", "at least 65536"],
    ),
    bad("kind without a name", || kind("", 1.0, 1.0), "Invalid", &["name of an event kind is empty"]),
    bad(
        "kind with a line feed in its name",
        || kind("a\n", 1.0, 1.0),
        "Invalid",
        &["name of an event kind", "control"],
    ),
    bad("kind with a name of 257 bytes", || kind("k".repeat(257), 1.0, 1.0), "Invalid", &["257 bytes"]),
    bad(
        "kind of weight NaN",
        || kind("x", f32::NAN, 1.0),
        "Invalid",
        &["weight of an event kind is NaN", "-100 to 100"],
    ),
    bad("kind of weight -101", || kind("x", -101.0, 1.0), "Invalid", &["is -101"]),
    bad(
        "kind of infinite weight",
        || kind("x", f32::INFINITY, 1.0),
        "Invalid",
        &["weight of an event kind is inf"],
    ),
    bad(
        "kind of half-life 0",
        || kind("x", 1.0, 0.0),
        "Invalid",
        &["half-life of an event kind is 0", "more than 0"],
    ),
    bad("kind of half-life -1", || kind("x", 1.0, -1.0), "Invalid", &["half-life of an event kind is -1"]),
    bad(
        "kind of half-life NaN",
        || kind("x", 1.0, f32::NAN),
        "Invalid",
        &["half-life of an event kind is NaN"],
    ),
    bad(
        "256 kinds",
        || {
            (0..249).fold(options(), |o, n| {
                o.kind(EventKind { name: format!("k{n}"), weight: 1.0, half_life_days: 1.0 })
            })
        },
        "Invalid",
        &["number of event kinds is 256", "at most 255"],
    ),
    weighing("text weight below 0", || with(|f| f.text_weight = -0.1), &["text_weight is -0.1", "0 to 1"]),
    weighing("item weight NaN", || with(|f| f.item_weight = f32::NAN), &["item_weight is NaN"]),
    weighing("group weight over 1", || with(|f| f.group_weight = 1.1), &["group_weight is 1.1"]),
    weighing(
        "attribute weight infinite",
        || with(|f| f.attribute_weight = f32::INFINITY),
        &["attribute_weight is inf"],
    ),
    weighing("sentence share 2", || with(|f| f.sentence_share = 2.0), SHARE),
    weighing(
        "no weight at all",
        || {
            with(|f| {
                (f.text_weight, f.item_weight, f.group_weight, f.attribute_weight) = (0.0, 0.0, 0.0, 0.0);
            })
        },
        &["all weights 0", "at least one"],
    ),
    weighing("item factors of no dimensions", || with(|f| f.item_dims = 0), &["item_dims is 0", "1 to 1024"]),
    weighing("group factors of 1025 dimensions", || with(|f| f.group_dims = 1025), &["group_dims is 1025"]),
    weighing("item factors of all memory", || with(|f| f.item_dims = usize::MAX), &["item_dims"]),
    weighing("own texts of weight NaN", || with(|f| f.own_text_weight = f32::NAN), &["own texts", "NaN"]),
    weighing(
        "own texts of half-life 0",
        || with(|f| f.own_text_half_life_days = 0.0),
        &["own texts", "more than 0"],
    ),
    weighing("category without a name", || with(|f| f.category.clear()), &["category is empty"]),
    bad(
        "model folder that is not there, asked for",
        || Store::options().model("no/such/folder"),
        if cfg!(feature = "bert") { "Model" } else { "Feature" },
        &["no/such/folder"],
    ),
];

/// Of the store with the tests' encoder.
pub(super) const ENCODER_STORE: &[Row<Make>] = &[
    mismatch(
        "another encoder",
        || options().encoder(Arc::new(HashedEncoder::new(64).unwrap())),
        &["made with encoder", "v1/32", "v1/64"],
    ),
    mismatch("the built-in encoder for another", || Store::options().hashed(), &["v1/32", "v1/384"]),
    mismatch("encoder of the same name and other dimensions", || renamed(16), &["encoder dim 32", "16"]),
    mismatch("dim for an encoder", || Store::options().dim(3), &["--dim 3"]),
    mismatch(
        "another metric for an encoder",
        || options().metric(Metric::InnerProduct),
        &["metric cosine", "ip"],
    ),
    mismatch("other item dimensions", || with(|f| f.item_dims = 9), &["item_dims 8", "9"]),
    mismatch("other group dimensions", || with(|f| f.group_dims = 3), &["group_dims 4", "3"]),
    bad("host's encoder forgotten", Store::options, "Invalid", &["encoder is missing", "Options::encoder"]),
    bad(
        "weight out of range for a store",
        || with(|f| f.text_weight = 7.0),
        "Invalid",
        &["text_weight is 7"],
    ),
    bad("kind out of range for a store", || kind("view", 101.0, 1.0), "Invalid", &["is 101"]),
    bad(
        "page cache too small for a store",
        || options().cache_bytes(65_535),
        "Invalid",
        &["cache_bytes is 65535"],
    ),
    bad(
        "store that must be new",
        || options().must_be_new(),
        "Invalid",
        &["holds a store already", "another folder"],
    ),
];

/// Of the store of three dimensions under cosine.
pub(super) const VECTOR_STORE: &[Row<Make>] = &[
    mismatch("another dim", || vector_options(4), &["dim 3", "which 4 does not fit", "make a new store"]),
    mismatch("another metric", || Store::options().metric(Metric::L2), &["metric cosine", "l2"]),
    mismatch(
        "encoder for a store of vectors",
        || Store::options().encoder(encoder()),
        &["vectors of dim 3", "v1/32"],
    ),
    mismatch(
        "built-in encoder for a store of vectors",
        || Store::options().hashed(),
        &["the built-in encoder"],
    ),
    mismatch(
        "model for a store of vectors",
        || Store::options().model("a model"),
        &["vectors of dim 3", "a model"],
    ),
];

/// An encoder of the host's with a name and a length, and nothing to say.
struct Named(&'static str, usize);

impl Encoder for Named {
    fn id(&self) -> &str {
        self.0
    }

    fn dim(&self) -> usize {
        self.1
    }

    fn encode(&self, texts: &[&str], _: &(dyn Fn(usize) + Sync)) -> Result<Vec<f32>> {
        Ok(vec![0.0; texts.len() * self.1])
    }
}

fn host(id: &'static str, dim: usize) -> Options {
    options().encoder(Arc::new(Named(id, dim)))
}

/// As the tests' encoder calls itself.
fn renamed(dim: usize) -> Options {
    host(Box::leak(encoder().id().to_owned().into_boxed_str()), dim)
}

#[test]
fn bad_options_make_no_store() {
    let mut failures = super::Failures::default();
    for row in NEW {
        let place = place();
        match (row.input)().open(&place.path) {
            Err(error) => row.check(&error, &mut failures),
            Ok(_) => failures.add(row.name, "a store was made"),
        }
        if place.path.exists() {
            failures.add(row.name, "something was left behind");
        }
    }
}

#[test]
fn bad_options_open_no_store() {
    Victim::with_encoder().refuses_to_open(ENCODER_STORE);
    Victim::with_vectors(Metric::Cosine).refuses_to_open(VECTOR_STORE);
}

#[test]
fn sizes_at_the_bounds_are_taken() {
    let mut victim = Victim::with_encoder();
    victim.store = None;
    let sizes = [(1 << 16, 0), (u64::MAX, usize::MAX), (1 << 16, 1)];
    for (cache, head) in sizes {
        let store = options().cache_bytes(cache).head_rows(head).open(&victim.path).unwrap();
        store.write(|tx| tx.put_user("new", [("cache", 1.into())])).unwrap();
        assert_eq!(store.snapshot().similar("u1").limit(3).run().unwrap().len(), 3, "{cache} {head}");
    }
}
