//! The forward pass (Devlin et al. 2018), over texts of any lengths laid end to end: no padding, no mask.
//! Only attention looks beyond its own token, and it runs over texts of equal length together.

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, bail};

use super::config::{Pooling, Settings};
use super::kernels::{add_bias_activate, softmax};
use super::weights::{Layer, Linear, Weights};

/// Neighbouring texts of equal length inside a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    /// First token's row.
    start: usize,
    texts: usize,
    length: usize,
}

/// A loaded model, ready to run.
pub(super) struct Transformer {
    pub(super) settings: Settings,
    pub(super) weights: Weights,
}

impl Transformer {
    /// Rows of the vocabulary: a token id must be below it.
    pub(super) fn vocabulary(&self) -> usize {
        self.weights.embeddings.words.len() / self.settings.hidden
    }

    /// The pooled vector of each text, row-major, not yet of unit length. Texts are token ids below
    /// [`vocabulary`](Self::vocabulary), 1 to `max_tokens` of them.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Vec<f32>> {
        let runs = runs(texts);
        let states = self.embed(texts)?;
        for layer in &self.weights.layers {
            self.attend(layer, &states, &runs)?;
            self.feed_forward(layer, &states)?;
        }
        read(&states, |states| self.pool(states, texts))
    }

    fn embed(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let hidden = self.settings.hidden;
        let table = &self.weights.embeddings;
        let tokens: usize = texts.iter().map(|text| text.len()).sum();
        let mut rows = Vec::with_capacity(tokens * hidden);
        for text in texts {
            for (&id, position) in text.iter().zip(table.positions.chunks_exact(hidden)) {
                let word = &table.words[id as usize * hidden..][..hidden];
                rows.extend(word.iter().zip(position).map(|(x, y)| x + y));
            }
        }
        table.norm.apply(&mut rows);
        Tensor::from_vec(rows, (tokens, hidden), &Device::Cpu)
    }

    /// `states = norm(states + attention(states))`.
    fn attend(&self, layer: &Layer, states: &Tensor, runs: &[Run]) -> Result<()> {
        let qkv = states.matmul(&layer.qkv.weight)?;
        let mut context = vec![0.0; states.elem_count()];
        for &run in runs {
            self.attend_run(&qkv, &layer.qkv.bias, run, &mut context)?;
        }
        let context = Tensor::from_vec(context, states.shape(), &Device::Cpu)?;
        add_and_norm(states, &context, &layer.attention_output, &layer.attention_norm)
    }

    fn attend_run(&self, qkv: &Tensor, bias: &[f32], run: Run, context: &mut [f32]) -> Result<()> {
        let heads = Heads { run, count: self.settings.heads, hidden: self.settings.hidden };
        let [query, key, value] =
            read(qkv, |qkv| [0, 1, 2].map(|part| heads.split(qkv, bias, part)))?.map(|x| heads.tensor(x));
        let scores = query?.matmul(&key?.t()?)?;
        edit(&scores, |scores| softmax(scores, run.length))?;
        let attended = scores.matmul(&value?)?;
        read(&attended, |attended| heads.merge(attended, context))
    }

    /// `states = norm(states + output(activation(intermediate(states))))`.
    fn feed_forward(&self, layer: &Layer, states: &Tensor) -> Result<()> {
        let inner = states.matmul(&layer.intermediate.weight)?;
        edit(&inner, |rows| add_bias_activate(rows, &layer.intermediate.bias, self.settings.activation))?;
        add_and_norm(states, &inner, &layer.output, &layer.output_norm)
    }

    fn pool(&self, mut states: &[f32], texts: &[&[u32]]) -> Vec<f32> {
        let hidden = self.settings.hidden;
        let mut pooled = vec![0.0; texts.len() * hidden];
        for (text, row) in texts.iter().zip(pooled.chunks_exact_mut(hidden)) {
            let (tokens, rest) = states.split_at(text.len() * hidden);
            states = rest;
            let taken = if self.settings.pooling == Pooling::Cls { 1 } else { text.len() };
            for token in tokens.chunks_exact(hidden).take(taken) {
                row.iter_mut().zip(token).for_each(|(x, y)| *x += y);
            }
            for x in row {
                *x /= taken as f32;
            }
        }
        pooled
    }
}

