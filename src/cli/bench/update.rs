//! `kindred bench update`: from an event to the first snapshot that shows it.

use super::scratch::Scratch;
use crate::cli::output::Output;
use crate::error::{Error, Result};
use crate::eval::Latency;
use crate::model::{Event, Item, Time};
use crate::{Durability, Store};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many of what.
#[derive(Args)]
#[command(after_help = "Example: kindred bench update --events 2000

Each event is written by itself, then looked for in a new snapshot; once with every write on disk before it returns,
once with writes synced within 100 ms.")]
pub(crate) struct UpdateArgs {
    /// Events to record, one by one
    #[arg(long, default_value_t = 1000)]
    events: usize,
    /// Users they are of
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Items they are on
    #[arg(long, default_value_t = 1000)]
    items: usize,
    /// Where the store is made and removed again [default: the system's folder for such]
    #[arg(long, value_name = "FOLDER")]
    within: Option<PathBuf>,
}

#[derive(Serialize)]
struct Measured {
    events: usize,
    immediate: Latency,
    within_100_ms: Latency,
}

pub(crate) fn run(args: &UpdateArgs, output: &Output) -> Result<()> {
    if args.events == 0 || args.users == 0 || args.items == 0 {
        return Err(Error::invalid("--events, --users or --items", 0, "each is at least 1"));
    }
    let scratch = Scratch::new(args.within.as_deref())?;
    let immediate = measure(args, &scratch, "immediate", Durability::Immediate)?;
    let within = Durability::Within(Duration::from_millis(100));
    let within_100_ms = measure(args, &scratch, "within", within)?;
    let measured = Measured { events: args.events, immediate, within_100_ms };
    output.result(&measured, |m| {
        let line = |name: &str, l: &Latency| {
            format!("{name:<24} p50 {:>7.0} us, p95 {:>7.0} us, p99 {:>7.0} us", l.p50_us, l.p95_us, l.p99_us)
        };
        format!(
            "{}\n{}",
            line("on disk at return", &m.immediate),
            line("on disk within 100 ms", &m.within_100_ms)
        )
    })
}

fn measure(args: &UpdateArgs, scratch: &Scratch, name: &str, durability: Durability) -> Result<Latency> {
    let store = scratch.store(name, &Store::options().durability(durability))?;
    store.write(|tx| {
        (0..args.items).try_for_each(|item| {
            let text = Some(format!("item of kind {} and shelf {}", item % 40, item % 7));
            tx.put_item(Item { id: format!("p{item}"), text, ..Item::default() })
        })
    })?;
    let mut samples = Vec::with_capacity(args.events);
    for n in 0..args.events {
        let user = format!("u{}", n % args.users);
        let item = format!("p{}", (n * 7919) % args.items);
        let event = Event::new(&user, "purchase", Time::from_secs(n as i64)?).item(item);
        let started = Instant::now();
        store.write(|tx| tx.record(event))?;
        let seen = store.snapshot().profile(&user)?.events;
        samples.push(started.elapsed().as_secs_f64() * 1e6);
        if seen != (n / args.users + 1) as u64 {
            return Err(Error::Bug(format!("event {n} is not in the first snapshot after its write")));
        }
    }
    Latency::of(samples).ok_or_else(|| Error::Bug("no samples".to_owned()))
}
