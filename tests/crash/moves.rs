//! Moving house, a child's side: backups, restores, exports and imports beside a writer.

use crate::check::last_step;
use crate::child::{Task, WORKS_IN, Word, take};
use crate::plan::{Plan, Step};
use crate::random::Random;
use kindred::Store;
use kindred::ingest::Source;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The test that is a child's side, with exports and imports.
pub const MOVES: &str = "moves::writes_and_moves";
/// The same without them.
pub const BACKS_UP: &str = "moves::writes_and_backs_up";

/// One thing that is done beside the writer. All but backups go to a place of their own, by number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Move {
    Backup,
    Restore(u64),
    Export(u64),
    Import(u64),
}

impl Move {
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore(_) => "restore",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (name, number) = text.split_once(' ')?;
        let number = number.parse().ok()?;
        [Self::Backup, Self::Restore(number), Self::Export(number), Self::Import(number)]
            .into_iter()
            .find(|step| step.name() == name)
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Backup => 0,
            Self::Restore(number) | Self::Export(number) | Self::Import(number) => *number,
        };
        write!(f, "{} {number}", self.name())
    }
}

/// Where everything lies.
pub struct House(pub PathBuf);

impl House {
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub fn backup(&self) -> PathBuf {
        self.0.join("backup")
    }

    /// Where something is made.
    pub fn place(&self, of: Move) -> PathBuf {
        match of {
            Move::Backup => self.backup(),
            Move::Restore(n) => self.0.join(format!("restored-{n}")),
            Move::Export(n) => self.0.join(format!("exported-{n}")),
            Move::Import(n) => self.0.join(format!("imported-{n}")),
        }
    }
}

/// The child's side. Run by itself it has nothing to do.
#[test]
#[ignore = "a child of the other tests"]
fn writes_and_moves() {
    let usual = |random: &mut Random, n| match random.below(6) {
        0..3 => vec![Move::Backup],
        3..5 => vec![Move::Restore(n)],
        _ => vec![Move::Export(n), Move::Import(n)],
    };
    run(usual);
}

#[test]
#[ignore = "a child of the other tests"]
fn writes_and_backs_up() {
    run(|random, n| vec![if random.percent(60) { Move::Backup } else { Move::Restore(n) }]);
}

/// Does what `usual` says, after a first backup.
fn run(usual: impl Fn(&mut Random, u64) -> Vec<Move>) {
    let Some(task) = Task::given() else { return };
    if let Some(here) = std::env::var_os(WORKS_IN) {
        std::env::set_current_dir(here).unwrap();
    }
    match work(&task, usual) {
        Ok(()) => Word::Closed.say(),
        Err(error) => Word::Failed(error.to_string()).say(),
    }
}

/// So many moves, and steps of the plan as long as they take.
fn work(task: &Task, usual: impl Fn(&mut Random, u64) -> Vec<Move>) -> kindred::Result<()> {
    let house = House(task.folder.clone());
    Word::Opening.say();
    let store = task.plan.options().open(house.store())?;
    let last = last_step(&store.snapshot())?;
    Word::Opened(last).say();
    let ended = AtomicBool::new(false);
    let mut random = Random::new(task.plan.seed, &[4, last]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let written = write(task.plan, &store, last + 1, &ended);
            ended.store(true, Ordering::Relaxed);
            written
        });
        let moves = (1..=task.steps).take_while(|_| !ended.load(Ordering::Relaxed));
        let moved = moves
            .flat_map(|n| if n == 1 { vec![Move::Backup] } else { usual(&mut random, n) })
            .try_for_each(|step| go(task.plan, &store, &house, step));
        ended.store(true, Ordering::Relaxed);
        writer.join().unwrap().and(moved)
    })
}

fn write(plan: Plan, store: &Store, first: u64, ended: &AtomicBool) -> kindred::Result<()> {
    for n in (first..).take_while(|_| !ended.load(Ordering::Relaxed)) {
        Word::Begin(n).say();
        match plan.step(n) {
            // The other thread has it open.
            Step::Reopen => {}
            step => take(store, step)?,
        }
        Word::Done(n).say();
    }
    Ok(())
}

fn go(plan: Plan, store: &Store, house: &House, step: Move) -> kindred::Result<()> {
    Word::Moving(step).say();
    match step {
        Move::Backup => drop(store.backup(house.backup())?),
        Move::Restore(_) => {
            Store::restore(house.backup(), house.place(step))?;
        }
        Move::Export(_) => {
            let mut lines = Vec::new();
            store.snapshot().export(&mut lines, &|_| {})?;
            std::fs::write(house.place(step), lines).unwrap();
        }
        Move::Import(n) => import(plan, house, n).map(drop)?,
    }
    Word::Moved(step).say();
    Ok(())
}

/// Makes the store of an export, or goes on with one that was broken off.
pub fn import(plan: Plan, house: &House, number: u64) -> kindred::Result<Store> {
    let source = Source::file(house.place(Move::Export(number)));
    plan.options().import(house.place(Move::Import(number)), source, &|_| {}).map(|(store, _)| store)
}

/// Removes what is left of a life's restores and imports, but for what a restore that was killed left: the next one meets it.
pub fn clear(root: &Path) {
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("exported-") {
            std::fs::remove_file(&path).unwrap();
        } else if name.starts_with("imported-")
            || (name.starts_with("restored-") && !name.ends_with(".unfinished"))
        {
            std::fs::remove_dir_all(&path).unwrap();
        }
    }
}