fn runs(texts: &[&[u32]]) -> Vec<Run> {
    let mut start = 0;
    let equal_lengths = texts.chunk_by(|a, b| a.len() == b.len());
    equal_lengths
        .map(|texts| {
            let run = Run { start, texts: texts.len(), length: texts[0].len() };
            start += run.texts * run.length;
            run
        })
        .collect()
}

fn add_and_norm(states: &Tensor, inner: &Tensor, linear: &Linear, norm: &super::kernels::Norm) -> Result<()> {
    let added = inner.matmul(&linear.weight)?;
    read(&added, |added| edit(states, |rows| norm.apply_to_sum(rows, added, &linear.bias)))?
}

/// How a run's rows of `hidden` fall into heads.
#[derive(Clone, Copy)]
struct Heads {
    run: Run,
    count: usize,
    hidden: usize,
}

impl Heads {
    /// `(text, head, position)` blocks of queries (part 0), keys (1) or values (2), bias added, queries scaled.
    fn split(self, qkv: &[f32], bias: &[f32], part: usize) -> Vec<f32> {
        let Self { run, hidden, .. } = self;
        let width = hidden / self.count;
        let scale = if part == 0 { 1.0 / (width as f32).sqrt() } else { 1.0 };
        let mut out = Vec::with_capacity(run.texts * run.length * hidden);
        let rows = &qkv[run.start * 3 * hidden..][..run.texts * run.length * 3 * hidden];
        for text in rows.chunks_exact(run.length * 3 * hidden) {
            for head in 0..self.count {
                let at = part * hidden + head * width;
                for row in text.chunks_exact(3 * hidden) {
                    let sums = row[at..at + width].iter().zip(&bias[at..at + width]);
                    out.extend(sums.map(|(x, b)| (x + b) * scale));
                }
            }
        }
        out
    }

    fn tensor(self, blocks: Vec<f32>) -> Result<Tensor> {
        let shape = (self.run.texts * self.count, self.run.length, self.hidden / self.count);
        Tensor::from_vec(blocks, shape, &Device::Cpu)
    }

    /// The inverse of [`split`](Self::split), into the run's rows of `context`.
    fn merge(self, blocks: &[f32], context: &mut [f32]) {
        let Self { run, count, hidden } = self;
        let width = hidden / count;
        let rows = &mut context[run.start * hidden..][..run.texts * run.length * hidden];
        let texts = rows.chunks_exact_mut(run.length * hidden).zip(blocks.chunks_exact(run.length * hidden));
        for (rows, blocks) in texts {
            for (head, block) in blocks.chunks_exact(run.length * width).enumerate() {
                for (row, vector) in rows.chunks_exact_mut(hidden).zip(block.chunks_exact(width)) {
                    row[head * width..][..width].copy_from_slice(vector);
                }
            }
        }
    }
}

/// Reads a contiguous tensor's numbers where they lie.
fn read<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(numbers)), Some((start, end))) => Ok(f(&numbers[start..end])),
        _ => bail!("a tensor is not contiguous F32 in memory"),
    }
}

/// Changes a contiguous tensor's numbers where they lie.
fn edit(tensor: &Tensor, f: impl Fn(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Edit(f))
}

struct Edit<F>(F);

impl<F: Fn(&mut [f32])> InplaceOp1 for Edit<F> {
    fn name(&self) -> &'static str {
        "edit"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        match (storage, layout.contiguous_offsets()) {
            (CpuStorage::F32(numbers), Some((start, end))) => (self.0)(&mut numbers[start..end]),
            _ => bail!("a tensor is not contiguous F32 in memory"),
        }
        Ok(())
    }
}
