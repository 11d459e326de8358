//! What each thread does, and what must hold for it meanwhile.

use super::watch::Watched;
use crate::fixture::{all_profiles, answers, day, item, options, records};
use kindred::model::{Event, Record, Value};
use kindred::query::{Hit, Profile};
use kindred::{Error, Snapshot, Store, VerifyOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

static GO_ON: AtomicBool = AtomicBool::new(false);
/// Users of one writer, beside its two counters.
const USERS: u64 = 12;
/// Looks at the newest snapshot for each at one that is held.
const LOOKS: usize = 8;

/// What a writer had acknowledged: the values of each of its users' events, oldest first.
pub type Written = BTreeMap<String, Vec<f64>>;

pub struct Stress<'a> {
    store: &'a Store,
    path: &'a Path,
    backups: &'a Path,
    pub tally: Tally,
    pub done: AtomicBool,
}

/// How far the writers are.
pub struct Tally {
    seed: u64,
    /// The newest count of each writer that was acknowledged.
    acknowledged: Vec<AtomicI64>,
}

/// A sequence of numbers that its seed decides (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// All that a snapshot says.
#[derive(PartialEq, Debug)]
struct Said {
    records: Vec<Record>,
    profiles: Vec<Profile>,
    answers: Vec<Vec<Hit>>,
}

impl Said {
    fn by(snapshot: &Snapshot) -> Self {
        let said =
            Self { records: records(snapshot), profiles: all_profiles(snapshot), answers: answers(snapshot) };
        let stats = snapshot.stats().unwrap();
        assert_eq!(stats.users, said.profiles.len() as u64);
        assert_eq!(stats.events, said.profiles.iter().map(|profile| profile.events).sum::<u64>());
        said
    }
}

fn counter(writer: usize, side: &str) -> String {
    format!("w{writer}-{side}")
}

fn count_of(snapshot: &Snapshot, user: &str) -> i64 {
    match snapshot.profile(user) {
        Ok(profile) => match profile.attributes["n"] {
            Value::Int(n) => n,
            ref other => panic!("{user} has {other:?}"),
        },
        Err(Error::Unknown { .. }) => 0,
        Err(error) => panic!("{user}: {error}"),
    }
}

impl<'a> Stress<'a> {
    pub fn new(store: &'a Store, path: &'a Path, backups: &'a Path, seed: u64, writers: usize) -> Self {
        let acknowledged = (0..writers).map(|_| AtomicI64::new(0)).collect();
        let tally = Tally { seed, acknowledged };
        Self { store, path, backups, tally, done: AtomicBool::new(false) }
    }

    fn goes_on(&self) -> bool {
        !self.done.load(Ordering::SeqCst)
    }

    /// Counts its two counters further, and gives its users events or takes them away, in one commit.
    pub fn write(&self, watched: &Watched<'_>, writer: usize) -> Written {
        let (mut dice, mut written) = (Dice(self.tally.seed + writer as u64), Written::new());
        let mut n = 0;
        while self.goes_on() {
            n += 1;
            watched.at("write");
            let user = format!("w{writer}-u{}", dice.below(USERS));
            let goes = dice.below(24) == 0;
            self.store
                .write(|tx| {
                    tx.put_user(&counter(writer, "left"), [("n", n.into())])?;
                    match dice.below(6) {
                        _ if goes => tx.remove_user(&user)?,
                        0 => tx.put_item(item(
                            &format!("i{}", dice.below(8)),
                            &format!("no {}", dice.below(40)),
                        ))?,
                        _ => {}
                    }
                    if !goes {
                        let event = Event::new(&user, "purchase", day(n)).item(format!("i{}", dice.below(8)));
                        tx.record(event.value(n as f64))?;
                    }
                    tx.put_user(&counter(writer, "right"), [("n", n.into())])
                })
                .unwrap();
            if goes {
                written.remove(&user);
            } else {
                written.entry(user).or_default().push(n as f64);
            }
            self.tally.acknowledged[writer].store(n, Ordering::SeqCst);
        }
        written
    }

