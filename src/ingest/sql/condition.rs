//! What is true, false or unknown of a user.

use super::function::is_condition;
use super::{NOWHERE, Source};
use crate::error::Result;
use crate::model::predicate::{Comparison, Matcher, Node, Pattern, Term, TermKind, Truth};
use sqlparser::ast::{BinaryOperator, Expr, InTarget, UnaryOperator, Value as Literal, ValueWithSpan};
use sqlparser::tokenizer::Location;

impl Source {
    pub(super) fn condition(&self, expression: &Expr) -> Result<Node> {
        let start = start(expression);
        if start != NOWHERE {
            self.around.set(start);
        }
        self.begun(expression)
    }

    fn begun(&self, expression: &Expr) -> Result<Node> {
        match expression {
            Expr::Nested(inner) => self.condition(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(not(self.condition(expr)?)),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => self.chain(expression, op),
            Expr::BinaryOp { left, op, right } => match comparison(op) {
                Some(comparison) => Ok(Node::Compare(self.term(left)?, comparison, self.term(right)?)),
                None => Err(self.refuse(start(right), format!("conditions do not know the operator {op}"))),
            },
            Expr::IsTrue(of) => self.is(of, Truth::True),
            Expr::IsNotTrue(of) => self.is(of, Truth::True).map(not),
            Expr::IsFalse(of) => self.is(of, Truth::False),
            Expr::IsNotFalse(of) => self.is(of, Truth::False).map(not),
            Expr::IsUnknown(of) => self.is(of, Truth::Unknown),
            Expr::IsNotUnknown(of) => self.is(of, Truth::Unknown).map(not),
            Expr::IsNull(of) => self.missing(of),
            Expr::IsNotNull(of) => self.missing(of).map(not),
            Expr::Between { expr, negated, low, high } => {
                let (term, low, high) = (self.term(expr)?, self.term(low)?, self.term(high)?);
                let least = Node::Compare(term.clone(), Comparison::GreaterOrEqual, low);
                let both = least.and(Node::Compare(term, Comparison::LessOrEqual, high));
                Ok(not_if(*negated, both))
            }
            Expr::In { expr, target: InTarget::List(values), negated, .. } => {
                let values = values.iter().map(|value| self.constant(value)).collect::<Result<_>>()?;
                Ok(not_if(*negated, Node::In(self.term(expr)?, values)))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), false).map(|like| not_if(*negated, like))
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), true).map(|like| not_if(*negated, like))
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                let text = self.text_of(left, "a set is asked for a text: 'vegan' = any(tags)")?;
                Ok(Node::Has(self.term(right)?, text))
            }
            Expr::Value(ValueWithSpan { value: Literal::Boolean(yes), .. }) => {
                Ok(if *yes { Node::All(Vec::new()) } else { Node::Any(Vec::new()) })
            }
            Expr::Function(function) if is_condition(function) => self.condition_of(function),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let is_true: Term = TermKind::Value(true.into()).into();
                Ok(Node::Compare(self.term(expression)?, Comparison::Equal, is_true))
            }
            other => Err(self.refuse(
                start(other),
                "a condition is wanted here: it compares (age >= 18), asks with `between`, `in`, `like`, `is null` or `has`, or joins others",
            )),
        }
    }

    /// Chains may be long, and lie in each other as deep.
    fn chain(&self, expression: &Expr, joined_by: &BinaryOperator) -> Result<Node> {
        let (mut parts, mut rest) = (Vec::new(), expression);
        while let Expr::BinaryOp { left, op, right } = rest
            && op == joined_by
        {
            parts.push(&**right);
            rest = left;
        }
        let mut chain = self.condition(rest)?;
        for part in parts.into_iter().rev() {
            let part = self.condition(part)?;
            chain = if *joined_by == BinaryOperator::And { chain.and(part) } else { chain.or(part) };
        }
        Ok(chain)
    }

    fn is(&self, of: &Expr, truth: Truth) -> Result<Node> {
        Ok(Node::Is(Box::new(self.condition(of)?), truth))
    }

    fn missing(&self, of: &Expr) -> Result<Node> {
        let mut of = of;
        while let Expr::Nested(inner) = of {
            of = inner;
        }
        let is_condition = match of {
            Expr::BinaryOp { op, .. } => !matches!(op, BinaryOperator::Plus | BinaryOperator::Minus),
            Expr::UnaryOp { op, .. } => *op == UnaryOperator::Not,
            Expr::Between { .. }
            | Expr::In { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::IsNull(_) => true,
            _ => false,
        };
        if is_condition {
            return Err(self.refuse(start(of), "only values are missing: ask a condition with `is unknown`"));
        }
        self.term(of).map(Node::IsNull)
    }

    fn like(&self, of: &Expr, pattern: &Expr, escape: Option<&Expr>, ignores_case: bool) -> Result<Node> {
        let text = self.text_of(pattern, "a pattern is a text: '%berlin%'")?;
        let mut like = Pattern { text, escape: None, ignores_case };
        if let Some(escape) = escape {
            let wanted = "an escape is one character: escape '!'";
            let text = self.text_of(escape, wanted)?;
            let mut chars = text.chars();
            like.escape = chars.next();
            if like.escape.is_none() || chars.next().is_some() {
                return Err(self.refuse(start(escape), wanted));
            }
        }
        Matcher::new(&like).map_err(|error| self.refuse(start(pattern), error.to_string()))?;
        Ok(Node::Like(self.term(of)?, like))
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}

fn not_if(negated: bool, node: Node) -> Node {
    if negated { not(node) } else { node }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

/// Where an expression begins. The parser's own way to tell goes down into all that lies in it, however deep.
pub(super) fn start(mut expression: &Expr) -> Location {
    loop {
        expression = match expression {
            Expr::Identifier(name) => return name.span.start,
            Expr::CompoundIdentifier(names) => {
                return names.first().map_or(NOWHERE, |name| name.span.start);
            }
            Expr::Value(value) => return value.span.start,
            Expr::TypedString(typed) => return typed.value.span.start,
            Expr::Function(function) => return super::function::start(function),
            Expr::Interval(interval) => &interval.value,
            Expr::BinaryOp { left: inner, .. }
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::Cast { expr: inner, .. }
            | Expr::Between { expr: inner, .. }
            | Expr::In { expr: inner, .. }
            | Expr::Like { expr: inner, .. }
            | Expr::ILike { expr: inner, .. }
            | Expr::SimilarTo { expr: inner, .. }
            | Expr::RLike { expr: inner, .. }
            | Expr::Collate { expr: inner, .. }
            | Expr::AtTimeZone { timestamp: inner, .. }
            | Expr::IsDistinctFrom(inner, _)
            | Expr::IsNotDistinctFrom(inner, _)
            | Expr::CompoundFieldAccess { root: inner, .. }
            | Expr::JsonAccess { value: inner, .. }
            | Expr::AnyOp { left: inner, .. }
            | Expr::AllOp { left: inner, .. }
            | Expr::Nested(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => inner,
            _ => return NOWHERE,
        }
    }
}
