//! Model folders.

use super::{Failures, Row, row};
use kindred::Store;
use kindred::encoder::{BertEncoder, Encoder};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const HIDDEN: usize = 4;
const WORDS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "milk"];

/// What is done to a good model.
type Damage = fn(&Path);

const fn bad(name: &'static str, input: Damage, words: &'static [&'static str]) -> Row<Damage> {
    row(name, input, "Model", words)
}

fn config() -> Value {
    json!({
        "model_type": "bert", "hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 8, "hidden_act": "gelu", "max_position_embeddings": 16,
    })
}

fn tokenizer() -> Value {
    let vocabulary: serde_json::Map<_, _> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), json!(id))).collect();
    json!({
        "version": "1.0", "added_tokens": [], "normalizer": null, "decoder": null,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

/// Names and shapes of the tensors.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![16, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, HIDDEN]),
    ];
    let layer = "encoder.layer.0.";
    for norm in [
        "embeddings.LayerNorm".to_owned(),
        format!("{layer}attention.output.LayerNorm"),
        format!("{layer}output.LayerNorm"),
    ] {
        tensors.extend(["weight", "bias"].map(|part| (format!("{norm}.{part}"), vec![HIDDEN])));
    }
    let square =
        ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"];
    let dense = square.map(|name| (name, HIDDEN, HIDDEN));
    for (name, outputs, inputs) in
        dense.into_iter().chain([("intermediate.dense", 8, HIDDEN), ("output.dense", HIDDEN, 8)])
    {
        tensors.push((format!("{layer}{name}.weight"), vec![outputs, inputs]));
        tensors.push((format!("{layer}{name}.bias"), vec![outputs]));
    }
    tensors
}

/// The form of safetensors, every number 0.5.
fn safetensors(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let (mut header, mut end) = (serde_json::Map::new(), 0);
    for (name, shape) in tensors {
        let start = end;
        end += 4 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [start, end]}));
    }
    with_header(&Value::Object(header).to_string(), &0.5_f32.to_le_bytes().repeat(end / 4))
}

fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn good(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    write(folder, "config.json", config().to_string());
    write(folder, "tokenizer.json", tokenizer().to_string());
    write(folder, "model.safetensors", safetensors(&tensors()));
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn configured(folder: &Path, field: &str, value: Value) {
    let mut config = config();
    config[field] = value;
    write(folder, "config.json", config.to_string());
}

fn reshaped(folder: &Path, name: &str, shape: &[usize]) {
    let mut tensors = tensors();
    tensors.iter_mut().find(|(known, _)| known == name).unwrap().1 = shape.to_vec();
    write(folder, "model.safetensors", safetensors(&tensors));
}

pub(super) const SETTINGS: &[Row<Damage>] = &[
    bad("model folder missing", |f| fs::remove_dir_all(f).unwrap(), &["config.json", "No such file"]),
    bad(
        "model folder a file",
        |f| {
            fs::remove_dir_all(f).unwrap();
            fs::write(f, "model").unwrap();
        },
        &["config.json", "Not a directory"],
    ),
    bad("model without a config", |f| fs::remove_file(f.join("config.json")).unwrap(), &["config.json"]),
    bad("model with an empty config", |f| write(f, "config.json", ""), &["config.json", "EOF"]),
    bad(
        "model with a config cut off",
        |f| write(f, "config.json", &config().to_string()[..40]),
        &["config.json", "EOF"],
    ),
    bad("model with a config of a list", |f| write(f, "config.json", "[]"), &["config.json", "invalid"]),
    bad("model with a config not UTF-8", |f| write(f, "config.json", b"{\"a\":\"\xff\"}"), &["config.json"]),
    bad(
        "model with a config 10,000 levels deep",
        |f| write(f, "config.json", "[".repeat(10_000)),
        &["config.json"],
    ),
    bad(
        "model of an unknown type",
        |f| configured(f, "model_type", json!("gpt2")),
        &["model_type is \"gpt2\"", "bert"],
    ),
    bad(
        "model of hidden size 0",
        |f| configured(f, "hidden_size", json!(0)),
        &["hidden_size is 0", "1 to 4096"],
    ),
    bad("model of hidden size -1", |f| configured(f, "hidden_size", json!(-1)), &["config.json", "-1"]),
    bad(
        "model of hidden size 2^60",
        |f| configured(f, "hidden_size", json!(1_u64 << 60)),
        &["hidden_size is 1152921504606846976"],
    ),
    bad(
        "model of a hidden size in words",
        |f| configured(f, "hidden_size", json!("big")),
        &["config.json", "\"big\""],
    ),
    bad(
        "model of 2^60 layers",
        |f| configured(f, "num_hidden_layers", json!(1_u64 << 60)),
        &["num_hidden_layers", "1 to 128"],
    ),
    bad(
        "model of no heads",
        |f| configured(f, "num_attention_heads", json!(0)),
        &["num_attention_heads is 0"],
    ),
    bad(
        "model of heads that do not divide",
        |f| configured(f, "num_attention_heads", json!(3)),
        &["no multiple"],
    ),
    bad(
        "model of no positions",
        |f| configured(f, "max_position_embeddings", json!(0)),
        &["max_position_embeddings is 0"],
    ),
    bad(
        "model of an inner size of 2^40",
        |f| configured(f, "intermediate_size", json!(1_u64 << 40)),
        &["intermediate_size"],
    ),
    bad(
        "model of an unknown activation",
        |f| configured(f, "hidden_act", json!("swish")),
        &["\"swish\"", "gelu"],
    ),
    bad("model of a negative epsilon", |f| configured(f, "layer_norm_eps", json!(-1.0)), &["layer_norm_eps"]),
    bad(
        "model of relative positions",
        |f| configured(f, "position_embedding_type", json!("relative_key")),
        &["relative_key"],
    ),
    bad(
        "model with inputs of no tokens",
        |f| write(f, "sentence_bert_config.json", "{\"max_seq_length\":0}"),
        &["inputs of 0 tokens"],
    ),
    bad(
        "model with a module elsewhere",
        |f| write(f, "modules.json", json!([{"path": "/etc", "type": "x.Transformer"}]).to_string()),
        &["modules.json", "\"/etc\"", "not supported"],
    ),
    bad(
        "model with a pooling above its folder",
        |f| write(f, "modules.json", json!([{"path": "../1_Pooling", "type": "x.Pooling"}]).to_string()),
        &["modules.json", "not supported"],
    ),
    bad(
        "model pooling by the last token",
        |f| write(f, "1_Pooling/config.json", "{\"pooling_mode_lasttoken\":true}"),
        &["pooling_mode_lasttoken"],
    ),
];

pub(super) const FILES: &[Row<Damage>] = &[
    bad(
        "model without a tokenizer",
        |f| fs::remove_file(f.join("tokenizer.json")).unwrap(),
        &["tokenizer.json"],
    ),
    bad("model with an empty tokenizer", |f| write(f, "tokenizer.json", ""), &["tokenizer.json"]),
    bad("model with a tokenizer of nothing", |f| write(f, "tokenizer.json", "{}"), &["tokenizer.json"]),
    bad(
        "model with a tokenizer of an unknown kind",
        |f| write(f, "tokenizer.json", tokenizer().to_string().replace("WordPiece", "Magic")),
        &["tokenizer.json"],
    ),
    bad(
        "model with a tokenizer 10,000 levels deep",
        |f| write(f, "tokenizer.json", "[".repeat(10_000)),
        &["tokenizer.json"],
    ),
    bad(
        "model without weights",
        |f| fs::remove_file(f.join("model.safetensors")).unwrap(),
        &["model.safetensors"],
    ),
    bad("model with weights of nothing", |f| write(f, "model.safetensors", ""), &["model.safetensors"]),
    bad(
        "model with weights cut off",
        |f| {
            let whole = safetensors(&tensors());
            write(f, "model.safetensors", &whole[..whole.len() - 1]);
        },
        &["model.safetensors"],
    ),
    bad(
        "model with a header of 2^60 bytes",
        |f| write(f, "model.safetensors", [&(1_u64 << 60).to_le_bytes()[..], b"{}"].concat()),
        &["model.safetensors"],
    ),
    bad(
        "model with a header of 2^64 - 1 bytes",
        |f| write(f, "model.safetensors", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        &["model.safetensors"],
    ),
    bad(
        "model with a header that is no JSON",
        |f| write(f, "model.safetensors", with_header("{{{{", &[])),
        &["model.safetensors"],
    ),
    bad(
        "model with a tensor beyond its file",
        |f| {
            write(
                f,
                "model.safetensors",
                with_header(
                    r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1152921504606846976]}}"#,
                    &[],
                ),
            );
        },
        &["model.safetensors"],
    ),
    bad(
        "model with a shape that overflows",
        |f| {
            write(
                f,
                "model.safetensors",
                with_header(
                    r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}"#,
                    &[],
                ),
            );
        },
        &["model.safetensors"],
    ),
    bad(
        "model without its words",
        |f| write(f, "model.safetensors", safetensors(&tensors()[1..])),
        &["word_embeddings"],
    ),
    bad(
        "model with words of another width",
        |f| reshaped(f, "embeddings.word_embeddings.weight", &[5, 3]),
        &["word_embeddings", "shape [5, 3]", "[rows, 4]"],
    ),
    bad(
        "model with a norm of another length",
        |f| reshaped(f, "embeddings.LayerNorm.bias", &[5]),
        &["LayerNorm.bias", "shape [5]"],
    ),
    bad(
        "model with a layer of another shape",
        |f| reshaped(f, "encoder.layer.0.output.dense.weight", &[8, 4]),
        &["output.dense.weight", "shape [8, 4]"],
    ),
    bad(
        "model with too few positions",
        |f| reshaped(f, "embeddings.position_embeddings.weight", &[15, 4]),
        &["position table is shorter"],
    ),
];

