//! Events into a store with many segments: `KINDRED_USERS` says of how many users, 100,000 unless said, `KINDRED_SEGMENTS` of how many
//! segments, 1,000 unless said, and `KINDRED_COMMIT` how many events a commit has, 100 unless said.

use kindred::model::{Event, Interval, Predicate, Time, attribute, count, in_segment, last, sum};
use kindred::{Durability, Store};
use std::time::{Duration, Instant};

const KINDS: [&str; 4] = ["view", "cart", "purchase", "review"];
const NOW: i64 = 1_700_000_000;
const EVENTS: u32 = 50_000;

/// A number that differs with the user and what it is for.
fn mixed(user: u32, what: u32) -> u32 {
    let mixed = (user ^ what.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
    (mixed ^ mixed >> 15).wrapping_mul(0xc2b2_ae35) >> 8
}

fn number(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// A tenth of them asks for events within some days, a tenth for another segment, half for attributes only.
fn predicate(n: u32) -> Predicate {
    let kind = KINDS[(n / 10 % 4) as usize];
    match n % 10 {
        0 => count(kind).within(Interval::days(7 + (n / 40 % 30) as u16)).ge(1 + n / 40 % 5),
        1 => last(kind).lt(kindred::model::ago(Interval::days((10 + n / 40) as u16))),
        2 => count(kind).ge(n / 40) & attribute("age").lt(20 + n % 60),
        3 => sum(kind).gt(n) | attribute("town").eq(format!("town {}", n % 50)),
        4 if n > 10 => in_segment(format!("segment {}", n - 4)) & attribute("age").ge(40),
        _ => attribute("town").eq(format!("town {}", n % 50)) & attribute("age").between(n % 50, n % 50 + 20),
    }
}

fn put(tx: &mut kindred::Transaction<'_>, user: u32) -> kindred::Result<()> {
    let town = format!("town {}", mixed(user, 1) % 50);
    tx.put_user(&format!("user-{user}"), [("age", (18 + mixed(user, 2) % 60).into()), ("town", town.into())])
}

fn event(n: u32, users: u32) -> kindred::Result<Event> {
    let (user, kind) = (mixed(n, 3) % users, KINDS[(mixed(n, 4) % 4) as usize]);
    let time = Time::from_secs(NOW - i64::from(mixed(n, 5) % (60 * 86_400)))?;
    Ok(Event::new(format!("user-{user}"), kind, time).value(f64::from(mixed(n, 6) % 100)).id(format!("e{n}")))
}

fn told(what: &str, count: u32, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {count} in {seconds:.2} s, {:.0} a second", f64::from(count) / seconds);
}

fn main() -> kindred::Result<()> {
    let (users, segments, commit) =
        (number("KINDRED_USERS", 100_000), number("KINDRED_SEGMENTS", 1_000), number("KINDRED_COMMIT", 100));
    let folder = tempfile::tempdir().map_err(kindred::Error::host)?;
    let durability = Durability::Within(Duration::from_millis(50));
    let store = Store::options().dim(2).durability(durability).open(folder.path().join("store"))?;
    let started = Instant::now();
    for first in (0..users).step_by(5_000) {
        store.write(|tx| (first..(first + 5_000).min(users)).try_for_each(|user| put(tx, user)))?;
    }
    told("users without segments", users, started);
    let write = |first: u32, what: &str| -> kindred::Result<()> {
        let started = Instant::now();
        for n in (first..first + EVENTS).step_by(commit as usize) {
            store.write(|tx| (n..n + commit).try_for_each(|n| tx.record(event(n, users)?)))?;
        }
        told(what, EVENTS, started);
        Ok(())
    };
    write(0, "events without segments")?;
    store.advance_segments(Time::from_secs(NOW)?, &|_| {})?;
    let started = Instant::now();
    store.write(|tx| {
        (0..segments).try_for_each(|n| tx.define_segment(&format!("segment {n}"), predicate(n)))
    })?;
    told("segments defined", segments, started);
    write(EVENTS, "events with segments")?;
    let snapshot = store.snapshot();
    let members: u64 = snapshot.segments()?.iter().map(|segment| segment.members).sum();
    println!("members in all: {members}; changes told: {}", snapshot.segments_position());
    let started = Instant::now();
    (0..1_000).try_for_each(|user| snapshot.segments_of(&format!("user-{user}")).map(drop))?;
    told("segments of users", 1_000, started);
    for (days, what) in [(1, "a day later"), (31, "a month later")] {
        let (started, before) = (Instant::now(), store.snapshot().segments_position());
        store.advance_segments(Time::from_secs(NOW + days * 86_400)?, &|_| {})?;
        let changes = store.snapshot().segments_position() - before;
        println!("{what}: {changes} changes in {:.2} s", started.elapsed().as_secs_f64());
    }
    drop((snapshot, store));
    let started = Instant::now();
    drop(Store::open(folder.path().join("store"))?);
    println!("opened and closed in {:.2} s", started.elapsed().as_secs_f64());
    Ok(())
}
