//! The real binary: how segments hold together, and how content users are.

use crate::cli::{folder_with_store, json, kindred};
use serde_json::{Value, json as value};

const FEEDBACK: &str = r#"{"type":"event","user":"ann","item":"p1","kind":"like","time":"2026-01-05"}
{"type":"event","user":"ann","item":"p2","kind":"like","time":"2026-01-31T23:59:59Z"}
{"type":"event","user":"ann","item":"p3","kind":"dismiss","time":"2026-02-01"}
{"type":"event","user":"bob","item":"p1","kind":"like","time":"2026-02-02"}
{"type":"event","user":"bob","item":"p1","kind":"review","value":2,"time":"2026-02-03"}
{"type":"event","user":"bob","item":"p3","kind":"review","value":5,"time":"2026-02-03"}
{"type":"event","user":"bob","kind":"review","time":"2026-02-04"}
"#;

fn part<'a>(report: &'a Value, of: &str, name: &str) -> &'a Value {
    report[of].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap()
}

#[test]
fn feedback_is_counted_overall_and_in_parts() {
    let folder = folder_with_store();
    let path = folder.path();
    let nothing = json(path, &["eval", "satisfaction", "shop"]);
    assert_eq!(
        (&nothing["said_something"], &nothing["overall"]["share_positive"]),
        (&0.into(), &Value::Null)
    );
    std::fs::write(path.join("feedback.jsonl"), FEEDBACK).unwrap();
    json(path, &["ingest", "shop", "feedback.jsonl"]);
    json(path, &["segment", "define", "shop", "young", "--where", "age < 40"]);
    json(path, &["segment", "define", "shop", "old", "--where", "age > 40"]);

    let report = json(path, &["eval", "satisfaction", "shop", "--rating", "review", "--top", "1"]);
    assert_eq!(report["kinds"], value!({ "dismiss": 1, "like": 3, "review": 2 }));
    assert_eq!((&report["said_something"], &report["users"]), (&2.into(), &3.into()));
    let overall = &report["overall"];
    assert_eq!((&overall["positive"], &overall["share_positive"]), (&3.into(), &0.75.into()));
    let low = overall["interval"][0].as_f64().unwrap();
    assert!((low - 0.3006).abs() < 1e-3, "{overall}");
    assert_eq!(overall["rating"], value!({ "count": 2, "mean": 3.5, "standard_error": 1.5 }));
    assert_eq!(report["ratings"][1], value!({ "from": 5.0, "to": 5.0, "count": 1 }));
    let young = part(&report, "segments", "young");
    assert_eq!(
        (&young["positive"], &young["negative"], &young["rating"]),
        (&2.into(), &1.into(), &Value::Null)
    );
    assert_eq!(part(&report, "segments", "old")["share_positive"], Value::Null);
    assert_eq!(report["categories"].as_array().unwrap().len(), 1);
    assert_eq!(part(&report, "categories", "fish")["positive"], 3);
    let months: Vec<&Value> =
        report["months"].as_array().unwrap().iter().map(|month| &month["name"]).collect();
    assert_eq!(months, ["2026-01", "2026-02"]);
    assert_eq!(part(&report, "months", "2026-01")["positive"], 2);

    let shown =
        kindred(path, &["eval", "satisfaction", "shop", "--positive", "review", "--negative", "like"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.starts_with("2 of 3 users said something, like 3, review 3"), "{shown}");
    for (args, words) in [(["--positive", "lik"], "\"lik\""), (["--top", "some"], "invalid value")] {
        let output = kindred(path, &[&["eval", "satisfaction", "shop"], &args[..]].concat());
        assert!(!output.status.success() && String::from_utf8(output.stderr).unwrap().contains(words));
    }
    let both = kindred(path, &["eval", "satisfaction", "shop", "--positive", "like", "--negative", "like"]);
    assert!(String::from_utf8(both.stderr).unwrap().contains("each kind in one of them"));
}

#[test]
fn segments_are_held_against_the_others_and_against_before() {
    let folder = folder_with_store();
    let path = folder.path();
    let without = kindred(path, &["eval", "segments", "shop", "--since", "1 day"]);
    assert!(String::from_utf8(without.stderr).unwrap().contains("segments, which have an instant"));
    json(path, &["segment", "advance", "shop", "--now", "2026-01-03T13:00:00Z"]);
    let lately = "count(purchase, interval '36 hours') >= 1";
    json(path, &["segment", "define", "shop", "lately", "--where", lately]);
    let report = json(path, &["eval", "segments", "shop", "--since", "1 day"]);
    assert_eq!((&report["groups"][0]["users"], &report["groups"][0]["sample"]), (&2.into(), &2.into()));
    assert!(report["groups"][0]["silhouette"].is_number() && report["stability"].is_null());
    let stayed = &report["earlier"]["segments"][0];
    assert_eq!(
        (&stayed["then"], &stayed["now"], &stayed["both"]),
        (&2.into(), &2.into(), &1.into()),
        "{report}"
    );
    assert!((stayed["jaccard"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
    let shown = kindred(path, &["eval", "segments", "shop", "--attribute", "age"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("undefined") && shown.contains("stability is undefined"), "{shown}");
    let unknown = kindred(path, &["eval", "segments", "shop", "--attribute", "agee"]);
    assert_eq!(unknown.status.code(), Some(2));
}
