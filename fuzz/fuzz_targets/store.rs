//! Random public operations on a small store of the host's vectors, against a model: its records, counts and marks, held snapshots,
//! the nearest by a comparison of all; exports, backups and readers that show the same; what fails changes nothing.
#![no_main]

use kindred::fuzzing::{Model, Taken, check};
use kindred::ingest::Source;
use kindred::model::{
    Erasure, Event, Interval, Item, Record, Removal, SegmentDefinition, Text, Time, User, Value, ago,
    attribute, count, item_text, last, texts,
};
use kindred::{Error, Options, ReadOnlyStore, Snapshot, Store};
use libfuzzer_sys::fuzz_target;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Steps of the longest run, and how many of them may do something to all of the store.
const MOST_STEPS: usize = 60;
const MOST_WHOLE: usize = 6;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    place.join(format!("kindred-fuzz-store-{}", std::process::id()))
});

const DIM: usize = 3;

const TOWNS: [&str; 4] = ["salmon", "soup", "trout", "kelp"];

/// What is done, to whom, and how.
type Step = (u8, u8, u8);

fuzz_target!(|steps: Vec<Step>| {
    let _ = std::fs::remove_dir_all(&*FOLDER);
    let mut run = Run::new(&FOLDER);
    let mut whole = 0;
    for &step in steps.iter().take(MOST_STEPS) {
        if step.0 % 32 >= 23 {
            whole += 1;
            if whole > MOST_WHOLE {
                continue;
            }
        }
        run.step(step);
    }
    run.flush();
    run.check();
    run.reopen();
    let report = run.store().verify(&|_| {}).expect("a store can be verified");
    assert!(report.is_sound(), "{:?}", report.problems);
    drop(run);
    std::fs::remove_dir_all(&*FOLDER).expect("the folder goes");
});

struct Run {
    folder: PathBuf,
    store: Option<Store>,
    model: Model,
    /// Of the next write.
    records: Vec<Record>,
    held: Vec<(Snapshot, Model)>,
}

fn options() -> Options {
    Store::options().dim(DIM).head_rows(4).cache_bytes(1 << 20).settle_after(Duration::MAX)
}

impl Run {
    fn new(folder: &Path) -> Self {
        let store = options().open(folder.join("store")).expect("a new store");
        let folder = folder.to_owned();
        Self { folder, store: Some(store), model: Model::default(), records: Vec::new(), held: Vec::new() }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("the store is open")
    }

    fn step(&mut self, (op, who, how): Step) {
        match record(op % 32, who, how) {
            Some(record) => {
                // What a write says of an item after removing it is another matter.
                let ends = how < 128 || matches!(record, Record::Remove(Removal::Item { .. }));
                self.records.push(record);
                if ends {
                    self.flush();
                }
            }
            None => {
                self.flush();
                self.arrange(op % 32, how);
            }
        }
    }

    /// Writes what was gathered: all of it, or nothing where it names somebody who was erased.
    fn flush(&mut self) {
        let records = std::mem::take(&mut self.records);
        let mut after = self.model.clone();
        let taken = records.iter().all(|record| after.apply(record) == Taken::Yes);
        let written = self.write(&records);
        match written {
            Ok(()) if taken => self.model = after,
            Err(Error::Erased { .. }) if !taken => {}
            other => panic!("a write that was to be taken: {taken}, gave {other:?}"),
        }
    }

    fn write(&self, records: &[Record]) -> kindred::Result<()> {
        self.store().write(|tx| records.iter().try_for_each(|record| tx.apply(record.clone())))
    }

    fn arrange(&mut self, op: u8, how: u8) {
        let cancel = AtomicBool::new(false);
        match op {
            18 => self.held.push((self.store().snapshot(), self.model.clone())),
            19 => drop(self.held.pop()),
            20 => self.fail(),
            21 => self.check(),
            22 => self.expire(day(how % 9)),
            23 => self.store().checkpoint().expect("a checkpoint"),
            24 => assert!(self.store().seal(&|_| {}, &cancel).expect("a seal")),
            25 => assert!(self.store().compact(&|_| {}, &cancel).expect("a compaction")),
            26 => self.reopen(),
            27 => self.export(),
            28 => self.backup(),
            29 => self.read_beside(),
            30 => {
                let report = self.store().verify(&|_| {}).expect("a store can be verified");
                assert!(report.is_sound(), "{:?}", report.problems);
            }
            _ => assert!(matches!(self.store().fit(), Err(Error::NoEncoder { .. }))),
        }
    }

    /// A write of the host's that fails changes nothing.
    fn fail(&self) {
        let failed = self.store().write(|tx| {
            tx.put_user("u0", [("age", 1.into())])?;
            tx.remove_user("u1")?;
            Err::<(), _>(Error::host("no"))
        });
        assert!(matches!(failed, Err(Error::Host(_))));
        assert!(self.store().write(|tx| tx.put_vector("u0", vec![1.0])).is_err());
        holds(&self.store().snapshot(), &self.model);
    }

    fn expire(&mut self, before: Time) {
        self.store().expire(before).expect("events can be folded");
        self.model.expire(before);
    }

