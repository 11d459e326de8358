//! The real binary over damaged stores: codes, words, JSON.

use super::tamper::{entries, flip, forget, hex};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const RECORDS: &str = r#"{"type":"item","id":"p1","text":"fresh salmon"}
{"type":"user","id":"ann","attributes":{"age":31}}
{"type":"event","user":"ann","item":"p1","kind":"purchase","time":"2026-01-01T12:00:00Z","value":9.5}
{"type":"event","id":"e1","user":"bob","item":"p1","kind":"purchase","time":"2026-01-02T12:00:00Z"}
{"type":"text","user":"bob","text":"my dog is hungry","time":"2026-01-04"}
"#;

fn kindred(within: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kindred")).args(args).current_dir(within).output().unwrap()
}

/// The exit code, and what was printed as JSON.
fn json(within: &Path, args: &[&str]) -> (i32, Value) {
    let output = kindred(within, &[args, &["--json"]].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    (
        output.status.code().unwrap(),
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}")),
    )
}

fn folder_with_store() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("records.jsonl"), RECORDS).unwrap();
    assert_eq!(json(folder.path(), &["init", "shop"]).0, 0);
    assert_eq!(json(folder.path(), &["ingest", "shop", "records.jsonl"]).0, 0);
    folder
}

/// Damages the first value of a kind; its key.
fn damage(within: &Path, tag: u8) -> String {
    let store = within.join("shop");
    forget(&store);
    let (key, _) = entries(&store).into_iter().find(|(key, _)| key[0] == tag).unwrap();
    flip(&store, std::slice::from_ref(&key), 70);
    hex(&key)
}

#[test]
fn a_damaged_event_is_named_left_out_and_the_rest_saved() {
    let folder = folder_with_store();
    let within = folder.path();
    let (code, sound) = json(within, &["verify", "shop"]);
    assert_eq!((code, &sound["found"], &sound["finished"]), (0, &0.into(), &true.into()));
    let key = damage(within, b'e');
    let (code, told) = json(within, &["verify", "shop"]);
    assert_eq!((code, &told["found"]), (1, &1.into()));
    let problem = &told["problems"][0];
    assert_eq!((&problem["key"], &problem["user"]), (&key.as_str().into(), &"ann".into()));
    assert_eq!(problem["place"], "an event of user \"ann\" at 2026-01-01T12:00:00Z");
    assert!(problem["what"].as_str().unwrap().contains("checksum"), "{problem}");
    // It reads no events.
    assert_eq!(json(within, &["verify", "shop", "--quick"]).0, 0);
    let text = kindred(within, &["verify", "shop"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(&key) && text.contains("kindred repair shop NEW"), "{text}");

    let (code, exported) = json(within, &["export", "shop", "all.jsonl"]);
    assert_eq!((code, &exported["rows"], &exported["damaged"]), (1, &6.into(), &1.into()));
    let lines = std::fs::read_to_string(within.join("all.jsonl")).unwrap();
    assert!(lines.contains("my dog is hungry") && !lines.contains("9.5"), "{lines}");

    let (code, report) = json(within, &["repair", "shop", "again"]);
    assert_eq!((code, &report["lost"], &report["found"]), (1, &1.into(), &1.into()), "{report}");
    assert_eq!((&report["losses"][0]["key"], &report["events"]), (&key.as_str().into(), &1.into()));
    assert_eq!(json(within, &["verify", "again"]).0, 0);
    let output = kindred(within, &["repair", "shop", "again"]);
    assert_eq!(output.status.code(), Some(2), "it is taken");
}

#[test]
fn derived_values_are_made_anew_and_nothing_is_lost() {
    let folder = folder_with_store();
    let within = folder.path();
    for (n, tag) in b"sScxnv".iter().enumerate() {
        damage(within, *tag);
        let (code, told) = json(within, &["verify", "shop"]);
        assert_eq!((code, &told["found"]), (1, &(n + 1).into()), "{told}");
    }
    let (code, report) = json(within, &["repair", "shop", "again"]);
    assert_eq!((code, &report["lost"]), (0, &0.into()), "{report}");
    let (_, profile) = json(within, &["profile", "again", "ann"]);
    assert_eq!(profile["kinds"][0]["value"], 9.5);
}

#[test]
fn a_store_that_does_not_open_for_one_value_is_verified_and_repaired() {
    let folder = folder_with_store();
    let within = folder.path();
    let key = hex(b"Mcounters");
    forget(&within.join("shop"));
    flip(&within.join("shop"), &[b"Mcounters".to_vec()], 70);
    assert_eq!(kindred(within, &["stats", "shop"]).status.code(), Some(4));
    for args in [&["verify", "shop"][..], &["verify", "shop", "--quick"]] {
        let (code, told) = json(within, args);
        assert_eq!((code, &told["problems"][0]["key"]), (1, &key.as_str().into()), "{told}");
        assert_eq!(told["vectors"], Value::Null);
    }
    let (code, report) = json(within, &["repair", "shop", "again"]);
    assert_eq!((code, &report["users"], &report["events"]), (0, &2.into(), &2.into()), "{report}");
}

/// Killed as soon as it has said so many words of its progress, it leaves nothing under the new name, or a whole store; and what
/// it leaves beside is no hindrance.
#[test]
fn a_repair_that_is_killed_leaves_a_whole_store_or_none() {
    let folder = folder_with_store();
    let within = folder.path();
    damage(within, b's');
    let mut unfinished = 0;
    for words in 0.. {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kindred"))
            .args(["repair", "shop", "again"])
            .current_dir(within)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stderr.take().unwrap()).lines().take(words).count();
        if told < words {
            assert!(child.wait().unwrap().success(), "it came to its end");
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        unfinished += usize::from(within.join("again.unfinished").exists());
        if within.join("again").exists() {
            assert_eq!(json(within, &["verify", "again"]).0, 0, "after {words} words");
            std::fs::remove_dir_all(within.join("again")).unwrap();
        }
    }
    assert!(unfinished > 0, "none was killed at its work");
    assert!(!within.join("again.unfinished").exists());
    assert_eq!(json(within, &["verify", "again"]).0, 0);
    assert_eq!(json(within, &["stats", "again"]).1["events"], 2);
}
