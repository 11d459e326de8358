//! The patterns of LIKE.

use crate::error::{Error, Result};
use std::str::Chars;

/// A pattern of SQL's LIKE: `%` stands for any characters, `_` for one, and each other character for itself.
///
/// ```
/// use kindred::model::{Pattern, attribute};
/// let half_off = attribute("note").like(Pattern::new("%50!%%").escape('!').ignore_case());
/// assert_eq!(half_off.to_string(), r#""note" ilike '%50!%%' escape '!'"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Any characters, or none.
    Any,
    /// Any character.
    One,
    Char(char),
}

/// Longest pattern, in bytes: matching may take as many steps for each character of a text.
const MAX_BYTES: usize = 4096;

/// A pattern that is ready to be matched.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    parts: Vec<Part>,
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
        let (mut parts, mut chars) = (Vec::new(), pattern.text.chars());
        while let Some(char) = chars.next() {
            parts.push(match char {
                _ if pattern.escape == Some(char) => match chars.next() {
                    Some(escaped) => Part::Char(escaped),
                    None => return Err(refuse("its escape character stands last, and escapes nothing")),
                },
                '%' => Part::Any,
                '_' => Part::One,
                char => Part::Char(char),
            });
        }
        Ok(Self { parts, ignores_case: pattern.ignores_case })
    }

    /// Each `%` takes as little as it can; where that fails, only the last one met needs to take more.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut part = 0;
        let mut back: Option<(usize, Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            let char = rest.next();
            let fits = match (self.parts.get(part), char) {
                (Some(Part::Any), _) => {
                    rest = before;
                    back = Some((part + 1, rest.clone()));
                    true
                }
                (None, None) => return true,
                // Where the text is too short from here, it is from anywhere behind.
                (Some(_), None) => return false,
                (Some(Part::One), Some(_)) => true,
                (Some(Part::Char(wanted)), Some(char)) => self.is_same(*wanted, char),
                (None, Some(_)) => false,
            };
            if fits {
                part += 1;
                continue;
            }
            let Some((after, from)) = &mut back else { return false };
            from.next();
            (part, rest) = (*after, from.clone());
        }
    }

    /// One character is never the same as two, whatever its other case is.
    fn is_same(&self, wanted: char, char: char) -> bool {
        wanted == char || self.ignores_case && wanted.to_lowercase().eq(char.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By trying everything.
    fn naive(parts: &[Part], text: &[char]) -> bool {
        match (parts, text) {
            ([], []) => true,
            ([Part::Any, more @ ..], _) => (0..=text.len()).any(|taken| naive(more, &text[taken..])),
            ([Part::One, more @ ..], [_, rest @ ..]) => naive(more, rest),
            ([Part::Char(wanted), more @ ..], [char, rest @ ..]) => wanted == char && naive(more, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_match_as_by_trying_everything(pattern in "[ab%_é]{0,8}", text in "[abé]{0,10}") {
            let matcher = Matcher::new(&Pattern::new(pattern)).unwrap();
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(matcher.matches(&text), naive(&matcher.parts, &chars));
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
        assert!(matches(Pattern::new("_").ignore_case(), "İ"));
        assert!(Matcher::new(&Pattern::new("50!").escape('!')).is_err());
        assert!(Matcher::new(&Pattern::new("%".repeat(5000))).is_err());
    }

    #[test]
    fn many_wildcards_take_no_time() {
        let matcher = Matcher::new(&Pattern::new("%a".repeat(200) + "b")).unwrap();
        assert!(!matcher.matches(&"a".repeat(5_000)));
    }
}
