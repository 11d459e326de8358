//! A small shop from an empty folder to an explained answer, with the built-in encoder: nothing to fetch.
//!
//! `cargo run --example quickstart`

use kindred::model::{Event, Item, Time};
use kindred::{Like, Result, Store, Transaction};

const ITEMS: [(&str, &str, &str); 8] = [
    ("f1", "fish", "fresh salmon fillet"),
    ("f2", "fish", "smoked salmon"),
    ("f3", "fish", "fresh trout"),
    ("f4", "fish", "cod fillet, frozen"),
    ("b1", "baby", "baby food, carrots"),
    ("b2", "baby", "diapers for the newborn baby"),
    ("b3", "baby", "baby shampoo"),
    ("c1", "coffee", "coffee beans, dark roast"),
];

const PURCHASES: [(&str, &[&str]); 5] = [
    ("ann", &["f1", "f2", "c1"]),
    ("bob", &["f1", "f2", "f3"]),
    ("cem", &["b1", "b2"]),
    ("dan", &["b1", "b2", "b3", "c1"]),
    ("eve", &["f3", "f4", "b3"]),
];

fn fill(tx: &mut Transaction<'_>) -> Result<()> {
    for (id, category, text) in ITEMS {
        let attributes = [("category".to_owned(), category.into())].into();
        tx.put_item(Item { id: id.into(), text: Some(text.into()), attributes })?;
    }
    for (user, items) in PURCHASES {
        for (day, item) in (0..).zip(items) {
            let time = Time::from_secs(1_767_225_600 + day * 86_400)?;
            tx.record(Event::new(user, "purchase", time).item(*item).value(4.5))?;
        }
    }
    tx.put_user("ann", [("age", 31_i64.into()), ("country", "Norway".into())])?;
    tx.put_user("bob", [("age", 35_i64.into()), ("country", "Norway".into())])
}

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("kindred-quickstart-{}", std::process::id()));
    let store = Store::open(&folder)?;
    store.write(fill)?;
    let report = store.fit()?;
    println!("learned from {} users and {} items", report.users, report.items);

    let snapshot = store.snapshot();
    let profile = snapshot.profile("ann")?;
    println!("ann buys {:?}", profile.top_categories);
    assert_eq!(profile.top_categories[0], ("fish".to_owned(), 2));

    for hit in snapshot.similar("ann").limit(2).explain(true).run()? {
        let why = hit.explanation.as_ref().map_or("", |explanation| explanation.words.as_str());
        println!("{:.3} {}: {why}", hit.score, hit.user);
    }
    let closest = snapshot.similar("ann").limit(1).run()?;
    assert_eq!(closest[0].user, "bob");

    let parents = snapshot.similar(Like::text("food and diapers for a baby")).limit(2).run()?;
    let mut names: Vec<&str> = parents.iter().map(|hit| hit.user.as_str()).collect();
    names.sort_unstable();
    println!("parents: {names:?}");
    assert_eq!(names, ["cem", "dan"]);

    // A snapshot stays as it was; the next one shows what was written since.
    store.write(|tx| tx.remove_user("bob"))?;
    assert_eq!((snapshot.stats()?.users, store.snapshot().stats()?.users), (5, 4));
    drop((snapshot, store));
    std::fs::remove_dir_all(&folder).map_err(kindred::Error::host)
}
