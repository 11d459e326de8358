//! `kindred report`: the page as a parser and a real browser see it, and its figures.

mod browser;
mod pages;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const NOW: &str = "2026-06-01T12:00:00Z";

/// What a user, an item, an attribute or a segment may be called, at worst.
fn hostile() -> [String; 6] {
    [
        "</script><script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "'&amp;</title></style></svg><h1>".to_owned(),
        "\u{202e}مرحبا‏ \u{2067}שלום".to_owned(),
        "w".repeat(256),
        "{{ 7 }} ]]> <!-- \u{200f}".to_owned(),
    ]
}

/// A store of three kinds of users, whose names mean no good.
fn records() -> String {
    let names = hostile();
    let mut lines = Vec::new();
    for no in 0..60_usize {
        let (kind, user) = (no % 3, format!("{no} {}", names[no % 6]));
        let user = user
            .chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= 256).then_some(c)
            })
            .collect::<String>();
        let attributes = serde_json::json!({ "kind": names[kind], "age": 20 + no, &names[1]: no % 2 == 0 });
        lines.push(serde_json::json!({ "type": "user", "id": user, "attributes": attributes }));
        for event in 0..4_usize {
            let item = format!("{} {}", kind, names[event % 4].chars().take(50).collect::<String>());
            let time = format!("2026-0{}-1{}T08:00:00Z", 1 + (no + event) % 5, no % 9);
            lines.push(serde_json::json!({ "type": "event", "user": user, "kind": "purchase", "item": item, "time": time }));
        }
    }
    for (no, text) in ["fresh salmon", "dry dog food", "garden chair"].iter().enumerate() {
        for name in names.iter().take(4) {
            let id = format!("{no} {}", name.chars().take(50).collect::<String>());
            lines.push(serde_json::json!({ "type": "item", "id": id, "text": format!("{text} {name}") }));
        }
    }
    for (no, name) in names.iter().enumerate().filter(|(no, _)| *no < 5) {
        lines.push(serde_json::json!({
            "type": "segment", "name": name.chars().take(256).collect::<String>(), "now": NOW,
            "where": format!("age >= {} and kind <> '{}'", 20 + 9 * no, names[2].replace('\'', "''")),
        }));
    }
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn kindred(within: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kindred")).args(args).current_dir(within).output().unwrap()
}

fn succeeds(within: &Path, args: &[&str]) -> String {
    let output = kindred(within, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("records.jsonl"), records()).unwrap();
    succeeds(folder.path(), &["init", "shop"]);
    succeeds(folder.path(), &["ingest", "shop", "records.jsonl", "--as-is"]);
    succeeds(folder.path(), &["fit", "shop"]);
    folder
}

fn figures(within: &Path, args: &[&str]) -> Value {
    let text = succeeds(within, &[&["report", "shop", "--json", "--now", NOW], args].concat());
    serde_json::from_str(&text).unwrap()
}

/// All but the times that were measured.
fn without_times(mut report: Value) -> Value {
    for time in ["p50_us", "p95_us", "p99_us"] {
        for width in report["search"]["widths"].as_array_mut().unwrap() {
            width[time].take();
        }
        report["search"]["exact"][time].take();
    }
    // Files grow while a store is open.
    report["store"].take();
    report
}

#[test]
fn figures_are_those_of_the_store_and_the_same_for_a_seed() {
    let folder = shop();
    let report = figures(folder.path(), &["--seed", "3"]);
    assert_eq!((&report["title"], &report["store"]["users"]), (&"shop".into(), &60.into()));
    assert_eq!(report["activity"]["events"], report["store"]["events"]);
    assert_eq!(
        (report["segments"]["count"].as_u64(), report["map"]["points"].as_array().map(Vec::len)),
        (Some(5), Some(60))
    );
    let sizes: Vec<u64> = report["segments"]["told"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| told["members"].as_u64().unwrap())
        .collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] > 0, "{sizes:?}");
    assert_eq!(report["map"]["by"], "segments");
    assert_eq!(
        (&report["search"]["queries"], &report["search"]["widths"][5]["recall"]),
        (&60.into(), &1.0.into())
    );
    assert_eq!(report["quality"]["segments"].as_array().map(Vec::len), Some(5));
    assert!(report["quality"].get("recommendations").is_none());
    assert_eq!(without_times(report.clone()), without_times(figures(folder.path(), &["--seed", "3"])));

    let some = figures(folder.path(), &["--sample", "20", "--color", "age", "--no-ids", "--title", "Autumn"]);
    assert_eq!(
        (&some["title"], some["map"]["points"].as_array().map(Vec::len)),
        (&"Autumn".into(), Some(20))
    );
    assert!(some["map"]["points"][0].get("user").is_none());
    assert_eq!(
        (&some["map"]["by"]["attribute"], some["map"]["groups"].as_array().map(Vec::len)),
        (&"age".into(), Some(4))
    );
    let early: Value =
        serde_json::from_str(&succeeds(folder.path(), &["report", "shop", "--json", "--now", "2026-02-01"]))
            .unwrap();
    let events = |report: &Value, of: &str| report["activity"][of].as_u64().unwrap();
    assert!(events(&early, "later") > 0 && events(&early, "events") < events(&report, "events"));
    assert_eq!(events(&early, "later") + events(&early, "events"), events(&report, "events"));

    let measured = figures(folder.path(), &["--quality"]);
    assert_eq!(measured["quality"]["recommendations"]["lists"][0]["by"], "kindred");
}

#[test]
fn what_cannot_be_written_or_colored_is_told() {
    let folder = shop();
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for (args, code, words) in [
        (&["-o", "folder"][..], 2, "it is a folder"),
        (&["-o", "shop/report.html"], 2, "store's own folder"),
        (&["-o", "nowhere/report.html"], 3, "nowhere"),
        (&["--color", "agee"], 2, "age"),
        (&["--sample", "0"], 2, "2 to 20000 users"),
        (&["--sample", "20001"], 2, "2 to 20000 users"),
        (&["--now", "yesterday"], 2, "time"),
    ] {
        let output = kindred(folder.path(), &[&["report", "shop"], args].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
    assert_eq!(kindred(folder.path(), &["report", "nothing"]).status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before + 1, "nothing half is left");
    let told = succeeds(folder.path(), &["report", "shop"]);
    assert!(told.contains("Wrote a report on 60 users to report.html"), "{told}");
    let written = succeeds(folder.path(), &["report", "shop", "-o", "figures.json", "--json"]);
    let written: Value = serde_json::from_str(&written).unwrap();
    let file = std::fs::read(folder.path().join("figures.json")).unwrap();
    assert_eq!(
        (written["file"].as_str(), written["bytes"].as_u64()),
        (Some("figures.json"), Some(file.len() as u64))
    );
    assert!(serde_json::from_slice::<Value>(&file).unwrap()["map"].is_object());
}
