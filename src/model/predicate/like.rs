//! The patterns of LIKE.

use crate::error::{Error, Result};

/// A pattern of SQL's LIKE: `%` stands for any characters, `_` for one, and each other character for itself.
///
/// ```
/// use kindred::model::{Pattern, attribute};
/// let half_off = attribute("note").like(Pattern::new("%50!%%").escape('!').ignore_case());
/// assert_eq!(half_off.to_string(), r#""note" ilike '%50!%%' escape '!'"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Pattern {
    pub(crate) text: String,
    pub(crate) escape: Option<char>,
    pub(crate) ignores_case: bool,
}

impl Pattern {
    /// A pattern, in which no character is an escape.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), escape: None, ignores_case: false }
    }

    /// Takes what follows this character for itself.
    #[must_use]
    pub fn escape(mut self, escape: char) -> Self {
        self.escape = Some(escape);
        self
    }

    /// Takes upper and lower case for the same.
    #[must_use]
    pub fn ignore_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }
}

impl<T: Into<String>> From<T> for Pattern {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Longest pattern, in bytes: where `_` stands, matching may take as many steps for each character of a text.
const MAX_BYTES: usize = 4096;

/// What stands between two `%`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// Each a character, or any where there is none.
    Chars(Vec<Option<char>>),
}

/// A pattern that is ready to be matched: its pieces, of which there is at least one.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    pieces: Vec<Piece>,
    ignores_case: bool,
}

impl Matcher {
    /// # Errors
    /// [`Error::Invalid`] where the escape character escapes nothing, or the pattern is too long.
    pub(crate) fn new(pattern: &Pattern) -> Result<Self> {
        let refuse = |expected: &str| Error::invalid("the pattern", format!("{:?}", pattern.text), expected);
        if pattern.text.len() > MAX_BYTES {
            return Err(refuse("a pattern has at most 4096 bytes"));
        }
        let (mut pieces, mut piece, mut chars) = (Vec::new(), Vec::new(), pattern.text.chars());
        while let Some(char) = chars.next() {
            let literal = if pattern.escape == Some(char) {
                chars.next().ok_or_else(|| refuse("its escape character stands last, and escapes nothing"))?
            } else if char == '%' {
                pieces.push(Piece::new(std::mem::take(&mut piece)));
                continue;
            } else if char == '_' {
                piece.push(None);
                continue;
            } else {
                char
            };
            piece.push(Some(if pattern.ignores_case { folded(literal) } else { literal }));
        }
        pieces.push(Piece::new(piece));
        Ok(Self { pieces, ignores_case: pattern.ignores_case })
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.ignores_case {
            self.matches_exactly(&text.chars().map(folded).collect::<String>())
        } else {
            self.matches_exactly(text)
        }
    }

    /// The first piece is where the text begins, the last where it ends, and each of the others as soon as it can be.
    fn matches_exactly(&self, text: &str) -> bool {
        let Some((first, more)) = self.pieces.split_first() else { return text.is_empty() };
        let Some(mut rest) = first.behind(text) else { return false };
        let Some((last, middle)) = more.split_last() else { return rest.is_empty() };
        for piece in middle {
            let Some(behind) = piece.behind_the_first(rest) else { return false };
            rest = behind;
        }
        last.is_end_of(rest)
    }
}

/// One character for all that differ by case: each by itself, so that a text keeps its length.
fn folded(char: char) -> char {
    let mut lower = char.to_lowercase();
    match (char, lower.next(), lower.next()) {
        // The form that it has at the end of a word.
        ('ς', ..) => 'σ',
        (_, Some(one), None) => one,
        _ => char,
    }
}

impl Piece {
    fn new(chars: Vec<Option<char>>) -> Self {
        match chars.iter().copied().collect() {
            Some(literal) => Self::Literal(literal),
            None => Self::Chars(chars),
        }
    }

    /// What is behind it, where a text begins with it.
    fn behind<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.strip_prefix(literal.as_str()),
            Self::Chars(wanted) => {
                let mut chars = text.chars();
                let fits = |wanted: &Option<char>| {
                    let char = chars.next();
                    char.is_some() && (wanted.is_none() || *wanted == char)
                };
                wanted.iter().all(fits).then_some(chars.as_str())
            }
        }
    }

    /// What is behind the first place where it is.
    fn behind_the_first<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.find(literal.as_str()).map(|start| &text[start + literal.len()..]),
            Self::Chars(_) => text.char_indices().find_map(|(start, _)| self.behind(&text[start..])),
        }
    }

    fn is_end_of(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => text.ends_with(literal.as_str()),
            Self::Chars(wanted) => {
                let mut chars = text.chars().rev();
                wanted.iter().rev().all(|wanted| {
                    let char = chars.next();
                    char.is_some() && (wanted.is_none() || *wanted == char)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By trying everything.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['%', more @ ..], _) => (0..=text.len()).any(|taken| naive(more, &text[taken..])),
            (['_', more @ ..], [_, rest @ ..]) => naive(more, rest),
            ([wanted, more @ ..], [char, rest @ ..]) => wanted == char && naive(more, rest),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn patterns_match_as_by_trying_everything(pattern in "[ab%_é]{0,8}", text in "[abé]{0,10}") {
            let matcher = Matcher::new(&Pattern::new(pattern.clone())).unwrap();
            let (pattern, chars): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matcher.matches(&text), naive(&pattern, &chars));
        }
    }

    #[test]
    fn escapes_and_case() {
        let matches = |pattern: Pattern, text: &str| Matcher::new(&pattern).unwrap().matches(text);
        assert!(matches(Pattern::new("50!%").escape('!'), "50%"));
        assert!(!matches(Pattern::new("50!%").escape('!'), "500"));
        assert!(matches(Pattern::new("%ÄRZT%").ignore_case(), "Fachärztin"));
        assert!(!matches(Pattern::new("%ÄRZT%"), "Fachärztin"));
        // The escape is what it is, whatever the case.
        assert!(matches(Pattern::new("50E%").escape('E').ignore_case(), "50%"));
        assert!(!matches(Pattern::new("50E%").escape('E').ignore_case(), "50exyz"));
        assert!(matches(Pattern::new("E%").escape('e').ignore_case(), "ex"));
        assert!(matches(Pattern::new("ΟΔΟΣ%").ignore_case(), "οδοσα"));
        assert!(matches(Pattern::new("ΟΔΟΣ").ignore_case(), "οδος"));
        assert!(matches(Pattern::new("_").ignore_case(), "İ"));
        assert!(Matcher::new(&Pattern::new("50!").escape('!')).is_err());
        assert!(Matcher::new(&Pattern::new("%".repeat(5000))).is_err());
    }

    #[test]
    fn many_wildcards_take_no_time() {
        let matcher = Matcher::new(&Pattern::new("%a".repeat(200) + "b")).unwrap();
        assert!(!matcher.matches(&"a".repeat(5_000)));
        let matcher = Matcher::new(&Pattern::new(format!("%{}b", "a".repeat(4_000)))).unwrap();
        assert!(!matcher.matches(&"a".repeat(1 << 20)));
    }
}
