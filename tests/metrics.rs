//! The figures of real operations, by the debugging recorder. One test, since a recorder is the whole process's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use kindred::ingest::{Options, Source};
use kindred::model::{Event, Item, Time};
use kindred::{Like, Store};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use metrics_util::{CompositeKey, MetricKind};

/// What was recorded since the last look: counters and histograms start again at nothing, gauges stay.
struct Seen(Vec<(CompositeKey, DebugValue)>);

impl Seen {
    fn now(snapshotter: &Snapshotter) -> Self {
        let all = snapshotter.snapshot().into_vec();
        Self(all.into_iter().map(|(key, _, _, value)| (key, value)).collect())
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<&DebugValue> {
        let is_it = |key: &CompositeKey| {
            let key = key.key();
            let has =
                |(k, v): &(&str, &str)| key.labels().any(|label| label.key() == *k && label.value() == *v);
            key.name() == name && key.labels().count() == labels.len() && labels.iter().all(has)
        };
        self.0.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }

    fn counter(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        match self.value(name, labels) {
            Some(DebugValue::Counter(n)) => *n,
            None => 0,
            other => panic!("{name} is {other:?}"),
        }
    }

    /// How often, with a check that each took some time.
    fn times(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        match self.value(name, labels) {
            Some(DebugValue::Histogram(seconds)) => {
                assert!(
                    seconds.iter().all(|seconds| seconds.is_sign_positive() && seconds.is_finite()),
                    "{name}"
                );
                seconds.len()
            }
            None => 0,
            other => panic!("{name} is {other:?}"),
        }
    }
}

#[test]
fn operations_are_counted_and_timed() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");

    let store = Store::open(&path).unwrap();
    let day = Time::from_secs(86_400).unwrap();
    let event = || Event::new("ann", "purchase", day).item("p1");
    for _ in 0..2 {
        store
            .write(|tx| {
                tx.put_item(Item { id: "p1".into(), text: Some("salmon".into()), ..Item::default() })?;
                tx.record(event())?;
                tx.record(Event::new("bob", "purchase", day).item("p1"))?;
                tx.remove_user("nobody")
            })
            .unwrap();
    }
    let seen = Seen::now(&snapshotter);
    assert_eq!(seen.times("kindred_operation_seconds", &[("operation", "open")]), 1);
    assert_eq!(seen.times("kindred_operation_seconds", &[("operation", "write")]), 2);
    let records = |outcome| seen.counter("kindred_records_total", &[("outcome", outcome)]);
    assert_eq!((records("changed"), records("duplicate"), records("absent")), (3, 3, 2));
    let commits = seen.counter("kindred_commits_total", &[]);
    // One of the settings, one of the write.
    assert!(commits >= 2, "{commits}");
    assert!(seen.counter("kindred_logged_bytes_total", &[]) > 100 * commits.min(2));
    let syncs = seen.times("kindred_log_sync_seconds", &[]);
    assert!(syncs >= 2 && syncs as u64 <= commits, "{syncs} syncs of {commits} commits");
    assert!(seen.counter("kindred_cache_hits_total", &[("cache", "values")]) > 0);
    assert!(seen.counter("kindred_cache_misses_total", &[("cache", "values")]) > 0);
    assert!(seen.counter("kindred_cache_misses_total", &[("cache", "points")]) > 0);

    let lines = "{\"type\":\"user\",\"id\":\"cem\"}\nnonsense\n{\"type\":\"event\",\"user\":\"ann\",\"kind\":\"nosuch\",\"time\":0}\n";
    let source = Source::reader("lines", lines.as_bytes());
    store.ingest(source, &Options::new(), &mut Vec::new(), &|_| {}).unwrap();
    store.write(|tx| tx.erase_user("bob")).unwrap();
    assert!(store.write(|tx| tx.record(Event::new("bob", "view", day))).is_err());
    assert!(store.write(|tx| tx.put_user("", [])).is_err());
    let snapshot = store.snapshot();
    assert!(snapshot.profile("nobody").is_err());
    snapshot.similar("ann").run().unwrap();
    snapshot.similar(Like::text("salmon")).exact(true).run().unwrap();
    let seen = Seen::now(&snapshotter);
    assert_eq!(seen.times("kindred_operation_seconds", &[("operation", "ingest")]), 1);
    assert_eq!(seen.counter("kindred_refused_total", &[("by", "reader")]), 1);
    assert_eq!(seen.counter("kindred_refused_total", &[("by", "store")]), 2);
    let errors =
        |operation| seen.counter("kindred_errors_total", &[("operation", operation), ("kind", "usage")]);
    assert_eq!((errors("write"), errors("profile"), errors("query")), (1, 1, 0));
    let queries = |like, search| seen.times("kindred_query_seconds", &[("like", like), ("search", search)]);
    assert_eq!((queries("user", "index"), queries("text", "exact"), queries("vector", "index")), (1, 1, 0));

    drop(snapshot);
    store.fit().unwrap();
    store.build_index(&|_| {}).unwrap();
    store.backup(folder.path().join("backup")).unwrap();
    store.checkpoint().unwrap();
    let seen = Seen::now(&snapshotter);
    for operation in ["fit", "seal", "backup", "checkpoint"] {
        assert_eq!(seen.times("kindred_operation_seconds", &[("operation", operation)]), 1, "{operation}");
    }
    assert!(seen.times("kindred_index_task_seconds", &[("task", "seal")]) >= 1);
    drop(store);
    let seen = Seen::now(&snapshotter);
    assert!(seen.0.iter().all(|(key, _)| key.key().name().starts_with("kindred_")));
    assert!(seen.0.iter().any(|(key, _)| key.kind() == MetricKind::Gauge));
    // A closed store leaves nothing to apply.
    let waiting = seen.value("kindred_waiting_commits", &[]);
    assert_eq!(waiting, Some(&DebugValue::Gauge(0.0.into())));
}
