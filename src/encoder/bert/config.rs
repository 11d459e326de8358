//! What a model folder's settings files say, checked.

use serde::Deserialize;

use super::files::Folder;
use super::kernels::Activation;
use crate::error::Result;
use crate::model::MAX_DIM;

/// Which names the tensors have, and where positions begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Bert,
    Roberta,
    DistilBert,
}

/// How token vectors become one text vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    Mean,
    /// The first token's vector.
    Cls,
}

/// All that loading and running the model needs to know.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) family: Family,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f32,
    /// Row of the position table that the first token takes.
    pub(super) first_position: usize,
    /// Longest input in tokens, the special ones included.
    pub(super) max_tokens: usize,
    pub(super) pooling: Pooling,
    pub(super) lowercase: bool,
}

/// `config.json`; the aliases are `distilbert`'s names.
#[derive(Deserialize)]
struct ModelConfig {
    model_type: Option<String>,
    #[serde(alias = "dim")]
    hidden_size: usize,
    #[serde(alias = "n_layers")]
    num_hidden_layers: usize,
    #[serde(alias = "n_heads")]
    num_attention_heads: usize,
    #[serde(alias = "hidden_dim")]
    intermediate_size: usize,
    #[serde(alias = "activation")]
    hidden_act: String,
    max_position_embeddings: usize,
    #[serde(default = "default_epsilon")]
    layer_norm_eps: f32,
    #[serde(default)]
    pad_token_id: usize,
    position_embedding_type: Option<String>,
}

fn default_epsilon() -> f32 {
    1e-12
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

/// One entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `1_Pooling/config.json`: a flag per mode.
#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Settings {
    pub(super) fn read(folder: &mut Folder) -> Result<Self> {
        let config: ModelConfig = folder.json("config.json")?;
        let pooling = read_pooling(folder)?;
        let sentence: SentenceConfig = folder.optional_json("sentence_bert_config.json")?.unwrap_or_default();
        let family = family(folder, config.model_type.as_deref())?;
        check_shape(folder, &config)?;
        let first_position =
            if family == Family::Roberta { config.pad_token_id.saturating_add(1) } else { 0 };
        let positions = config.max_position_embeddings.saturating_sub(first_position);
        Ok(Self {
            family,
            hidden: config.hidden_size,
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            intermediate: config.intermediate_size,
            activation: activation(folder, &config.hidden_act)?,
            epsilon: config.layer_norm_eps,
            first_position,
            max_tokens: sentence.max_seq_length.unwrap_or(positions).min(positions),
            pooling,
            lowercase: sentence.do_lower_case,
        })
    }
}

fn family(folder: &Folder, model_type: Option<&str>) -> Result<Family> {
    match model_type {
        None | Some("bert") => Ok(Family::Bert),
        Some("roberta" | "xlm-roberta" | "camembert") => Ok(Family::Roberta),
        Some("distilbert") => Ok(Family::DistilBert),
        Some(other) => Err(folder.error(format_args!(
            "its model_type is {other:?}; bert, roberta, xlm-roberta, camembert and distilbert are supported"
        ))),
    }
}

fn activation(folder: &Folder, name: &str) -> Result<Activation> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => {
            Err(folder
                .error(format_args!("its activation is {other:?}; gelu, gelu_new and relu are supported")))
        }
    }
}

/// Bounds that no BERT exceeds keep a hostile file from asking for absurd work; the tensors' own shapes are
/// checked against these numbers later.
fn check_shape(folder: &Folder, config: &ModelConfig) -> Result<()> {
    let within = |name: &str, value: usize, most: usize| {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        Err(folder.error(format_args!("config.json: {name} is {value}, 1 to {most} are supported")))
    };
    within("hidden_size", config.hidden_size, MAX_DIM)?;
    within("num_hidden_layers", config.num_hidden_layers, 128)?;
    within("num_attention_heads", config.num_attention_heads, config.hidden_size)?;
    within("intermediate_size", config.intermediate_size, 16 * MAX_DIM)?;
    within("max_position_embeddings", config.max_position_embeddings, 1 << 16)?;
    if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
        return Err(folder.error("config.json: hidden_size is no multiple of num_attention_heads"));
    }
    if !(config.layer_norm_eps.is_finite() && config.layer_norm_eps >= 0.0) {
        return Err(folder.error("config.json: layer_norm_eps is no small positive number"));
    }
    match config.position_embedding_type.as_deref() {
        None | Some("absolute") => Ok(()),
        Some(other) => Err(folder.error(format_args!("position_embedding_type {other:?} is not supported"))),
    }
}

/// Mean where no file says otherwise. A module beyond pooling and normalization would change the vectors, so it
/// is refused rather than left out.
fn read_pooling(folder: &mut Folder) -> Result<Pooling> {
    let modules: Vec<Module> = folder.optional_json("modules.json")?.unwrap_or_default();
    for module in &modules {
        let kind = module.kind.rsplit('.').next().unwrap_or_default();
        let supported = match kind {
            "Transformer" => module.path.is_empty(),
            "Pooling" => module.path == "1_Pooling",
            "Normalize" => true,
            _ => false,
        };
        if !supported {
            return Err(folder
                .error(format_args!("modules.json: a {kind} module in {:?} is not supported", module.path)));
        }
    }
    let config: Option<PoolingConfig> = folder.optional_json("1_Pooling/config.json")?;
    config.map_or(Ok(Pooling::Mean), |config| pooling(folder, &config))
}

fn pooling(folder: &Folder, config: &PoolingConfig) -> Result<Pooling> {
    let modes: Vec<&str> = config
        .fields
        .iter()
        .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(name, _)| name.as_str())
        .chain(config.fields.get("pooling_mode").and_then(|mode| mode.as_str()))
        .collect();
    match modes[..] {
        [] | ["pooling_mode_mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token" | "cls"] => Ok(Pooling::Cls),
        _ => {
            Err(folder
                .error(format_args!("pooling by {} is not supported, mean or CLS is", modes.join(" and "))))
        }
    }
}
