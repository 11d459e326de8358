//! Random operations against a map and an exact scan; old views are asked again at the end.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const DIM: usize = 3;
const WANTED: [Wanted; 5] = [Wanted::Due, Wanted::Absorbed, Wanted::Settled, Wanted::Sealed, Wanted::Compact];

#[derive(Clone, Debug)]
enum Op {
    Apply(Vec<(u32, Option<Vec<f32>>)>),
    Plan(Wanted),
    Run,
    Cancel,
    Complete,
    DropTask,
    Search(Ask),
}

#[derive(Clone, Debug)]
struct Ask {
    query: Vec<f32>,
    k: usize,
    ef: usize,
    exact: bool,
    excluded: Option<u32>,
    min_score: Option<f32>,
}

/// Whole numbers: sums are exact, and many vectors are equal.
pub(super) fn vector() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec((-3i8..=3).prop_map(f32::from), DIM).prop_map(|mut vector| {
        // Cosine refuses the vector of zeros.
        if vector.iter().all(|&value| value == 0.0) {
            vector[0] = 1.0;
        }
        vector
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let options = (
        0usize..30,
        1usize..20,
        any::<bool>(),
        proptest::option::of(0u32..4),
        proptest::option::of(-5f32..5.0),
    );
    (vector(), options).prop_map(|(query, (k, ef, exact, excluded, min_score))| Ask {
        query,
        k,
        ef,
        exact,
        excluded,
        min_score,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let change = (0u32..60, proptest::option::weighted(0.75, vector()));
    prop_oneof![
        8 => proptest::collection::vec(change, 0..12).prop_map(Op::Apply),
        4 => proptest::sample::select(&WANTED[..]).prop_map(Op::Plan),
        3 => Just(Op::Run),
        1 => Just(Op::Cancel),
        3 => Just(Op::Complete),
        1 => Just(Op::DropTask),
        6 => ask().prop_map(Op::Search),
    ]
}

pub(super) type Model = BTreeMap<u32, Vec<f32>>;

fn score(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
    let score = match metric {
        Metric::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Metric::InnerProduct => dot(a, b),
        Metric::L2 => -a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>(),
    };
    // −0 is 0.
    score + 0.0
}

/// A cosine on the threshold may be cut or not, by rounding.
const TOLERANCE: f32 = 1e-5;

fn check(view: &IndexView, model: &Model, metric: Metric, ask: &Ask) {
    let exclude = |label: u32| ask.excluded.is_some_and(|rest| label % 4 == rest);
    let options = SearchOptions {
        k: ask.k,
        ef: ask.ef,
        exact: ask.exact,
        exclude: Some(&exclude),
        within: None,
        min_score: ask.min_score,
        exact_scores: true,
    };
    let found = view.search(&ask.query, &options).unwrap();
    let mut expected: Vec<(f32, u32)> = model
        .iter()
        .filter(|(label, _)| !exclude(**label))
        .map(|(&label, vector)| (score(metric, &ask.query, vector), label))
        .collect();
    expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    expected.truncate(ask.k);
    for neighbor in &found {
        let vector = model.get(&neighbor.label).expect("only current labels are found");
        assert!(!exclude(neighbor.label));
        assert!((neighbor.score - score(metric, &ask.query, vector)).abs() < TOLERANCE);
    }
    assert!(found.is_sorted_by(|a, b| (b.score, a.label) < (a.score, b.label)), "{found:?}");
    let least = ask.min_score.unwrap_or(f32::NEG_INFINITY);
    if ask.exact {
        let sure = expected.iter().filter(|(score, _)| *score >= least + TOLERANCE).count();
        let possible = expected.iter().filter(|(score, _)| *score >= least - TOLERANCE).count();
        assert!((sure..=possible).contains(&found.len()), "{found:?} {expected:?}");
        for (neighbor, (score, label)) in found.iter().zip(&expected) {
            assert!((neighbor.score - score).abs() < TOLERANCE);
            assert!(metric == Metric::Cosine || neighbor.label == *label, "{found:?} {expected:?}");
        }
    } else if ask.min_score.is_none() {
        assert_eq!(found.len(), expected.len(), "{found:?} {expected:?}");
    }
    assert_eq!(view.len(), model.len());
    assert_eq!(view.head_len() + view.live_len() + view.sealed_len(), view.len());
}

/// Some questions of each sort.
pub(super) fn check_all(view: &IndexView, model: &Model, metric: Metric) {
    assert_eq!(view.verify(&|_, _| ()), []);
    for (exact, k) in [(true, 60), (true, 3), (false, 60), (false, 7)] {
        let ask = Ask { query: vec![1.0, -2.0, 0.5], k, ef: 9, exact, excluded: None, min_score: None };
        check(view, model, metric, &ask);
    }
}

fn replay(metric: Metric, ops: Vec<Op>) {
    let mut index = Index::new(small(DIM, metric)).unwrap();
    let mut model = Model::new();
    let mut seq = 0;
    let mut task: Option<Task> = None;
    let mut kept: Vec<(IndexView, Model)> = Vec::new();
    let mut asks = Vec::new();
    for op in ops {
        match op {
            Op::Apply(changes) => {
                seq += 1 + seq % 3;
                for (label, vector) in &changes {
                    match vector {
                        Some(vector) => model.insert(*label, vector.clone()),
                        None => model.remove(label),
                    };
                }
                kept.push((index.apply(changes, seq).unwrap(), model.clone()));
            }
            Op::Plan(wanted) => {
                let planned = index.plan(wanted);
                assert!(task.is_none() || planned.is_none(), "one task at a time");
                task = task.or(planned);
            }
            Op::Run => assert!(task.as_mut().is_none_or(run)),
            Op::Cancel => {
                task.as_mut().map(|task| task.run(&|_, _| (), &AtomicBool::new(true)).unwrap());
            }
            Op::Complete => {
                if let Some(task) = task.take() {
                    let view = index.complete(task).unwrap();
                    assert_eq!(view.verify(&|_, _| ()), []);
                    kept.push((view, model.clone()));
                }
            }
            Op::DropTask => task = None,
            Op::Search(ask) => {
                check(&index.view(), &model, metric, &ask);
                asks.push(ask);
            }
        }
    }
    for (view, model) in &kept {
        for ask in &asks {
            check(view, model, metric, ask);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_view_answers_as_the_model_did(
        metric in proptest::sample::select(&METRICS[..]),
        ops in proptest::collection::vec(op(), 1..60),
    ) {
        replay(metric, ops);
    }
}

/// Few labels, replaced over and over, so that most of the live tier is dead and it is made anew.
#[test]
fn rebuilding_keeps_the_answers() {
    for metric in METRICS {
        let mut index = Index::new(small(DIM, metric)).unwrap();
        let mut noise = Noise(7);
        let mut model = Model::new();
        let mut rebuilt = 0;
        for seq in 1..200 {
            let changes: Vec<_> =
                (0..5).map(|i| ((seq as u32 * 7 + i) % 30, Some(noise.vector(DIM)))).collect();
            model.extend(changes.iter().filter_map(|(label, vector)| Some((*label, vector.clone()?))));
            let view = index.apply(changes, seq).unwrap();
            if let Some(mut task) = index.plan(Wanted::Due) {
                rebuilt += usize::from(task.kind() == super::super::TaskKind::Rebuild);
                assert!(run(&mut task));
                index.complete(task).unwrap();
            }
            let query = noise.vector(DIM);
            for exact in [false, true] {
                let ask = Ask { query: query.clone(), k: 9, ef: 9, exact, excluded: None, min_score: None };
                check(&view, &model, metric, &ask);
                check(&index.view(), &model, metric, &ask);
            }
        }
        assert!(rebuilt > 2, "{metric}: {rebuilt}");
    }
}
