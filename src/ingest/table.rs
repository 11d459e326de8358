//! A mapping bound to the columns of one table: turns a row of cells into a draft.

use super::draft::{Draft, Field, Loose};
use super::mapping::{AttributeFrom, AttributeType, KindFrom, Mapping, TextFrom, TimeFrom};
use crate::error::{Error, Result};
use crate::model::Time;
use std::borrow::Cow;

/// A mapping bound to a table. Cells are asked for by *slot*: the position in [`Table::columns`].
pub(super) struct Table {
    type_name: &'static str,
    fields: Vec<(Field, CellSource)>,
    attributes: Vec<(String, usize, AttributeType, String)>,
    /// The columns that are read: name and position in the file.
    pub(super) columns: Vec<(String, usize)>,
    /// Names of the others.
    pub(super) unused: Vec<String>,
}

/// Where a field's value comes from.
enum CellSource {
    Cell(usize),
    Joined(Vec<usize>),
    Constant(String),
    Time(usize, String),
    Template(Vec<Piece>),
}

enum Piece {
    Literal(String),
    Cell(usize),
}

impl Table {
    /// Finds the mapping's columns among those of the file.
    pub(super) fn bind(source_name: &str, mapping: &Mapping, header: &[String]) -> Result<Self> {
        let mut binder = Binder { source_name, header, columns: Vec::new() };
        let mut fields = Vec::new();
        for (field, columns) in
            [(Field::Id, &mapping.id), (Field::User, &mapping.user), (Field::Item, &mapping.item)]
        {
            match columns.names() {
                [] => {}
                [name] => fields.push((field, CellSource::Cell(binder.slot(name)?))),
                names => {
                    let slots = names.iter().map(|name| binder.slot(name)).collect::<Result<_>>()?;
                    fields.push((field, CellSource::Joined(slots)));
                }
            }
        }
        for (field, column) in [(Field::Value, &mapping.value), (Field::Quantity, &mapping.quantity)] {
            if let Some(name) = column {
                fields.push((field, CellSource::Cell(binder.slot(name)?)));
            }
        }
        fields.extend(binder.kind_time_text(mapping)?);
        let attributes = mapping.attributes.iter().map(|(name, from)| binder.attribute(name, from));
        let attributes = attributes.collect::<Result<_>>()?;
        let columns = binder.columns;
        let unused = header.iter().enumerate().filter(|(at, _)| !columns.iter().any(|(_, used)| used == at));
        let unused = unused.map(|(_, name)| name.clone()).collect();
        Ok(Self { type_name: mapping.record_type.name(), fields, attributes, columns, unused })
    }

    /// The draft of one row, whose cells are given by slot.
    pub(super) fn draft<'a>(&'a self, cell: impl Fn(usize) -> Loose<'a>) -> Draft<'a> {
        let mut draft = Draft::default();
        draft.set(Field::Type, Loose::Text(Cow::Borrowed(self.type_name)));
        for (field, source) in &self.fields {
            draft.set(*field, source.value(&cell));
        }
        for (name, slot, kind, separator) in &self.attributes {
            draft.attributes.push((Cow::Borrowed(name.as_str()), converted(cell(*slot), *kind, separator)));
        }
        draft
    }
}

impl CellSource {
    fn value<'a>(&'a self, cell: &impl Fn(usize) -> Loose<'a>) -> Loose<'a> {
        match self {
            Self::Cell(slot) => cell(*slot),
            Self::Constant(text) => Loose::Text(Cow::Borrowed(text)),
            Self::Joined(slots) => joined(slots.iter().map(|slot| cell(*slot))),
            Self::Time(slot, format) => match cell(*slot) {
                Loose::Text(text) => formatted_time(&text, format).map_or(Loose::Text(text), Loose::Time),
                other => other,
            },
            Self::Template(pieces) => filled(pieces, cell),
        }
    }
}

struct Binder<'a> {
    source_name: &'a str,
    header: &'a [String],
    columns: Vec<(String, usize)>,
}