    /// Looks at newest snapshots, and now and then whether the one held says what it said.
    pub fn read(&self, watched: &Watched<'_>, _: usize) {
        let mut last = vec![0; self.tally.acknowledged.len()];
        while self.goes_on() {
            watched.at("hold a snapshot");
            let held = self.store.snapshot();
            let said = Said::by(&held);
            for _ in 0..LOOKS {
                watched.at("look");
                let least: Vec<i64> =
                    self.tally.acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).collect();
                let counts = self.tally.counts(&self.store.snapshot());
                assert!(
                    counts.iter().zip(&last).all(|(now, before)| now >= before),
                    "{counts:?} after {last:?}"
                );
                assert!(
                    counts.iter().zip(&least).all(|(now, least)| now >= least),
                    "{counts:?}, not {least:?}"
                );
                last = counts;
            }
            watched.at("look at the held snapshot again");
            assert!(Said::by(&held) == said, "a snapshot has changed, KINDRED_SEED={}", self.tally.seed);
        }
    }

    /// Reads as another process would.
    pub fn read_beside(&self, watched: &Watched<'_>, _: usize) {
        watched.at("open beside");
        let reader = options().open_read_only(self.path).unwrap();
        let mut last = self.tally.counts(&reader.snapshot());
        while self.goes_on() {
            watched.at("refresh");
            match reader.refresh() {
                Ok(_) => {}
                // All that it looked at was replaced, time after time.
                Err(Error::Storage { .. }) => continue,
                Err(error) => panic!("{error}"),
            }
            let counts = self.tally.counts(&reader.snapshot());
            assert!(counts.iter().zip(&last).all(|(now, before)| now >= before), "{counts:?} after {last:?}");
            last = counts;
        }
    }

    /// Has users of its own erased, who stay away until they are let in again.
    pub fn erase(&self, watched: &Watched<'_>, _: usize) {
        let mut n = 0;
        while self.goes_on() {
            n += 1;
            watched.at("erase");
            let user = format!("gone{}", n % 5);
            let event = || Event::new(&user, "view", day(n)).item("i1").text(format!("{user} said {n}"));
            self.store.write(|tx| tx.record(event())).unwrap();
            self.store.write(|tx| tx.erase_user(&user)).unwrap();
            assert!(matches!(self.store.snapshot().profile(&user), Err(Error::Unknown { .. })));
            let late = self.store.write(|tx| tx.record(event()));
            assert!(matches!(late, Err(Error::Erased { .. })), "{late:?}");
            self.store.write(|tx| tx.readmit_user(&user)).unwrap();
        }
    }

    /// Seals, checkpoints, fits, compacts the data and renews the base with it.
    pub fn arrange(&self, watched: &Watched<'_>, _: usize) {
        while self.goes_on() {
            watched.at("seal");
            assert!(self.store.seal(&|_| {}, &GO_ON).unwrap());
            watched.at("checkpoint");
            self.store.checkpoint().unwrap();
            watched.at("compact");
            assert!(self.store.compact(&|_| {}, &GO_ON).unwrap());
            watched.at("fit");
            self.store.fit().unwrap();
        }
    }

    /// Backs up and verifies.
    pub fn back_up(&self, watched: &Watched<'_>, _: usize) {
        loop {
            watched.at("backup");
            self.store.backup(self.backups.join("backup")).unwrap();
            for quick in [true, false] {
                watched.at("verify");
                let report =
                    self.store.verify_with(&VerifyOptions::new().quick(quick), &|_| {}, &GO_ON).unwrap();
                assert!(report.is_sound(), "{report:?}");
            }
            if !self.goes_on() {
                return;
            }
        }
    }
}

impl Tally {
    /// The counts of all writers in a snapshot, in which both sides must agree.
    pub fn counts(&self, snapshot: &Snapshot) -> Vec<i64> {
        (0..self.acknowledged.len())
            .map(|writer| {
                let [left, right] = ["left", "right"].map(|side| count_of(snapshot, &counter(writer, side)));
                assert_eq!(
                    left, right,
                    "half a commit of writer {writer} is shown, KINDRED_SEED={}",
                    self.seed
                );
                left
            })
            .collect()
    }

    /// The store holds what each writer had acknowledged, and nothing else of it.
    pub fn check_end(&self, store: &Store, written: &[Written]) {
        let snapshot = store.snapshot();
        let counts = self.counts(&snapshot);
        let acknowledged: Vec<i64> = self.acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).collect();
        assert_eq!(counts, acknowledged, "KINDRED_SEED={}", self.seed);
        for (writer, written) in written.iter().enumerate() {
            for user in (0..USERS).map(|n| format!("w{writer}-u{n}")) {
                let found: Vec<f64> = match snapshot.events(&user) {
                    Ok(events) => events.map(|event| event.unwrap().value.unwrap()).collect(),
                    Err(Error::Unknown { .. }) => Vec::new(),
                    Err(error) => panic!("{error}"),
                };
                assert_eq!(
                    &found,
                    written.get(&user).unwrap_or(&Vec::new()),
                    "{user}, KINDRED_SEED={}",
                    self.seed
                );
            }
        }
        assert!(crate::fixture::user_ids(&snapshot).iter().all(|id| !id.starts_with("gone")));
        let report = store.verify(&|_| {}).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}
