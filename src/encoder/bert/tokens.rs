//! Texts to token ids, at a cost bounded by the tokens kept, not by the text.

use tokenizers::{Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::config::Settings;
use super::files::Folder;
use crate::error::{Error, Result};

/// Bytes first tried per token kept; English takes about five.
const BYTES_PER_TOKEN: usize = 16;

/// Tokens a cut text must give beyond those kept: the cut may change the last few.
const MARGIN: usize = 32;

/// A model's tokenizer, cut to its longest input.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    limit: usize,
    lowercase: bool,
}

impl Tokens {
    pub(super) fn read(folder: &mut Folder, settings: &Settings) -> Result<Self> {
        const FILE: &str = "tokenizer.json";
        let bytes = folder.json_bytes(FILE)?;
        let mut tokenizer =
            Tokenizer::from_bytes(&bytes).map_err(|e| folder.error(format_args!("{FILE}: {e}")))?;
        tokenizer.with_padding(None).with_truncation(None).map_err(|e| folder.error(e))?;
        let max_tokens = settings.max_tokens;
        let special = tokenizer.encode_fast("", true).map_err(|e| folder.error(e))?.get_ids().len();
        if max_tokens <= special {
            return Err(folder.error(format_args!(
                "inputs of {max_tokens} tokens leave no room beside {special} special ones"
            )));
        }
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        tokenizer.with_truncation(Some(truncation)).map_err(|e| folder.error(e))?;
        Ok(Self { tokenizer, limit: max_tokens, lowercase: settings.lowercase })
    }

    /// The ids of `text`, special ones included, at most the model's longest input.
    pub(super) fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let mut bytes = self.limit * BYTES_PER_TOKEN;
        loop {
            let prefix = prefix(text, bytes);
            let encoding = self.encode(prefix)?;
            let cut_off: usize = encoding.get_overflowing().iter().map(Encoding::len).sum();
            if prefix.len() == text.len() || cut_off >= MARGIN {
                return Ok(encoding.get_ids().to_vec());
            }
            bytes *= 2;
        }
    }

    fn encode(&self, text: &str) -> Result<Encoding> {
        let lowered = self.lowercase.then(|| text.to_lowercase());
        let text = lowered.as_deref().unwrap_or(text);
        self.tokenizer
            .encode_fast(text, true)
            .map_err(|e| Error::invalid("text", text, format!("a text that the tokenizer takes ({e})")))
    }
}

/// At most about `limit` bytes of `text`, up to a space where there is one.
fn prefix(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let cut = &text[..text.floor_char_boundary(limit)];
    cut.rfind(char::is_whitespace).map_or(cut, |space| &cut[..space])
}
