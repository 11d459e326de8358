//! Predicates as SQL.

use super::{Comparison, Node, Pattern, Predicate, Term, TermKind, Truth};
use crate::model::Value;
use std::fmt::{self, Display, Formatter};

/// As SQL, from which the same predicate is read, if it is not longer or deeper than a text may be.
impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl<T: Display, P: Display> Display for Node<T, P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) if parts.is_empty() => f.write_str("true"),
            Self::Any(parts) if parts.is_empty() => f.write_str("false"),
            Self::All(parts) => separated(f, parts.iter().map(|part| Part(part, Binding::And)), " and "),
            Self::Any(parts) => separated(f, parts.iter().map(|part| Part(part, Binding::Or)), " or "),
            Self::Not(part) => write!(f, "not {}", Part(part, Binding::Not)),
            Self::Is(part, truth) => write!(f, "{} is {truth}", Part(part, Binding::Is)),
            Self::Compare(left, comparison, right) => write!(f, "{left} {comparison} {right}"),
            Self::In(term, values) => {
                write!(f, "{term} in (")?;
                separated(f, values.iter().map(Constant), ", ")?;
                f.write_str(")")
            }
            Self::Like(term, pattern) => write!(f, "{term} {pattern}"),
            Self::IsNull(term) => write!(f, "{term} is null"),
            Self::Has(term, text) => write!(f, "has({term}, {})", Quoted(text, '\'')),
            Self::InSegment(segment) => write!(f, "in_segment({segment})"),
        }
    }
}

/// What a part stands in, from what binds the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Is,
    /// What is no join of others.
    Condition,
}

impl<T, P> Node<T, P> {
    const fn binding(&self) -> Binding {
        match self {
            Self::Any(parts) if !parts.is_empty() => Binding::Or,
            Self::All(parts) if !parts.is_empty() => Binding::And,
            Self::Not(_) => Binding::Not,
            Self::Is(..) => Binding::Is,
            _ => Binding::Condition,
        }
    }
}

/// A part of another: in parentheses where it binds less, or is of a kind that would be taken for the same chain.
struct Part<'a, T, P>(&'a Node<T, P>, Binding);

impl<T: Display, P: Display> Display for Part<'_, T, P> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(part, around) = self;
        let is_chain_in_chain = part.binding() == *around && *around <= Binding::And;
        if part.binding() < *around || is_chain_in_chain { write!(f, "({part})") } else { part.fmt(f) }
    }
}

fn separated(
    f: &mut Formatter<'_>,
    parts: impl Iterator<Item = impl Display>,
    separator: &str,
) -> fmt::Result {
    for (n, part) in parts.enumerate() {
        if n > 0 {
            f.write_str(separator)?;
        }
        part.fmt(f)?;
    }
    Ok(())
}

impl Display for Truth {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::False => "false",
            Self::Unknown => "unknown",
            Self::True => "true",
        })
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TermKind::Id => f.write_str("id()"),
            TermKind::Texts => f.write_str("texts()"),
            TermKind::Attribute(name) => Quoted(name, '"').fmt(f),
            TermKind::Value(value) => Constant(value).fmt(f),
            TermKind::Segment(name) => Quoted(name, '\'').fmt(f),
            TermKind::SimilarTo(user) => write!(f, "similar_to({})", Quoted(user, '\'')),
            TermKind::SimilarToText(text) => write!(f, "similar_to_text({})", Quoted(text, '\'')),
            TermKind::Item => f.write_str("item"),
            TermKind::ItemText => f.write_str("text"),
            TermKind::Now(interval) => {
                let sign = if interval.is_negative() { '-' } else { '+' };
                write!(f, "now() {sign} interval '{interval}'")
            }
            TermKind::Events(figure, kind) => {
                write!(f, "{}(", figure.name())?;
                match kind {
                    Some(kind) => Quoted(kind, '\'').fmt(f)?,
                    None => f.write_str("*")?,
                }
                if let Some(interval) = self.within {
                    write!(f, ", interval '{interval}'")?;
                }
                f.write_str(")")
            }
        }?;
        self.of.as_ref().map_or(Ok(()), |items| write!(f, " filter (where {items})"))
    }
}

/// A value that is the same for everybody.
pub(crate) struct Constant<'a>(pub &'a Value);

impl Display for Constant<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Text(text) => Quoted(text, '\'').fmt(f),
            Value::Time(time) => write!(f, "timestamp '{time}'"),
            Value::Set(texts) => {
                f.write_str("{")?;
                separated(f, texts.iter().map(|text| Quoted(text, '\'')), ", ")?;
                f.write_str("}")
            }
        }
    }
}

/// A text between quotes, which are doubled within.
struct Quoted<'a>(&'a str, char);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(text, quote) = self;
        write!(f, "{quote}{}{quote}", text.replace(*quote, &format!("{quote}{quote}")))
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let like = if self.ignores_case { "ilike" } else { "like" };
        write!(f, "{like} {}", Quoted(&self.text, '\''))?;
        if let Some(escape) = self.escape {
            write!(f, " escape {}", Quoted(&escape.to_string(), '\''))?;
        }
        Ok(())
    }
}