impl Binder<'_> {
    fn slot(&mut self, name: &str) -> Result<usize> {
        if let Some(slot) = self.columns.iter().position(|(known, _)| known == name) {
            return Ok(slot);
        }
        let mut places = self.header.iter().enumerate().filter(|(_, known)| *known == name).map(|(at, _)| at);
        let Some(place) = places.next() else {
            let hint = match nearest(name, self.header) {
                Some(near) => format!("did you mean {near:?}? "),
                None => String::new(),
            };
            let expected = format!("{hint}the file has {}", self.header.join(", "));
            return Err(Error::invalid(
                format!("column {name:?} of {}", self.source_name),
                "missing",
                expected,
            ));
        };
        if places.next().is_some() {
            let what = format!("column {name:?} of {}", self.source_name);
            return Err(Error::invalid(what, "there more than once", "column names must differ"));
        }
        self.columns.push((name.to_owned(), place));
        Ok(self.columns.len() - 1)
    }

    fn kind_time_text(&mut self, mapping: &Mapping) -> Result<Vec<(Field, CellSource)>> {
        let mut fields = Vec::new();
        match &mapping.kind {
            Some(KindFrom::Constant(kind)) => fields.push((Field::Kind, CellSource::Constant(kind.clone()))),
            Some(KindFrom::Column(from)) => {
                fields.push((Field::Kind, CellSource::Cell(self.slot(&from.column)?)));
            }
            None => {}
        }
        match &mapping.time {
            Some(TimeFrom::Column(name)) => fields.push((Field::Time, CellSource::Cell(self.slot(name)?))),
            Some(TimeFrom::Formatted(from)) => {
                fields.push((Field::Time, CellSource::Time(self.slot(&from.column)?, from.format.clone())));
            }
            None => {}
        }
        match &mapping.text {
            Some(TextFrom::Column(name)) => fields.push((Field::Text, CellSource::Cell(self.slot(name)?))),
            Some(TextFrom::Template(from)) => {
                fields.push((Field::Text, CellSource::Template(self.pieces(&from.template)?)));
            }
            None => {}
        }
        Ok(fields)
    }

    /// Parts a template at its `{column}`s.
    fn pieces(&mut self, template: &str) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Error::invalid("text template", format!("{template:?}"), "each { needs its }"));
            };
            pieces.push(Piece::Literal(literal.to_owned()));
            pieces.push(Piece::Cell(self.slot(name)?));
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        Ok(pieces)
    }

    fn attribute(
        &mut self,
        name: &str,
        from: &AttributeFrom,
    ) -> Result<(String, usize, AttributeType, String)> {
        Ok(match from {
            AttributeFrom::Column(column) => {
                (name.to_owned(), self.slot(column)?, AttributeType::Any, String::new())
            }
            AttributeFrom::Typed(from) => {
                (name.to_owned(), self.slot(&from.column)?, from.kind, from.separator.clone())
            }
        })
    }
}

/// The cells as one id; a separator inside a cell is escaped, so that no two rows share an id by accident.
fn joined<'a>(cells: impl Iterator<Item = Loose<'a>>) -> Loose<'a> {
    let mut id = String::new();
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            id.push('-');
        }
        match cell {
            Loose::Text(text) if text.contains(['-', '\\']) => {
                id.push_str(&text.trim().replace('\\', "\\\\").replace('-', "\\-"));
            }
            Loose::Null | Loose::Absent => return Loose::Null,
            other => match in_words(&other) {
                Some(text) => id.push_str(text.trim()),
                None => return Loose::Odd("not joinable"),
            },
        }
    }
    Loose::Text(Cow::Owned(id))
}

/// The template with the cells put in, spaces collapsed; null where all cells are.
fn filled<'a>(pieces: &[Piece], cell: &impl Fn(usize) -> Loose<'a>) -> Loose<'a> {
    let mut text = String::new();
    let mut any = false;
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Cell(slot) => {
                if let Some(words) = in_words(&cell(*slot)).filter(|words| !words.is_empty()) {
                    text.push_str(&words);
                    any = true;
                }
            }
        }
    }
    if !any {
        return Loose::Null;
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Loose::Text(Cow::Owned(words.join(" ")))
}

fn in_words<'v>(value: &'v Loose<'_>) -> Option<Cow<'v, str>> {
    Some(match value {
        Loose::Text(text) => Cow::Borrowed(text.as_ref()),
        Loose::Bool(yes) => Cow::Owned(yes.to_string()),
        Loose::Int(number) => Cow::Owned(number.to_string()),
        Loose::Unsigned(number) => Cow::Owned(number.to_string()),
        Loose::Float(number) if number.is_finite() => Cow::Owned(number.to_string()),
        Loose::Time(time) => Cow::Owned(time.to_string()),
        _ => return None,
    })
}

fn formatted_time(text: &str, format: &str) -> Option<Time> {
    let parts = jiff::fmt::strtime::parse(format, text.trim()).ok()?;
    if let Ok(stamp) = parts.to_timestamp() {
        return Time::from_micros(stamp.as_microsecond()).ok();
    }
    let civil = parts.to_datetime().or_else(|_| parts.to_date().map(jiff::civil::DateTime::from)).ok()?;
    let stamp = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Time::from_micros(stamp.as_microsecond()).ok()
}

fn converted<'a>(value: Loose<'a>, kind: AttributeType, separator: &str) -> Loose<'a> {
    if matches!(value, Loose::Null | Loose::Odd(_)) {
        return value;
    }
    let found = match kind {
        AttributeType::Any => return value,
        AttributeType::Int => whole(&value).map(Loose::Int).ok_or("not a whole number"),
        AttributeType::Float => float(&value).map(Loose::Float).ok_or("not a number"),
        AttributeType::Text => {
            in_words(&value).map(|t| Loose::Text(Cow::Owned(t.into_owned()))).ok_or("not a text")
        }
        AttributeType::Bool => yes_or_no(&value).map(Loose::Bool).ok_or("not a bool"),
        AttributeType::Time => value.as_time().map(Loose::Time).ok_or("not a time"),
        AttributeType::Set => in_words(&value).map(|text| set(&text, separator)).ok_or("not a set"),
    };
    found.unwrap_or_else(Loose::Odd)
}

