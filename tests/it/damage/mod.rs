//! Damage in stored values: found, named, contained, and repaired into a new store that lacks no more than what was damaged.

#[cfg(feature = "cli")]
mod command;
mod healing;
mod missing;
mod parts;
pub mod tamper;
mod waiting;

use crate::fixture::{
    all_profiles, assert_same_profiles, bought, day, fill, options, place, records, vector_options,
};
use kindred::model::{Archive, Event, KeepEvents, Record};
use kindred::query::{Blend, Profile, Things};
use kindred::{Error, Options, RepairReport, RepairedModel, Snapshot, Store, VerifyOptions, VerifyReport};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tamper::{copy, entries, flip, forget, hex, is_reserved, owner};

/// Values of each kind that are damaged in a run, unless all are asked for.
const OF_EACH_KIND: usize = 2;

fn verify(path: &Path) -> VerifyReport {
    Store::verify_closed(path, &VerifyOptions::new(), &|_| {}, &AtomicBool::new(false)).unwrap()
}

/// What a store holds, and what its profiles are.
struct Known {
    records: BTreeSet<String>,
    profiles: Vec<Profile>,
}

impl Known {
    fn of(snapshot: &Snapshot) -> Self {
        let mut all = records(snapshot);
        all.extend(snapshot.erased().map(|mark| Record::Erased(mark.unwrap())));
        all.extend(archives(snapshot));
        let lines: Vec<String> = all.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let count = lines.len();
        let known = Self { records: lines.into_iter().collect(), profiles: all_profiles(snapshot) };
        assert_eq!(known.records.len(), count, "no record is there twice");
        known
    }
}

/// What is left of folded events, where it can be read: each entry by itself, and without vectors, which are given only where
/// they cannot be made anew.
fn archives(snapshot: &Snapshot) -> Vec<Record> {
    let mut lines = Vec::new();
    snapshot.export_past_damage(&mut lines, &|_| {}, &mut |_| {}).unwrap();
    let records =
        lines.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"type\":\"archive\""));
    let mut entries = Vec::new();
    for record in records.map(|line| serde_json::from_slice(line).unwrap()) {
        let Record::Archive(archive) = record else { panic!("{record:?} is no archive") };
        entries.extend(archive.entries.iter().cloned().map(|mut entry| {
            entry.text.iter_mut().for_each(|text| text.vector = None);
            Record::Archive(Archive { entries: vec![entry], ..archive.clone() })
        }));
    }
    entries
}

/// A closed store with a value of every kind.
struct Sample {
    place: crate::fixture::Place,
    options: Options,
    known: Known,
    keys: Vec<Vec<u8>>,
    /// The keys of users' names.
    names: BTreeMap<u32, Vec<u8>>,
}

impl Sample {
    fn new(options: Options, fill: impl FnOnce(&Store)) -> Self {
        let place = place();
        let store = options.open(&place.path).unwrap();
        fill(&store);
        let known = Known::of(&store.snapshot());
        assert!(store.verify(&|_| {}).unwrap().is_sound());
        drop(store);
        let entries = entries(&place.path);
        // Behind six bytes of frame a small number is one byte.
        let names = entries.iter().filter(|(key, _)| key[0] == b'u');
        let names = names.map(|(key, value)| (u32::from(value[6]), key.clone())).collect();
        let keys = entries.into_iter().map(|(key, _)| key).collect();
        Self { place, options, known, keys, names }
    }

    /// With an encoder, a learned model, what came after it, long values, erased users and folded events.
    fn embedded() -> Self {
        Self::new(options().keep_events(KeepEvents::last(1_000)), |store| {
            fill(store);
            store.write(|tx| tx.erase_user("u3")).unwrap();
            store.fit().unwrap();
            store
                .write(|tx| {
                    tx.add_text("u1", "a long story, told slowly. ".repeat(600), day(60))?;
                    tx.put_item(crate::fixture::item("new", "green tea"))?;
                    tx.record(Event::new("u2", "purchase", day(61)).id("e1").item("new"))?;
                    tx.record(bought("u4", "bare", 62))?;
                    // Said by others in events that are folded, too: of such a text the vector is made anew.
                    tx.add_text("u1", "well done", day(60))?;
                    tx.remove_user("u5")
                })
                .unwrap();
            store.expire(day(52)).unwrap();
        })
    }

