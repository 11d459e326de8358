//! The real binary, driven from outside.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const RECORDS: &str = r#"{"type":"item","id":"p1","text":"fresh salmon","attributes":{"category":"fish"}}
{"type":"item","id":"p2","text":"smoked salmon","attributes":{"category":"fish"}}
{"type":"item","id":"p3","text":"dry dog food","attributes":{"category":"pets"}}
{"type":"user","id":"ann","attributes":{"age":31}}
{"type":"event","user":"ann","item":"p1","kind":"purchase","time":"2026-01-01T12:00:00Z","value":9.5}
{"type":"event","user":"bob","item":"p2","kind":"purchase","time":"2026-01-02T12:00:00Z"}
{"type":"event","user":"cem","item":"p3","kind":"purchase","time":"2026-01-03T12:00:00Z"}
{"type":"text","user":"cem","text":"my dog is hungry","time":"2026-01-04"}
"#;

pub(super) fn kindred(within: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kindred")).args(args).current_dir(within).output().unwrap()
}

/// Runs a command that must succeed and reads its JSON.
pub(super) fn json(within: &Path, args: &[&str]) -> Value {
    let mut with_json = args.to_vec();
    with_json.push("--json");
    let output = kindred(within, &with_json);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command that must fail; its exit code and message.
pub(super) fn failure(within: &Path, args: &[&str]) -> (i32, String) {
    let output = kindred(within, args);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

pub(super) fn folder_with_store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("records.jsonl"), RECORDS).unwrap();
    json(folder.path(), &["init", "shop"]);
    json(folder.path(), &["ingest", "shop", "records.jsonl"]);
    folder
}

#[test]
fn from_init_to_similar() {
    let folder = folder_with_store();
    let stats = json(folder.path(), &["stats", "shop"]);
    assert_eq!((&stats["users"], &stats["items"], &stats["events"]), (&3.into(), &3.into(), &3.into()));
    let fit = json(folder.path(), &["fit", "shop"]);
    assert_eq!(fit["version"], 1);
    let hits = json(folder.path(), &["similar", "shop", "--user", "ann", "-k", "1", "--explain"]);
    assert_eq!(hits[0]["user"], "bob");
    let parts = hits[0]["explanation"]["parts"].as_array().unwrap();
    let sum: f64 = parts.iter().map(|part| part["score"].as_f64().unwrap()).sum();
    assert!((sum - hits[0]["score"].as_f64().unwrap()).abs() < 1e-4);
    let hits = json(folder.path(), &["similar", "shop", "--text", "food for a dog", "-k", "1"]);
    assert_eq!(hits[0]["user"], "cem");
    let profile = json(folder.path(), &["profile", "shop", "ann"]);
    assert_eq!(profile["kinds"][0]["value"], 9.5);
    assert_eq!(profile["top_categories"][0][0], "fish");
}

/// By way of a file and of pipes.
#[test]
fn an_export_makes_a_store_that_exports_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (within, file) = (folder.path(), |name: &str| std::fs::read(folder.path().join(name)).unwrap());
    std::fs::write(within.join("records.jsonl"), RECORDS).unwrap();
    json(within, &["init", "shop", "--kind", "rent=0.1,inf", "--category", "type"]);
    json(within, &["ingest", "shop", "records.jsonl"]);
    json(within, &["erase", "shop", "--user", "bob"]);
    json(within, &["export", "shop", "all.jsonl"]);
    let report = json(within, &["import", "copy", "all.jsonl"]);
    assert_eq!((&report["rejected"], &report["duplicate"]), (&0.into(), &1.into()));
    json(within, &["export", "copy", "again.jsonl"]);
    assert_eq!(file("all.jsonl"), file("again.jsonl"));

    let lines = kindred(within, &["export", "shop", "-"]).stdout;
    assert_eq!(lines, file("all.jsonl"));
    let mut import = Command::new(env!("CARGO_BIN_EXE_kindred"));
    import.args(["import", "piped", "-"]).current_dir(within).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut import = import.spawn().unwrap();
    import.stdin.take().unwrap().write_all(&lines).unwrap();
    assert!(import.wait().unwrap().success());
    assert_eq!(kindred(within, &["export", "piped", "-"]).stdout, lines);

    json(within, &["init", "other"]);
    let (code, message) = failure(within, &["import", "other", "all.jsonl"]);
    assert!(code == 2 && message.contains("kinds of events"), "{message}");
    let (code, message) = failure(within, &["import", "fresh", "all.jsonl", "--ids", "records.jsonl"]);
    assert!(code == 2 && message.contains("--ids"), "{message}");
    assert!(!within.join("fresh").exists());
}

