//! Command lines that must fail, run with the real binary under a bound on its memory.

use super::{Dump, Failures, Row, dump};
use kindred::{Durability, Store};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// Address space of the tool, in KiB: so much that it runs, so little that a hostile length is refused by the system.
const MEMORY_KIB: usize = 3 << 20;

/// Exit codes, and what `--json` calls them.
const CODES: [(&str, i32); 3] = [("usage", 2), ("environment", 3), ("damage", 4)];

/// Files to be there, and the arguments. The stores are `shop`, with an encoder, and `vectors`, of three dimensions.
pub(super) struct Call {
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    pub(super) args: Vec<String>,
}

/// A row whose variant is the kind of its error.
pub(super) fn call(
    name: &'static str,
    files: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    args: &str,
    kind: &'static str,
    words: &'static [&'static str],
) -> Row<Call> {
    let args =
        args.split(' ').filter(|arg| !arg.is_empty()).map(|arg| arg.replace('␣', " ").replace('∅', ""));
    super::row(name, Call { files: files.into_iter().collect(), args: args.collect() }, kind, words)
}

/// Runs the binary within a folder.
pub(super) fn kindred(within: &Path, args: &[String]) -> Output {
    let binary = env!("CARGO_BIN_EXE_kindred");
    let mut command = if cfg!(target_os = "linux") {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {MEMORY_KIB} && exec \"$0\" \"$@\""), binary]);
        shell
    } else {
        Command::new(binary)
    };
    // The allocator's arenas and threads' stacks are address space too, and there are more of them on larger machines.
    command.env("MALLOC_ARENA_MAX", "2").env("RAYON_NUM_THREADS", "2");
    command.args(args).current_dir(within).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = {
        let _starting = super::NO_CHILD_IS_STARTING.write().unwrap();
        command.spawn().unwrap()
    };
    child.wait_with_output().unwrap()
}

const STORES: [&str; 2] = ["shop", "vectors"];

/// A folder with the two stores.
pub(super) struct Desk {
    pub(super) folder: tempfile::TempDir,
    /// What each store must hold.
    held: [Dump; 2],
    failures: Failures,
}

fn open(folder: &Path, store: &str) -> Store {
    let durability = Durability::Within(Duration::from_millis(20));
    Store::options().must_exist().durability(durability).open(folder.join(store)).unwrap()
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let _no_child_is_starting = super::NO_CHILD_IS_STARTING.read().unwrap();
        crate::fixture::fill(&Store::open(path.join("shop")).unwrap());
        let vectors = Store::options().dim(3).open(path.join("vectors")).unwrap();
        vectors.write(|tx| tx.put_vector("ann", vec![1.0, 0.0, 0.0])).unwrap();
        drop(vectors);
        let held = STORES.map(|store| dump(&open(path, store).snapshot()));
        Self { folder, held, failures: Failures::default() }
    }

    /// Every row must fail as it says, change neither store, and leave both to be written to.
    pub(super) fn refuses(&mut self, rows: &[Row<Call>]) {
        for row in rows {
            for (name, bytes) in &row.input.files {
                let path = self.folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            let output = kindred(self.folder.path(), &row.input.args);
            self.check(row, &output);
            let _no_child_is_starting = super::NO_CHILD_IS_STARTING.read().unwrap();
            for store in 0..STORES.len() {
                self.check_store(row.name, store);
            }
        }
    }

    /// A store holds what it held after the last row, and takes a good write, which the next row finds.
    fn check_store(&mut self, name: &str, store: usize) {
        let opened = open(self.folder.path(), STORES[store]);
        let found = dump(&opened.snapshot());
        if found != self.held[store] {
            self.failures.add(name, format!("the store {} has changed", STORES[store]));
        }
        let writes = (found.counts[5] as i64).into();
        opened.write(|tx| tx.put_user("good", [("writes", writes)])).unwrap();
        self.held[store] = dump(&opened.snapshot());
        if self.held[store].counts[5] != found.counts[5] + 1 {
            self.failures.add(name, format!("a good write to {} did not count", STORES[store]));
        }
    }

    fn check(&mut self, row: &Row<Call>, output: &Output) {
        let told = String::from_utf8_lossy(&output.stderr);
        let code = CODES.iter().find(|(kind, _)| *kind == row.variant).map(|(_, code)| *code);
        if output.status.code() != code {
            let end = told.floor_char_boundary(300);
            self.failures.add(row.name, format!("{}, not {code:?}: {}", output.status, &told[..end]));
        }
        if told.contains("panicked") || told.contains("memory allocation") {
            self.failures.add(row.name, format!("a crash: {told}"));
        }
        row.check_message(&told, &mut self.failures);
    }
}

#[test]
fn errors_are_json_where_it_is_asked_for() {
    let desk = Desk::new();
    for (args, kind, code) in [("stats nowhere", "usage", 2), ("ingest shop nothing.jsonl", "environment", 3)]
    {
        let args: Vec<String> = args.split(' ').chain(["--json"]).map(str::to_owned).collect();
        let output = kindred(desk.folder.path(), &args);
        assert_eq!(output.status.code(), Some(code));
        let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(told["kind"], kind, "{told}");
        assert!(told["error"].as_str().unwrap().contains("no"), "{told}");
    }
}
