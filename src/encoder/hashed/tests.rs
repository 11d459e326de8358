use super::*;
use proptest::prelude::*;

fn encode(encoder: &dyn Encoder, text: &str) -> Vec<f32> {
    encoder.encode(&[text], &|_| {}).unwrap()
}

fn score(encoder: &dyn Encoder, a: &str, b: &str) -> f32 {
    encode(encoder, a).iter().zip(encode(encoder, b)).map(|(x, y)| x * y).sum()
}

fn learned(texts: &[&str]) -> Box<dyn Encoder> {
    let mut texts = texts.iter().map(|&text| text.to_owned());
    HashedEncoder::default().learn(&mut texts).unwrap().unwrap()
}

/// Stored vectors outlive builds: any change here needs a new id.
#[test]
fn vectors_are_those_of_version_one() {
    let text = "Fresh milk 牛奶 молоко 😀";
    let fresh = encode(&HashedEncoder::default(), text);
    let learned = learned(&["fresh milk", "fresh bread"]);
    let bits = |row: &[f32]| -> Vec<(usize, i32)> {
        let scaled = row.iter().map(|x| (x * 10_000.0).round() as i32).enumerate();
        scaled.filter(|(_, x)| *x != 0).take(8).collect()
    };
    assert_eq!(bits(&fresh), GOLDEN);
    assert_eq!(bits(&encode(learned.as_ref(), text)), GOLDEN_LEARNED);
    assert_eq!(learned.id(), GOLDEN_ID);
}

const GOLDEN: [(usize, i32); 8] =
    [(4, 514), (10, -514), (12, -1469), (15, -1469), (16, 514), (18, -514), (23, 514), (28, 514)];
const GOLDEN_LEARNED: [(usize, i32); 8] =
    [(4, 289), (10, -289), (12, -825), (15, -1732), (16, 606), (18, -606), (20, -317), (23, 406)];
const GOLDEN_ID: &str = "kindred-hashed-v1/384/idf-79c97687e6c5c634";

#[test]
fn related_texts_score_above_unrelated_ones() {
    let encoder = HashedEncoder::default();
    for [text, related, unrelated] in [
        ["organic whole milk", "Milk, organic", "garden furniture set"],
        ["running shoes", "shoe for runners", "washing powder"],
        ["今天买了一双跑鞋", "这双跑鞋很舒服", "味道很好吃"],
        ["東京でラーメンを食べた", "大阪でラーメンを食べました", "新しい靴"],
        ["свежее молоко", "молоко свежее 3%", "садовый стул"],
        ["crème brûlée", "CREME BRULEE", "motor oil"],
        ["ผัดไทยกุ้งสด", "ผัดไทยไก่", "น้ำมันเครื่อง"],
        ["great 😀👍", "😀👍", "😡"],
    ] {
        let (near, far) = (score(&encoder, text, related), score(&encoder, text, unrelated));
        assert!(near > far + 0.1, "{text}: {near} to {related}, {far} to {unrelated}");
    }
}

#[test]
fn a_text_without_content_gives_zeros() {
    let encoder = HashedEncoder::default();
    for text in ["", "   ", "!!!", "\u{200b}\n"] {
        assert!(encode(&encoder, text).iter().all(|x| *x == 0.0), "{text:?}");
    }
}

#[test]
fn a_long_text_is_encoded_whole() {
    let encoder = HashedEncoder::default();
    let long = "milk and bread 牛奶 ".repeat(50_000);
    assert!(long.len() >= 1_000_000);
    assert!(score(&encoder, &long, "milk bread") > 0.3);
    assert!((score(&encoder, &"x".repeat(1 << 20), &"x".repeat(1 << 20)) - 1.0).abs() < 1e-4);
}

#[test]
fn learning_lets_rare_words_count_for_more() {
    let everywhere: Vec<String> = (0..200).map(|i| format!("grocery item {i}")).collect();
    let texts: Vec<&str> = everywhere.iter().map(String::as_str).collect();
    let (fresh, learned) = (HashedEncoder::default(), learned(&texts));
    let shares_common = ["grocery item salmon", "grocery item soap"];
    let shares_rare = ["grocery salmon", "fish salmon"];
    let gain = |[a, b]: [&str; 2]| score(learned.as_ref(), a, b) - score(&fresh, a, b);
    assert!(gain(shares_common) < -0.1, "{}", gain(shares_common));
    assert!(gain(shares_rare) > 0.1, "{}", gain(shares_rare));
}

#[test]
fn a_state_restores_the_same_encoder() {
    let first = learned(&["milk", "fresh milk", "牛奶"]);
    let state = first.state().unwrap();
    assert!(state.len() < 128 << 10);
    let second = HashedEncoder::default().with_state(&state).unwrap();
    assert_eq!(first.id(), second.id());
    assert_ne!(first.id(), HashedEncoder::default().id());
    assert_eq!(encode(first.as_ref(), "fresh 牛奶"), encode(second.as_ref(), "fresh 牛奶"));
    assert!(matches!(HashedEncoder::default().with_state(b"KHI1"), Err(Error::Damaged { .. })));
    assert!(HashedEncoder::default().state().is_none());
}

#[test]
fn what_is_learned_does_not_depend_on_the_order() {
    assert_eq!(learned(&["a b", "c"]).id(), learned(&["c", "a b"]).id());
    assert_ne!(learned(&["a b", "c"]).id(), learned(&["a b", "d"]).id());
}

#[test]
fn progress_reaches_the_number_of_texts() {
    let last = std::sync::atomic::AtomicUsize::new(0);
    let texts = vec!["milk"; 600];
    let report = |done| last.store(done, std::sync::atomic::Ordering::Relaxed);
    HashedEncoder::default().encode(&texts, &report).unwrap();
    assert_eq!(last.into_inner(), 600);
}

proptest! {
    #[test]
    fn rows_are_unit_or_zero_and_do_not_depend_on_companions(
        texts in prop::collection::vec("\\PC{0,40}", 1..6),
        dim in 16_usize..600,
    ) {
        let encoder = HashedEncoder::new(dim).unwrap();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rows = encoder.encode(&texts, &|_| {}).unwrap();
        prop_assert_eq!(rows.len(), texts.len() * dim);
        for (text, row) in texts.iter().zip(rows.chunks_exact(dim)) {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            prop_assert!(norm == 0.0 || (norm - 1.0).abs() < 1e-5, "{}: {}", text, norm);
            prop_assert_eq!(row, encode(&encoder, text));
        }
    }
}