#[test]
fn a_second_ingest_changes_nothing() {
    let folder = folder_with_store();
    let before = json(folder.path(), &["stats", "shop"]);
    let report = json(folder.path(), &["ingest", "shop", "records.jsonl"]);
    assert_eq!((&report["accepted"], &report["duplicate"]), (&0.into(), &8.into()));
    let after = json(folder.path(), &["stats", "shop"]);
    assert_eq!(before["commit"], after["commit"]);
}

#[test]
fn bad_lines_are_kept_with_their_reasons() {
    let folder = folder_with_store();
    let lines = "{\"type\":\"user\"}\nnonsense\n{\"type\":\"event\",\"user\":\"ann\",\"kind\":\"purchse\",\"time\":\"2026-01-01\"}\n{\"type\":\"user\",\"id\":\"dan\"}\n";
    std::fs::write(folder.path().join("bad.jsonl"), lines).unwrap();
    let report = json(folder.path(), &["ingest", "shop", "bad.jsonl"]);
    assert_eq!(
        (&report["read"], &report["accepted"], &report["rejected"]),
        (&4.into(), &1.into(), &3.into())
    );
    let rejects = std::fs::read_to_string(folder.path().join("shop.rejects.jsonl")).unwrap();
    assert_eq!(rejects.lines().count(), 3);
    assert!(rejects.contains("did you mean \\\"purchase\\\"?"), "{rejects}");
    let (code, message) = failure(folder.path(), &["ingest", "shop", "bad.jsonl", "--strict"]);
    assert_eq!(code, 2);
    assert!(message.contains("bad.jsonl:1"), "{message}");
}

#[test]
fn standard_input_and_csv_are_read() {
    let folder = folder_with_store();
    let mut child = Command::new(env!("CARGO_BIN_EXE_kindred"))
        .args(["ingest", "shop", "-", "--json"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"type\":\"user\",\"id\":\"eve\"}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["accepted"], 1);
    std::fs::write(folder.path().join("orders.csv"), "who,what,when\nann,p2,2026-02-01\n").unwrap();
    let mapping = "type = \"event\"\nkind = \"purchase\"\nuser = \"who\"\nitem = \"what\"\ntime = \"when\"\n";
    std::fs::write(folder.path().join("orders.toml"), mapping).unwrap();
    let report = json(folder.path(), &["ingest", "shop", "orders.csv", "--mapping", "orders.toml"]);
    assert_eq!(report["accepted"], 1);
    assert_eq!(json(folder.path(), &["profile", "shop", "ann"])["events"], 2);
}

#[test]
fn an_export_read_back_exports_the_same() {
    let folder = folder_with_store();
    json(folder.path(), &["export", "shop", "a.jsonl"]);
    json(folder.path(), &["init", "copy"]);
    json(folder.path(), &["ingest", "copy", "a.jsonl"]);
    json(folder.path(), &["export", "copy", "b.jsonl"]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("a.jsonl"), read("b.jsonl"));
    assert_eq!(json(folder.path(), &["export", "shop", "p.jsonl", "--what", "profiles"])["rows"], 3);
    assert_eq!(json(folder.path(), &["export", "shop", "v.npy", "--what", "vectors"])["rows"], 3);
}

#[test]
fn vectors_of_ones_own_go_in_and_are_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("texts.txt"), "fresh salmon\nsmoked salmon\ndog food\n").unwrap();
    let encoded = json(folder.path(), &["encode", "texts.txt", "vectors.npy"]);
    let dim = encoded["dim"].to_string();
    std::fs::write(folder.path().join("ids.txt"), "ann\nbob\ncem\n").unwrap();
    json(folder.path(), &["init", "vectors", "--dim", &dim, "--metric", "cosine"]);
    json(folder.path(), &["import", "vectors", "vectors.npy", "--ids", "ids.txt"]);
    let hits = json(folder.path(), &["similar", "vectors", "--user", "ann", "-k", "1", "--exact"]);
    assert_eq!(hits[0]["user"], "bob");
    let (code, message) = failure(folder.path(), &["similar", "vectors", "--text", "fish"]);
    assert_eq!(code, 2);
    assert!(message.contains("no encoder"), "{message}");
    let (code, message) = failure(folder.path(), &["similar", "vectors", "--vector", "1,2,3"]);
    assert_eq!(code, 2);
    assert!(message.contains("3 dimensions"), "{message}");
}

