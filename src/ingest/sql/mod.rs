//! Predicates out of the WHERE clause of SQL.

mod condition;
mod function;
mod term;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result, shorten};
use crate::model::predicate::{Node, Place, Predicate};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Word};
use std::cell::Cell;
use std::str::FromStr;
use std::sync::Arc;

/// Longest text, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// Most words and signs in it, but for numbers and texts and what stands between them in a list: parts may lie in each other about
/// as deep.
const MAX_WORDS: usize = 1_000;
/// Most conditions in each other.
const MAX_DEPTH: usize = 20;
/// How deep the parser goes: conditions of that depth lie at most twice as deep once they are written.
const PARSER_DEPTH: usize = 64;
/// The parser takes some 100 KB for each step down where it is not optimised: more than a host's thread may have.
const STACK: usize = 16 << 20;

/// Most numbers, texts, words and signs.
const MAX_TOKENS: usize = 250_000;

/// Words of SQL that begin what is no condition.
const QUERIES: [Keyword; 5] =
    [Keyword::SELECT, Keyword::WITH, Keyword::VALUES, Keyword::TABLE, Keyword::CASE];
/// Words that may stand before a parenthesis.
const JOINING: [Keyword; 11] = [
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::IN,
    Keyword::ANY,
    Keyword::SOME,
    Keyword::BETWEEN,
    Keyword::LIKE,
    Keyword::ILIKE,
    Keyword::ESCAPE,
    Keyword::IS,
];

const TOO_DEEP: &str =
    "too many conditions lie in each other: take out parentheses, or build the predicate in Rust";

/// What may stand in a name without quotes.
#[derive(Debug)]
struct Names;

impl Dialect for Names {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }
}

impl Predicate {
    /// Reads a predicate out of the WHERE clause of SQL; what it may say is in `docs/predicates.md`.
    ///
    /// ```
    /// use kindred::model::{Predicate, attribute};
    /// let read = Predicate::parse("country = 'DE' and age between 25 and 40")?;
    /// assert_eq!(read, attribute("country").eq("DE") & attribute("age").between(25, 40));
    ///
    /// let error = Predicate::parse("country = 'DE' and age in 25").unwrap_err().to_string();
    /// assert!(error.ends_with("\n  country = 'DE' and age in 25\n                            ^"), "{error}");
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// It is read on a thread of its own, since what lies deep takes much of a stack.
    ///
    /// # Errors
    /// [`Error::Predicate`], which shows the place; [`Error::Invalid`] for a text of more than 1 MiB; [`Error::Io`] where the
    /// system has no thread to give.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(Error::invalid("predicate", format!("{} bytes long", text.len()), "at most 1 MiB"));
        }
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK);
            let reading = thread
                .spawn_scoped(scope, || read(text))
                .map_err(|e| Error::io("start a thread for", "predicate", e))?;
            // Without the text, which may name people.
            reading.join().unwrap_or_else(|_| Err(Error::Bug("a predicate could not be read".to_owned())))
        })
    }
}

fn read(text: &str) -> Result<Predicate> {
    let source = Source { text: Arc::from(text), around: Cell::new(START), is_of_items: Cell::new(false) };
    let node = source.condition(&source.expression()?)?;
    if depth(&node) > MAX_DEPTH {
        return Err(source.refuse(START, TOO_DEEP));
    }
    Ok(node.into())
}

/// How many conditions lie in each other, itself among them.
fn depth(node: &Node) -> usize {
    1 + match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().map(depth).max().unwrap_or(0),
        Node::Not(part) | Node::Is(part, _) => depth(part),
        condition => {
            let items = condition.terms().into_iter().filter_map(|term| term.of.as_deref());
            items.map(depth).max().unwrap_or(0)
        }
    }
}

impl FromStr for Predicate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for Predicate {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<&String> for Predicate {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Predicate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

const START: Location = Location { line: 1, column: 1 };
/// Of what the parser gives no place.
const NOWHERE: Location = Location { line: 0, column: 0 };

/// A text that is being read.
struct Source {
    text: Arc<str>,
    /// Where the condition begins that is read.
    around: Cell<Location>,
    /// Whether that one is on items.
    is_of_items: Cell<bool>,
}

impl Source {
    fn place(&self, location: Location) -> Place {
        let known = if location == NOWHERE { self.around.get() } else { location };
        Place { text: Arc::clone(&self.text), line: known.line as usize, column: known.column as usize }
    }

    fn refuse(&self, location: Location, reason: impl Into<String>) -> Error {
        self.place(location).refuse(reason)
    }

    /// Behind the last character that is no white space.
    fn end(&self) -> Location {
        let text = self.text.trim_end();
        let line = text.split('\n').count();
        let last = text.rsplit('\n').next().unwrap_or_default();
        Location { line: line as u64, column: last.chars().count() as u64 + 1 }
    }

