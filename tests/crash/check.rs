//! Compares a store with what must be in it, and its answers with those of a store made from nothing.

use crate::model::{Model, UserModel, sort_events, sort_texts};
use crate::plan::{MARK, Plan, segments};
use kindred::model::{Event, Time, Value};
use kindred::query::{Hit, Profile};
use kindred::{Durability, Like, Snapshot, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// How far scores and embeddings may lie apart: sums were made in another order.
const TOLERANCE: f32 = 1e-5;
/// Users and sentences that are asked about.
const ASKED: usize = 8;
/// Hits of a search that is not exact.
const LIMIT: usize = 10;
/// How many of the best a search that is not exact may miss.
const MISSED: usize = 1;

/// The state after one step, and what a store made of it from nothing answers.
pub struct Expected {
    model: Model,
    profiles: Vec<Profile>,
    vectors: u64,
    /// For each question, the score of everyone.
    answers: Vec<BTreeMap<String, f32>>,
}

impl Expected {
    pub fn after(plan: Plan, step: u64) -> Self {
        let model = Model::after(plan, step);
        let scratch = scratch();
        let options = plan.options().durability(Durability::Within(Duration::from_millis(20)));
        let store = options.open(scratch.path().join("store")).unwrap();
        let mut records = model.records();
        if step > 0 {
            records.extend(segments());
        }
        store.write(|tx| records.iter().try_for_each(|record| tx.apply(record.clone()))).unwrap();
        let snapshot = store.snapshot();
        let profiles = model.users.keys().map(|user| snapshot.profile(user).unwrap()).collect();
        let questions = questions(plan, &model);
        let answers = questions.iter().map(|question| by_user(&ask(&snapshot, question, true))).collect();
        let vectors = snapshot.stats().unwrap().vectors;
        Self { model, profiles, vectors, answers }
    }
}

/// The states of one plan, each made when it is first asked for.
pub struct States {
    plan: Plan,
    made: BTreeMap<u64, Expected>,
}

impl States {
    pub fn new(plan: Plan) -> Self {
        Self { plan, made: BTreeMap::new() }
    }

    /// Opens the store in a folder and compares it with the plan's states. All up to step `done` was acknowledged; `begun` may be
    /// there too. Returns the step that it holds last.
    pub fn check_folder(&mut self, folder: &Path, done: u64, begun: u64) -> Result<u64, String> {
        let store = self.plan.options().open(folder).map_err(|e| format!("it does not open: {e}"))?;
        self.check(&store, done, begun)
    }

    /// That what is there is what should be, and is found sound.
    pub fn check(&mut self, store: &Store, done: u64, begun: u64) -> Result<u64, String> {
        let step = self.check_records(store, done, begun)?;
        match store.verify(&|_| {}) {
            Ok(report) if report.is_sound() => Ok(step),
            told => Err(format!("at step {step}: verify: {told:?}")),
        }
    }

    /// That what is there is what should be.
    pub fn check_records(&mut self, store: &Store, done: u64, begun: u64) -> Result<u64, String> {
        let step = last_step(&store.snapshot()).map_err(|e| format!("the mark: {e}"))?;
        if step != done && step != begun {
            return Err(format!("it holds step {step}; acknowledged was {done}, begun {begun}"));
        }
        let plan = self.plan;
        let expected = self.made.entry(step).or_insert_with(|| Expected::after(plan, step));
        let folded = if plan.is_rich() { Some(plan.folded(step, begun)) } else { None };
        compare(plan, store, expected, folded).map_err(|e| format!("at step {step}: {e}"))?;
        Ok(step)
    }
}

/// A folder in memory where there is one: what is checked there was stopped elsewhere.
pub fn scratch() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let fast = if memory.is_dir() { tempfile::tempdir_in(memory).ok() } else { None };
    fast.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// The step that wrote last; 0 before the first.
pub fn last_step(snapshot: &Snapshot) -> kindred::Result<u64> {
    for item in snapshot.items() {
        let item = item?;
        if let (true, Some(Value::Int(step))) = (item.id == MARK, item.attributes.get("step")) {
            return Ok(step.cast_unsigned());
        }
    }
    Ok(0)
}

fn compare(plan: Plan, store: &Store, expected: &Expected, folded: Option<[Time; 2]>) -> Result<(), String> {
    let snapshot = store.snapshot();
    let found = read(&snapshot).map_err(|e| format!("it cannot be read: {e}"))?;
    let folded = same_records(&found, &expected.model, folded)?;
    let has_learned = same_counts(plan, &snapshot, expected, folded)?;
    for (user, expected) in expected.model.users.iter().zip(&expected.profiles) {
        let mut found = snapshot.profile(user.0).map_err(|e| format!("profile of {}: {e}", user.0))?;
        figures_of_events(&found, &summed(&user.1.events))?;
        // What embeddings a learned model makes is told by no store made from nothing, but by verifying this one.
        if has_learned {
            found.embedding.clone_from(&expected.embedding);
        }
        // Of events that are folded, none is within a part of the time.
        if plan.is_rich() {
            found.segments.clone_from(&expected.segments);
        }
        same_profile(found, expected)?;
    }
    for (question, expected) in questions(plan, &expected.model).iter().zip(&expected.answers) {
        let own = if has_learned { by_user(&ask(&snapshot, question, true)) } else { expected.clone() };
        same_answers(&snapshot, question, &own).map_err(|e| format!("{question:?}: {e}"))?;
    }
    Ok(())
}

/// Everything that a snapshot holds.
fn read(snapshot: &Snapshot) -> kindred::Result<Model> {
    let mut model = Model::default();
    for item in snapshot.items() {
        let item = item?;
        model.items.insert(item.id.clone(), item);
    }
    for user in snapshot.users() {
        let user = user?;
        let mut events = snapshot.events(&user.id)?.collect::<kindred::Result<Vec<_>>>()?;
        let mut texts = snapshot.texts(&user.id)?.collect::<kindred::Result<Vec<_>>>()?;
        sort_events(&mut events);
        sort_texts(&mut texts);
        let kept = UserModel { attributes: user.attributes, vector: user.vector, events, texts };
        model.users.insert(user.id, kept);
    }
    Ok(model)
}

/// Returns how many events are folded: of each user some of the oldest, of which all before the first instant, and none from the
/// second on.
fn same_records(found: &Model, expected: &Model, folds: Option<[Time; 2]>) -> Result<u64, String> {
    let ids = |model: &Model| (model.users.keys().cloned().collect(), model.items.keys().cloned().collect());
    let (found_ids, expected_ids): ((Vec<_>, Vec<_>), (Vec<_>, Vec<_>)) = (ids(found), ids(expected));
    if found_ids != expected_ids {
        return Err(format!("it holds {found_ids:?}, not {expected_ids:?}"));
    }
    let mut folded = 0;
    for (id, user) in &expected.users {
        let mut left = user.clone();
        if let Some([certainly, at_most]) = folds {
            let gone = user.events.len().saturating_sub(found.users[id].events.len());
            let gone: Vec<Event> = left.events.drain(..gone).collect();
            folded += gone.len() as u64;
            let is_kept = left.events.iter().find(|event| event.time < certainly);
            if let Some(wrong) = gone.iter().find(|event| event.time >= at_most).or(is_kept) {
                return Err(format!(
                    "of {id} events are folded up to {certainly} or {at_most}, but {wrong:?}"
                ));
            }
        }
        if found.users[id] != left {
            return Err(format!("of {id} it holds {:?}, not {left:?}", found.users[id]));
        }
    }
    for (id, item) in &expected.items {
        if found.items[id] != *item {
            return Err(format!("of {id} it holds {:?}, not {item:?}", found.items[id]));
        }
    }
    Ok(folded)
}

/// Returns whether anything that a model learned may be in embeddings.
fn same_counts(plan: Plan, snapshot: &Snapshot, expected: &Expected, folded: u64) -> Result<bool, String> {
    let stats = snapshot.stats().map_err(|e| format!("stats: {e}"))?;
    let users = &expected.model.users;
    let events: usize = users.values().map(|user| user.events.len()).sum();
    let texts: usize = users.values().map(|user| user.texts.len()).sum();
    let marks = snapshot.erased().count() as u64;
    // Who has acted on items without a text has an embedding once a model is learned.
    // So may be the vectors of folded texts in a store that was imported: they were made by what had learned.
    let has_learned = plan.fits() && (stats.model_version > 0 || folded > 0);
    let vectors = if has_learned { expected.vectors.max(stats.vectors) } else { expected.vectors };
    let counted = [
        stats.users,
        stats.items,
        stats.events + folded,
        stats.events_folded,
        stats.texts,
        stats.vectors,
        marks,
    ];
    let (users, items, marks) = (users.len() as u64, expected.model.items.len(), expected.model.erased.len());
    let true_counts = [users, items as u64, events as u64, folded, texts as u64, vectors, marks as u64];
    if counted == true_counts && vectors <= users {
        Ok(has_learned)
    } else {
        let what = "users, items, events, folded ones, texts, vectors, marks";
        Err(format!("{what} are counted as {counted:?}, not {true_counts:?}"))
    }
}

/// Kind, count, value, quantity, first and last time of events.
fn summed(events: &[Event]) -> BTreeMap<String, (u64, f64, f64, Time, Time)> {
    let mut kinds = BTreeMap::new();
    for event in events {
        let (value, quantity) = (event.value.unwrap_or(0.0), event.quantity.unwrap_or(1.0));
        let sum = kinds.entry(event.kind.clone()).or_insert((0, 0.0, 0.0, event.time, event.time));
        *sum = (sum.0 + 1, sum.1 + value, sum.2 + quantity, sum.3.min(event.time), sum.4.max(event.time));
    }
    kinds
}

/// A profile's figures must be those of the events that were written: whole numbers, so equal.
fn figures_of_events(
    profile: &Profile,
    expected: &BTreeMap<String, (u64, f64, f64, Time, Time)>,
) -> Result<(), String> {
    let summed = |kind: &kindred::query::KindSummary| {
        (kind.kind.clone(), (kind.count, kind.value, kind.quantity, kind.first, kind.last))
    };
    let found: BTreeMap<_, _> = profile.kinds.iter().map(summed).collect();
    if found == *expected {
        Ok(())
    } else {
        Err(format!("figures of {} are {found:?}, its events make {expected:?}", profile.user))
    }
}

fn same_profile(mut found: Profile, expected: &Profile) -> Result<(), String> {
    let mut expected = expected.clone();
    let (a, b) = (found.embedding.take(), expected.embedding.take());
    if found != expected {
        return Err(format!("a profile is {found:?}, not {expected:?}"));
    }
    let near = match (&a, &b) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= TOLERANCE),
        (a, b) => a.is_none() && b.is_none(),
    };
    if near { Ok(()) } else { Err(format!("the embedding of {} is {a:?}, not {b:?}", found.user)) }
}

