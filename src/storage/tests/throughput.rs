//! Figures, not judgements: run with `--release --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::super::{Database, Durability, Options};
use super::{megabytes, open_with};

const KEYS: u64 = 1_500_000;
const UPDATED_KEYS: u64 = 800_000;
const UPDATES: u64 = 1_000_000;
const BATCH: u64 = 20_000;

fn key(n: u64) -> Vec<u8> {
    let mut key = vec![b'e'; 24];
    key[8..16].copy_from_slice(&scatter(n).to_be_bytes());
    key[16..].copy_from_slice(&n.to_be_bytes());
    key
}

fn scatter(n: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Runs `each` for `count` numbers in batches; returns seconds spent in it, in commit and in publish.
fn batches(
    database: &Database<u64>,
    count: u64,
    mut each: impl FnMut(&mut super::super::Writer<'_, u64>, u64),
) {
    let (mut gather, mut commit, mut publish) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (begun, mut begin, mut longest) = (Instant::now(), Duration::ZERO, Duration::ZERO);
    for batch in 0..count / BATCH {
        let t0 = Instant::now();
        let mut writer = database.begin().unwrap();
        let t1 = Instant::now();
        (batch * BATCH..(batch + 1) * BATCH).for_each(|n| each(&mut writer, n));
        let t2 = Instant::now();
        let pending = writer.commit().unwrap();
        let t3 = Instant::now();
        pending.publish(batch).unwrap();
        begin += t1 - t0;
        gather += t2 - t1;
        commit += t3 - t2;
        publish += t3.elapsed();
        longest = longest.max(t0.elapsed());
    }
    let total = begun.elapsed();
    eprintln!(
        "  {:.0} ops/s: {total:.2?} = begin {begin:.2?} + gather {gather:.2?} + commit {commit:.2?} + publish {publish:.2?}; longest batch {longest:.2?}",
        count as f64 / total.as_secs_f64()
    );
    let drained = Instant::now();
    database.checkpoint().unwrap();
    eprintln!("  checkpoint {:.2?}, {} MB on disk", drained.elapsed(), megabytes(database));
}

#[test]
#[ignore = "minutes; prints figures"]
fn throughput() {
    let folder = tempfile::tempdir().unwrap();
    let cache_mb = std::env::var("CACHE_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(64_u64);
    let options = Options { cache_bytes: cache_mb << 20, ..Options::default() };
    let database = open_with(folder.path(), &options);
    eprintln!("new keys in random order, put_new, batches of {BATCH}");
    batches(&database, KEYS, |writer, n| writer.put_new(key(n), vec![n as u8; 40]));
    eprintln!("read-modify-write");
    batches(&database, UPDATES, |writer, n| {
        let key = key(scatter(n) % UPDATED_KEYS);
        let mut value = writer.get(&key).unwrap().unwrap();
        value[0] = value[0].wrapping_add(1);
        writer.put(key, value);
    });
    eprintln!("sequential new keys, put_new");
    batches(&database, KEYS, |writer, n| {
        let mut key = b"sequential______".to_vec();
        key.extend(n.to_be_bytes());
        writer.put_new(key, vec![n as u8; 40]);
    });
    reads(&database);
    small_commits(&database, "immediate");
    drop(database);
    let within = Options { durability: Durability::Within(Duration::from_millis(50)), ..options };
    let begun = Instant::now();
    let database = open_with(folder.path(), &within);
    eprintln!("open {:.2?}", begun.elapsed());
    small_commits(&database, "within 50 ms");
}

fn reads(database: &Database<u64>) {
    let begun = Instant::now();
    let view = database.view();
    for n in 0..500_000 {
        assert!(view.get(&key(scatter(n) % KEYS)).unwrap().is_some());
    }
    eprintln!("random view gets: {:.2?} each", begun.elapsed() / 500_000);
    let (begun, mut seen) = (Instant::now(), 0_u32);
    view.scan(b"", |_, _| {
        seen += 1;
        Ok(std::ops::ControlFlow::Continue(()))
    })
    .unwrap();
    eprintln!("scan of {seen}: {:.2?} each", begun.elapsed() / seen);
}

fn small_commits(database: &Database<u64>, durability: &str) {
    let begun = Instant::now();
    for n in 0..1_000 {
        super::put(database, &[(&key(n), b"small")]).unwrap();
    }
    eprintln!("commits of one key, {durability}: {:.2?} each", begun.elapsed() / 1_000);
}
