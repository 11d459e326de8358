//! Lookalikes against the definitions of their scores.

use crate::fixture::{day, fill, place, store, vector_options};
use kindred::Snapshot;
use kindred::model::{Interval, Metric, attribute, count, id};
use kindred::query::{FoundLookalikes, Hit, LookalikeMethod, PartOf, Seed};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The penalty of the classifier's weights.
const PENALTY: f64 = 1e-2;

const METHODS: [LookalikeMethod; 2] = [LookalikeMethod::Centroid, LookalikeMethod::Classifier];

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn mean(rows: &[&Vec<f64>], dim: usize) -> Vec<f64> {
    (0..dim).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64).collect()
}

fn unit(row: &[f64]) -> Vec<f64> {
    let length = dot(row, row).sqrt();
    row.iter().map(|x| x / length).collect()
}

/// How close a vector is to the mean of the seed; none where that has no direction and needs one.
fn closeness(metric: Metric, seed: &[&Vec<f64>], row: &[f64]) -> Option<f64> {
    let centroid = mean(seed, row.len());
    match metric {
        Metric::Cosine => {
            let length = dot(&centroid, &centroid).sqrt();
            (length > 1e-6).then(|| dot(&centroid, row) / length)
        }
        Metric::InnerProduct => Some(dot(&centroid, row)),
        Metric::L2 => Some(-centroid.iter().zip(row).map(|(a, b)| (a - b).powi(2)).sum::<f64>()),
    }
}

/// Log-odds by plain descent down the gradient of the loss.
fn log_odds(rows: &[Vec<f64>], is_of_seed: &[bool]) -> Vec<f64> {
    let dim = rows[0].len();
    let middle = mean(&rows.iter().collect::<Vec<_>>(), dim);
    let centred = |row: &Vec<f64>| -> Vec<f64> { row.iter().zip(&middle).map(|(x, m)| x - m).collect() };
    let centred: Vec<Vec<f64>> = rows.iter().map(centred).collect();
    let spread = (centred.iter().map(|row| dot(row, row)).sum::<f64>() / rows.len() as f64).sqrt();
    let scale = if spread > 1e-6 * dot(&middle, &middle).sqrt() { 1.0 / spread } else { 0.0 };
    let scaled: Vec<Vec<f64>> = centred.iter().map(|row| row.iter().map(|x| x * scale).collect()).collect();
    let of_seed = is_of_seed.iter().filter(|is| **is).count() as f64;
    let others = rows.len() as f64 - of_seed;
    let (mut weights, mut bias) = (vec![0.0; dim], 0.0);
    for _ in 0..20_000 {
        let (mut slopes, mut slope) =
            (weights.iter().map(|weight| PENALTY * weight).collect::<Vec<_>>(), 0.0);
        for (row, &is) in scaled.iter().zip(is_of_seed) {
            let chance = 1.0 / (1.0 + (-dot(&weights, row) - bias).exp());
            let off = if is { (chance - 1.0) / (2.0 * of_seed) } else { chance / (2.0 * others) };
            slopes.iter_mut().zip(row).for_each(|(sum, x)| *sum += off * x);
            slope += off;
        }
        weights.iter_mut().zip(&slopes).for_each(|(weight, slope)| *weight -= 0.3 * slope);
        bias -= 0.3 * slope;
    }
    scaled.iter().map(|row| dot(&weights, row) + bias).collect()
}

fn names(found: &FoundLookalikes) -> Vec<&str> {
    found.users.iter().map(|hit| &*hit.user).collect()
}