    /// With the host's own vectors.
    fn vectors() -> Self {
        Self::new(vector_options(3), |store| {
            let put = |n: u16| {
                store.write(|tx| {
                    tx.put_user(&format!("u{n}"), [("age", i64::from(n).into())])?;
                    tx.put_vector(&format!("u{n}"), vec![f32::from(n), 1.0, -1.0])?;
                    tx.record(bought(&format!("u{n}"), "p", i64::from(n)))
                })
            };
            (0..6).for_each(|n| put(n).unwrap());
            store.build_index(&|_| {}).unwrap();
            put(9).unwrap();
        })
    }

    /// A copy, for damage.
    fn copy(&self, folder: &Path) -> std::path::PathBuf {
        let path = folder.join("store");
        copy(&self.place.path, &path);
        path
    }

    /// A copy, for damage, that has nothing to be made anew of.
    fn copy_data(&self, folder: &Path) -> std::path::PathBuf {
        let path = self.copy(folder);
        forget(&path);
        path
    }

    /// The key of a user's name, by the key of the record.
    fn name_of(&self, record: &[u8]) -> Vec<u8> {
        let no = u32::from_be_bytes(record[1..5].try_into().unwrap());
        self.names[&no].clone()
    }

    /// Some keys of each kind; all with `KINDRED_DAMAGE=all`.
    fn some_keys(&self) -> Vec<&Vec<u8>> {
        let all = std::env::var("KINDRED_DAMAGE").is_ok_and(|what| what == "all");
        let mut taken: BTreeMap<(u8, usize), usize> = BTreeMap::new();
        let logical = self.keys.iter().filter(|key| !is_reserved(key));
        let some = logical.filter(|key| {
            // The keys of the settings are few, and each another kind; parts of values are a kind as well.
            let kind = if key[0] == b'M' { key.len() } else { 0 };
            let count = taken.entry((key[0], kind)).or_default();
            *count += 1;
            all || *count <= OF_EACH_KIND
        });
        some.collect()
    }

    /// Repairs a damaged copy, and checks that the new store is sound and says of itself what the report says.
    fn repair(&self, store: &Path, what: &str) -> (RepairReport, Known, Store) {
        let new = store.with_extension("new");
        let report =
            self.options.repair(store, &new, &|_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
        let repaired = self.options.open(&new).unwrap();
        let verified = repaired.verify(&|_| {}).unwrap();
        assert!(verified.is_sound(), "{what}: {:?}", verified.problems);
        let stats = repaired.snapshot().stats().unwrap();
        let told = [report.users, report.items, report.events, report.texts];
        assert_eq!(told, [stats.users, stats.items, stats.events, stats.texts], "{what}");
        let known = Known::of(&repaired.snapshot());
        (report, known, repaired)
    }
}

#[test]
fn a_sound_store_is_repaired_into_its_equal() {
    for sample in [Sample::embedded(), Sample::vectors()] {
        let folder = tempfile::tempdir().unwrap();
        let (report, known, _) = sample.repair(&sample.copy(folder.path()), "a sound store");
        assert_eq!((report.found, report.lost), (0, 0), "{report:?}");
        assert_eq!(known.records, sample.known.records);
        assert_same_profiles(&known.profiles, &sample.known.profiles, 1e-4);
    }
}

#[test]
fn each_damaged_value_is_named_and_costs_no_more_than_itself() {
    for sample in [Sample::embedded(), Sample::vectors()] {
        for (n, key) in sample.some_keys().into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = sample.copy_data(folder.path());
            flip(&path, std::slice::from_ref(key), 7 + 13 * n as u64);
            let what = format!("key {}", hex(key));
            let verified = verify(&path);
            let found: Vec<_> = verified.problems.iter().map(|problem| problem.key.clone()).collect();
            assert_eq!(found, [Some(hex(owner(key)))], "{what}: {:?}", verified.problems);
            read_the_rest(&sample, &path, key);
            let (report, known, _) = sample.repair(&path, &what);
            assert_eq!(report.found, 1, "{what}");
            costs_no_more(&sample, key, &report, &known, &what);
        }
    }
}

