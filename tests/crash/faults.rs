//! Calls that fail: a full disk and one that reports errors, in the log, in sled's files, in the index and anywhere.

use crate::check::{States, last_step, scratch};
use crate::child::{Task, Word, Worker, take};
use crate::histories::{self, Tally};
use crate::plan::{Plan, Step};
use crate::random::Random;
use crate::settings::{amount, seed};
use crate::trace::{self, Entry, Shim};
use kindred::{Error, ErrorKind, Store};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;

const ENDURES: &str = "faults::endures_a_fault";
const HEALED: &str = "KINDRED_CHILD_HEALED";
/// Steps of one child.
const STEPS: u64 = 30;

/// The child's side. Run by itself it has nothing to do.
#[test]
#[ignore = "a child of the other tests"]
fn endures_a_fault() {
    let Some(task) = Task::given() else { return };
    let panics = note_panics();
    let mut patient = Patient::new(&task);
    let outcome = (1..=task.steps).try_for_each(|n| patient.step(n)).and_then(|()| patient.end(task.steps));
    panics.lock().unwrap().iter().for_each(|place| Word::Note(format!("panic in {place}")).say());
    match outcome {
        Ok(()) => Word::Closed.say(),
        Err(error) => Word::Failed(error).say(),
    }
}

/// Notes the files in which something panics, caught or not.
fn note_panics() -> Arc<Mutex<Vec<String>>> {
    let places = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&places);
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(String::new, |location| location.file().to_owned());
        eprintln!("{info}");
        noted.lock().unwrap().push(place);
    }));
    places
}

/// A store among faults.
struct Patient {
    plan: Plan,
    folder: PathBuf,
    healed: PathBuf,
    states: States,
    store: Option<Store>,
    /// The last step that was acknowledged.
    done: u64,
}

impl Patient {
    fn new(task: &Task) -> Self {
        Self {
            plan: task.plan,
            folder: task.folder.clone(),
            healed: std::env::var_os(HEALED).unwrap().into(),
            states: States::new(task.plan),
            store: None,
            done: 0,
        }
    }

    /// Does a step, whatever it takes.
    fn step(&mut self, n: u64) -> Result<(), String> {
        let step = self.plan.step(n);
        let writes = step.records().is_some();
        if let Err(error) = self.attempt(step) {
            typed(&error)?;
            self.still_reads()?;
            self.recover(n, writes, &error)?;
        }
        if writes {
            self.done = n;
        }
        Ok(())
    }

    fn attempt(&mut self, step: Step) -> kindred::Result<()> {
        if matches!(step, Step::Reopen) {
            self.store = None;
        }
        let store = match self.store.take() {
            Some(store) => store,
            None => self.plan.options().open(&self.folder)?,
        };
        take(self.store.insert(store), step)
    }

    /// What was acknowledged is answered as before, and nothing of what failed. But sled, once a write of its own has failed,
    /// refuses to read as well until it is opened again: that has to be told as what it is.
    fn still_reads(&mut self) -> Result<(), String> {
        let Some(store) = &self.store else { return Ok(()) };
        // Verifying reads files, which may fail just now.
        match self.states.check_records(store, self.done, self.done) {
            Ok(_) => Ok(()),
            Err(error) if error.contains("storage failed to read: IO error") => {
                Word::Note("sled refuses to read until it is opened again".to_owned()).say();
                Ok(())
            }
            Err(error) => Err(format!("after a fault: {error}")),
        }
    }

    /// The cause is gone: the step has to succeed, at once or after the store is opened again.
    fn recover(&mut self, n: u64, writes: bool, first: &Error) -> Result<(), String> {
        std::fs::write(&self.healed, "").unwrap();
        let told = name(first);
        let Err(error) = self.attempt(self.plan.step(n)) else {
            Word::Note(format!("{told}; goes on at once")).say();
            return Ok(());
        };
        typed(&error)?;
        self.store = None;
        let store = self.plan.options().open(&self.folder).map_err(|e| format!("opened again: {e}"))?;
        let last = last_step(&store.snapshot()).map_err(|e| format!("read again: {e}"))?;
        self.store = Some(store);
        if writes && last == n {
            Word::Note(format!("{told}, then {}; opened again, the write is there", name(&error))).say();
            return Ok(());
        }
        self.attempt(self.plan.step(n)).map_err(|e| format!("healed and opened again: {e}"))?;
        Word::Note(format!("{told}, then {}; opened again, goes on", name(&error))).say();
        Ok(())
    }

