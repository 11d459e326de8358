//! A tour of the demo's store.

use super::Data;
use crate::analysis::MapUsers;
use crate::cli::output::{Output, bytes, grouped};
use crate::cli::{interests, profile, recommend, report, similar};
use crate::error::{Error, Result};
use crate::eval::{Latency, recall_at_k};
use crate::model::{Predicate, Time};
use crate::query::{Hit, Interest, Like, Portrait, Recommendation, Things};
use crate::{Snapshot, Stats, Store};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Users whose neighbours are looked for when recall and latency are measured.
const PROBES: usize = 500;
const NEIGHBORS: usize = 10;

/// What the tour shows.
#[derive(Serialize)]
struct Tour {
    data: Data,
    build_seconds: f64,
    stats: Stats,
    folder_bytes: u64,
    user: String,
    similar: Vec<Hit>,
    sentences: Vec<Sentence>,
    recommended: Vec<Recommendation>,
    interests: Vec<Interest>,
    segment: Portrait,
    lookalikes: Vec<Hit>,
    recall_at_10: f64,
    graph: Latency,
    exact: Latency,
    /// The page that says more.
    report: PathBuf,
}

#[derive(Serialize)]
struct Sentence {
    text: &'static str,
    hits: Vec<Hit>,
}

pub(super) fn tour(store: &Store, path: &Path, data: Data, seconds: f64, output: &Output) -> Result<()> {
    let snapshot = store.snapshot();
    let user = interesting_user(&snapshot)?;
    let similar = snapshot.similar(user.as_str()).limit(3).explain(true).run()?;
    let sentences = sentences(data)
        .into_iter()
        .map(|text| {
            Ok(Sentence { text, hits: snapshot.similar(Like::text(text)).limit(3).explain(true).run()? })
        })
        .collect::<Result<Vec<_>>>()?;
    let recommended =
        snapshot.recommend(user.as_str()).by(Things::Categories).limit(3).explain(true).run()?;
    let interests = snapshot.interests(&user).limit(4).members(3).run()?;
    let segment = segment(store, data)?;
    // Of a snapshot that has it.
    let lookalikes = store.snapshot().lookalikes(segment_of(data).0).limit(3).explain(true).run()?.users;
    let (recall_at_10, graph, exact) = compare(&snapshot)?;
    let tour = Tour {
        data,
        build_seconds: seconds,
        stats: snapshot.stats()?,
        folder_bytes: store.size_bytes()?,
        user,
        similar,
        sentences,
        recommended,
        interests,
        segment,
        lookalikes,
        recall_at_10,
        graph,
        exact,
        report: write_report(store, path, data, output)?,
    };
    let profile = snapshot.profile(&tour.user)?;
    output.result(&tour, |tour| text(tour, &profile::text(&profile), path))
}

const fn sentences(data: Data) -> [&'static str; 2] {
    match data {
        Data::Journey => ["families with a baby", "cooks a lot of fresh fish"],
        Data::Sample => ["novels and poetry", "running shoes for a marathon"],
    }
}

/// The name of the demo's segment, and who is in it.
const fn segment_of(data: Data) -> (&'static str, &'static str) {
    match data {
        Data::Journey => ("families", "kids <> '0'"),
        Data::Sample => ("seniors", "age >= 50"),
    }
}

/// What sets the users of a segment apart, which is defined unless it is there.
fn segment(store: &Store, data: Data) -> Result<Portrait> {
    let (name, predicate) = segment_of(data);
    let predicate = Predicate::parse(predicate)?;
    store.write(|tx| tx.define_segment(name, predicate))?;
    store.snapshot().sets_apart(name).limit(5).min_support(2).min_g2(0.0).run()
}

/// Writes the report beside the store, and says where.
fn write_report(store: &Store, path: &Path, data: Data, output: &Output) -> Result<PathBuf> {
    let bars = output.progress();
    let wanted = report::Wanted {
        title: source(data).to_owned(),
        now: Time::now(),
        seed: 0,
        sample: MapUsers::SAMPLE,
        color: None,
        ids: true,
    };
    let report = report::Report::of(&store.snapshot(), store.stats()?.folder, &wanted, &|p| bars.tell(p))?;
    let file = path.with_added_extension("html");
    report::write_beside(&file, report::html(&report).as_bytes())?;
    Ok(file)
}

/// Where the data are from.
const fn source(data: Data) -> &'static str {
    match data {
        Data::Journey => "The Complete Journey (retail transactions, 2017)",
        Data::Sample => "the sample that comes with Kindred",
    }
}

