//! The real binary: options that are searched, on a store of which it is known what is good for it.

use crate::cli::{json, kindred};
use kindred::Fusion;
use serde_json::Value;
use std::path::Path;

/// Everybody buys by chance; of two kinds of people only an attribute tells which one somebody is of.
fn folder_of_strangers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let mut chance = 7_u32;
    for no in 0..60 {
        let town = ["Ulm", "Bonn"][no % 2];
        let user = serde_json::json!({
            "type": "user", "id": format!("u{no}"), "attributes": { "town": town, "_town": town },
        });
        lines += &(user.to_string() + "\n");
        for day in 1..=24 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let event = serde_json::json!({
                "type": "event", "user": format!("u{no}"), "item": format!("thing {}", (chance >> 16) % 40),
                "kind": "purchase", "time": format!("2026-01-{day:02}"),
            });
            lines += &(event.to_string() + "\n");
        }
    }
    std::fs::write(folder.path().join("strangers.jsonl"), lines).unwrap();
    let fusion = Fusion { item_weight: 1.0, attribute_weight: 0.02, text_weight: 0.0, ..Fusion::default() };
    std::fs::write(folder.path().join("own.json"), serde_json::to_string(&fusion).unwrap()).unwrap();
    json(folder.path(), &["init", "shop", "--fusion", "own.json"]);
    json(folder.path(), &["ingest", "shop", "strangers.jsonl"]);
    folder
}

fn export(within: &Path) -> Vec<u8> {
    json(within, &["export", "shop", "out.jsonl"]);
    std::fs::read(within.join("out.jsonl")).unwrap()
}

#[test]
fn the_block_that_tells_something_is_found_and_the_store_stays() {
    let folder = folder_of_strangers();
    let (path, before) = (folder.path(), export(folder.path()));
    let ask = |args: &[&str]| json(path, &[&["tune", "shop", "--beside", "."], args].concat());
    let blocks =
        ["--for", "labels:_town", "--over", "item=0..1", "--over", "attribute=0..1", "--over", "text=0..1"];
    let found = ask(&[&blocks[..], &["--search", "grid", "--trials", "9", "--plot", "tuned.svg"]].concat());
    assert_eq!(found["over"], serde_json::json!(["item", "attribute", "text"]));
    let trials = found["trials"].as_array().unwrap();
    // Of the eight, one leaves weight to groups alone, and no item has a text that would make it one of a group.
    assert_eq!((trials.len(), &found["own"]["values"]), (7, &serde_json::json!([1.0, 0.02, 0.0])));
    // The sentence that attributes make is in the block of texts, and tells as much.
    assert_eq!((&trials[0]["mean"], &trials[0]["values"][1]), (&1.0.into(), &1.0.into()), "{found}");
    let item_alone =
        trials.iter().find(|trial| trial["values"] == serde_json::json!([1.0, 0.0, 0.0])).unwrap();
    assert!(item_alone["mean"].as_f64().unwrap() < 0.75, "{found}");
    assert!(found["own"]["mean"].as_f64().unwrap() < 1.0, "{found}");
    assert!(found["gain"]["mean"].as_f64().unwrap() > 0.0 && found["gain_with_others"] == Value::Null);
    assert_eq!(found["fusion"]["attribute_weight"], 1.0);
    assert!(std::fs::read_to_string(path.join("tuned.svg")).unwrap().contains("best so far"));

    std::fs::write(path.join("fusion.json"), found["fusion"].to_string()).unwrap();
    json(path, &["init", "next", "--fusion", "fusion.json"]);
    json(path, &["export", "next", "next.jsonl"]);
    let settings = std::fs::read_to_string(path.join("next.jsonl")).unwrap();
    let settings: Value = serde_json::from_str(settings.lines().next().unwrap()).unwrap();
    assert_eq!(settings["fusion"], found["fusion"]);

    for method in ["random", "bayes"] {
        let search =
            |seed| ask(&[&blocks[..], &["--search", method, "--trials", "7", "--seed", seed]].concat());
        let found = search("1");
        assert_eq!(found, search("1"), "{method}");
        assert_ne!(found["trials"], search("2")["trials"], "{method}");
    }
    assert_eq!(export(path), before);
    let left =
        std::fs::read_dir(path).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    assert!(left.into_iter().all(|name| !name.starts_with("kindred-bench")));
}