#[test]
fn what_is_removed_is_gone() {
    let folder = folder_with_store();
    json(folder.path(), &["remove", "shop", "--user", "ann", "--attribute", "age"]);
    assert_eq!(json(folder.path(), &["profile", "shop", "ann"])["attributes"], serde_json::json!({}));
    json(folder.path(), &["remove", "shop", "--item", "p1"]);
    assert_eq!(json(folder.path(), &["profile", "shop", "ann"])["events"], 0);
    json(folder.path(), &["remove", "shop", "--user", "ann"]);
    let (code, message) = failure(folder.path(), &["profile", "shop", "ann"]);
    assert_eq!(code, 2);
    assert!(message.contains("no user \"ann\""), "{message}");
    let (code, _) = failure(folder.path(), &["remove", "shop", "--item", "p1"]);
    assert_eq!(code, 2);
}

#[test]
fn an_index_is_compacted_and_verified() {
    let folder = folder_with_store();
    let stats = json(folder.path(), &["compact", "shop"]);
    assert_eq!(stats["sealed_files"], 1);
    assert_eq!(stats["vectors_sealed"], stats["vectors"]);
    let verified = json(folder.path(), &["verify", "shop"]);
    assert_eq!((&verified["problems"], &verified["vectors"]), (&serde_json::json!([]), &stats["vectors"]));
    let files = std::fs::read_dir(folder.path().join("shop/index")).unwrap().map(|file| file.unwrap().path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|name| name == "sealed")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let output = kindred(folder.path(), &["verify", "shop"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(".sealed: ") && text.contains("anew"), "{text}");
    // It is made anew; and that is sound.
    assert_eq!(json(folder.path(), &["verify", "shop"])["sealed_files"], 0);
}

#[test]
fn a_store_is_backed_up_and_restored() {
    let folder = folder_with_store();
    let within = folder.path();
    let first = json(within, &["backup", "shop", "backups/shop"]);
    assert_eq!(first["chunks_written"], first["chunks"]);
    let second = json(within, &["backup", "shop", "backups/shop", "--verify"]);
    assert_eq!((&second["chunks_written"], &second["bytes"]), (&0.into(), &first["bytes"]));
    let restored = json(within, &["restore", "backups/shop", "again"]);
    assert_eq!((&restored["commit"], &restored["entries"]), (&second["commit"], &second["entries"]));
    for store in ["shop", "again"] {
        json(within, &["export", store, &format!("{store}.jsonl")]);
    }
    let read = |name: &str| std::fs::read_to_string(within.join(name)).unwrap();
    assert_eq!(read("shop.jsonl"), read("again.jsonl"));

    let (code, message) = failure(within, &["restore", "backups/shop", "again"]);
    assert_eq!((code, message.contains("not empty")), (2, true), "{message}");
    let (code, message) = failure(within, &["backup", "again", "backups/shop"]);
    assert_eq!((code, message.contains("another store")), (2, true), "{message}");
    let (code, message) = failure(within, &["restore", "shop", "new"]);
    assert_eq!((code, message.contains("not a backup")), (2, true), "{message}");
    let (code, message) = failure(within, &["backup", "nowhere", "backups/other"]);
    assert_eq!((code, message.contains("not a Kindred store")), (2, true), "{message}");
    let manifest = within.join("backups/shop/MANIFEST");
    std::fs::write(&manifest, &std::fs::read(&manifest).unwrap()[1..]).unwrap();
    let (code, message) = failure(within, &["restore", "backups/shop", "new"]);
    assert_eq!((code, message.contains("MANIFEST")), (4, true), "{message}");
    assert!(!within.join("new").exists() && !within.join("backups/other").exists());
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (args, code, words) in [
        (&["stats", "nowhere"][..], 2, "no such folder"),
        (&["init", "x", "--dim", "5000"], 2, "1 to 4096"),
        (&["init", "x", "--model", "nowhere"], 3, "nowhere"),
        (&["init", "x", "--kind", "rent"], 2, "NAME=WEIGHT"),
        (&["similar", "x"], 2, "--user"),
        (&["frobnicate"], 2, "frobnicate"),
    ] {
        let (found, message) = failure(folder.path(), args);
        assert_eq!(found, code, "{args:?}: {message}");
        assert!(message.contains(words), "{args:?}: {message}");
    }
}

/// The commands that a help text lists.
fn commands(folder: &Path, above: &[&str]) -> Vec<String> {
    let help = kindred(folder, &[above, &["--help"]].concat());
    let help = String::from_utf8(help.stdout).unwrap();
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

fn commands_of_bench(folder: &Path) -> Vec<String> {
    let found = commands(folder, &["bench"]);
    assert!(found.len() > 4, "{found:?}");
    found
}

#[test]
fn every_command_has_an_example_and_completions_name_it() {
    let folder = tempfile::tempdir().unwrap();
    let completions = kindred(folder.path(), &["completions", "bash"]);
    let completions = String::from_utf8(completions.stdout).unwrap();
    let commands = commands(folder.path(), &[]);
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands.iter().map(String::as_str).filter(|command| *command != "bench") {
        let help = kindred(folder.path(), &[command, "--help"]);
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("Example") && help.contains(&format!("kindred {command}")), "{help}");
        assert!(help.contains("--json"), "{command}");
        assert!(completions.contains(command), "{command}");
    }
    for bench in commands_of_bench(folder.path()) {
        let help = kindred(folder.path(), &["bench", &bench, "--help"]);
        assert!(String::from_utf8_lossy(&help.stdout).contains("Example"), "{bench}");
    }
}

#[test]
fn the_demo_removes_no_folder_of_others() {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in [("mine", "demo.json"), ("new.unfinished", "letter.txt")] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join(file), "{}").unwrap();
    }
    for store in ["mine", "new"] {
        failure(folder.path(), &["demo", "--offline", "--fresh", "--store", store]);
    }
    assert!(folder.path().join("mine/demo.json").exists());
    assert!(folder.path().join("new.unfinished/letter.txt").exists());
}

