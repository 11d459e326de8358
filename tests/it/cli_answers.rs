//! The real binary: lookalikes, and what it measures of a store's answers.

use crate::cli::{folder_with_store, json, kindred};
use serde_json::Value;

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
