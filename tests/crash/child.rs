//! A process that works by a plan and says what it does, and the other end of that line.

use crate::check::last_step;
use crate::moves::Move;
use crate::plan::{Plan, Step};
use kindred::Store;
use kindred::ingest::{Options, Source, write_record};
use kindred::model::Record;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};

const FOLDER: &str = "KINDRED_CHILD_FOLDER";
const SEED: &str = "KINDRED_CHILD_SEED";
const STEPS: &str = "KINDRED_CHILD_STEPS";
/// The test that is a child's side.
pub const WORKS: &str = "child::works_by_a_plan";
/// Where the child works, for a store that is given by a relative path.
pub const WORKS_IN: &str = "KINDRED_CHILD_WORKS_IN";

/// What a child says, in the order in which it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The store is being opened.
    Opening,
    /// It is open, and this is the step that wrote last.
    Opened(u64),
    /// This step comes now.
    Begin(u64),
    /// This step's call has returned.
    Done(u64),
    /// This is done now beside the steps.
    Moving(Move),
    /// It is done.
    Moved(Move),
    /// All steps are done and the store is closed.
    Closed,
    /// Something that is counted.
    Note(String),
    /// Something failed.
    Failed(String),
}

impl Word {
    /// One write to a pipe. The line before may be the test harness's own.
    pub fn say(&self) {
        let line = match self {
            Self::Opening => "opening".to_owned(),
            Self::Opened(step) => format!("opened {step}"),
            Self::Begin(step) => format!("begin {step}"),
            Self::Done(step) => format!("done {step}"),
            Self::Moving(what) => format!("moving {what}"),
            Self::Moved(what) => format!("moved {what}"),
            Self::Closed => "closed".to_owned(),
            Self::Note(what) => format!("note {}", what.replace('\n', " ")),
            Self::Failed(reason) => format!("failed {}", reason.replace('\n', " ")),
        };
        std::io::stdout().lock().write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    }

    pub fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix('@')?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let step = || rest.parse().ok();
        match word {
            "opening" => Some(Self::Opening),
            "opened" => Some(Self::Opened(step()?)),
            "begin" => Some(Self::Begin(step()?)),
            "done" => Some(Self::Done(step()?)),
            "moving" => Some(Self::Moving(Move::parse(rest)?)),
            "moved" => Some(Self::Moved(Move::parse(rest)?)),
            "closed" => Some(Self::Closed),
            "note" => Some(Self::Note(rest.to_owned())),
            "failed" => Some(Self::Failed(rest.to_owned())),
            _ => None,
        }
    }
}

/// The child's side. Run by itself it has nothing to do.
#[test]
#[ignore = "a child of the other tests"]
fn works_by_a_plan() {
    let Some(task) = Task::given() else { return };
    if let Some(here) = std::env::var_os(WORKS_IN) {
        std::env::set_current_dir(here).unwrap();
    }
    match work(task.plan, &task.folder, task.steps) {
        Ok(()) => Word::Closed.say(),
        Err(error) => Word::Failed(error.to_string()).say(),
    }
}

/// What a child is to do.
pub struct Task {
    pub plan: Plan,
    pub folder: PathBuf,
    pub steps: u64,
}

impl Task {
    /// What the parent said; `None` without a parent.
    pub fn given() -> Option<Self> {
        let folder = std::env::var_os(FOLDER)?.into();
        let number = |variable| std::env::var(variable).unwrap().parse().unwrap();
        Some(Self { plan: Plan { seed: number(SEED) }, folder, steps: number(STEPS) })
    }
}

fn work(plan: Plan, folder: &Path, steps: u64) -> kindred::Result<()> {
    let mut store = open(plan, folder)?;
    let first = last_step(&store.snapshot())? + 1;
    for n in first..first.saturating_add(steps) {
        Word::Begin(n).say();
        match plan.step(n) {
            Step::Reopen => {
                drop(store);
                store = open(plan, folder)?;
            }
            step => take(&store, step)?,
        }
        Word::Done(n).say();
    }
    Ok(())
}

fn open(plan: Plan, folder: &Path) -> kindred::Result<Store> {
    Word::Opening.say();
    let store = plan.options().open(folder)?;
    Word::Opened(last_step(&store.snapshot())?).say();
    Ok(store)
}

/// Does a step that leaves the store open.
pub fn take(store: &Store, step: Step) -> kindred::Result<()> {
    let never = AtomicBool::new(false);
    match step {
        Step::Write(records) => store.write(|tx| records.into_iter().try_for_each(|record| tx.apply(record))),
        Step::Ingest(records) => ingest(store, &records),
        Step::Fit => store.fit().map(drop),
        Step::Expire(before) => store.expire(before).map(drop),
        Step::Seal => store.seal(&|_| {}, &never).map(drop),
        Step::Compact => store.compact(&|_| {}, &never).map(drop),
        Step::Checkpoint => store.checkpoint(),
        Step::Rest(pause) => {
            std::thread::sleep(pause);
            Ok(())
        }
        Step::Reopen => Ok(()),
    }
}

/// Writes records as JSON Lines and has them read.
fn ingest(store: &Store, records: &[Record]) -> kindred::Result<()> {
    let mut lines = Vec::new();
    records.iter().try_for_each(|record| write_record(record, &mut lines))?;
    let (source, options) = (Source::reader("plan", Cursor::new(lines)), Options::new().as_is(true));
    let mut rejects = Vec::new();
    let report = store.ingest(source, &options, &mut rejects, &|_| {})?;
    assert_eq!(report.rejected, 0, "{}", String::from_utf8_lossy(&rejects));
    Ok(())
}

/// The parent's side. Dropped, it ends the child.
pub struct Worker {
    process: Child,
    words: Receiver<Word>,
}

impl Worker {
    /// A child that does so many steps of a plan, from where the store in the folder left off.
    pub fn start(plan: Plan, folder: &Path, steps: u64) -> Self {
        Self::start_with(WORKS, &Task { plan, folder: folder.to_owned(), steps }, &[])
    }

    /// A child that runs one of the ignored tests, with more of the environment.
    pub fn start_with(test: &str, task: &Task, environment: &[(&str, &OsStr)]) -> Self {
        Self::start_by(&[], test, task, environment)
    }

    /// [`Worker::start_with`] through a program that runs it in its own way.
    pub fn start_by(program: &[String], test: &str, task: &Task, environment: &[(&str, &OsStr)]) -> Self {
        let own = std::env::current_exe().unwrap();
        let mut line: Vec<&OsStr> = program.iter().map(OsStr::new).collect();
        line.push(own.as_os_str());
        let mut process = Command::new(line[0])
            .args(&line[1..])
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &task.folder)
            .env(SEED, task.plan.seed.to_string())
            .env(STEPS, task.steps.to_string())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (say, words) = channel();
        std::thread::spawn(move || {
            // A line that the kill cut short is no word.
            lines
                .map_while(Result::ok)
                .filter_map(|line| Word::parse(&line))
                .try_for_each(|word| say.send(word))
        });
        Self { process, words }
    }

    /// The next word; `None` when the child has ended.
    pub fn next(&self) -> Option<Word> {
        self.words.recv().ok()
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end; returns all that was not heard yet.
    pub fn words(self) -> Vec<Word> {
        self.words.iter().collect()
    }

    /// Sends SIGKILL; returns what the child had said by then and nobody heard yet.
    pub fn kill(mut self) -> Vec<Word> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.words.iter().collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has mostly ended by itself, or was killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
