//! Folders that cannot be had: another process has them, the system forbids them, something else is there.

use crate::check::{States, last_step};
use crate::child::{Task, Word, Worker};
use crate::plan::Plan;
use kindred::{Error, ErrorKind};
use std::path::Path;
use std::process::Command;

const SHUT_OUT: &str = "refusals::is_shut_out_and_let_in_again";
const PLAN: Plan = Plan { seed: 1 };
/// A user of no rights.
const NOBODY: u32 = 65_534;

#[test]
fn a_store_that_another_process_has_names_it_and_is_free_once_that_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    let worker = Worker::start(PLAN, &folder, u64::MAX);
    while !matches!(worker.next(), Some(Word::Done(1))) {}
    match PLAN.options().open(&folder).err() {
        Some(Error::Locked { holder, path }) => {
            assert!(holder.contains(&format!("process {} ", worker.id())), "{holder}");
            assert_eq!(path, folder);
        }
        other => panic!("{other:?}"),
    }
    worker.kill();
    let store = PLAN.options().open(&folder).unwrap();
    assert!(last_step(&store.snapshot()).unwrap() >= 1);
}

#[test]
fn a_path_that_is_a_file_or_leads_through_one_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("diary");
    std::fs::write(&file, "dear diary").unwrap();
    let is_file = PLAN.options().open(&file).err().unwrap();
    assert!(matches!(is_file, Error::NotAStore { .. }), "{is_file}");
    let through = PLAN.options().open(file.join("store")).err().unwrap();
    assert!(matches!(through, Error::Io { .. }), "{through}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "dear diary");
}

/// The child's side: takes the rights away from itself, folder by folder. Run by itself it has nothing to do.
#[cfg(unix)]
#[test]
#[ignore = "a child of the other tests"]
fn is_shut_out_and_let_in_again() {
    let Some(Task { plan, folder, .. }) = Task::given() else { return };
    let outcome = made(plan, &folder).map_err(|e| e.to_string()).and_then(|()| shut_out(plan, &folder));
    match outcome {
        Ok(()) => Word::Closed.say(),
        Err(error) => Word::Failed(error).say(),
    }
}

fn made(plan: Plan, folder: &Path) -> kindred::Result<()> {
    let store = plan.options().open(folder)?;
    let crate::plan::Step::Write(records) = plan.step(1) else { return Ok(()) };
    store.write(|tx| records.into_iter().try_for_each(|record| tx.apply(record)))
}

/// With each folder of the store read-only and closed in turn, opening must succeed or tell of the machine.
#[cfg(unix)]
fn shut_out(plan: Plan, folder: &Path) -> Result<(), String> {
    let mut states = States::new(plan);
    for (name, mode) in
        ["", "data", "log", "index"].iter().flat_map(|name| [0o500, 0o000].map(|mode| (name, mode)))
    {
        let path = folder.join(name);
        allow(&path, mode);
        let opened = plan.options().open(folder).map(drop);
        let read = plan.options().open_read_only(folder).and_then(|reader| reader.snapshot().stats());
        allow(&path, 0o700);
        // Where it may be entered, and only not be written.
        if mode == 0o500 && read.is_err() {
            return Err(format!("{name:?} with mode {mode:o}, to be read: {read:?}"));
        }
        match opened {
            Ok(()) => Word::Note(format!("{name:?} with mode {mode:o}: opens")).say(),
            Err(error) if error.kind() == ErrorKind::Environment => {
                Word::Note(format!("{name:?} with mode {mode:o}: {}", action(&error))).say();
            }
            Err(error) => return Err(format!("{name:?} with mode {mode:o}: {error}")),
        }
        states
            .check_folder(folder, 1, 1)
            .map_err(|e| format!("{name:?} with mode {mode:o}, let in again: {e}"))?;
    }
    let forbidden = folder.parent().unwrap();
    allow(forbidden, 0o500);
    let new = plan.options().open(forbidden.join("new"));
    allow(forbidden, 0o700);
    match new {
        Err(Error::Io { action: "create", .. }) => Ok(()),
        other => Err(format!("a store in a folder that may not be written: {:?}", other.err())),
    }
}

fn action(error: &Error) -> String {
    match error {
        Error::Io { action, .. } => format!("could not {action}"),
        other => other.to_string(),
    }
}

#[cfg(unix)]
fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// The program that runs a child without the rights of root; `None` where this process has none to give up, or cannot.
#[cfg(unix)]
fn without_rights(place: &Path) -> Option<Vec<String>> {
    let is_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(place).unwrap()) == 0;
    if !is_root {
        return Some(Vec::new());
    }
    std::os::unix::fs::chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
    let user = format!("--reuid={NOBODY}");
    let group = format!("--regid={NOBODY}");
    let program: Vec<String> =
        ["setpriv", &user, &group, "--clear-groups"].iter().map(ToString::to_string).collect();
    let list = Command::new(&program[0])
        .args(&program[1..])
        .arg(std::env::current_exe().unwrap())
        .arg("--list")
        .output();
    list.is_ok_and(|output| output.status.success()).then_some(program)
}

#[cfg(unix)]
#[test]
fn folders_without_permission_are_a_typed_error_and_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    let Some(program) = without_rights(place.path()) else {
        println!(
            "SKIPPED folders without permission: root may do everything, and there is no setpriv to be less"
        );
        return;
    };
    let task = Task { plan: PLAN, folder: place.path().join("store"), steps: 0 };
    let words = Worker::start_by(&program, SHUT_OUT, &task, &[]).words();
    words.iter().for_each(|word| {
        if let Word::Note(what) = word {
            println!("without permission: {what}");
        }
    });
    assert_eq!(words.last(), Some(&Word::Closed));
}
