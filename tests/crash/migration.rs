//! SIGKILL while a store of an older format is opened for the first time.

use crate::check::scratch;
use crate::child::{Task, Word, Worker};
use crate::histories::{self, Tally};
use crate::kill::copy_folder;
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use kindred::ingest::write_record;
use kindred::model::{Record, User};
use kindred::{Snapshot, Store};
use std::path::{Path, PathBuf};
use std::time::Duration;

const OPENS: &str = "migration::opens_an_older_store";
/// Stores of the oldest format, without a base, and of the last before this one, with one: closed as it should be, and stopped before its
/// log was cut.
const FIXTURES: [&str; 6] =
    ["store-1", "store-1-crashed", "store-4", "store-4-crashed", "store-6", "store-6-crashed"];
/// Kills that one store goes through.
const KILLS_OF_A_STORE: u64 = 3;
/// Longest time from the beginning of the opening to a kill, in microseconds.
const LONGEST_US: u64 = 60_000;
/// The same from when the copy of the data is begun.
const LONGEST_BASED_US: u64 = 6_000;
/// How often, and in which steps, a part of that copy is looked for.
const LOOKS: u32 = 20_000;
const PAUSE: Duration = Duration::from_micros(100);

/// The child's side. Run by itself it has nothing to do.
#[test]
#[ignore = "a child of the other tests"]
fn opens_an_older_store() {
    let Some(task) = Task::given() else { return };
    Word::Opening.say();
    match open(&task.folder) {
        Ok(store) => {
            Word::Opened(0).say();
            drop(store);
            Word::Closed.say();
        }
        Err(error) => Word::Failed(error.to_string()).say(),
    }
}

fn open(folder: &Path) -> kindred::Result<Store> {
    Store::options().must_exist().open(folder)
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// All records of a snapshot as lines, as the fixtures' are.
fn lines(snapshot: &Snapshot) -> kindred::Result<String> {
    let mut records: Vec<Record> = Vec::new();
    for item in snapshot.items() {
        records.push(Record::Item(item?));
    }
    let users = snapshot.users().collect::<kindred::Result<Vec<User>>>()?;
    records.extend(users.iter().cloned().map(Record::User));
    for user in &users {
        for event in snapshot.events(&user.id)? {
            records.push(Record::Event(event?));
        }
        for text in snapshot.texts(&user.id)? {
            records.push(Record::Text(text?));
        }
    }
    let mut lines = Vec::new();
    records.iter().try_for_each(|record| write_record(record, &mut lines))?;
    Ok(String::from_utf8(lines).unwrap())
}

/// Every record of the fixture is there, and the store is sound.
fn check(folder: &Path, expected: &str) -> Result<(), String> {
    let store = open(folder).map_err(|e| format!("it does not open: {e}"))?;
    if lines(&store.snapshot()).map_err(|e| format!("it cannot be read: {e}"))? != expected {
        return Err("it does not hold what it held".to_owned());
    }
    match store.verify(&|_| {}) {
        Ok(report) if report.is_sound() => Ok(()),
        told => Err(format!("verify: {told:?}")),
    }
}

/// Kills a child that opens a store; returns what it was doing.
fn kill_once(plan: Plan, folder: &Path, random: &mut Random) -> Result<&'static str, String> {
    let worker = Worker::start_with(OPENS, &Task { plan, folder: folder.to_owned(), steps: 0 }, &[]);
    match worker.next() {
        Some(Word::Opening) => {}
        other => return Err(format!("the child's first word is {other:?}")),
    }
    let sign = random.pick(&["base", "base/MANIFEST", "base/MANIFEST"]);
    let based = random.percent(70) && waited_for(&folder.join(sign));
    let longest = if based { LONGEST_BASED_US } else { LONGEST_US };
    std::thread::sleep(Duration::from_micros(random.below(longest)));
    match worker.kill().last() {
        None => Ok("opening"),
        Some(Word::Opened(_)) => Ok("closing"),
        Some(Word::Closed) => Ok("nothing any more"),
        Some(other) => Err(format!("the child's last word is {other:?}")),
    }
}

/// Waits until something is there, as long as there is hope.
fn waited_for(path: &Path) -> bool {
    (0..LOOKS).any(|_| {
        std::thread::sleep(PAUSE);
        path.exists()
    })
}

/// Removes the data wherever it lies: the opening before may have made it anew in another folder, since the one before that
/// was killed with its work done and did not get to say so.
fn remove_data(folder: &Path) {
    let data = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("data");
    let folders: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(data).collect();
    assert!(!folders.is_empty(), "there is none");
    folders.iter().for_each(|path| std::fs::remove_dir_all(path).unwrap());
}

/// What a fixture holds, but for archives and marks.
fn expected(name: &str) -> String {
    let lines = std::fs::read_to_string(fixture(&format!("{name}.jsonl"))).unwrap();
    let is_record = |line: &&str| {
        !["store", "archive", "erased"].iter().any(|kind| line.starts_with(&format!("{{\"type\":\"{kind}\"")))
    };
    lines.split_inclusive('\n').filter(is_record).collect()
}

/// As if it had been crashed since the machine's start: else the data would not be trusted, but made anew.
fn let_machine_run_on(folder: &Path) {
    let Ok(boot) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") else { return };
    std::fs::write(folder.join("LOCK"), format!("process 1 (kindred)\nboot {}\n", boot.trim())).unwrap();
}

/// Kills openings of one store; what each leaves is looked at in a copy, and once more after its data is gone.
fn history(plan: Plan, kills: u64, tally: &Tally) -> Result<(), String> {
    let name = FIXTURES[(plan.seed % 4) as usize];
    let expected = expected(name.trim_end_matches("-crashed"));
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    copy_folder(&fixture(name), &folder);
    if (plan.seed / 4).is_multiple_of(2) {
        let_machine_run_on(&folder);
    }
    for kill in 1..=kills {
        let mut random = Random::new(plan.seed, &[7, kill]);
        let doing = kill_once(plan, &folder, &mut random).map_err(|e| format!("kill {kill}: {e}"))?;
        let told = |e: String| format!("after kill {kill}, in {doing}: {e}");
        let scratch = scratch();
        let copy = scratch.path().join("store");
        copy_folder(&folder, &copy);
        check(&copy, &expected).map_err(told)?;
        let based = folder.join("base/MANIFEST").exists();
        tally.count(format!("{doing}, {} a base", if based { "with" } else { "without" }));
        if based {
            let copy = scratch.path().join("based");
            copy_folder(&folder, &copy);
            remove_data(&copy);
            check(&copy, &expected).map_err(|e| told(format!("of its base and log: {e}")))?;
        }
    }
    Ok(())
}

#[test]
fn kills_while_an_older_store_is_migrated_leave_all_of_it() {
    let (seed, kills) = (seed(), amount("KINDRED_KILLS", 40));
    let tally = Tally::default();
    let failures = histories::run(kills.div_ceil(KILLS_OF_A_STORE), |number| {
        let left = kills - number * KILLS_OF_A_STORE;
        history(Plan::of_history(seed, number), left.min(KILLS_OF_A_STORE), &tally)
    });
    tally.print("killed while");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_KILLS={kills}: {}", failures.join("\n"));
}
