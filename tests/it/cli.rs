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
fn failure(within: &Path, args: &[&str]) -> (i32, String) {
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
fn recommendations_and_how_good_they_are() {
    let folder = folder_with_store();
    let ask = |args: &[&str]| json(folder.path(), &[&["recommend", "shop"], args].concat());
    let found = ask(&["--user", "ann", "--explain", "--blend", "1,0,0"]);
    assert_eq!(
        (&found[0]["item"], &found[0]["neighbors"], &found[0]["asked"]),
        (&"p2".into(), &1.into(), &1.into())
    );
    let words = found[0]["explanation"]["words"].as_str().unwrap();
    assert!(words.starts_with("1 of 1 most similar users acted on it"), "{words}");
    assert_eq!(found[0]["signals"][0]["signal"], "neighbors");
    let categories = ask(&["--user", "ann", "--by", "categories", "--again"]);
    assert_eq!((&categories[0]["category"], &categories[0]["item"]), (&"fish".into(), &"p2".into()));
    assert_eq!(ask(&["--user", "ann", "--by", "categories"]), serde_json::json!([]));
    let fish = ask(&["--text", "hungry dog", "--category", "fish", "--kind", "purchase"]);
    assert!(fish.as_array().unwrap().iter().all(|thing| thing["category"] == "fish"), "{fish}");

    let text = kindred(folder.path(), &["recommend", "shop", "--user", "ann"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("p2  smoked salmon\n") && text.contains("1 of 1 similar users acted on it"),
        "{text}"
    );
    let nothing = kindred(folder.path(), &["recommend", "shop", "--user", "ann", "--within", "1 day"]);
    assert_eq!(nothing.stdout, b"nothing\n");

    let later = r#"{"type":"event","user":"ann","item":"p2","kind":"purchase","time":"2026-02-01"}"#;
    std::fs::write(folder.path().join("later.jsonl"), later).unwrap();
    json(folder.path(), &["ingest", "shop", "later.jsonl"]);
    let quality = json(folder.path(), &["eval", "recommend", "shop", "--after", "2026-01-15", "-k", "2"]);
    assert_eq!((&quality["users"], &quality["lists"][0]["by"]), (&1.into(), &"kindred".into()));
    for list in &quality["lists"].as_array().unwrap()[..2] {
        assert_eq!((&list["recall"], &list["precision"]), (&1.0.into(), &0.5.into()), "{list}");
    }
    // Nobody has anything in common with ann.
    assert_eq!(quality["lists"][2]["recall"], 0.0);
    // The store itself is as it was.
    assert_eq!(json(folder.path(), &["stats", "shop"])["events"], 4);
    let last = kindred(folder.path(), &["eval", "recommend", "shop", "-k", "1"]);
    assert!(String::from_utf8(last.stdout).unwrap().contains("TF-IDF neighbors"));
}

#[test]
fn users_where_a_predicate_is_true() {
    let folder = folder_with_store();
    let ask = |args: &[&str]| json(folder.path(), &[&["users", "shop"], args].concat());
    let all = ask(&[]);
    assert_eq!((&all["matching"], &all["users"]), (&3.into(), &serde_json::json!(["ann", "bob", "cem"])));
    let some = ask(&["--where", "count(purchase) = 1 and age is null", "-k", "1"]);
    assert_eq!((&some["matching"], &some["users"]), (&2.into(), &serde_json::json!(["bob"])));
    let lately = "count(purchase, interval '36 hours') > 0";
    let count = ask(&["--where", lately, "--now", "2026-01-03T13:00:00Z", "--count"]);
    assert_eq!(count, serde_json::json!({ "matching": 2 }));
    let hits = json(
        folder.path(),
        &["similar", "shop", "--user", "ann", "--where", "id() <> 'bob' and texts() > 0"],
    );
    assert_eq!((hits[0]["user"].as_str(), hits.as_array().map(Vec::len)), (Some("cem"), Some(1)));

    let fish = ask(&[
        "--where",
        "count(*) filter (where category = 'fish' and item like 'p%') > 0 and texts() >= 0",
    ]);
    assert_eq!(fish["users"], serde_json::json!(["ann", "bob", "cem"]));
    let alike = ask(&["--where", "similar_to('ann') > 0.999"]);
    assert_eq!(alike["users"], serde_json::json!(["ann"]));

    let plan = ask(&["--where", "age > 3 and id() = 'ann'", "--plan"]);
    assert_eq!(
        (&plan["users"], &plan["root"]["parts"][0]["access"]),
        (&3.into(), &"lookup".into()),
        "{plan}"
    );
    let shown = kindred(folder.path(), &["users", "shop", "--where", "age > 3"]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), "ann\n");
    let shown = kindred(folder.path(), &["users", "shop", "--where", "age > 99"]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), "nobody\n");
    let (code, message) = failure(folder.path(), &["users", "shop", "--where", "age > 3 and twon = 'Ulm'"]);
    assert_eq!(code, 2);
    assert!(message.contains("\n  age > 3 and twon = 'Ulm'\n              ^"), "{message}");
}

