//! Counting the users of whom predicates are true, and searching among them: `KINDRED_USERS` says of how many, 100,000 unless said.

use criterion::{Criterion, criterion_group, criterion_main};
use kindred::model::{Event, Interval, Predicate, Time, Value, attribute, count};
use kindred::{Durability, Store};
use std::hint::black_box;

const COUNTRIES: [&str; 5] = ["DE", "AT", "CH", "FR", "IT"];
const TAGS: [&str; 6] = ["vegan", "parent", "student", "cyclist", "gamer", "gardener"];
const NOW: i64 = 1_700_000_000;
/// Users of one commit.
const COMMIT: u32 = 5_000;

/// A number that differs with the user and what it is for.
fn mixed(user: u32, what: u32) -> u32 {
    let mixed = (user ^ what.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    (mixed ^ mixed >> 15).wrapping_mul(0xc2b2_ae35) >> 8
}

fn time(seconds_ago: u32) -> kindred::Result<Time> {
    Time::from_secs(NOW - i64::from(seconds_ago))
}

fn put(tx: &mut kindred::Transaction<'_>, user: u32) -> kindred::Result<()> {
    let id = format!("user-{user}");
    let tags: Vec<&str> = (0..2).map(|n| TAGS[(mixed(user, n) % 6) as usize]).collect();
    let attributes: [(&str, Value); 6] = [
        ("country", COUNTRIES[(mixed(user, 3) % 25).min(4) as usize].into()),
        ("age", (18 + mixed(user, 4) % 60).into()),
        ("premium", (mixed(user, 5).is_multiple_of(10)).into()),
        ("joined", time(mixed(user, 6))?.into()),
        ("email", format!("{user}.{}@example.org", mixed(user, 7) % 1000).into()),
        ("tags", Value::Set(tags.into_iter().map(str::to_owned).collect())),
    ];
    tx.put_user(&id, attributes)?;
    tx.put_vector(&id, (0..16).map(|d| (mixed(user, 100 + d) % 2001) as f32 / 1000.0 - 1.0).collect())?;
    for n in 0..mixed(user, 8) % 5 {
        tx.record(Event::new(&id, "purchase", time(mixed(user, 50 + n))?))?;
    }
    Ok(())
}

fn made(folder: &std::path::Path, users: u32) -> kindred::Result<Store> {
    let store = Store::options()
        .dim(16)
        .durability(Durability::Within(std::time::Duration::from_millis(50)))
        .open(folder)?;
    for first in (0..users).step_by(COMMIT as usize) {
        store.write(|tx| (first..(first + COMMIT).min(users)).try_for_each(|user| put(tx, user)))?;
    }
    store.seal(&|_| {}, &std::sync::atomic::AtomicBool::new(false))?;
    Ok(store)
}

fn asked() -> kindred::Result<[(&'static str, Predicate); 7]> {
    let german = || attribute("country").eq("DE");
    let grown = || attribute("age").between(25, 40);
    Ok([
        ("equal", german()),
        ("equal_and_range", german() & grown()),
        ("set_and_not", attribute("tags").has("vegan") & !attribute("premium").eq(true)),
        ("half_of_all_times", attribute("joined").gt(time(1 << 23)?)),
        ("like", attribute("email").like("%7@%")),
        ("narrowed_events", german() & grown() & count("purchase").within(Interval::days(30)).ge(1)),
        ("figure_of_all", count("purchase").ge(3)),
    ])
}

#[expect(clippy::expect_used, reason = "a benchmark of nothing must stop")]
fn predicates(criterion: &mut Criterion) {
    let users = std::env::var("KINDRED_USERS").map_or(100_000, |users| users.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let store = made(folder.path(), users).expect("made users are valid");
    let now = time(0).expect("in reach");
    let (snapshot, start) = (store.snapshot(), std::time::Instant::now());
    let counted =
        |predicate: &Predicate| snapshot.users_where(predicate).and_then(|asked| asked.now(now).count());
    counted(&attribute("age").gt(0)).expect("valid");
    println!("the first answer about {users} users took {:?}", start.elapsed());
    let mut group = criterion.benchmark_group("predicates");
    group.sample_size(10);
    for (name, predicate) in asked().expect("valid") {
        println!("{name} matches {}", counted(&predicate).expect("valid"));
        group.bench_function(name, |bencher| bencher.iter(|| counted(black_box(&predicate))));
        group.bench_function(format!("similar_{name}"), |bencher| {
            bencher.iter(|| {
                let similar = snapshot.similar("user-7").filter(black_box(&predicate))?;
                similar.now(now).limit(10).run().map(drop)
            });
        });
    }
    group.bench_function("similar_without_any", |bencher| {
        bencher.iter(|| snapshot.similar("user-7").limit(10).run());
    });
    let mut age = 0_u32;
    group.bench_function("write_of_one_attribute", |bencher| {
        bencher.iter(|| {
            age = age.wrapping_add(1);
            store.write(|tx| tx.put_user("user-7", [("age", age.into())]))
        });
    });
    group.finish();
}

criterion_group!(benches, predicates);
criterion_main!(benches);