#[test]
fn twins_and_recommendations_are_tuned_by_users_in_folds() {
    let folder = folder_of_strangers();
    let ask = |args: &[&str]| json(folder.path(), &[&["tune", "shop"], args].concat());
    let twins = ask(&[
        "--for",
        "twins",
        "--trials",
        "4",
        "--search",
        "grid",
        "--over",
        "item-dims=8..16",
        "--over",
        "half-life:purchase=100..1000",
    ]);
    assert_eq!((&twins["users"], twins["own"]["folds"].as_array().unwrap().len()), (&60.into(), 5));
    let mut values: Vec<String> =
        twins["trials"].as_array().unwrap().iter().map(|trial| trial["values"].to_string()).collect();
    values.sort();
    assert_eq!(values, ["[16.0,100.0]", "[16.0,1000.0]", "[8.0,100.0]", "[8.0,1000.0]"]);
    assert!(twins["gain_with_others"]["standard_error"].is_number());

    let later = ask(&["--for", "recommend", "--trials", "2", "--users", "10", "--folds", "2"]);
    assert_eq!((&later["users"], later["trials"].as_array().unwrap().len()), (&10.into(), 2));
    let shown =
        kindred(folder.path(), &["tune", "shop", "--for", "recommend", "--trials", "2", "--users", "9"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.starts_with("NDCG of 20 recommendations, 5 folds, 9 users") && shown.contains("\nown "),
        "{shown}"
    );
}

#[test]
fn senseless_searches_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    json(folder.path(), &["init", "shop"]);
    json(folder.path(), &["init", "vectors", "--dim", "3"]);
    for (args, words) in [
        ("tune shop --for twins --trials 0", "--trials"),
        ("tune shop --for luck", "twins, recommend or labels:ATTRIBUTE"),
        ("tune shop --for labels:", "twins, recommend or labels:ATTRIBUTE"),
        ("tune shop --for twins", "baskets of somebody"),
        ("tune shop --for recommend", "5 users, one for each fold"),
        ("tune shop --for labels:age", "no attribute \"age\""),
        ("tune shop --for twins --folds 1", "2 folds"),
        ("tune shop --for twins --users 0", "1 user"),
        ("tune shop --for twins --over text=0..7", "lies in 0 to 1"),
        ("tune shop --for twins --over text=1..0", "the smaller bound comes first"),
        ("tune shop --for twins --over item-dims=0..8", "lies in 1 to 1024"),
        ("tune shop --for twins --over half-life:view=0..8", "lies in 0.01"),
        ("tune shop --for twins --over depth=0..1", "is none of text, item"),
        ("tune shop --for twins --over weight:rent=0..1", "no kind of event \"rent\""),
        ("tune shop --for twins --over text=0..1 --over text=0..1", "each option once"),
        ("tune shop --for twins --search grid --trials 7", "2 to the power of 3"),
        ("tune shop --for twins --over attribute=0..1", "attributes are taken out"),
        ("tune shop --for labels:town --over sentence=0..1", "attributes are taken out"),
        ("tune shop --for twins --plot shop/data/db", "store's own folder"),
        ("tune vectors --for twins", "one with an encoder"),
        ("tune nowhere --for twins", "nowhere"),
        ("init new --fusion nowhere.json", "nowhere.json"),
    ] {
        let output = kindred(folder.path(), &args.split(' ').collect::<Vec<_>>());
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(words), "{args}: {told}");
        assert!(!told.contains("panicked"), "{args}: {told}");
    }
}