#[test]
fn rules_of_what_is_bought_together() {
    let folder = folder_with_store();
    let event = |user: &str, item: &str, hour: u8| {
        format!(
            r#"{{"type":"event","user":"{user}","item":"{item}","kind":"purchase","time":"2026-02-01T{hour:02}:00:00Z"}}"#
        )
    };
    let lines: Vec<String> = ["dan", "eve"]
        .into_iter()
        .flat_map(|user| [("p1", 8), ("p3", 8), ("p2", 11)].map(|(item, hour)| event(user, item, hour)))
        .collect();
    std::fs::write(folder.path().join("more.jsonl"), lines.join("\n")).unwrap();
    json(folder.path(), &["ingest", "shop", "more.jsonl"]);
    let ask = |args: &[&str]| json(folder.path(), &[&["rules", "shop"], args].concat());
    let found = ask(&[]);
    assert_eq!((&found["baskets"], &found["matching"], &found["folded"]), (&7.into(), &2.into(), &0.into()));
    let rule = &found["rules"][0];
    assert_eq!((&rule["if"][0], &rule["then"], &rule["baskets"]), (&"p1".into(), &"p3".into(), &2.into()));
    assert_eq!(found["texts"]["p3"], "dry dog food");
    let by_day = ask(&["--within", "1 day", "--by", "category", "--min-lift", "0", "-k", "1"]);
    assert_eq!((&by_day["baskets"], &by_day["rules"].as_array().map(Vec::len)), (&5.into(), &Some(1)));
    let whole = ask(&["--per-user", "--min-support", "20%", "--sort", "support", "--max-len", "2"]);
    assert_eq!((&whole["baskets"], &whole["min_baskets"]), (&5.into(), &1.into()));
    let none = ask(&["--kind", "view", "--kind", "cart", "--min-lift", "2"]);
    assert_eq!((&none["baskets"], &none["rules"]), (&0.into(), &serde_json::json!([])));
    let shown = kindred(folder.path(), &["rules", "shop", "--kind", "view"]);
    assert!(String::from_utf8(shown.stdout).unwrap().starts_with("no baskets"));
    let few = ask(&["--where", "count(purchase) > 1", "--now", "2026-03-01"]);
    assert_eq!(few["baskets"], 4);

    let shown = kindred(folder.path(), &["rules", "shop", "--min-support", "2", "-q"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with("7 baskets of 3 elements; 4 sets"), "{shown}");
    assert!(shown.contains("  p1 (fresh salmon) → p3 (dry dog food)"), "{shown}");
    json(folder.path(), &["expire", "shop", "--before", "2026-03-01"]);
    let shown = String::from_utf8(kindred(folder.path(), &["rules", "shop"]).stdout).unwrap();
    assert!(shown.contains("9 events are folded and in no basket: --per-user has them."), "{shown}");
}

#[test]
fn segments_from_their_definition_to_their_end() {
    let folder = folder_with_store();
    let ask = |args: &[&str]| json(folder.path(), &[&["segment"], args].concat());
    let now = ask(&["advance", "shop", "--now", "2026-01-03"]);
    assert_eq!((&now["now"], &now["changes"]), (&"2026-01-03T00:00:00Z".into(), &0.into()));
    let defined = ask(&["define", "shop", "buyers", "--where", "count(purchase, interval '36 hours') >= 1"]);
    let members = defined["members"].as_u64().unwrap();
    assert!(members > 0 && defined["version"] == 1, "{defined}");
    let nested = ask(&["define", "shop", "old buyers", "--where", "in_segment('buyers') and age > 30"]);
    assert_eq!(nested["where"], r#"in_segment('buyers') and "age" > 30"#);
    let users = ask(&["members", "shop", "buyers"]);
    assert_eq!(users["users"].as_array().unwrap().len() as u64, members);
    let of_ann = ask(&["list", "shop", "--user", "ann"]);
    let profile = json(folder.path(), &["profile", "shop", "ann"]);
    assert_eq!(of_ann["segments"].as_array().is_some_and(Vec::is_empty), profile["segments"].is_null());
    let feed = ask(&["changes", "shop"]);
    assert_eq!(feed["next"].as_u64(), Some(feed["changes"].as_array().unwrap().len() as u64));
    let later = ask(&["advance", "shop", "--now", "2026-03-01"]);
    assert_eq!(later["changes"], feed["next"]);
    let shown = kindred(folder.path(), &["segment", "changes", "shop", "--since", &feed["next"].to_string()]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(" left buyers\n") && shown.contains("go on from"), "{shown}");
    assert_eq!(failure(folder.path(), &["segment", "drop", "shop", "buyers"]).0, 2);
    assert_eq!(ask(&["drop", "shop", "old buyers"])["dropped"], true);
    assert_eq!(ask(&["drop", "shop", "old buyers"])["dropped"], false);
    assert_eq!(ask(&["list", "shop"]).as_array().unwrap().len(), 1);
}

#[test]
fn segments_tell_of_themselves() {
    let folder = folder_with_store();
    let ask = |args: &[&str]| json(folder.path(), &[&["segment"], args].concat());
    let shown = |args: &[&str]| {
        let output = kindred(folder.path(), &[&["segment"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(shown(&["overlaps", "shop"]), "none\n");
    ask(&["define", "shop", "buyers", "--where", "count(purchase) >= 1"]);
    ask(&["define", "shop", "fishers", "--where", "id() in ('ann', 'bob')"]);
    ask(&["define", "shop", "nobody", "--where", "count(purchase) > 9"]);

    let overlaps = ask(&["overlaps", "shop"]);
    assert_eq!(overlaps.as_array().unwrap().len(), 3);
    assert_eq!((&overlaps[0]["segment"], &overlaps[0]["both"]), (&"buyers".into(), &2.into()));
    assert_eq!(ask(&["overlaps", "shop", "nobody", "-k", "1"]).as_array().unwrap().len(), 1);
    let line =
        "           2  66.7 % of the 3 in buyers, 100.0 % of the 2 in fishers  (Jaccard 0.667, lift 1.0)\n";
    assert_eq!(shown(&["overlaps", "shop", "-k", "1"]), line);

    let all = ["--min-support", "2", "--min-g2", "0"];
    let portrait = ask(&[&["describe", "shop", "fishers"], &all[..]].concat());
    let fish = serde_json::json!({ "category": { "name": "fish" } });
    assert_eq!((&portrait["members"], &portrait["traits"][0]["of"]), (&2.into(), &fish));
    let told = shown(&[&["describe", "shop", "fishers", "-k", "1"], &all[..]].concat());
    let line = "  acted on items of category fish: 100.0 % of members, 66.7 % of all, lift 1.5 (2 users)";
    assert_eq!(told, format!("2 of 3 users\n{line}\n"));
    assert_eq!(shown(&["describe", "shop", "nobody"]), "0 of 3 users: nothing sets them apart\n");

    let reasons = ask(&["explain", "shop", "buyers", "--user", "ann"]);
    assert_eq!(
        (&reasons["root"]["truth"], &reasons["root"]["values"][0]["value"]),
        (&"true".into(), &1.into())
    );
    let told = shown(&["explain", "shop", "nobody", "--user", "ann"]);
    assert!(told.ends_with("false   count('purchase') > 9  [count('purchase') is 1]\n"), "{told}");
    for args in [
        &["overlaps", "shop", "buyrs"][..],
        &["describe", "shop", "buyrs"],
        &["explain", "shop", "buyrs", "--user", "ann"],
    ] {
        let (code, message) = failure(folder.path(), &[&["segment"], args].concat());
        assert_eq!(code, 2);
        assert!(message.contains("did you mean \"buyers\"?"), "{message}");
    }
    assert_eq!(failure(folder.path(), &["segment", "explain", "shop", "buyers", "--user", "zoe"]).0, 2);
    let bad = ["segment", "describe", "shop", "buyers", "--min-g2", "nan"];
    assert_eq!(failure(folder.path(), &bad).0, 2);
}

#[test]
fn segments_that_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let line = |no: usize| {
        let (near, far) = (1.0 + no as f32 / 100.0, no as f32 / 200.0);
        let vector = if no.is_multiple_of(3) { [near, far] } else { [far, near] };
        serde_json::json!({ "type": "user", "id": format!("u{no}"), "vector": vector }).to_string() + "\n"
    };
    std::fs::write(folder.path().join("users.jsonl"), (0..60).map(line).collect::<String>()).unwrap();
    json(folder.path(), &["init", "shop", "--dim", "2"]);
    json(folder.path(), &["ingest", "shop", "users.jsonl"]);
    let ask = |args: &[&str]| json(folder.path(), &[&["segment"], args].concat());
    let dry = ask(&["find", "shop", "--clusters", "2..5", "--seed", "3", "--dry-run"]);
    assert_eq!((&dry["clusters"][0]["users"], &dry["written"]), (&40.into(), &0.into()), "{dry}");
    let found = ask(&["find", "shop", "--clusters", "2..5", "--seed", "3"]);
    assert_eq!((&found["clusters"], &found["written"]), (&dry["clusters"], &60.into()));
    assert_eq!((&found["method"], &found["attribute"]), (&"kmeans".into(), &"_cluster".into()));
    let users = json(folder.path(), &["users", "shop", "--where", "_cluster = 'c2'", "--count"]);
    assert_eq!(users["matching"], 20);
    let none = ask(&["assign", "shop", "--all"]);
    assert_eq!((&none["written"], &none["clusters"][1]["users"]), (&0.into(), &20.into()));
    let dense =
        ask(&["find", "shop", "--method", "hdbscan", "--min-cluster-size", "9", "--attribute", "_dense"]);
    assert_eq!((&dense["method"], &dense["tried"]), (&"hdbscan".into(), &serde_json::json!([])));
    let shown = kindred(
        folder.path(),
        &["segment", "find", "shop", "--clusters", "2", "--sample", "30", "--dry-run"],
    );
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("2 clusters of 60 users") && shown.contains("Nothing was written."), "{shown}");
    let shown = kindred(folder.path(), &["segment", "assign", "shop"]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("of 0 users was written; 0 have no vector."));
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
