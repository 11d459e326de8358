//! A model's tensors by name, checked against its settings and arranged for the forward pass.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::config::{Family, Settings};
use super::files::Folder;
use super::kernels::Norm;
use crate::error::Result;

/// A dense layer; the weight is kept transposed, `inputs x outputs`, as the product wants it.
pub(super) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Vec<f32>,
}

/// One transformer layer.
pub(super) struct Layer {
    /// Query, key and value side by side.
    pub(super) qkv: Linear,
    pub(super) attention_output: Linear,
    pub(super) attention_norm: Norm,
    pub(super) intermediate: Linear,
    pub(super) output: Linear,
    pub(super) output_norm: Norm,
}

/// The tables that tokens are looked up in, row-major, `hidden` wide.
pub(super) struct Embeddings {
    pub(super) words: Vec<f32>,
    /// Position rows from the first token's on, the (only) segment's row added.
    pub(super) positions: Vec<f32>,
    pub(super) norm: Norm,
}

/// All weights of a model.
pub(super) struct Weights {
    pub(super) embeddings: Embeddings,
    pub(super) layers: Vec<Layer>,
}

/// Where a family keeps the parts of a layer.
struct Names {
    layer: &'static str,
    qkv: [&'static str; 3],
    attention_output: &'static str,
    attention_norm: &'static str,
    intermediate: &'static str,
    output: &'static str,
    output_norm: &'static str,
}

const BERT: Names = Names {
    layer: "encoder.layer",
    qkv: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    intermediate: "intermediate.dense",
    output: "output.dense",
    output_norm: "output.LayerNorm",
};

const DISTILBERT: Names = Names {
    layer: "transformer.layer",
    qkv: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    intermediate: "ffn.lin1",
    output: "ffn.lin2",
    output_norm: "output_layer_norm",
};

const WORDS: &str = "embeddings.word_embeddings.weight";

impl Weights {
    pub(super) fn read(folder: &mut Folder, settings: &Settings) -> Result<Self> {
        const FILE: &str = "model.safetensors";
        let bytes = folder.weight_bytes(FILE)?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|e| folder.error(format_args!("{FILE}: {e}")))?;
        drop(bytes);
        let prefix = tensors.keys().find_map(|name| name.strip_suffix(WORDS)).unwrap_or_default().to_owned();
        let mut loader = Loader { folder, settings, tensors, prefix };
        let names = if settings.family == Family::DistilBert { &DISTILBERT } else { &BERT };
        let layers = (0..settings.layers).map(|i| loader.layer(names, i)).collect::<Result<_>>()?;
        Ok(Self { embeddings: loader.embeddings()?, layers })
    }
}

struct Loader<'a> {
    folder: &'a Folder,
    settings: &'a Settings,
    tensors: HashMap<String, Tensor>,
    /// What stands before every name: nothing, or the family's name and a dot.
    prefix: String,
}

impl Loader<'_> {
    fn embeddings(&mut self) -> Result<Embeddings> {
        let words = self.table(WORDS)?;
        let mut positions = self.table("embeddings.position_embeddings.weight")?;
        let hidden = self.settings.hidden;
        positions.drain(..(self.settings.first_position * hidden).min(positions.len()));
        if positions.len() < self.settings.max_tokens * hidden {
            return Err(self.folder.error("the position table is shorter than config.json says"));
        }
        if self.settings.family != Family::DistilBert {
            let segments = self.table("embeddings.token_type_embeddings.weight")?;
            for row in positions.chunks_exact_mut(hidden) {
                row.iter_mut().zip(&segments).for_each(|(x, y)| *x += y);
            }
        }
        Ok(Embeddings { words, positions, norm: self.norm("embeddings.LayerNorm")? })
    }

    fn layer(&mut self, names: &Names, index: usize) -> Result<Layer> {
        let (hidden, intermediate) = (self.settings.hidden, self.settings.intermediate);
        let at = |part: &str| format!("{}.{index}.{part}", names.layer);
        Ok(Layer {
            qkv: self.linear(&names.qkv.map(at), hidden, hidden)?,
            attention_output: self.linear(&[at(names.attention_output)], hidden, hidden)?,
            attention_norm: self.norm(&at(names.attention_norm))?,
            intermediate: self.linear(&[at(names.intermediate)], hidden, intermediate)?,
            output: self.linear(&[at(names.output)], intermediate, hidden)?,
            output_norm: self.norm(&at(names.output_norm))?,
        })
    }

    /// The dense layers of these names side by side, each `inputs` to `outputs`.
    fn linear(&mut self, names: &[String], inputs: usize, outputs: usize) -> Result<Linear> {
        let mut weights = Vec::with_capacity(names.len());
        let mut bias = Vec::with_capacity(names.len() * outputs);
        for name in names {
            weights.push(self.tensor(&format!("{name}.weight"), &[outputs, inputs])?);
            bias.extend(self.vector(&format!("{name}.bias"), outputs)?);
        }
        let weight = Tensor::cat(&weights, 0).and_then(|w| w.t()?.contiguous());
        Ok(Linear { weight: weight.map_err(|e| self.folder.error(e))?, bias })
    }

    fn norm(&mut self, name: &str) -> Result<Norm> {
        let hidden = self.settings.hidden;
        Ok(Norm {
            gain: self.vector(&format!("{name}.weight"), hidden)?,
            bias: self.vector(&format!("{name}.bias"), hidden)?,
            epsilon: self.settings.epsilon,
        })
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        self.tensor(name, &[len])?.to_vec1().map_err(|e| self.folder.error(e))
    }

    /// A table of any number of rows, `hidden` wide.
    fn table(&mut self, name: &str) -> Result<Vec<f32>> {
        let tensor = self.take(name)?;
        match *tensor.dims() {
            [rows, width] if rows > 0 && width == self.settings.hidden => {}
            _ => return Err(self.wrong_shape(name, &tensor, &format!("[rows, {}]", self.settings.hidden))),
        }
        tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(|e| self.folder.error(e))
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let tensor = self.take(name)?;
        if tensor.dims() == shape {
            Ok(tensor)
        } else {
            Err(self.wrong_shape(name, &tensor, &format!("{shape:?}")))
        }
    }

    /// In F32 whatever the file holds: half precision has given NaN in this forward pass.
    fn take(&mut self, name: &str) -> Result<Tensor> {
        let full = format!("{}{name}", self.prefix);
        let tensor = self.tensors.remove(&full);
        let tensor =
            tensor.ok_or_else(|| self.folder.error(format_args!("model.safetensors has no {full}")))?;
        tensor.to_dtype(DType::F32).map_err(|e| self.folder.error(e))
    }

    fn wrong_shape(&self, name: &str, tensor: &Tensor, expected: &str) -> crate::Error {
        self.folder.error(format_args!("{name} has shape {:?} instead of {expected}", tensor.dims()))
    }
}
