//! Command lines that must fail, run with the real binary under a bound on its memory.

use super::{Dump, Failures, Row, dump};
use kindred::Store;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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

/// A folder with the two stores.
pub(super) struct Desk {
    pub(super) folder: tempfile::TempDir,
    good_writes: i64,
    pub(super) failures: Failures,
}

impl Desk {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        crate::fixture::fill(&Store::open(folder.path().join("shop")).unwrap());
        let vectors = Store::options().dim(3).open(folder.path().join("vectors")).unwrap();
        vectors.write(|tx| tx.put_vector("ann", vec![1.0, 0.0, 0.0])).unwrap();
        Self { folder, good_writes: 0, failures: Failures::default() }
    }

    /// Both stores, each opened and closed.
    fn dumps(&self) -> [Dump; 2] {
        let _no_child_is_starting = super::NO_CHILD_IS_STARTING.read().unwrap();
        ["shop", "vectors"].map(|store| dump(&self.open(store).snapshot()))
    }

    fn open(&self, store: &str) -> Store {
        Store::options().must_exist().open(self.folder.path().join(store)).unwrap()
    }

    /// Every row must fail as it says, change neither store, and leave both to be written to.
    pub(super) fn refuses(&mut self, rows: &[Row<Call>]) {
        for row in rows {
            for (name, bytes) in &row.input.files {
                let path = self.folder.path().join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            let before = self.dumps();
            let output = kindred(self.folder.path(), &row.input.args);
            self.check(row, &output);
            if self.dumps() != before {
                self.failures.add(row.name, "a store has changed");
            }
            self.good_writes += 1;
            let _no_child_is_starting = super::NO_CHILD_IS_STARTING.read().unwrap();
            for store in ["shop", "vectors"] {
                let number = self.good_writes.into();
                self.open(store).write(|tx| tx.put_user("good", [("writes", number)])).unwrap();
            }
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
