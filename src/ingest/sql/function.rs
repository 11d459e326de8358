//! Functions: figures of a user, the instant of asking, and what a set has.

use super::{NOWHERE, Source};
use crate::error::{Error, Result, shorten};
use crate::model::nearest_name;
use crate::model::predicate::{Figure, Interval, Node, Term, TermKind};
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart};
use sqlparser::tokenizer::Location;

const FIGURES: [Figure; 5] = [Figure::Count, Figure::Sum, Figure::Quantity, Figure::First, Figure::Last];
/// Those beside figures.
const OTHERS: [&str; 8] =
    ["now", "id", "texts", "has", "in_segment", "similar_to", "similar_to_text", "current_timestamp"];

fn names() -> impl Iterator<Item = &'static str> {
    FIGURES.into_iter().map(Figure::name).chain(OTHERS)
}

/// Whether there is a function of that name.
pub(super) fn is_known(name: &str) -> bool {
    names().any(|known| known.eq_ignore_ascii_case(name))
}

/// The word that there is no such function.
pub(super) fn unknown(name: &str) -> String {
    let meant = match nearest_name(&name.to_lowercase(), names()) {
        Some(nearest) => format!("did you mean {nearest}()?"),
        None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
    };
    format!("there is no function {}(): {meant}", shorten(name))
}

pub(super) fn start(function: &Function) -> Location {
    match function.name.0.first() {
        Some(ObjectNamePart::Identifier(name)) => name.span.start,
        _ => NOWHERE,
    }
}

fn name(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// Whether it is true or false, and no value.
pub(super) fn is_condition(function: &Function) -> bool {
    ["has", "in_segment"].contains(&name(function).as_str())
}

impl Source {
    /// `has(tags, 'vegan')`, `in_segment('loyal')`
    pub(super) fn condition_of(&self, function: &Function) -> Result<Node> {
        if name(function) == "in_segment" { self.in_segment(function) } else { self.has(function) }
    }

    fn in_segment(&self, function: &Function) -> Result<Node> {
        let wanted = "name one segment, as a text: in_segment('loyal')";
        match self.arguments(function)?[..] {
            [FunctionArgExpr::Expr(segment)] => {
                let kind = TermKind::Segment(self.text_of(segment, wanted)?);
                Ok(Node::InSegment(Term { place: Some(self.place(start(function))), ..kind.into() }))
            }
            _ => Err(self.wrong(function, wanted)),
        }
    }

    fn has(&self, function: &Function) -> Result<Node> {
        match self.arguments(function)?[..] {
            [FunctionArgExpr::Expr(set), FunctionArgExpr::Expr(text)] => Ok(Node::Has(
                self.term(set)?,
                self.text_of(text, "a set is asked for a text: has(tags, 'vegan')")?,
            )),
            _ => Err(self.wrong(function, "a set is asked for a text: has(tags, 'vegan')")),
        }
    }

    pub(super) fn function(&self, function: &Function) -> Result<Term> {
        let name = name(function);
        if let Some(figure) = FIGURES.into_iter().find(|figure| figure.name() == name) {
            return self.figure(figure, function);
        }
        let kind = match name.as_str() {
            "now" | "current_timestamp" => TermKind::Now(Interval::days(0)),
            "id" => TermKind::Id,
            "texts" => TermKind::Texts,
            "similar_to" => {
                return self.alike(function, TermKind::SimilarTo, "name one user: similar_to('ada')");
            }
            "similar_to_text" => {
                let wanted = "describe users in a text: similar_to_text('cooks a lot of fish')";
                return self.alike(function, TermKind::SimilarToText, wanted);
            }
            "has" | "in_segment" => {
                return Err(
                    self.wrong(function, &format!("{name}() is a condition, and is compared with nothing"))
                );
            }
            name => return Err(self.wrong(function, &unknown(name))),
        };
        if !self.arguments(function)?.is_empty() {
            return Err(self.wrong(function, &format!("{name}() takes nothing between its parentheses")));
        }
        Ok(Term { place: Some(self.place(start(function))), ..kind.into() })
    }

    /// `similar_to('ada')`
    fn alike(&self, function: &Function, to: fn(String) -> TermKind, wanted: &str) -> Result<Term> {
        match self.arguments(function)?[..] {
            [FunctionArgExpr::Expr(text)] => {
                let kind = to(self.text_of(text, wanted)?);
                Ok(Term { place: Some(self.place(start(function))), ..kind.into() })
            }
            _ => Err(self.wrong(function, wanted)),
        }
    }

    /// `count(purchase)`, `count(*)`, `count(purchase, interval '30 days') filter (where item = 'p1')`
    fn figure(&self, figure: Figure, function: &Function) -> Result<Term> {
        let wanted = format!(
            "say the kind of events: {0}(purchase), {0}(*), {0}(purchase, interval '30 days')",
            figure.name()
        );
        let arguments = self.arguments_of_figure(function)?;
        let (kind, rest) = match &arguments[..] {
            [FunctionArgExpr::Wildcard, rest @ ..] => (None, rest),
            [FunctionArgExpr::Expr(Expr::Identifier(kind)), rest @ ..] => (Some(kind.value.clone()), rest),
            [FunctionArgExpr::Expr(kind @ Expr::Value(_)), rest @ ..] => {
                (Some(self.text_of(kind, &wanted)?), rest)
            }
            _ => return Err(self.wrong(function, &wanted)),
        };
        let within = match rest {
            [] => None,
            [FunctionArgExpr::Expr(interval)] => Some(self.interval(interval)?),
            _ => return Err(self.wrong(function, &wanted)),
        };
        let of = function.filter.as_deref().map(|items| self.of_items(items)).transpose()?.map(Box::new);
        let place = Some(self.place(start(function)));
        Ok(Term { kind: TermKind::Events(figure, kind), within, of, place })
    }

    /// `item = 'p1'`, in which names are those of the item's attributes.
    fn of_items(&self, items: &Expr) -> Result<Node> {
        let (around, was_of_items) = (self.around.get(), self.is_of_items.replace(true));
        let condition = self.condition(items);
        self.is_of_items.set(was_of_items);
        self.around.set(around);
        condition
    }

    fn arguments<'f>(&self, function: &'f Function) -> Result<Vec<&'f FunctionArgExpr>> {
        if function.filter.is_some() {
            let reason = format!("only figures of events are kept to some, and {}() is none", name(function));
            return Err(self.wrong(function, &reason));
        }
        self.arguments_of_figure(function)
    }

    fn arguments_of_figure<'f>(&self, function: &'f Function) -> Result<Vec<&'f FunctionArgExpr>> {
        let is_plain = function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, FunctionArguments::None);
        let wrong = || {
            self.wrong(function, "a function takes values between its parentheses, and nothing behind these")
        };
        let arguments = match &function.args {
            FunctionArguments::None => return if is_plain { Ok(Vec::new()) } else { Err(wrong()) },
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty() =>
            {
                &list.args
            }
            _ => return Err(wrong()),
        };
        let unnamed = arguments.iter().map(|argument| match argument {
            FunctionArg::Unnamed(value) if is_plain => Ok(value),
            _ => Err(wrong()),
        });
        unnamed.collect()
    }

    fn wrong(&self, function: &Function, reason: &str) -> Error {
        self.refuse(start(function), reason)
    }
}
