//! Candle's own BERT, XLM-RoBERTa and DistilBERT give the vectors that ours gives, from the same weights.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, distilbert, xlm_roberta};
use kindred::encoder::{BertEncoder, Encoder};
use kindred_oracle::{HIDDEN, TEXTS, Tiny, config, distilbert_config, tensors};
use serde_json::Value;
use tokenizers::Tokenizer;

/// The ids of a text, whatever the tokenizer's file says of lengths: a model's own settings count.
fn ids(tiny: &Tiny, text: &str) -> Tensor {
    let mut tokenizer = Tokenizer::from_file(tiny.path().join("tokenizer.json")).unwrap();
    tokenizer.with_truncation(None).unwrap().with_padding(None);
    let encoding = tokenizer.encode(text, true).unwrap();
    Tensor::new(encoding.get_ids(), &Device::Cpu).unwrap().unsqueeze(0).unwrap()
}

fn weights(model_type: &str) -> VarBuilder<'static> {
    VarBuilder::from_tensors(tensors(model_type), DType::F32, &Device::Cpu)
}

/// Compares with mean-pooled unit rows of a model that takes ids `[1, n]` and gives states `[1, n, hidden]`.
fn agrees(config: &Value, states: impl Fn(&Tensor) -> Result<Tensor>) {
    let tiny = Tiny::new(config);
    let rows = BertEncoder::open(tiny.path()).unwrap().encode(&TEXTS, &|_| {}).unwrap();
    assert_eq!(rows.len(), TEXTS.len() * HIDDEN);
    for (text, row) in TEXTS.iter().zip(rows.chunks_exact(HIDDEN)) {
        let states = states(&ids(&tiny, text)).unwrap();
        let mean: Vec<f32> = states.mean(1).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
        let worst = row.iter().zip(&mean).map(|(x, y)| (x - y / length).abs()).fold(0.0, f32::max);
        assert!(worst <= 2e-6, "{text:?} differs by {worst}");
    }
}

#[test]
fn bert_agrees() {
    for activation in ["gelu", "relu"] {
        let config = config("bert", activation);
        let settings = serde_json::from_value(config.clone()).unwrap();
        let model = bert::BertModel::load(weights("bert"), &settings).unwrap();
        agrees(&config, |ids| model.forward(ids, &ids.zeros_like()?, None));
    }
}

#[test]
fn xlm_roberta_agrees() {
    let config = config("xlm-roberta", "gelu");
    let settings = serde_json::from_value(config.clone()).unwrap();
    let model = xlm_roberta::XLMRobertaModel::new(&settings, weights("xlm-roberta")).unwrap();
    agrees(&config, |ids| {
        let mask = Tensor::ones(ids.shape(), DType::F32, &Device::Cpu)?;
        model.forward(ids, &mask, &ids.zeros_like()?, None, None, None)
    });
}

/// With `relu`: candle takes GELU's approximation here, where the published models mean the exact one.
#[test]
fn distilbert_agrees() {
    let config = distilbert_config();
    let settings = serde_json::from_value(config.clone()).unwrap();
    let model = distilbert::DistilBertModel::load(weights("distilbert"), &settings).unwrap();
    agrees(&config, |ids| {
        let length = ids.dims()[1];
        model.forward(ids, &Tensor::zeros((length, length), DType::U8, &Device::Cpu)?)
    });
}
