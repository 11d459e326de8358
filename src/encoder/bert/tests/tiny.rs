//! Folders of tiny models with random weights, for the tests here and those against candle's own models in `tests/oracle/`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

/// Dimensions of its vectors.
pub const HIDDEN: usize = 32;
const INTERMEDIATE: usize = 48;
/// Its vocabulary.
pub const WORDS: [&str; 12] =
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

/// The settings of a BERT, or of a model that says them alike.
pub fn config(model_type: &str, activation: &str) -> Value {
    json!({
        "model_type": model_type, "vocab_size": WORDS.len(), "hidden_size": HIDDEN, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": INTERMEDIATE, "hidden_act": activation,
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 20,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
        "position_embedding_type": "absolute",
    })
}

/// The settings of the smaller model without types of tokens.
pub fn distilbert_config() -> Value {
    json!({
        "model_type": "distilbert", "vocab_size": WORDS.len(), "dim": HIDDEN, "n_layers": 2, "n_heads": 4,
        "hidden_dim": INTERMEDIATE, "activation": "relu", "max_position_embeddings": 20, "pad_token_id": 0,
        "dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02, "qa_dropout": 0.1,
        "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": false, "tie_weights_": true,
    })
}

/// Deterministic numbers within ±.3, another series for each name.
pub fn noise(name: &str, shape: &[usize]) -> Tensor {
    let mut reader = blake3::Hasher::new().update(name.as_bytes()).finalize_xof();
    let mut numbers = vec![0.0; shape.iter().product()];
    for x in &mut numbers {
        let mut bytes = [0; 2];
        reader.fill(&mut bytes);
        *x = (f32::from(u16::from_le_bytes(bytes)) / 65_536.0 - 0.5) * 0.6;
    }
    Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
}

/// All weights of a model.
pub fn tensors(model_type: &str) -> HashMap<String, Tensor> {
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
pub struct Tiny(tempfile::TempDir);

impl Tiny {
    /// With these settings and weights of noise.
    pub fn new(config: &Value) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("config.json", config);
        folder.write("tokenizer.json", &tokenizer());
        folder.save(&tensors(config["model_type"].as_str().unwrap()), "");
        folder
    }

    /// A BERT.
    pub fn bert() -> Self {
        Self::new(&config("bert", "gelu"))
    }

    /// Puts a file of the folder down.
    pub fn write(&self, name: &str, content: &Value) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }

    /// Puts the weights down, each under its name with `prefix` before it.
    pub fn save(&self, tensors: &HashMap<String, Tensor>, prefix: &str) {
        let named: HashMap<_, _> =
            tensors.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())).collect();
        candle_core::safetensors::save(&named, self.0.path().join("model.safetensors")).unwrap();
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Some texts for it: of no words, of words it does not know, and of more than one length.
pub const TEXTS: [&str; 7] =
    ["milk", "", "fresh milk bread", "freshly 牛奶!", "milk", "zzz", "fish fish fish fish fish fish fish"];
