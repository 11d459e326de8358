//! Declared attributes: the sentence they make for the encoder, and their own block of the embedding.

use super::layout::ATTRIBUTE_DIMS;
use crate::model::{Attributes, Value};
use std::collections::BTreeMap;

/// Whether an attribute is part of embeddings: one whose name begins with an underscore is not. What is told from embeddings can then
/// be written back without moving them.
pub(crate) fn is_fused(name: &str) -> bool {
    !name.starts_with('_')
}

/// How a numeric attribute is brought to a common scale: learned by `fit`.
#[derive(Clone, Copy, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Scale {
    pub mean: f64,
    pub deviation: f64,
}

impl Scale {
    /// Deviations from the mean, cut off at ±3 and brought to −1 to 1.
    fn apply(self, number: f64) -> f32 {
        if self.deviation <= 0.0 {
            return 0.0;
        }
        (((number - self.mean) / self.deviation).clamp(-3.0, 3.0) / 3.0) as f32
    }
}

/// Numbers seen of each attribute so far, for its [`Scale`] (Welford's running mean and variance).
#[derive(Default)]
pub(crate) struct ScaleLearner {
    seen: BTreeMap<String, (f64, f64, f64)>,
}

impl ScaleLearner {
    pub(crate) fn add(&mut self, attributes: &Attributes) {
        for (name, value) in attributes.iter().filter(|(name, _)| is_fused(name)) {
            let Some(number) = value.as_number() else { continue };
            let (count, mean, squares) = self.seen.entry(name.clone()).or_default();
            *count += 1.0;
            let delta = number - *mean;
            *mean += delta / *count;
            *squares += delta * (number - *mean);
        }
    }

    /// The scales; none for numbers so large that their variance overflows.
    pub(crate) fn finish(self) -> BTreeMap<String, Scale> {
        self.seen
            .into_iter()
            .map(|(name, (count, mean, squares))| (name, Scale { mean, deviation: (squares / count).sqrt() }))
            .filter(|(_, scale)| scale.mean.is_finite() && scale.deviation.is_finite())
            .collect()
    }
}

/// A short sentence for the encoder: "age 31, country Germany". Booleans read as words: "member" or "not member".
pub(crate) fn sentence(attributes: &Attributes) -> Option<String> {
    let parts: Vec<String> = attributes
        .iter()
        .filter(|(name, _)| is_fused(name))
        .map(|(name, value)| {
            let name = name.replace('_', " ");
            match value {
                Value::Bool(true) => name,
                Value::Bool(false) => format!("not {name}"),
                Value::Time(time) => {
                    let date = time.to_string();
                    format!("{name} {}", date.get(..10).unwrap_or(&date))
                }
                other => format!("{name} {other}"),
            }
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What one attribute adds to the attribute block.
pub(crate) fn attribute_vector(
    scales: &BTreeMap<String, Scale>,
    name: &str,
    value: &Value,
) -> [f32; ATTRIBUTE_DIMS] {
    let mut block = [0.0; ATTRIBUTE_DIMS];
    add_attribute(&mut block, scales, name, value);
    block
}

/// Adds one attribute to the attribute block: numbers by their scale, all else as one hashed, signed
/// coordinate per value; nothing for what is not fused.
pub(crate) fn add_attribute(block: &mut [f32], scales: &BTreeMap<String, Scale>, name: &str, value: &Value) {
    if !is_fused(name) {
        return;
    }
    if let Some(number) = value.as_number() {
        if let Some(scale) = scales.get(name) {
            let (position, sign) = coordinate(name, "");
            block[position] += sign * scale.apply(number);
        }
        return;
    }
    let mut one_hot = |value: &str| {
        let (position, sign) = coordinate(name, value);
        block[position] += sign;
    };
    match value {
        Value::Set(texts) => texts.iter().for_each(|text| one_hot(text)),
        Value::Time(_) => {}
        other => one_hot(&other.to_string()),
    }
}

/// Feature hashing (Weinberger et al., ICML 2009): a position and a sign from the name and the value.
fn coordinate(name: &str, value: &str) -> (usize, f32) {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&[0]).update(value.as_bytes());
    let hash = hasher.finalize();
    let bytes = hash.as_bytes();
    let number = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (number as usize % ATTRIBUTE_DIMS, if bytes[4] & 1 == 0 { 1.0 } else { -1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> Attributes {
        [
            ("age".to_owned(), Value::Int(31)),
            ("home_town".to_owned(), Value::Text("Berlin".into())),
            ("member".to_owned(), Value::Bool(false)),
        ]
        .into()
    }

    #[test]
    fn a_sentence_reads_as_one() {
        assert_eq!(sentence(&attributes()).unwrap(), "age 31, home town Berlin, not member");
        assert_eq!(sentence(&Attributes::new()), None);
    }

    #[test]
    fn scales_are_mean_and_deviation() {
        let mut learner = ScaleLearner::default();
        for age in [20, 30, 40] {
            learner.add(&[("age".to_owned(), Value::Int(age))].into());
        }
        let scale = learner.finish()["age"];
        assert!((scale.mean - 30.0).abs() < 1e-9);
        assert!((scale.deviation - (200.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!(scale.apply(30.0).abs() < 1e-9);
        assert!((scale.apply(1e9) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_beyond_all_bounds_have_no_scale() {
        let mut learner = ScaleLearner::default();
        for number in [f64::MAX, -f64::MAX, 3.0] {
            learner.add(&[("n".to_owned(), Value::Float(number))].into());
        }
        assert!(learner.finish().is_empty());
        let scale = Scale { mean: f64::MAX, deviation: 1.0 };
        assert!((scale.apply(-f64::MAX) + 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_begins_with_an_underscore_is_not_fused() {
        let mut with = attributes();
        with.insert("_cluster".to_owned(), Value::Text("c1".into()));
        with.insert("_rank".to_owned(), Value::Int(3));
        assert_eq!(sentence(&with), sentence(&attributes()));
        assert_eq!(sentence(&[("_rank".to_owned(), Value::Int(3))].into()), None);
        let mut learner = ScaleLearner::default();
        learner.add(&with);
        let scales = learner.finish();
        assert_eq!(scales.keys().collect::<Vec<_>>(), ["age"]);
        let block = attribute_vector(&scales, "_cluster", &with["_cluster"]);
        assert!(block.iter().all(|&value| value == 0.0));
    }

    #[test]
    fn unscaled_numbers_add_nothing_and_texts_add_one() {
        let mut block = [0.0; ATTRIBUTE_DIMS];
        add_attribute(&mut block, &BTreeMap::new(), "age", &Value::Int(3));
        assert!(block.iter().all(|&x| x == 0.0));
        add_attribute(&mut block, &BTreeMap::new(), "town", &Value::Text("Bonn".into()));
        assert!((block.iter().map(|x| x.abs()).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