/// Users are those that are meant, with these scores, the best first.
fn check(users: &[Hit], expected: &BTreeMap<String, f64>, limit: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(users.len(), expected.len().min(limit));
    prop_assert!(users.is_sorted_by(|a, b| a.score >= b.score), "{:?}", users);
    let mut scores: Vec<f64> = expected.values().copied().collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    for (hit, best) in users.iter().zip(scores) {
        let tolerance = 1e-2 * (1.0 + best.abs());
        let Some(own) = expected.get(&hit.user) else { panic!("{hit:?} is not meant") };
        prop_assert!((f64::from(hit.score) - own).abs() < tolerance, "{:?} and {}", hit, own);
        prop_assert!((own - best).abs() < 2.0 * tolerance, "{:?} and {}", hit, best);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn scores_are_those_of_their_definitions(
        metric in prop::sample::select(vec![Metric::Cosine, Metric::InnerProduct, Metric::L2]),
        people in prop::collection::vec(([-3_i8..4, -3_i8..4], any::<bool>(), any::<bool>()), 2..14),
        limit in 1_usize..16,
        exact in any::<bool>(),
    ) {
        let place = place();
        let store = vector_options(2).metric(metric).open(&place.path).unwrap();
        let mut rows = Vec::new();
        store.write(|tx| {
            for (n, ([x, y], is_of_seed, is_meant)) in people.iter().enumerate() {
                // Never all zeros.
                let row = [f32::from(*x) + 0.25, f32::from(*y)];
                let row64 = row.map(f64::from).to_vec();
                rows.push(if metric == Metric::Cosine { unit(&row64) } else { row64 });
                tx.put_user(&format!("u{n}"), [("s", (*is_of_seed).into()), ("m", (*is_meant).into())])?;
                tx.put_vector(&format!("u{n}"), row.to_vec())?;
            }
            tx.put_user("nothing known", [("s", false.into())])
        }).unwrap();
        let is_of_seed: Vec<bool> = people.iter().map(|person| person.1).collect();
        prop_assume!(is_of_seed.contains(&true));
        let seed: Vec<&Vec<f64>> = rows.iter().zip(&is_of_seed).filter(|(_, is)| **is).map(|(row, _)| row).collect();
        let snapshot = store.snapshot();
        let odds = if is_of_seed.contains(&false) { log_odds(&rows, &is_of_seed) } else { Vec::new() };
        for method in METHODS {
            let scores: Option<Vec<f64>> = match method {
                LookalikeMethod::Centroid => rows.iter().map(|row| closeness(metric, &seed, row)).collect(),
                _ => Some(odds.clone()),
            };
            let Some(scores) = scores else { continue };
            let others = scores.iter().enumerate().filter(|(n, _)| !is_of_seed[*n]);
            let expected: BTreeMap<String, f64> = others.map(|(n, score)| (format!("u{n}"), *score)).collect();
            let ask = || {
                let chosen = snapshot.users_where(attribute("s").eq(true)).unwrap();
                chosen.lookalikes().method(method).limit(limit).exact(exact)
            };
            let found = ask().run().unwrap();
            prop_assert_eq!((found.seed, found.without_vector, found.method), (seed.len() as u64, 0, method));
            check(&found.users, &expected, limit)?;
            let meant = expected.iter().filter(|(id, _)| people[id[1..].parse::<usize>().unwrap()].2);
            let meant: BTreeMap<String, f64> = meant.map(|(id, score)| (id.clone(), *score)).collect();
            check(&ask().filter(attribute("m").eq(true)).unwrap().run().unwrap().users, &meant, limit)?;
            let mut rest = meant;
            let Some((gone, _)) = rest.pop_first() else { continue };
            let asked = ask().filter(attribute("m").eq(true)).unwrap().exclude([gone]);
            check(&asked.run().unwrap().users, &rest, limit)?;
        }
    }
}

fn filled() -> (crate::fixture::Place, kindred::Store) {
    let (place, store) = store();
    fill(&store);
    store.fit().unwrap();
    store
        .write(|tx| {
            tx.put_user("nothing known", [])?;
            tx.define_segment("from Bonn", attribute("town").eq("Bonn") | id().eq("nothing known"))?;
            tx.define_segment("nobody", attribute("town").eq("Rome"))
        })
        .unwrap();
    (place, store)
}

#[test]
fn a_seed_is_a_segment_a_list_or_a_predicate() {
    let (_place, store) = filled();
    let snapshot = store.snapshot();
    for method in METHODS {
        let found = snapshot.lookalikes("from Bonn").method(method).run().unwrap();
        assert_eq!((found.seed, found.without_vector, found.users.len()), (5, 1, 8));
        let members = snapshot.members("from Bonn").unwrap();
        assert!(names(&found).iter().all(|user| !members.iter().any(|member| member == user)));
        assert_eq!(snapshot.lookalikes(members.clone()).method(method).run().unwrap(), found);
        let twice = Seed::users(members.iter().chain(&members));
        assert_eq!(snapshot.lookalikes(twice).method(method).run().unwrap(), found);
        let chosen = snapshot.users_where(id().one_of(members)).unwrap();
        assert_eq!(chosen.lookalikes().method(method).run().unwrap(), found);
    }
}

/// The instant of the seed and that of the filter are two things.
#[test]
fn a_seed_and_a_filter_go_by_instants_of_their_own() {
    let (_place, store) = filled();
    let snapshot = store.snapshot();
    let lately = || count("purchase").within(Interval::days(3)).ge(1);
    let at = |at: i64| snapshot.users_where(lately()).unwrap().now(day(at)).run().unwrap();
    let (seed, meant) = (at(2), at(9));
    assert!(!seed.is_empty() && !meant.is_empty() && seed.iter().all(|user| !meant.contains(user)));
    let ask = snapshot.users_where(lately()).unwrap().now(day(2)).lookalikes();
    let found = ask.filter(lately()).unwrap().now(day(9)).run().unwrap();
    let mut users = names(&found);
    users.sort_unstable();
    let mut meant: Vec<&str> = meant.iter().map(|user| &**user).collect();
    meant.sort_unstable();
    assert_eq!((found.seed, users), (seed.len() as u64, meant));
}

fn explained(snapshot: &Snapshot, method: LookalikeMethod) -> Vec<Hit> {
    snapshot.lookalikes("from Bonn").method(method).explain(true).run().unwrap().users
}

#[test]
fn reasons_sum_to_the_score() {
    let (_place, store) = filled();
    for method in METHODS {
        for hit in explained(&store.snapshot(), method) {
            let explanation = hit.explanation.unwrap();
            let sum: f32 = explanation.parts.iter().map(|part| part.score).sum();
            assert!((sum - hit.score).abs() < 1e-3 * (1.0 + hit.score.abs()), "{method:?}: {explanation:?}");
            assert_eq!(explanation.parts.last().unwrap().of, PartOf::Rest);
            assert!(!explanation.words.is_empty());
        }
    }
}

#[test]
fn who_cannot_say_anything_is_told() {
    let (_place, store) = filled();
    let snapshot = store.snapshot();
    let everybody = snapshot.users_where(id().ne("x")).unwrap();
    assert!(everybody.lookalikes().run().unwrap().users.is_empty(), "nobody is left to be found");
    let error = snapshot.lookalikes(["nothing known"]).run().unwrap_err();
    assert!(error.to_string().contains("1 users without a vector"), "{error}");
    let place = place();
    let opposite = vector_options(2).open(&place.path).unwrap();
    opposite
        .write(|tx| {
            tx.put_vector("a", vec![1.0, 0.0])?;
            tx.put_vector("b", vec![-1.0, 0.0])?;
            tx.put_vector("c", vec![0.0, 1.0])
        })
        .unwrap();
    let snapshot = opposite.snapshot();
    let ask = |method| snapshot.lookalikes(["a", "b"]).method(method).run();
    let error = ask(LookalikeMethod::Centroid).unwrap_err();
    assert!(error.to_string().contains("cancel out"), "{error}");
    assert_eq!(names(&ask(LookalikeMethod::Classifier).unwrap()), ["c"]);
}

#[test]
fn what_is_drawn_goes_by_the_seed() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            (0..200_i16).try_for_each(|n| {
                let angle = f32::from(n * 37 % 100) / 50.0;
                tx.put_vector(&format!("u{n}"), vec![angle.cos(), angle.sin()])
            })
        })
        .unwrap();
    let snapshot = store.snapshot();
    let seed: Vec<String> = (0..200).filter(|n| n * 37 % 100 < 30).map(|n| format!("u{n}")).collect();
    let ask = |sample: usize, number: u64| {
        let asked = snapshot.lookalikes(seed.clone()).method(LookalikeMethod::Classifier);
        asked.sample(sample).seed(number).run().unwrap()
    };
    assert_eq!(ask(10, 1), ask(10, 1));
    assert_ne!(ask(10, 1), ask(10, 2));
    assert_eq!(ask(200, 1), ask(200, 2), "nothing is drawn where all are wanted");
    // Whom the seed ends beside comes first.
    let nearest = names(&ask(200, 1))
        .iter()
        .take(4)
        .map(|user| user[1..].parse::<i32>().unwrap() * 37 % 100)
        .collect::<Vec<_>>();
    assert!(nearest.iter().all(|place| (30..32).contains(place)), "{nearest:?}");
}
