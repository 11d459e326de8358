//! Values: what a user has, or what is the same for everybody.

use super::Source;
use super::condition::start;
use crate::error::{Result, shorten};
use crate::model::predicate::{Interval, Term, TermKind};
use crate::model::{Time, Value};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Ident, TypedString, UnaryOperator, Value as Literal};

impl Source {
    pub(super) fn term(&self, expression: &Expr) -> Result<Term> {
        let kind = match expression {
            Expr::Nested(inner) => return self.term(inner),
            Expr::Function(function) => return self.function(function),
            Expr::Identifier(name) => self.named(name),
            Expr::CompoundIdentifier(names) => TermKind::Attribute(joined(names)),
            Expr::BinaryOp { left, op: op @ (BinaryOperator::Plus | BinaryOperator::Minus), right } => {
                return self.moved(left, op, right);
            }
            _ => TermKind::Value(self.constant(expression)?),
        };
        Ok(Term { place: Some(self.place(start(expression))), ..kind.into() })
    }

    /// What a name by itself is. Between double quotes it is always that of an attribute.
    fn named(&self, name: &Ident) -> TermKind {
        let is_bare = self.is_of_items.get() && name.quote_style.is_none();
        match name.value.as_str() {
            "item" if is_bare => TermKind::Item,
            "text" if is_bare => TermKind::ItemText,
            attribute => TermKind::Attribute(attribute.to_owned()),
        }
    }

    /// `now() - interval '30 days'`
    fn moved(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Term> {
        let wanted = "only times relative to now are reckoned: now() - interval '30 days'";
        // Not of what may lie deep.
        let mut term = match left {
            Expr::Function(function) => self.function(function)?,
            other => return Err(self.refuse(start(other), wanted)),
        };
        let (TermKind::Now(_), Expr::Interval(_)) = (&term.kind, right) else {
            return Err(self.refuse(start(left), wanted));
        };
        let interval = self.interval(right)?;
        term.kind = TermKind::Now(if *op == BinaryOperator::Minus { interval.negated() } else { interval });
        Ok(term)
    }

    /// A value that is the same for everybody.
    pub(super) fn constant(&self, expression: &Expr) -> Result<Value> {
        match expression {
            Expr::Value(literal) => self.literal(&literal.value, expression, ""),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
                Expr::Value(literal) if matches!(literal.value, Literal::Number(..)) => {
                    self.literal(&literal.value, expr, "-")
                }
                other => Err(self.refuse(start(other), "only a number has a sign")),
            },
            Expr::TypedString(typed) => self.time(typed),
            other => Err(self.refuse(
                start(other),
                "a value is wanted here: an attribute, a number, a 'text', true, false, timestamp '2026-01-01', or a figure such as count(purchase)",
            )),
        }
    }

    fn literal(&self, literal: &Literal, at: &Expr, sign: &str) -> Result<Value> {
        let refuse = |reason: &str| Err(self.refuse(start(at), reason));
        match literal {
            Literal::Boolean(yes) => Ok(Value::Bool(*yes)),
            Literal::SingleQuotedString(text) => Ok(Value::Text(text.clone())),
            Literal::Number(digits, _) => {
                let digits = format!("{sign}{digits}");
                match (digits.parse(), digits.parse::<f64>()) {
                    (Ok(whole), _) => Ok(Value::Int(whole)),
                    (Err(_), Ok(float)) if float.is_finite() => Ok(Value::Float(float)),
                    _ => refuse("this number is out of range"),
                }
            }
            Literal::Null => refuse("nothing is equal to null: ask with `is null`"),
            Literal::Placeholder(_) => {
                refuse("a text takes no parameters: build the predicate in Rust, where values are never text")
            }
            _ => refuse("texts stand between single quotes, and numbers are decimal"),
        }
    }

    fn time(&self, typed: &TypedString) -> Result<Value> {
        let refuse = |reason: String| self.refuse(typed.value.span.start, reason);
        if !matches!(typed.data_type, DataType::Date | DataType::Timestamp(..) | DataType::Datetime(_)) {
            return Err(refuse(format!(
                "{} is no type of a value here: a time is timestamp '2026-01-01T12:00:00Z'",
                shorten(&typed.data_type.to_string())
            )));
        }
        let text = typed.value.clone().into_string().unwrap_or_default();
        text.parse::<Time>().map(Value::Time).map_err(|error| refuse(error.to_string()))
    }

    /// The text that stands there.
    pub(super) fn text_of(&self, expression: &Expr, wanted: &str) -> Result<String> {
        match self.constant(expression) {
            Ok(Value::Text(text)) => Ok(text),
            _ => Err(self.refuse(start(expression), wanted)),
        }
    }

    /// `interval '30 days'`, `interval '30' day`, `interval 30 day`
    pub(super) fn interval(&self, expression: &Expr) -> Result<Interval> {
        let wanted = "an interval is interval '30 days'";
        let Expr::Interval(interval) = expression else { return Err(self.refuse(start(expression), wanted)) };
        let is_plain = interval.last_field.is_none() && interval.leading_precision.is_none();
        let made = match (self.constant(&interval.value)?, &interval.leading_field) {
            (Value::Text(text), None) => text.parse(),
            (Value::Text(text), Some(unit)) => format!("{text} {unit}").parse(),
            (Value::Int(number), Some(unit)) if number >= 0 => Interval::of(number, &unit.to_string()),
            _ => return Err(self.refuse(start(expression), wanted)),
        };
        if is_plain {
            made.map_err(|error| self.refuse(start(expression), error.to_string()))
        } else {
            Err(self.refuse(start(expression), wanted))
        }
    }
}

fn joined(names: &[Ident]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    names.join(".")
}