    fn expression(&self) -> Result<sqlparser::ast::Expr> {
        let mut tokens = Tokenizer::new(&Names, &self.text)
            .tokenize_with_location()
            .map_err(|error| self.refuse(error.location, plain(&error.message)))?;
        // The parser walks over blanks again and again.
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        self.check(&tokens)?;
        let mut parser =
            Parser::new(&Names).with_recursion_limit(PARSER_DEPTH).with_tokens_with_locations(tokens);
        let expression = parser.parse_expr().map_err(|error| self.not_parsed(error))?;
        let next = parser.peek_token();
        if next.token != Token::EOF {
            let reason = format!(
                "the predicate is whole before {}: join conditions by `and` or `or`",
                shorten(&next.token.to_string())
            );
            return Err(self.refuse(next.span.start, reason));
        }
        Ok(expression)
    }

    /// Refuses what is long, and what has no place in a predicate: of the rest of SQL the parser reads some again and again.
    fn check(&self, tokens: &[TokenWithSpan]) -> Result<()> {
        let mut words = 0;
        for (n, token) in tokens.iter().enumerate() {
            let refuse = |reason: &str| Err(self.refuse(token.span.start, reason));
            let before = |back: usize| n.checked_sub(back).map(|n| &tokens[n].token);
            let is_listed = match &token.token {
                Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma => true,
                // The sign of a number in a list.
                Token::Minus => matches!(before(1), Some(Token::LParen | Token::Comma)),
                Token::Overlap | Token::StringConcat => {
                    return refuse("conditions are joined by `and` and `or`");
                }
                Token::LParen => {
                    self.check_called(before(1), before(2), &tokens[n.saturating_sub(1)])?;
                    false
                }
                Token::Word(word) if is_filter(word) && before(1) == Some(&Token::RParen) => {
                    // The parser passes over one that is none.
                    if !begins_condition(&tokens[n + 1..]) {
                        return refuse(FILTERED);
                    }
                    false
                }
                Token::Word(word) if word.quote_style.is_none() && QUERIES.contains(&word.keyword) => {
                    return refuse(
                        "a predicate is a condition on each user, and holds no query or `case`: an attribute of that name stands between double quotes",
                    );
                }
                Token::Word(_)
                | Token::RParen
                | Token::Period
                | Token::Mul
                | Token::Plus
                | Token::Placeholder(_)
                | Token::Eq
                | Token::DoubleEq
                | Token::Neq
                | Token::Lt
                | Token::Gt
                | Token::LtEq
                | Token::GtEq
                | Token::HexStringLiteral(_)
                | Token::NationalStringLiteral(_)
                | Token::EscapedStringLiteral(_) => false,
                other => {
                    return refuse(&format!("{} means nothing in a predicate", shorten(&other.to_string())));
                }
            };
            words += usize::from(!is_listed);
            if words > MAX_WORDS {
                return refuse("a predicate has at most 1000 words and signs, beside numbers and texts");
            }
            if n > MAX_TOKENS {
                return refuse("a predicate has at most 250,000 numbers, texts and commas: build it in Rust");
            }
        }
        Ok(())
    }

    /// What stands before a parenthesis: a sign, a word that joins or compares, or the name of a function.
    fn check_called(&self, name: Option<&Token>, before: Option<&Token>, at: &TokenWithSpan) -> Result<()> {
        let Some(Token::Word(word)) = name else { return Ok(()) };
        let is_condition = is_where(word) && before == Some(&Token::LParen);
        if is_condition || is_filter(word) && before == Some(&Token::RParen) {
            return Ok(());
        }
        let is_name = word.quote_style.is_none() && before != Some(&Token::Period);
        if is_name && (JOINING.contains(&word.keyword) || function::is_known(&word.value)) {
            return Ok(());
        }
        Err(self.refuse(at.span.start, function::unknown(&word.value)))
    }

    fn not_parsed(&self, error: ParserError) -> Error {
        let message = match error {
            ParserError::RecursionLimitExceeded => return self.refuse(START, TOO_DEEP),
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        };
        // The last: what is found may hold the same.
        let (message, location) = match message.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, location(place).unwrap_or_else(|| self.end())),
            None => (message.as_str(), self.end()),
        };
        self.refuse(location, plain(message))
    }
}

const FILTERED: &str = "a figure is kept to some items with filter (where item = 'p1'): `item`, `text` and attributes are the item's";

fn is_filter(word: &Word) -> bool {
    word.quote_style.is_none() && word.keyword == Keyword::FILTER
}

fn is_where(word: &Word) -> bool {
    word.quote_style.is_none() && word.keyword == Keyword::WHERE
}

/// Whether this is `(where` and more.
fn begins_condition(tokens: &[TokenWithSpan]) -> bool {
    let mut tokens = tokens.iter().map(|token| &token.token);
    let is_open = tokens.next() == Some(&Token::LParen);
    is_open && matches!(tokens.next(), Some(Token::Word(word)) if is_where(word))
}

/// `1, Column: 7`
fn location(text: &str) -> Option<Location> {
    let (line, column) = text.split_once(", Column: ")?;
    Some(Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// Most of the parser's word that is told: it names what it found, which may be long.
const TOLD: usize = 200;

/// The parser's word as a sentence's beginning, without its own punctuation.
fn plain(message: &str) -> String {
    let mut chars = message.trim_end_matches('.').chars().take(TOLD);
    let lower: String =
        chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default();
    lower
        .replacen("expected: ", "expected ", 1)
        .replacen("found: EOF", "found the end", 1)
        .replacen("found: ", "found ", 1)
}