/// What is asked of a store.
#[derive(Debug)]
enum Question {
    User(String),
    Sentence(&'static str),
}

fn questions(plan: Plan, model: &Model) -> Vec<Question> {
    let every = model.users.len().div_ceil(ASKED).max(1);
    let mut questions: Vec<Question> =
        model.users.keys().step_by(every).map(|user| Question::User(user.clone())).collect();
    if !plan.own_vectors() {
        questions.push(Question::Sentence("a wooden chair for the tent"));
    }
    questions
}

fn ask(snapshot: &Snapshot, question: &Question, exact: bool) -> Vec<Hit> {
    let like = match question {
        Question::User(user) => Like::from(user.as_str()),
        Question::Sentence(sentence) => Like::text(sentence),
    };
    let limit = if exact { usize::from(u16::MAX) } else { LIMIT };
    snapshot.similar(like).limit(limit).exact(exact).run().unwrap()
}

fn by_user(hits: &[Hit]) -> BTreeMap<String, f32> {
    hits.iter().map(|hit| (hit.user.clone(), hit.score)).collect()
}

/// The exact search must give everyone their score, the walked one almost all of the best of them, with theirs.
fn same_answers(
    snapshot: &Snapshot,
    question: &Question,
    expected: &BTreeMap<String, f32>,
) -> Result<(), String> {
    let exact = by_user(&ask(snapshot, question, true));
    let alike = |a: f32, b: f32| (a - b).abs() <= TOLERANCE * a.abs().max(1.0);
    let same = exact.len() == expected.len()
        && exact.iter().zip(expected).all(|(a, b)| a.0 == b.0 && alike(*a.1, *b.1));
    if !same {
        return Err(format!("exact hits are {exact:?}, not {expected:?}"));
    }
    let mut best: Vec<f32> = expected.values().copied().collect();
    best.sort_by(|a, b| b.total_cmp(a));
    best.truncate(LIMIT);
    let walked = ask(snapshot, question, false);
    let own = |hit: &Hit| expected.get(&hit.user).is_some_and(|own| alike(*own, hit.score));
    let worst = best.last().copied().unwrap_or(0.0);
    let found = walked.iter().filter(|hit| hit.score >= worst || alike(hit.score, worst)).count();
    if walked.len() == best.len() && walked.iter().all(own) && found + MISSED >= best.len() {
        Ok(())
    } else {
        Err(format!("walked hits are {walked:?}, the best scores {best:?}"))
    }
}
