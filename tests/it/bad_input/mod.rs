//! Bad input: tables of it by area. Each row names what is wrong, the error it must give and words of its message; after each
//! the store holds what it held, takes a good write, and holds both when it is opened again.

mod archives;
#[cfg(feature = "cli")]
mod arguments;
#[cfg(feature = "cli")]
mod command;
mod ids;
#[cfg(feature = "cli")]
mod imports;
mod lines;
#[cfg(feature = "bert")]
mod models;
mod opening;
mod options;
mod queries;
mod rules;
#[cfg(feature = "cli")]
mod safety;
#[cfg(feature = "cli")]
mod tables;
mod times;
mod values;

use crate::fixture::{all_profiles, fill, options, place, records, vector_options};
use kindred::model::Record;
use kindred::query::Profile;
use kindred::{Error, ErrorKind, Options, Result, Snapshot, Store, Transaction};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::RwLock;
use std::time::Duration;

/// Whose fault each variant is; said here a second time, on purpose.
const KINDS: [(&str, ErrorKind); 14] = [
    ("Invalid", ErrorKind::Usage),
    ("Dimension", ErrorKind::Usage),
    ("NotFinite", ErrorKind::Usage),
    ("Unknown", ErrorKind::Usage),
    ("Line", ErrorKind::Usage),
    ("Predicate", ErrorKind::Usage),
    ("OptionMismatch", ErrorKind::Usage),
    ("NotAStore", ErrorKind::Usage),
    ("NoEncoder", ErrorKind::Usage),
    ("OwnEmbeddings", ErrorKind::Usage),
    ("Io", ErrorKind::Environment),
    ("Locked", ErrorKind::Environment),
    ("Model", ErrorKind::Environment),
    ("Feature", ErrorKind::Environment),
];

/// Longest message, the help with it: what was given is shown shortened.
const MESSAGE_BYTES: usize = 3000;

/// A process that is being started holds what its parent has open, locks too, until it becomes another program. No store
/// is closed and opened again meanwhile.
static NO_CHILD_IS_STARTING: RwLock<()> = RwLock::new(());

/// One bad input.
struct Row<I> {
    name: &'static str,
    input: I,
    variant: &'static str,
    words: &'static [&'static str],
}

const fn row<I>(
    name: &'static str,
    input: I,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<I> {
    Row { name, input, variant, words }
}

impl<I> Row<I> {
    /// The error must be the one that the row says.
    fn check(&self, error: &Error, failures: &mut Failures) {
        let message = error.to_string();
        let debug = format!("{error:?}");
        let variant = debug.split(|c: char| !c.is_alphanumeric()).next();
        let kind = KINDS.iter().find(|(variant, _)| *variant == self.variant).map(|(_, kind)| *kind);
        let found = (variant, Some(error.kind()));
        if found != (Some(self.variant), kind) {
            failures.add(self.name, format!("{found:?} with {message:?}"));
        }
        self.check_message(&message, failures);
    }

    fn check_message(&self, message: &str, failures: &mut Failures) {
        for words in self.words.iter().filter(|words| !message.contains(**words)) {
            failures.add(
                self.name,
                format!("no {words:?} in {:?}", &message[..message.floor_char_boundary(300)]),
            );
        }
        if self.words.is_empty() || message.len() > MESSAGE_BYTES {
            failures
                .add(self.name, format!("{} words wanted, {} bytes given", self.words.len(), message.len()));
        }
    }
}

/// What rows did not do as they should: told together at the end, so that one run shows all.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn add(&mut self, name: &str, what: impl Display) {
        self.0.push(format!("{name}: {what}"));
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "{} failed:\n{}", self.0.len(), self.0.join("\n"));
        }
    }
}