    fn check(&self) {
        holds(&self.store().snapshot(), &self.model);
        self.held.iter().for_each(|(snapshot, model)| holds(snapshot, model));
    }

    fn reopen(&mut self) {
        self.held.clear();
        self.store = None;
        self.store = Some(options().open(self.folder.join("store")).expect("a store that was closed"));
        self.check();
    }

    /// Export, import and export again give the same bytes.
    fn export(&self) {
        let written = |store: &Store| {
            let mut lines = Vec::new();
            store.snapshot().export(&mut lines, &|_| {}).expect("an export to memory");
            lines
        };
        let lines = written(self.store());
        let other = self.folder.join("imported");
        let source = Source::reader("export", std::io::Cursor::new(lines.clone()));
        let (store, _) = Options::default().import(&other, source, &|_| {}).expect("an export can be read");
        holds(&store.snapshot(), &self.model.imported());
        assert!(lines == written(&store), "an import that is exported again differs");
        drop(store);
        std::fs::remove_dir_all(other).expect("the folder goes");
    }

    /// A backup that is restored holds the same. It goes into the folder of the one before.
    fn backup(&self) {
        let (to, restored) = (self.folder.join("backup"), self.folder.join("restored"));
        self.store().backup(&to).expect("a backup");
        Store::restore(&to, &restored).expect("a backup can be restored");
        let store = options().open(&restored).expect("what was restored opens");
        holds(&store.snapshot(), &self.model);
        drop(store);
        std::fs::remove_dir_all(restored).expect("the folder goes");
    }

    /// Whoever reads beside the writer sees the same.
    fn read_beside(&self) {
        let reader = ReadOnlyStore::open(self.folder.join("store")).expect("a store that can be read");
        holds(&reader.snapshot(), &self.model);
    }
}

/// A snapshot holds what the model says, and answers as a comparison of all does.
fn holds(snapshot: &Snapshot, model: &Model) {
    check::records(snapshot, model);
    check::answers(snapshot, model);
}

fn day(n: u8) -> Time {
    Time::from_secs(i64::from(n) * 86_400).expect("a time in range")
}

/// Never all zeros, which cosine refuses; many are equal.
fn vector(seed: u8) -> Vec<f32> {
    vec![f32::from(seed % 7) - 3.0, f32::from(seed / 7 % 7) - 3.0, f32::from(seed / 49) + 0.5]
}

fn segment(who: u8, how: u8) -> SegmentDefinition {
    let predicate = match who % 5 {
        0 => attribute("age").ge(i64::from(how % 64)),
        1 => count("view").ge(2) & texts().eq(0),
        2 => count("purchase").within(Interval::days(3)).ge(1),
        3 => count("view").of(item_text().is_null()).ge(1),
        _ => last("view").lt(ago(Interval::months(1))) | attribute("town").is_null(),
    };
    SegmentDefinition { name: format!("s{}", how % 3), predicate, now: Some(day(how % 8)) }
}

fn record(op: u8, who: u8, how: u8) -> Option<Record> {
    let (user, item) = (format!("u{}", who % 7), format!("i{}", how % 5));
    let time = day(how % 8);
    let record = match op {
        0..=3 => Record::User(User { vector: Some(vector(how)), ..User { id: user, ..User::default() } }),
        4 | 5 => {
            let mut user = User { id: user, ..User::default() };
            // What an attribute holds has one type: what is checked asks a town for a text.
            let (attribute, value) = match who / 7 % 2 {
                0 => ("age", Value::from(i64::from(how))),
                _ => ("town", Value::from(TOWNS[usize::from(how) % TOWNS.len()])),
            };
            user.attributes.insert(attribute.into(), value);
            Record::User(user)
        }
        6..=9 => {
            let mut event = Event::new(user, ["view", "purchase", "dismiss"][usize::from(who / 7 % 3)], time);
            event.item = (how % 3 > 0).then_some(item);
            event.id = (who >= 128).then(|| format!("e{}", how % 16));
            event.value = (how % 2 > 0).then_some(f64::from(who));
            // Some are so long that they lie in parts.
            event.text =
                (who % 11 == 0).then(|| "salmon ".repeat(1 + usize::from(how) * 20).trim_end().to_owned());
            Record::Event(event)
        }
        10 | 11 => Record::Text(Text { user, text: format!("text {}", how % 4), time }),
        12 => Record::Item(Item {
            id: item,
            text: (how % 2 > 0).then(|| format!("text {}", who % 4)),
            ..Item::default()
        }),
        13 => Record::Remove(Removal::User { user }),
        14 => Record::Remove(Removal::Item { item }),
        15 if who >= 192 => Record::Remove(Removal::Segment { segment: format!("s{}", how % 3) }),
        15 if who >= 64 => Record::Segment(segment(who, how)),
        15 => Record::Remove(Removal::UserAttribute { user, attribute: "age".into() }),
        16 => Record::Erase(Erasure { user }),
        17 => Record::Readmit(Erasure { user }),
        _ => return None,
    };
    Some(record)
}