#[test]
fn nothing_is_exported_over_the_store() {
    let folder = folder_with_store();
    let (code, message) = failure(folder.path(), &["export", "shop", "shop/data/db"]);
    assert_eq!(code, 2, "{message}");
    assert_eq!(json(folder.path(), &["stats", "shop"])["users"], 3);
}

#[test]
fn rejects_go_beside_the_store_and_never_over_what_is_read() {
    let folder = folder_with_store();
    let bad = folder.path().join("bad.jsonl");
    std::fs::write(&bad, "nonsense\n").unwrap();
    json(folder.path(), &["ingest", "shop/", "bad.jsonl"]);
    assert!(folder.path().join("shop.rejects.jsonl").exists());
    let (code, message) =
        failure(folder.path(), &["ingest", "shop", "bad.jsonl", "--rejects", "./bad.jsonl"]);
    assert_eq!(code, 2, "{message}");
    assert_eq!(std::fs::read_to_string(bad).unwrap(), "nonsense\n");
}

#[test]
fn the_offline_demo_runs_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let tour = json(folder.path(), &["demo", "--offline"]);
    assert_eq!(tour["data"], "sample");
    assert!(tour["stats"]["users"].as_u64().unwrap() > 20);
    assert!(tour["recall_at_10"].as_f64().unwrap() > 0.95);
    assert_eq!(tour["report"], "kindred-demo.html");
    let report = std::fs::read_to_string(folder.path().join("kindred-demo.html")).unwrap();
    assert!(report.contains("the sample that comes with Kindred") && report.contains("seniors"));
    let again = json(folder.path(), &["demo", "--offline"]);
    assert_eq!(tour["similar"], again["similar"]);
    let text = kindred(folder.path(), &["demo", "--offline", "--fresh"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("Try next") && text.contains("kindred-demo.html"), "{text}");
}