/// A change that must fail.
type Change = fn(&mut Transaction<'_>) -> Result<()>;

const fn change(
    name: &'static str,
    input: Change,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<Change> {
    row(name, input, variant, words)
}

/// All that a store holds and says of it.
#[derive(Debug, PartialEq)]
struct Dump {
    records: Vec<Record>,
    profiles: Vec<Profile>,
    counts: [u64; 6],
}

fn dump(snapshot: &Snapshot) -> Dump {
    let stats = snapshot.stats().unwrap();
    let counts = [stats.users, stats.items, stats.events, stats.texts, stats.vectors, stats.commit];
    Dump { records: records(snapshot), profiles: all_profiles(snapshot), counts }
}

/// A store that takes bad input and must stay as it is.
struct Victim {
    path: PathBuf,
    options: Options,
    store: Option<Store>,
    good_writes: i64,
    failures: Failures,
    _place: crate::fixture::Place,
}

impl Victim {
    /// With an encoder, filled.
    fn with_encoder() -> Self {
        Self::new(options(), fill)
    }

    /// Of vectors of three dimensions.
    fn with_vectors(metric: kindred::model::Metric) -> Self {
        Self::new(vector_options(3).metric(metric), |store| {
            let vectors = [("ann", [1.0, 0.0, 0.0]), ("bob", [0.0, 1.0, 0.5])];
            store
                .write(|tx| vectors.into_iter().try_for_each(|(id, v)| tx.put_vector(id, v.into())))
                .unwrap();
        })
    }

    fn new(options: Options, fill: fn(&Store)) -> Self {
        // Upkeep in the background is not what is looked at.
        let options = options.settle_after(Duration::MAX);
        let place = place();
        let store = options.open(&place.path).unwrap();
        fill(&store);
        Self {
            path: place.path.clone(),
            options,
            store: Some(store),
            good_writes: 0,
            failures: Failures::default(),
            _place: place,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn dump(&self) -> Dump {
        dump(&self.store().snapshot())
    }

    /// Does what must fail and change nothing; then a good write must work, and both be there in the store opened again.
    fn refuses_one<I, R: Display>(&mut self, row: &Row<I>, work: impl FnOnce(&Self) -> Result<R>) {
        match self.unchanged_by(row.name, work) {
            Err(error) => row.check(&error, &mut self.failures),
            Ok(taken) => self.failures.add(row.name, format!("it was taken: {taken}")),
        }
    }

    /// Closes the store, does something, and opens it again.
    fn reopen<R>(&mut self, between: impl FnOnce() -> R) -> R {
        let _no_child_is_starting = NO_CHILD_IS_STARTING.read().unwrap();
        self.store = None;
        let result = between();
        self.store = Some(self.options.open(&self.path).unwrap());
        result
    }

    /// Does what must change nothing.
    fn unchanged_by<R>(&mut self, name: &str, work: impl FnOnce(&Self) -> R) -> R {
        let before = self.dump();
        let result = work(self);
        if self.dump() != before {
            self.failures.add(name, "the store has changed");
        }
        let before = self.dump().counts[5];
        self.good_writes += 1;
        let (user, number) = ("good", self.good_writes.into());
        self.store().write(|tx| tx.put_user(user, [("writes", number)])).unwrap();
        let good = self.dump();
        if good.counts[5] != before + 1 {
            self.failures.add(name, "a write that failed took a number");
        }
        self.reopen(|| {});
        if self.dump() != good {
            self.failures.add(name, "not the same when opened again");
        }
        result
    }

    /// No row's options open the store, which is then as it was.
    fn refuses_to_open(&mut self, rows: &[Row<fn() -> Options>]) {
        for row in rows {
            let before = self.dump();
            let path = self.path.clone();
            let opened = self.reopen(|| (row.input)().open(path).map(drop));
            match opened {
                Err(error) => row.check(&error, &mut self.failures),
                Ok(()) => self.failures.add(row.name, "it was opened"),
            }
            if self.dump() != before {
                self.failures.add(row.name, "the store has changed");
            }
            self.unchanged_by(row.name, |_| {});
        }
    }

    /// Every row must fail, and take the good change before it along.
    fn refuses<'r>(&mut self, rows: impl IntoIterator<Item = &'r Row<Change>>) {
        for row in rows {
            self.refuses_one(row, |victim| {
                let written = victim.store().write(|tx| {
                    tx.put_user("never", [("age", 1.into())])?;
                    (row.input)(tx)
                });
                written.map(|()| "written")
            });
        }
    }
}

fn names<I>(rows: &[Row<I>]) -> impl Iterator<Item = &'static str> {
    rows.iter().map(|row| row.name)
}

#[test]
fn there_are_many_and_each_has_its_own_name() {
    let mut all: Vec<&str> = Vec::new();
    all.extend(names(ids::ROWS));
    for rows in [values::ATTRIBUTES, values::TEXTS, values::EVENTS, values::VECTORS] {
        all.extend(names(rows));
    }
    all.extend(names(values::VECTORS_BESIDE_AN_ENCODER));
    all.extend(names(queries::ROWS).chain(names(queries::ROWS_WITHOUT_AN_ENCODER)));
    all.extend(names(rules::ROWS));
    all.extend(names(&times::rows()).chain(names(&opening::rows())));
    for rows in [options::NEW, options::ENCODER_STORE, options::VECTOR_STORE] {
        all.extend(names(rows));
    }
    for rows in [lines::syntax(), lines::types(), lines::ids(), lines::events(), lines::attributes()] {
        all.extend(names(&rows));
    }
    for rows in [archives::forms(), archives::sums(), archives::vectors()] {
        all.extend(names(&rows));
    }
    for rows in [lines::removals(), lines::vectors(), lines::strict(), lines::segments()] {
        all.extend(names(&rows));
    }
    #[cfg(feature = "bert")]
    all.extend(names(models::SETTINGS).chain(names(models::FILES)));
    #[cfg(feature = "cli")]
    for rows in [
        arguments::parsing(),
        arguments::lookalikes(),
        arguments::predicates(),
        arguments::rules(),
        arguments::clusters(),
        arguments::vectors(),
        arguments::stores(),
        arguments::ingest(),
        arguments::rejects(),
        arguments::outputs(),
        imports::npy_headers(),
        imports::npy_shapes(),
        imports::npy_contents(),
        imports::vecs_files(),
        imports::id_files(),
        tables::mapping_files(),
        tables::mappings(),
        tables::csv_files(),
        tables::parquet_files(),
    ] {
        all.extend(names(&rows));
    }
    let distinct: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "two rows have one name: {all:?}");
    println!("{} bad inputs", all.len());
    assert!(all.len() >= 250, "{} bad inputs", all.len());
}