/// A store opens unless it is one of its settings that is damaged, and only what is damaged cannot be read.
fn read_the_rest(sample: &Sample, path: &Path, key: &[u8]) {
    let store = match sample.options.open(path) {
        Ok(store) => store,
        Err(error) => {
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert!(owner(key)[0] == b'M' && owner(key) != b"Msealed", "{error}");
            return;
        }
    };
    let snapshot = store.snapshot();
    let users: Vec<_> = snapshot.users().collect();
    let mut errors = users.iter().filter(|user| user.is_err()).count();
    errors += snapshot.items().filter(Result::is_err).count();
    errors += snapshot.erased().filter(Result::is_err).count();
    for user in users.into_iter().flatten() {
        // The key of a name leads to all of a user.
        let Ok(events) = snapshot.events(&user.id) else {
            errors += 1;
            continue;
        };
        errors += events.filter(Result::is_err).count();
        errors += snapshot.texts(&user.id).unwrap().filter(Result::is_err).count();
        errors += usize::from(snapshot.profile(&user.id).is_err());
    }
    recommend_the_rest(&snapshot, &sample.known, key);
    let most = match owner(key)[0] {
        b'U' | b'V' | b'u' | b'e' | b't' | b's' | b'S' | b'c' => 2,
        b'd' => 1,
        // Whoever acted on it, here in their events and in their profile.
        b'I' | b'f' | b'h' | b'G' | b'v' => 4 * sample.known.profiles.len(),
        _ => 0,
    };
    assert!(errors <= most, "{errors} errors by key {}", hex(key));
}

/// Only to whose own values are damaged nothing can be recommended, nor told of what they are into; to others, what is not damaged,
/// with reasons that are not damaged either.
fn recommend_the_rest(snapshot: &Snapshot, known: &Known, key: &[u8]) {
    let (mut refused, mut questions) = (0, 0);
    for profile in &known.profiles {
        let ask = || snapshot.recommend(&profile.user);
        let all = Blend::new(1.0, 1.0, 1.0).interests(1.0);
        let similar = || snapshot.similar(&profile.user).explain(true);
        let mut answers = vec![
            ask().run().map(drop),
            ask().by(Things::Categories).run().map(drop),
            ask().again(true).run().map(drop),
            ask().explain(true).run().map(drop),
            ask().explain(true).blend(all).by(Things::Categories).diversity(0.5).run().map(drop),
            similar().run().map(drop),
        ];
        if snapshot.settings().encoder.is_some() {
            answers.push(similar().by_interests().run().map(drop));
            answers.push(snapshot.interests(&profile.user).run().map(drop));
        }
        questions = answers.len();
        for answer in answers {
            match answer {
                Ok(()) => {}
                Err(Error::Damaged { .. }) => refused += 1,
                Err(error) => panic!("{error} by key {}", hex(key)),
            }
        }
    }
    let most = match owner(key)[0] {
        b'U' | b'V' | b'u' | b's' | b'S' | b'c' => questions,
        // Of a sentence that attributes make.
        b'v' => questions * known.profiles.len(),
        _ => 0,
    };
    assert!(refused <= most, "{refused} refused by key {}", hex(key));
}