#[test]
fn bench_update_sees_every_event() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["bench", "update", "--events", "20", "--users", "5", "--items", "5", "--within", "."];
    assert!(json(folder.path(), &args)["immediate"]["p50_us"].as_f64().unwrap() > 0.0);
}

/// A process that has the store open until its standard input ends.
fn holder(within: &Path) -> std::process::Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kindred"))
        .args(["ingest", "shop", "-", "--quiet"])
        .current_dir(within)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let line = "{\"type\":\"user\",\"id\":\"eve\"}\n";
    child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let its_own = format!("process {} ", child.id());
    while !std::fs::read_to_string(within.join("shop/LOCK")).unwrap().starts_with(&its_own) {
        assert_eq!(child.try_wait().unwrap(), None, "it ends before its input does");
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_store_that_is_open_elsewhere_can_be_read_and_not_written() {
    let folder = folder_with_store();
    let place = folder.path();
    let mut child = holder(place);
    let stats = json(place, &["stats", "shop"]);
    assert!(stats["users"].as_u64() >= Some(3) && stats["folder_bytes"].as_u64() > Some(1000), "{stats}");
    assert_eq!(json(place, &["similar", "shop", "--user", "ann", "-k", "1"])[0]["user"], "bob");
    assert_eq!(json(place, &["profile", "shop", "ann"])["kinds"][0]["value"], 9.5);
    json(place, &["export", "shop", "out.jsonl"]);
    assert!(std::fs::read_to_string(place.join("out.jsonl")).unwrap().contains("smoked salmon"));
    let watched = kindred(place, &["stats", "shop", "--watch", "1", "--times", "2", "--json"]);
    let lines: Vec<Value> =
        watched.stdout.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!((lines.len(), &lines[1]["events"]), (2, &3.into()), "{watched:?}");
    let text = kindred(place, &["stats", "shop", "--watch", "1", "--times", "2"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.lines().count() == 2 && text.contains("0.0 events/s"), "{text}");
    for _ in 0..2 {
        let report = json(place, &["backup", "shop", "copy"]);
        assert_eq!((&report["commit"], &report["damaged"]), (&stats["commit"], &0.into()), "{report}");
    }
    json(place, &["restore", "copy", "again"]);
    assert_eq!(json(place, &["stats", "again"])["users"], stats["users"]);
    for command in [&["fit", "shop"][..], &["remove", "shop", "--user", "ann"], &["verify", "shop"]] {
        let (code, message) = failure(place, command);
        assert!(code == 3 && message.contains("process"), "{command:?}: {code} {message}");
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(json(place, &["stats", "shop"])["users"], 4);
}
