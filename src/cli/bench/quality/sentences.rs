//! Do households found for a sentence buy what it says?

use crate::error::Result;
use crate::query::Like;
use crate::{Snapshot, Store};
use serde::Serialize;
use std::collections::HashMap;

/// Households that are looked at for each sentence.
const FOUND: usize = 50;
/// Households with fewer purchases say too little.
const PURCHASES: u64 = 100;

/// A sentence, and words in the texts of the products it is about.
const SENTENCES: [(&str, &[&str]); 3] = [
    ("families with a baby", &["BABY", "DIAPER", "INFANT"]),
    ("cooks a lot of fresh fish", &["SEAFOOD", "FISH"]),
    ("has a dog", &["DOG "]),
];

/// How much more of the purchases of those found are what the sentence is about, than of all purchases.
#[derive(Serialize)]
pub(super) struct Sentence {
    pub text: &'static str,
    pub share_of_found: f64,
    pub share_of_all: f64,
    pub lift: f64,
}

/// Purchases of a household: of each sentence's products, and in all.
type Counts = ([u64; SENTENCES.len()], u64);

pub(super) fn measure(store: &Store) -> Result<Vec<Sentence>> {
    let snapshot = store.snapshot();
    let counts = counts(&snapshot)?;
    let users = snapshot.stats()?.users as usize;
    let mut sentences = Vec::with_capacity(SENTENCES.len());
    for (at, (text, _)) in SENTENCES.iter().enumerate() {
        let hits = snapshot.similar(Like::text(text)).limit(users).exact(true).run()?;
        let known = hits.iter().filter_map(|hit| counts.get(&hit.user)).filter(|(_, all)| *all >= PURCHASES);
        let share = |counts: Vec<&Counts>| {
            let shares = counts.iter().map(|(about, all)| about[at] as f64 / *all as f64);
            shares.sum::<f64>() / counts.len() as f64
        };
        let all = share(known.clone().collect());
        let found = share(known.take(FOUND).collect());
        sentences.push(Sentence { text, share_of_found: found, share_of_all: all, lift: found / all });
    }
    Ok(sentences)
}

fn counts(snapshot: &Snapshot) -> Result<HashMap<String, Counts>> {
    let mut about = HashMap::new();
    for item in snapshot.items() {
        let item = item?;
        let text = item.text.unwrap_or_default();
        about.insert(item.id, SENTENCES.map(|(_, words)| words.iter().any(|word| text.contains(word))));
    }
    let mut counts = HashMap::new();
    for user in snapshot.users() {
        let user = user?.id;
        let (mut of_each, mut all) = ([0; SENTENCES.len()], 0);
        for event in snapshot.events(&user)? {
            all += 1;
            let about = event?.item.and_then(|item| about.get(&item));
            for (count, is) in of_each.iter_mut().zip(about.into_iter().flatten()) {
                *count += u64::from(*is);
            }
        }
        counts.insert(user, (of_each, all));
    }
    Ok(counts)
}