#[test]
fn bad_models_are_refused_and_make_no_store() {
    let mut failures = Failures::default();
    for row in SETTINGS.iter().chain(FILES) {
        let folder = tempfile::tempdir().unwrap();
        let (model, store) = (folder.path().join("the model"), folder.path().join("store"));
        good(&model);
        assert_eq!(BertEncoder::open(&model).unwrap().dim(), HIDDEN, "the good model");
        (row.input)(&model);
        match BertEncoder::open(&model) {
            Err(error) => row.check(&error, &mut failures),
            Ok(_) => failures.add(row.name, "it was opened"),
        }
        match Store::options().model(&model).open(&store) {
            Err(error) => row.check(&error, &mut failures),
            Ok(_) => failures.add(row.name, "it made a store"),
        }
        if store.exists() {
            failures.add(row.name, "something was left behind");
        }
    }
}

/// A store whose model is damaged later is refused, and is as it was once the model is whole again.
#[test]
fn a_store_outlives_the_damage_of_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let (model, path) = (folder.path().join("it's \"the\" model; $(touch x)"), folder.path().join("store"));
    good(&model);
    let store = Store::options().model(&model).open(&path).unwrap();
    store.write(|tx| tx.add_text("ann", "milk", kindred::model::Time::default())).unwrap();
    let before = super::dump(&store.snapshot());
    drop(store);
    let mut failures = Failures::default();
    for row in SETTINGS.iter().chain(FILES) {
        (row.input)(&model);
        match Store::open(&path) {
            Err(error) => row.check(&error, &mut failures),
            Ok(_) => failures.add(row.name, "it was opened"),
        }
        if model.is_file() {
            fs::remove_file(&model).unwrap();
        } else if model.exists() {
            fs::remove_dir_all(&model).unwrap();
        }
        good(&model);
        if super::dump(&Store::open(&path).unwrap().snapshot()) != before {
            failures.add(row.name, "the store has changed");
        }
    }
}
