//! The real binary: what is asked of a store, and what is measured of its answers.

use crate::cli::{failure, folder_with_store, json, kindred};
use serde_json::Value;

#[test]
fn interests_and_feedback_on_recommendations() {
    let folder = folder_with_store();
    let path = folder.path();
    let more = r#"{"type":"event","user":"ann","item":"p3","kind":"purchase","time":"2026-01-05T12:00:00Z"}"#;
    std::fs::write(path.join("more.jsonl"), more).unwrap();
    json(path, &["ingest", "shop", "more.jsonl"]);
    let interests = json(path, &["interests", "shop", "ann"]);
    let names: Vec<&str> =
        interests.as_array().unwrap().iter().map(|interest| interest["name"].as_str().unwrap()).collect();
    assert!(names.len() == 2 && names.contains(&"fish") && names.contains(&"pets"), "{interests}");
    assert_eq!(json(path, &["profile", "shop", "ann"])["interests"], interests);
    let shown = kindred(path, &["profile", "shop", "ann"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("Interests\n") && shown.contains("fresh salmon (1)"), "{shown}");
    let fish = names.iter().position(|name| *name == "fish").unwrap().to_string();
    let hits = json(path, &["similar", "shop", "--user", "ann", "--interest", &fish, "-k", "1"]);
    assert_eq!((&hits[0]["user"], &hits[0]["interest"]), (&"bob".into(), &"fish".into()));
    let hits = kindred(path, &["similar", "shop", "--user", "ann", "--by-interests"]);
    assert!(String::from_utf8(hits.stdout).unwrap().contains("cem  (pets)"));

    let shown = kindred(path, &["recommend", "shop", "--user", "ann", "--json"]);
    std::fs::write(path.join("shown.json"), &shown.stdout).unwrap();
    let feedback = ["feedback", "shop", "--user", "ann", "--shown", "shown.json", "--at", "2026-02-01"];
    let feedback = |more: &[&'static str]| [&feedback[..], more].concat();
    let blend = json(path, &feedback(&["--dismissed", "p2"]));
    assert!((blend["neighbors"].as_f64().unwrap() - 0.8).abs() < 1e-6, "{blend}");
    assert_eq!(json(path, &["recommend", "shop", "--user", "ann"]), serde_json::json!([]));
    let (code, message) = failure(path, &feedback(&["--taken", "p2", "--dismissed", "p2"]));
    assert!(code == 2 && message.contains("one of both"), "{code} {message}");
    let blend = json(path, &["feedback", "shop", "--forget"]);
    assert!((blend["together"].as_f64().unwrap() - 0.2).abs() < 1e-6, "{blend}");
    let (code, message) = failure(path, &["feedback", "shop"]);
    assert!(code == 2 && message.contains("--user"), "{code} {message}");
    let (code, message) = failure(path, &feedback(&["--taken", "p9"]));
    assert!(code == 2 && message.contains("an item that was shown"), "{code} {message}");
    std::fs::write(path.join("shown.json"), "{}").unwrap();
    let (code, message) = failure(path, &feedback(&[]));
    assert!(code == 2 && message.contains("recommend --json"), "{code} {message}");
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
    assert_eq!(fish["users"], serde_json::json!(["ann", "bob"]));
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
fn lookalikes_from_a_seed_of_each_kind() {
    let folder = folder_with_store();
    let path = folder.path();
    json(path, &["segment", "define", "shop", "young", "--where", "age < 40"]);
    std::fs::write(path.join("seed.txt"), "ann\n\n").unwrap();
    let ask = |args: &[&str]| json(path, &[&["lookalikes", "shop"], args].concat());
    let found = ask(&["--segment", "young"]);
    assert_eq!((&found["method"], &found["seed"]), (&"classifier".into(), &1.into()), "{found}");
    assert_eq!((&found["users"][0]["user"], &found["users"][1]["user"]), (&"bob".into(), &"cem".into()));
    for seed in [["--users", "ann,ann"], ["--users", "seed.txt"], ["--where", "age < 40"]] {
        assert_eq!(ask(&seed), found, "{seed:?}");
    }
    let mean = ask(&["--users", "ann", "--method", "centroid", "--filter", "count(purchase) = 1", "-k", "1"]);
    assert_eq!((&mean["method"], &mean["users"][0]["user"]), (&"centroid".into(), &"bob".into()));
    let shown = kindred(path, &["lookalikes", "shop", "--users", "ann", "--exclude", "bob", "--explain"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with("like 1 users, by log-odds") && shown.contains("because: "), "{shown}");
    assert!(shown.contains("cem") && !shown.contains("bob"), "{shown}");
}

/// Cooks and gardeners, who buy what they need on forty days, and are told so by an attribute.
fn folder_of_hobbies() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    for no in 0..20 {
        let hobby = ["cooking", "gardening"][no % 2];
        let user = serde_json::json!({
            "type": "user", "id": format!("u{no}"), "attributes": { "_hobby": hobby, "told": hobby },
        });
        lines += &(user.to_string() + "\n");
        for day in 0..40 {
            let event = serde_json::json!({
                "type": "event", "user": format!("u{no}"), "item": format!("{hobby} {}", (day * (no + 3) + no) % 11),
                "kind": "purchase", "time": format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28),
            });
            lines += &(event.to_string() + "\n");
        }
    }
    std::fs::write(folder.path().join("hobbies.jsonl"), lines).unwrap();
    json(folder.path(), &["init", "shop"]);
    json(folder.path(), &["ingest", "shop", "hobbies.jsonl"]);
    json(folder.path(), &["fit", "shop"]);
    folder
}

#[test]
fn answers_are_evaluated_on_what_the_store_holds() {
    let folder = folder_of_hobbies();
    let ask = |args: &[&str]| json(folder.path(), &[&["eval"], args].concat());
    let found = ask(&["lookalikes", "shop", "--where", "_hobby = 'cooking'", "-k", "2"]);
    assert_eq!(
        (&found["seed"], &found["held_out"], &found["among"]),
        (&10.into(), &2.0.into(), &12.0.into())
    );
    for method in found["methods"].as_array().unwrap() {
        assert_eq!(
            (&method["auc"], &method["precision"], &method["lift"]),
            (&1.0.into(), &1.0.into(), &6.0.into())
        );
    }
    let told = ask(&["labels", "shop", "--attribute", "_hobby", "--neighbors", "3"]);
    assert_eq!((&told["users"], &told["without_attributes"]), (&20.into(), &false.into()));
    let accuracy: Vec<&Value> =
        told["methods"].as_array().unwrap().iter().map(|by| &by["accuracy"]).collect();
    assert_eq!(accuracy, [&Value::from(0.5), &1.0.into(), &1.0.into()]);
    let fused = ask(&["labels", "shop", "--attribute", "told", "--neighbors", "3"]);
    assert_eq!((&fused["is_fused"], &fused["without_attributes"]), (&true.into(), &true.into()));
    let shown = kindred(folder.path(), &["eval", "labels", "shop", "--attribute", "told", "--as-they-are"]);
    assert!(String::from_utf8(shown.stderr).unwrap().contains("the answer is in the question"));
    assert!(String::from_utf8(shown.stdout).unwrap().contains("by logistic regression: accuracy 1.0000"));
    let twins = ask(&["twins", "shop", "--min-baskets", "40", "--beside", "."]);
    assert_eq!(twins["users"], 20);
    let (top_1, rank) = (twins["top_1"].as_f64().unwrap(), twins["mean_reciprocal_rank"].as_f64().unwrap());
    assert!(top_1 <= rank && rank > 0.1, "{twins}");
}
