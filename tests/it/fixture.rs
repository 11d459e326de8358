//! Small stores, and ways to look at them.

use kindred::encoder::{Encoder, HashedEncoder};
use kindred::model::{Event, Item, Record, Time, User};
use kindred::query::{Hit, Profile};
use kindred::{Durability, Fusion, Options, Snapshot, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Dimensions of the tests' encoder.
pub const TEXT_DIM: usize = 32;

/// Few dimensions, so that tests are quick.
pub fn fusion() -> Fusion {
    Fusion { item_dims: 8, group_dims: 4, ..Fusion::default() }
}

/// The built-in encoder in few dimensions.
pub fn encoder() -> Arc<dyn Encoder> {
    Arc::new(HashedEncoder::new(TEXT_DIM).unwrap())
}

/// Options that do not wait for the disk: what is on disk when is not asked here.
pub fn options() -> Options {
    Store::options()
        .encoder(encoder())
        .fusion(fusion())
        .durability(Durability::Within(Duration::from_millis(20)))
}

/// Options of a store of the host's own vectors.
pub fn vector_options(dim: usize) -> Options {
    Store::options().dim(dim).durability(Durability::Within(Duration::from_millis(20)))
}

/// A store in a folder that goes with it.
pub struct Place {
    pub path: PathBuf,
    _folder: TempDir,
}

pub fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { path: folder.path().join("store"), _folder: folder }
}

/// A new store with the tests' options, and where it lies.
pub fn store() -> (Place, Store) {
    let place = place();
    let store = options().open(&place.path).unwrap();
    (place, store)
}

pub fn day(n: i64) -> Time {
    Time::from_secs(n * 86_400).unwrap()
}

pub fn item(id: &str, text: &str) -> Item {
    Item { id: id.into(), text: Some(text.into()), ..Item::default() }
}

pub fn bought(user: &str, item: &str, days: i64) -> Event {
    Event::new(user, "purchase", day(days)).item(item)
}

pub const TEXTS: [&str; 8] = [
    "fresh salmon fillet",
    "smoked salmon",
    "dry dog food",
    "puppy treats",
    "garden chair, wood",
    "wooden garden table",
    "espresso beans",
    "filter coffee",
];

/// Twelve users with items, texts, attributes and events of all kinds.
pub fn fill(store: &Store) {
    store
        .write(|tx| {
            for (i, text) in TEXTS.iter().enumerate() {
                tx.put_item(item(&format!("i{i}"), text))?;
            }
            for user in 0..12 {
                let name = format!("u{user}");
                let town = ["Bonn", "Köln", "Ulm"][user % 3];
                tx.put_user(&name, [("age", (20 + 3 * user as i64).into()), ("town", town.into())])?;
                for (n, kind) in ["purchase", "view", "cart", "dismiss", "like"].iter().enumerate() {
                    let thing = format!("i{}", (user * 3 + n * n) % TEXTS.len());
                    let time = day(17 * n as i64 + user as i64);
                    tx.record(Event::new(&name, *kind, time).item(thing).value(n as f64))?;
                }
                if user % 4 == 0 {
                    tx.add_text(&name, TEXTS[(user + 1) % TEXTS.len()], day(40))?;
                    tx.record(Event::new(&name, "review", day(50)).item("i0").text("well done"))?;
                }
            }
            Ok(())
        })
        .unwrap();
}

pub fn user_ids(snapshot: &Snapshot) -> Vec<String> {
    snapshot.users().map(|user| user.unwrap().id).collect()
}

pub fn all_profiles(snapshot: &Snapshot) -> Vec<Profile> {
    user_ids(snapshot).iter().map(|id| snapshot.profile(id).unwrap()).collect()
}

/// Everything a snapshot holds, as records that make it again.
pub fn records(snapshot: &Snapshot) -> Vec<Record> {
    let mut records: Vec<Record> = snapshot.items().map(|item| Record::Item(item.unwrap())).collect();
    let users: Vec<User> = snapshot.users().map(Result::unwrap).collect();
    records.extend(users.iter().cloned().map(Record::User));
    for user in &users {
        records.extend(snapshot.events(&user.id).unwrap().map(|event| Record::Event(event.unwrap())));
        records.extend(snapshot.texts(&user.id).unwrap().map(|text| Record::Text(text.unwrap())));
    }
    records
}

/// A second store made of what a snapshot holds.
pub fn rebuilt(snapshot: &Snapshot, options: &Options) -> (Place, Store) {
    let place = place();
    let store = options.open(&place.path).unwrap();
    let records = records(snapshot);
    store.write(|tx| records.iter().try_for_each(|record| tx.apply(record.clone()))).unwrap();
    (place, store)
}

pub fn assert_near(a: Option<&[f32]>, b: Option<&[f32]>, tolerance: f32, what: &str) {
    match (a, b) {
        (None, None) => {}
        (Some(a), Some(b)) => {
            assert_eq!(a.len(), b.len(), "{what}");
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                assert!((x - y).abs() <= tolerance, "{what}: {x} and {y} at {i}");
            }
        }
        _ => panic!("{what}: {a:?} and {b:?}"),
    }
}

/// Figures must be equal, embeddings near.
pub fn assert_same_profiles(a: &[Profile], b: &[Profile], tolerance: f32) {
    let ids = |profiles: &[Profile]| profiles.iter().map(|p| p.user.clone()).collect::<Vec<_>>();
    assert_eq!(ids(a), ids(b));
    for (a, b) in a.iter().zip(b) {
        let (mut x, mut y) = (a.clone(), b.clone());
        let (ea, eb) = (x.embedding.take(), y.embedding.take());
        assert_eq!(x, y);
        assert_near(ea.as_deref(), eb.as_deref(), tolerance, &a.user);
    }
}

pub fn assert_same_hits(a: &[Hit], b: &[Hit], tolerance: f32) {
    let users = |hits: &[Hit]| hits.iter().map(|hit| hit.user.clone()).collect::<Vec<_>>();
    assert_eq!(users(a), users(b), "{a:?} and {b:?}");
    for (a, b) in a.iter().zip(b) {
        assert!((a.score - b.score).abs() <= tolerance, "{a:?} and {b:?}");
    }
}

/// What every user is answered, and two sentences.
pub fn answers(snapshot: &Snapshot) -> Vec<Vec<Hit>> {
    let mut answers: Vec<Vec<Hit>> =
        user_ids(snapshot).iter().map(|id| snapshot.similar(id).limit(5).run().unwrap()).collect();
    for text in ["salmon", "wood for the garden"] {
        answers.push(snapshot.similar(kindred::Like::text(text)).limit(5).run().unwrap());
    }
    answers
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