fn whole(value: &Loose<'_>) -> Option<i64> {
    match value {
        Loose::Int(number) => Some(*number),
        Loose::Bool(yes) => Some(i64::from(*yes)),
        Loose::Text(text) if text.trim().parse::<i64>().is_ok() => text.trim().parse().ok(),
        _ => float(value).filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64),
    }
}

fn float(value: &Loose<'_>) -> Option<f64> {
    match value {
        Loose::Int(number) => Some(*number as f64),
        Loose::Unsigned(number) => Some(*number as f64),
        Loose::Float(number) => Some(*number),
        Loose::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn yes_or_no(value: &Loose<'_>) -> Option<bool> {
    match value {
        Loose::Bool(yes) => Some(*yes),
        Loose::Int(0) => Some(false),
        Loose::Int(1) => Some(true),
        Loose::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn set(text: &str, separator: &str) -> Loose<'static> {
    let parts: Vec<&str> = if separator.is_empty() { vec![text] } else { text.split(separator).collect() };
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    Loose::List(parts.map(|part| Loose::Text(Cow::Owned(part.to_owned()))).collect())
}

/// The name at the smallest edit distance, if that is at most a third of its length.
fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n str> {
    let distances = names.iter().map(|known| (edit_distance(name, known), known.as_str()));
    let (distance, near) = distances.min()?;
    (distance <= name.chars().count().max(3) / 3).then_some(near)
}

/// Levenshtein's distance, case ignored.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_missing_column_names_the_nearest() {
        let mapping = Mapping::parse("m", "type = \"user\"\nid = \"houshold_id\"").unwrap();
        let error =
            Table::bind("t.csv", &mapping, &header(&["age", "household_id"])).err().unwrap().to_string();
        assert!(error.contains("did you mean \"household_id\"?"), "{error}");
        let twice = Mapping::parse("m", "type = \"user\"\nid = \"age\"").unwrap();
        assert!(Table::bind("t.csv", &twice, &header(&["age", "age"])).is_err());
    }

    #[test]
    fn joined_ids_cannot_collide() {
        let id = |a: &'static str, b: &'static str| joined([a, b].map(|t| Loose::Text(t.into())).into_iter());
        assert_eq!(id("a", "b"), Loose::Text("a-b".into()));
        assert_ne!(id("a-b", "c"), id("a", "b-c"));
        assert_ne!(id("a\\", "b"), id("a", "\\b"));
        assert_eq!(joined([Loose::Int(1), Loose::Null].into_iter()), Loose::Null);
    }

    #[test]
    fn cells_are_brought_to_their_types() {
        let text = |t: &'static str| Loose::Text(t.into());
        for (value, kind, expected) in [
            (text(" 12 "), AttributeType::Int, Loose::Int(12)),
            (text("12.0"), AttributeType::Int, Loose::Int(12)),
            (text("12.5"), AttributeType::Int, Loose::Odd("not a whole number")),
            (text("9007199254740993"), AttributeType::Int, Loose::Int(9_007_199_254_740_993)),
            (Loose::Int(2), AttributeType::Float, Loose::Float(2.0)),
            (text("two"), AttributeType::Float, Loose::Odd("not a number")),
            (text("Yes"), AttributeType::Bool, Loose::Bool(true)),
            (Loose::Int(2), AttributeType::Bool, Loose::Odd("not a bool")),
            (Loose::Int(2), AttributeType::Text, text("2")),
            (text("1970-01-01"), AttributeType::Time, Loose::Time(Time::default())),
            (text("a| b||"), AttributeType::Set, Loose::List(vec![text("a"), text("b")])),
            (Loose::Null, AttributeType::Set, Loose::Null),
        ] {
            assert_eq!(converted(value.clone(), kind, "|"), expected, "{value:?}");
        }
    }

    #[test]
    fn times_follow_their_format() {
        assert_eq!(formatted_time("31/12/2017", "%d/%m/%Y"), "2017-12-31".parse().ok());
        assert_eq!(
            formatted_time("2017-12-31 10:00 +0100", "%Y-%m-%d %H:%M %z"),
            "2017-12-31T09:00:00Z".parse().ok()
        );
        assert_eq!(formatted_time("soon", "%d/%m/%Y"), None);
    }

    #[test]
    fn templates_leave_no_holes() {
        let pieces =
            [Piece::Literal("a ".into()), Piece::Cell(0), Piece::Literal(" ".into()), Piece::Cell(1)];
        let fill = |cells: [Loose<'static>; 2]| filled(&pieces, &|slot: usize| cells[slot].clone());
        assert_eq!(fill([Loose::Null, Loose::Int(3)]), Loose::Text("a 3".into()));
        assert_eq!(fill([Loose::Null, Loose::Null]), Loose::Null);
    }
}
