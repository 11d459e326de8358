//! A whole life of a store, with everything it tells at any level: nothing personal is in it. One test, since a subscriber is
//! the whole process's: background threads are heard too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use kindred::ingest::{Options, Source};
use kindred::model::{Event, Item, Time};
use kindred::{Like, Store, VerifyOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::format::FmtSpan;

/// Between two looks at what another thread does.
const WAIT: Duration = Duration::from_millis(5);

/// What only users said, did or are called; each word occurs nowhere else.
const PERSONAL: [&str; 9] = [
    "zebulon",
    "quagmira",
    "wolfgangus",
    "xylophone marmalade",
    "ouagadougou",
    "confession",
    "order-7771",
    "product-8882",
    "kind-9993",
];

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn day(n: i64) -> Time {
    Time::from_secs(n * 86_400).unwrap()
}

fn hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

fn fill(store: &Store) {
    store
        .write(|tx| {
            let text = Some("xylophone marmalade".to_owned());
            tx.put_item(Item { id: "product-8882".into(), text, ..Item::default() })?;
            for user in ["zebulon", "quagmira", "wolfgangus"] {
                tx.put_user(user, [("town", "ouagadougou".into())])?;
                tx.record(Event::new(user, "purchase", day(1)).item("product-8882"))?;
                tx.add_text(user, format!("the confession of {user}"), day(2))?;
            }
            tx.record(Event::new("zebulon", "view", day(3)).id("order-7771").text("xylophone marmalade"))
        })
        .unwrap();
}

/// What hosts and users do wrong.
fn err(store: &Store) {
    let lines = [
        r#"{"type":"user","id":"zebulon","attributes":{"town":"ouagadougou"},"zebulon":1}"#,
        r#"{"type":"event","user":"quagmira","kind":"kind-9993","time":0}"#,
        r#"{"type":"text","user":"zebulon","text":"confession","time":"ouagadougou"}"#,
        "zebulon's xylophone marmalade is no JSON",
    ];
    let source = Source::reader("zebulon.jsonl", std::io::Cursor::new(lines.join("\n")));
    let report = store.ingest(source, &Options::new(), &mut Vec::new(), &|_| {}).unwrap();
    assert_eq!(report.rejected, 3, "{report}");
    assert!(store.write(|tx| tx.put_user("zebulon\n", [])).is_err());
    assert!(store.write(|tx| tx.put_vector("zebulon", vec![1.0])).is_err());
    assert!(store.write(|tx| tx.record(Event::new("zebulon", "kind-9993", day(1)))).is_err());
    let snapshot = store.snapshot();
    assert!(snapshot.profile("ouagadougou").is_err());
    assert!(snapshot.similar("quagmire").run().is_err());
    assert!(snapshot.similar(Like::text("xylophone marmalade")).limit(usize::MAX).run().is_err());
}

fn ask(store: &Store) {
    let snapshot = store.snapshot();
    snapshot.profile("zebulon").unwrap();
    snapshot.rules().run().unwrap();
    assert!(!snapshot.similar("zebulon").explain(true).run().unwrap().is_empty());
    snapshot.similar(Like::text("xylophone marmalade")).exact(true).run().unwrap();
}

/// Changes a byte in the middle of each file of the index, and takes the end off the log.
fn damage(store: &Path) {
    for entry in std::fs::read_dir(store.join("index")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(path, bytes).unwrap();
    }
}

/// Flips a bit of all values of some kinds in the data of a closed store.
fn damage_values(store: &Path, kinds: &[u8]) {
    let is_data =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("data"));
    let data = std::fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path()).find(is_data).unwrap();
    let config = sled::Config::new().path(data).mode(sled::Mode::HighThroughput).flush_every_ms(None);
    // A handle that was dropped holds sled's lock for a moment yet.
    let db = (0..1_000).find_map(|_| config.open().map_err(|_| std::thread::sleep(WAIT)).ok()).unwrap();
    for (key, value) in db.iter().map(Result::unwrap).filter(|(key, _)| kinds.contains(&key[0])) {
        let mut value = value.to_vec();
        *value.last_mut().unwrap() ^= 1;
        db.insert(key, value).unwrap();
    }
    db.flush().unwrap();
}

/// Values are damaged, found and made anew, and in the end cannot be: what is left is repaired.
fn heal(store: &Path, repaired: &Path) {
    let never = AtomicBool::new(false);
    // Names, which are in the keys, records, events and texts.
    damage_values(store, b"uUetiI");
    let report = Store::verify_closed(store, &VerifyOptions::new(), &|_| {}, &never).unwrap();
    assert!(report.found > 4 && report.heals, "{report:?}");
    ask(&Store::open(store).unwrap());
    // What opening need not read.
    damage_values(store, b"et");
    let open = Store::open(store).unwrap();
    assert!(open.snapshot().export(&mut Vec::new(), &|_| {}).is_err());
    assert!(open.verify(&|_| {}).unwrap().heals);
    let healed = || (0..10_000).any(|_| open.stats().is_ok_and(|stats| !stats.damaged_values) || pause());
    assert!(healed(), "damaged values are not made anew");
    ask(&open);
    drop(open);
    std::fs::remove_dir_all(store.join("base")).unwrap();
    damage_values(store, b"uUetiI");
    let open = Store::open(store).unwrap();
    open.verify(&|_| {}).unwrap();
    drop(open);
    assert!(Store::repair(store, repaired).unwrap().found > 0);
}

fn pause() -> bool {
    std::thread::sleep(WAIT);
    false
}

#[test]
fn nothing_personal_is_told_at_any_level() {
    let heard = Heard::default();
    let writer = heard.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let go_on = AtomicBool::new(false);

    let store = Store::open(&path).unwrap();
    fill(&store);
    err(&store);
    ask(&store);
    store.fit().unwrap();
    ask(&store);
    assert!(store.seal(&|_| {}, &go_on).unwrap());
    store.backup(folder.path().join("backup")).unwrap();
    store.snapshot().export(&mut Vec::new(), &|_| {}).unwrap();
    store.write(|tx| tx.erase_user("wolfgangus")).unwrap();
    assert!(store.write(|tx| tx.put_user("wolfgangus", [])).is_err());
    assert!(store.compact(&|_| {}, &go_on).unwrap());
    store.checkpoint().unwrap();
    drop(store);

    damage(&path);
    let store = Store::open(&path).unwrap();
    ask(&store);
    drop(store);
    heal(&path, &folder.path().join("repaired"));
    Store::restore(folder.path().join("backup"), folder.path().join("restored")).unwrap();
    ask(&Store::open(folder.path().join("restored")).unwrap());

    let told = heard.text();
    for span in [
        "open", "write", "ingest", "query", "profile", "fit", "seal", "backup", "export", "compact",
        "restore", "verify", "repair", "rules",
    ] {
        assert!(told.contains(&format!(" {span}: ")), "no span {span} was heard");
    }
    assert!(told.contains("index{task=\"seal\"}"), "the tasks of the index were not heard");
    assert!(told.contains(" WARN ") && told.contains("the index's files cannot be used"), "{told}");
    assert!(told.contains("kind=\"usage\""), "failed calls were not heard");
    assert!(told.contains("kind=\"damage\""), "damage was not heard of");
    for event in [" INFO open: ", "opened commit=", "fitted version=1 users=3", "backed up commit="] {
        assert!(told.contains(event), "{event} was not heard");
    }
    let lower = told.to_lowercase();
    for word in PERSONAL {
        assert!(!lower.contains(word), "{word} is in what was told");
        assert!(!lower.contains(&hex(word)), "{word} is in what was told, in hexadecimal");
    }
}