/// What a repaired store lacks, and has instead.
fn costs_no_more(sample: &Sample, key: &[u8], report: &RepairReport, known: &Known, what: &str) {
    let lacks: Vec<&String> = sample.known.records.difference(&known.records).collect();
    let has: Vec<&String> = known.records.difference(&sample.known.records).collect();
    let told = (lacks.len(), has.len(), report.lost);
    let marks = sample.known.records.iter().filter(|line| line.contains("\"erased\"")).count();
    match (owner(key)[0], owner(key)) {
        (b'e' | b't', _) => assert_eq!(told, (1, 0, 1), "{what}: {lacks:?} {has:?}"),
        // An item that had nothing but its id is saved with it.
        (b'I', _) if lacks.is_empty() => assert_eq!(told, (0, 0, 1), "{what}"),
        (b'U' | b'I' | b'V', _) => assert_eq!(told, (1, 1, 1), "{what}: {lacks:?} {has:?}"),
        (_, b"Msalt") => assert_eq!(told, (marks, 0, marks as u64), "{what}"),
        (b'a', _) => {
            assert_eq!((has.len(), report.lost), (0, 1), "{what}: {lacks:?} {has:?}");
            assert!(
                lacks.iter().all(|line| line.contains("\"archive\"")) && !lacks.is_empty(),
                "{what}: {lacks:?}"
            );
        }
        (_, b"Msettings" | b"Mkeep") => assert_eq!(told, (0, 0, 1), "{what}"),
        _ => assert_eq!(told, (0, 0, 0), "{what}: {lacks:?} {has:?} {:?}", report.losses),
    }
    assert!(report.losses.iter().all(|loss| loss.key.is_some() && !loss.what.is_empty()), "{report:?}");
    let learned = owner(key) == b"Mlearned";
    assert_eq!(report.model == RepairedModel::Relearned, learned, "{what}");
    if !learned && !matches!(owner(key)[0], b'a' | b'e' | b't' | b'U' | b'I' | b'V' | b'f' | b'h') {
        assert_same_profiles(&known.profiles, &sample.known.profiles, 1e-4);
    }
}

#[test]
fn any_damage_leaves_a_sound_store_of_what_is_undamaged() {
    let (first, count) = (number("KINDRED_SEED", 1), number("KINDRED_DAMAGES", 12));
    let samples = [Sample::embedded(), Sample::vectors()];
    for seed in first..first + count {
        let sample = &samples[seed as usize % 2];
        let mut dice = Dice(seed);
        let one_in = [2, 4, 12, 40][dice.below(4) as usize];
        let logical = sample.keys.iter().filter(|key| !is_reserved(key));
        let keys: Vec<Vec<u8>> = logical.filter(|_| dice.below(one_in) == 0).cloned().collect();
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy_data(folder.path());
        flip(&path, &keys, dice.next());
        let what = format!("KINDRED_SEED={seed} KINDRED_DAMAGES=1");
        let damaged: BTreeSet<&[u8]> = keys.iter().map(|key| owner(key)).collect();
        let named: BTreeSet<String> = verify(&path).problems.into_iter().filter_map(|p| p.key).collect();
        assert!(damaged.iter().all(|key| named.contains(&hex(key))), "{what}");
        let (report, known, _) = sample.repair(&path, &what);
        assert!(keys.is_empty() || report.found >= damaged.len() as u64, "{what}");
        lacks_no_more(sample, &damaged, &known, &report, &what);
    }
}

/// Every event and text is there whose own value is undamaged, and whose user has an undamaged record or name.
fn lacks_no_more(
    sample: &Sample,
    damaged: &BTreeSet<&[u8]>,
    known: &Known,
    report: &RepairReport,
    what: &str,
) {
    let nameless = |key: &&Vec<u8>| {
        let record = [b"U", &key[1..5]].concat();
        damaged.contains(&record[..]) && damaged.contains(&sample.name_of(&record)[..])
    };
    let gone = |key: &&Vec<u8>| damaged.contains(&key[..]) || nameless(key);
    for (tag, kind) in [(b'e', "\"type\":\"event\""), (b't', "\"type\":\"text\"")] {
        let all: Vec<&Vec<u8>> = sample.keys.iter().filter(|key| key[0] == tag).collect();
        let expected = all.len() - all.iter().filter(|key| gone(key)).count();
        let found = known.records.iter().filter(|line| line.contains(kind)).count();
        assert_eq!(found, expected, "{what}: {kind}");
    }
    let listed: BTreeSet<&String> = report.losses.iter().filter_map(|loss| loss.key.as_ref()).collect();
    let lost = sample.keys.iter().filter(|key| matches!(key[0], b'e' | b't') && gone(key));
    lost.for_each(|key| assert!(listed.contains(&hex(key)), "{what}: {} is not named", hex(key)));
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Random numbers that a seed decides (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