/// A user of whom much is known: with attributes and the most events among the first thousand.
fn interesting_user(snapshot: &Snapshot) -> Result<String> {
    let mut best: Option<(u64, String)> = None;
    for user in snapshot.users().take(1000) {
        let user = user?;
        if !user.attributes.is_empty() {
            let events = snapshot.profile(&user.id)?.events;
            if best.as_ref().is_none_or(|(most, _)| events > *most) {
                best = Some((events, user.id));
            }
        }
    }
    best.map(|(_, id)| id).ok_or_else(|| Error::Bug("the demo's store has no users".to_owned()))
}

/// Recall and latency of the graph search against exact search.
fn compare(snapshot: &Snapshot) -> Result<(f64, Latency, Latency)> {
    let users: Vec<String> = snapshot.users().take(PROBES).map(|user| Ok(user?.id)).collect::<Result<_>>()?;
    let ask = |exact: bool| -> Result<(Vec<Vec<String>>, Latency)> {
        let (mut found, mut micros) = (Vec::new(), Vec::new());
        for user in &users {
            let started = Instant::now();
            let hits = snapshot.similar(user.as_str()).limit(NEIGHBORS).exact(exact).run()?;
            micros.push(started.elapsed().as_secs_f64() * 1e6);
            found.push(hits.into_iter().map(|hit| hit.user).collect());
        }
        let latency = Latency::of(micros).ok_or_else(|| Error::Bug("no latencies".to_owned()))?;
        Ok((found, latency))
    };
    let (truth, exact) = ask(true)?;
    let (found, graph) = ask(false)?;
    Ok((recall_at_k(&found, &truth, NEIGHBORS), graph, exact))
}

fn text(tour: &Tour, profile: &str, path: &Path) -> String {
    let stats = &tour.stats;
    let store = path.display();
    let mut out = String::new();
    let mut add = |title: &str, body: &str| {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n── {title}\n{}\n", body.trim_end());
    };
    let source = source(tour.data);
    let built = if tour.build_seconds > 0.0 {
        format!(", built in {:.0} s", tour.build_seconds)
    } else {
        String::new()
    };
    add(
        "What is in it",
        &format!(
            "{} users, {} items and {} events of {source}; {} on disk{built}.",
            grouped(stats.users),
            grouped(stats.items),
            grouped(stats.events),
            bytes(tour.folder_bytes)
        ),
    );
    add("One profile", profile);
    add(&format!("Users like {}, and why", tour.user), &similar::text(&tour.similar));
    for sentence in &tour.sentences {
        add(&format!("\u{201c}{}\u{201d}", sentence.text), &similar::text(&sentence.hits));
    }
    add(&format!("What {} is into", tour.user), &interests::text(&tour.interests));
    add(
        &format!("What next for {}, and why", tour.user),
        &recommend::text(&tour.recommended, Things::Categories),
    );
    let (name, predicate) = segment_of(tour.data);
    let traits: Vec<String> = tour.segment.traits.iter().map(ToString::to_string).collect();
    add(
        &format!(
            "The segment {name:?} ({predicate}): what sets its {} users apart",
            grouped(tour.segment.members)
        ),
        &traits.join("\n"),
    );
    add("Users like these, who are none of them, and why", &similar::text(&tour.lookalikes));
    add(
        "Graph search against exact search, as a host would call it",
        &format!(
            "recall@10 {:.3}; graph p50 {:.0} µs, p99 {:.0} µs; exact p50 {:.0} µs, p99 {:.0} µs",
            tour.recall_at_10, tour.graph.p50_us, tour.graph.p99_us, tour.exact.p50_us, tour.exact.p99_us
        ),
    );
    add("All of it as a page, for your browser", &tour.report.display().to_string());
    add("Try next", &next_steps(&store.to_string(), &tour.user, name));
    out
}

/// Commands that ask the demo's store for more.
fn next_steps(store: &str, user: &str, name: &str) -> String {
    format!(
        "kindred profile {store} {user}\n\
         kindred similar {store} --user {user} -k 5 --explain\n\
         kindred similar {store} --text \"a large dog\"\n\
         kindred recommend {store} --user {user} --explain\n\
         kindred segment members {store} {name}\n\
         kindred lookalikes {store} --segment {name} --explain\n\
         kindred rules {store} --by category\n\
         kindred report {store} -o report.html\n\
         kindred stats {store}\n\
         kindred --help\n\
         (where `kindred` is not installed, write `cargo run --release --` instead)"
    )
}