    /// Everything that was acknowledged is there when the store is opened once more.
    fn end(&mut self, steps: u64) -> Result<(), String> {
        std::fs::write(&self.healed, "").unwrap();
        self.store = None;
        let checked = self.states.check_folder(&self.folder, self.done, self.done);
        checked.map(drop).map_err(|e| format!("after all {steps} steps: {e}"))
    }
}

/// A fault of the machine must be told as one.
fn typed(error: &Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::Environment => Ok(()),
        other => Err(format!("a fault of the disk is told as {other:?}: {error}")),
    }
}

fn name(error: &Error) -> &'static str {
    match error {
        Error::Io { .. } => "Io",
        Error::ReadOnly { .. } => "ReadOnly",
        Error::Storage { .. } => "Storage",
        _ => "another error",
    }
}

/// Which call fails, how, and for how long, as the library is told.
fn fault(healed: &Path, random: &mut Random) -> String {
    // Most often no space; a failed device, a file system that has become read-only, no permission, no quota left; as Linux numbers them.
    const NUMBERS: [u64; 6] = [28, 28, 5, 30, 13, 122];
    let class = *random.pick(&["write", "write", "sync", "open", "rename", "any"]);
    let part = *random.pick(&["/log/", "/data/", "/index/", "."]);
    let at = 1 + random.below(if matches!(class, "write" | "any") { 90 } else { 40 });
    let number = *random.pick(&NUMBERS);
    let mode = if random.percent(40) { "once" } else { "on" };
    format!("{class} {part} {at} {number} {mode} {}", healed.display())
}

/// Runs one child with one fault.
fn history(shim: &Shim, plan: Plan, tally: &Tally) -> Result<(), String> {
    let place = scratch();
    let path = |name: &str| place.path().join(name);
    let (root, healed, file) = (path("root"), path("healed"), path("trace"));
    std::fs::create_dir(&root).unwrap();
    let fault = fault(&healed, &mut Random::new(plan.seed, &[2]));
    let spec = OsString::from(&fault);
    let environment = [
        ("LD_PRELOAD", shim.path.as_os_str()),
        ("KINDRED_SHIM_ROOT", root.as_os_str()),
        ("KINDRED_SHIM_TRACE", file.as_os_str()),
        ("KINDRED_SHIM_FAULT", spec.as_os_str()),
        (HEALED, healed.as_os_str()),
    ];
    let task = Task { plan, folder: root.join("a/store"), steps: STEPS };
    let words = Worker::start_with(ENDURES, &task, &environment).words();
    let met = trace::read(&file).iter().any(|entry| matches!(entry, Entry::Failed));
    tally.count(if met { "faults met" } else { "faults that never came" });
    for word in &words {
        match word {
            Word::Note(what) if what.starts_with("panic in src/") => return Err(format!("{fault}: {what}")),
            Word::Note(what) => tally.count(what.replace(env!("CARGO_MANIFEST_DIR"), "")),
            _ => {}
        }
    }
    match words.last() {
        Some(Word::Closed) => Ok(()),
        other => Err(format!("{fault}: the child's last word is {other:?}")),
    }
}

#[test]
fn a_fault_of_the_disk_is_a_typed_error_and_loses_nothing() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_FAULTS", 200));
    let tally = Tally::default();
    let failures = histories::run(count, |number| history(&shim, Plan::of_history(seed, number), &tally));
    tally.print("faults");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_FAULTS={count}: {}", failures.join("\n"));
}
