//! A text's hashed features: words, word bigrams, and character n-grams inside words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What kind of n-gram a feature is; each kind hashes apart and has its own weight.
#[derive(Clone, Copy)]
enum Kind {
    Word = 1,
    Bigram = 2,
    /// Part of a word, its boundaries included.
    Part = 3,
    /// Characters of a script that is written without spaces.
    Run = 4,
}

const PARTS: std::ops::RangeInclusive<usize> = 3..=5;
const LONGEST_RUN: usize = 3;

/// Above the code points, so that no character is mistaken for a word's edge.
const EDGE: u32 = 0x11_0000;

/// A feature: its hash, whose low two bits name its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feature(pub(super) u64);

impl Feature {
    fn new(kind: Kind, hash: Hash) -> Self {
        let class = match kind {
            Kind::Word => 0,
            Kind::Bigram => 1,
            Kind::Part => 2,
            Kind::Run => 3,
        };
        Self(mix(hash.0) & !3 | class)
    }

    /// Weight of the feature's kind: a whole word says more than one of the dozen pieces it falls into.
    pub(super) fn weight(self) -> f32 {
        [1.0, 0.7, 0.35, 0.8][(self.0 & 3) as usize]
    }
}

/// FNV-1a over 32-bit units, 64 bits wide.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn new(kind: Kind) -> Self {
        Self(0xcbf2_9ce4_8422_2325).with(kind as u32)
    }

    fn with(self, unit: u32) -> Self {
        Self((self.0 ^ u64::from(unit)).wrapping_mul(0x0000_0100_0000_01b3))
    }

    fn with_hash(self, other: Self) -> Self {
        self.with(other.0 as u32).with((other.0 >> 32) as u32)
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit reaches every output bit.
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Fills `features` with those of `text`, sorted, repeats kept.
pub(super) fn extract(text: &str, features: &mut Vec<Feature>) {
    features.clear();
    let mut words = Words { features, word: Vec::new(), script: Script::Spaced, previous: None };
    if text.is_ascii() {
        text.bytes().for_each(|byte| words.push(char::from(byte.to_ascii_lowercase())));
    } else {
        text.nfkd()
            .filter(|c| !is_accent(*c))
            .flat_map(char::to_lowercase)
            .filter(|c| !is_accent(*c))
            .for_each(|c| words.push(c));
    }
    words.end_word();
    features.sort_unstable();
}

/// Accents of Latin, Greek and Cyrillic are dropped, so that "café" meets "cafe"; marks of other scripts carry
/// vowels and stay.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    /// Words with spaces between them.
    Spaced,
    /// Han, kana, Thai, Lao, Khmer, Burmese: no spaces between words.
    Unspaced,
    /// Emoji and other pictures: a word each.
    Symbol,
    /// Between words.
    Gap,
}

fn script(c: char) -> Script {
    match c {
        'a'..='z' | '0'..='9' => Script::Spaced,
        '\0'..='\u{7f}' => Script::Gap,
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Script::Unspaced,
        '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => Script::Symbol,
        _ if c.is_alphanumeric() || is_combining_mark(c) && !is_selector(c) => Script::Spaced,
        _ => Script::Gap,
    }
}

/// Variation selectors choose how an emoji looks, not what it says.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

/// Collects characters into words and words into features.
struct Words<'a> {
    features: &'a mut Vec<Feature>,
    word: Vec<u32>,
    script: Script,
    previous: Option<Hash>,
}

impl Words<'_> {
    fn push(&mut self, c: char) {
        let script = script(c);
        if script != self.script || script == Script::Symbol {
            self.end_word();
            self.script = script;
        }
        if script != Script::Gap {
            self.word.push(u32::from(c));
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        match self.script {
            Script::Unspaced => self.runs(),
            _ => self.word_and_parts(),
        }
        self.word.clear();
    }

    fn runs(&mut self) {
        self.previous = None;
        for start in 0..self.word.len() {
            let mut hash = Hash::new(Kind::Run);
            for &unit in self.word.iter().skip(start).take(LONGEST_RUN) {
                hash = hash.with(unit);
                self.features.push(Feature::new(Kind::Run, hash));
            }
        }
    }

    fn word_and_parts(&mut self) {
        let word = self.word.iter().fold(Hash::new(Kind::Word), |hash, &unit| hash.with(unit));
        self.features.push(Feature::new(Kind::Word, word));
        if let Some(previous) = self.previous.replace(word) {
            let pair = Hash::new(Kind::Bigram).with_hash(previous).with_hash(word);
            self.features.push(Feature::new(Kind::Bigram, pair));
        }
        self.word.insert(0, EDGE);
        self.word.push(EDGE);
        for start in 0..self.word.len() {
            let mut hash = Hash::new(Kind::Part);
            for (length, &unit) in (1..).zip(self.word.iter().skip(start).take(*PARTS.end())) {
                hash = hash.with(unit);
                if length >= *PARTS.start() {
                    self.features.push(Feature::new(Kind::Part, hash));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(text: &str) -> Vec<Feature> {
        let mut features = Vec::new();
        extract(text, &mut features);
        features
    }

    #[test]
    fn a_word_gives_itself_and_its_parts() {
        // |milk|: 4 of three characters, 3 of four, 2 of five, and the word.
        assert_eq!(features("milk").len(), 10);
        assert_eq!(features("milk milk").len(), 21);
    }

    #[test]
    fn case_accents_width_and_punctuation_do_not_count() {
        assert_eq!(features("Café, CRÈME!"), features("cafe creme"));
        assert_eq!(features("ＦＵＬＬ ｗｉｄｔｈ"), features("full width"));
        assert_eq!(features("👍\u{fe0f}"), features("👍"));
        assert_eq!(features("İstanbul"), features("istanbul"));
    }

    #[test]
    fn unspaced_scripts_give_runs_of_one_to_three() {
        assert_eq!(features("跑鞋好").len(), 6);
        assert_eq!(features("ラーメン").len(), 9);
    }

    #[test]
    fn symbols_are_words_and_gaps_are_nothing() {
        assert!(features("!!! \u{200b} \u{a0}…").is_empty());
        assert_eq!(features("😀😀").iter().filter(|f| f.0 % 4 == 0).count(), 2);
    }
}
