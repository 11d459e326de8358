//! The mapping file: what the columns of a table mean.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest mapping file that is read.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What the columns of a table mean, read from a TOML file.
///
/// ```toml
/// type = "event"                       # item, user, event or text
/// kind = "purchase"                    # the same for all rows, or { column = "action" }
/// id = ["basket_id", "product_id"]     # one column, or several joined by '-'
/// user = "household_id"
/// item = "product_id"
/// time = "transaction_timestamp"       # or { column = "day", format = "%d/%m/%Y" }
/// value = "sales_value"
/// quantity = "quantity"
/// text = "comment"                     # or { template = "{department} {product_type}" }
/// missing = ["", "NA"]                 # what stands for no value; default: "", NA, N/A, null, -
/// delimiter = ";"                      # of a CSV file; default: comma, in a .tsv file tab
///
/// [attributes]                         # of items and users
/// age = "age_group"                    # name = column
/// visits = { column = "n", type = "int" }                     # int, float, text, bool, time or set
/// tags = { column = "tags", type = "set", separator = "|" }
/// ```
///
/// Without a type, an attribute is a text in CSV and what the column holds in Parquet. Columns that are not named are
/// not read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    #[serde(rename = "type")]
    pub(super) record_type: RecordType,
    #[serde(default)]
    pub(super) id: Columns,
    #[serde(default)]
    pub(super) user: Columns,
    #[serde(default)]
    pub(super) item: Columns,
    pub(super) kind: Option<KindFrom>,
    pub(super) time: Option<TimeFrom>,
    pub(super) value: Option<String>,
    pub(super) quantity: Option<String>,
    pub(super) text: Option<TextFrom>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, AttributeFrom>,
    #[serde(default = "default_missing")]
    pub(super) missing: Vec<String>,
    pub(super) delimiter: Option<char>,
}

fn default_missing() -> Vec<String> {
    ["", "NA", "N/A", "null", "-"].map(str::to_owned).to_vec()
}

/// What each row becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RecordType {
    Item,
    User,
    Event,
    Text,
}

impl RecordType {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::User => "user",
            Self::Event => "event",
            Self::Text => "text",
        }
    }
}

/// No, one or several columns.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or a list of such names")]
pub(super) enum Columns {
    One(String),
    Several(Vec<String>),
}

impl Default for Columns {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Columns {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a kind for all rows, or { column = \"…\" }")]
pub(super) enum KindFrom {
    Constant(String),
    Column(OneColumn),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneColumn {
    pub(super) column: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or { column = \"…\", format = \"…\" }")]
pub(super) enum TimeFrom {
    Column(String),
    Formatted(FormattedTime),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FormattedTime {
    pub(super) column: String,
    pub(super) format: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or { template = \"{column} {column}\" }")]
pub(super) enum TextFrom {
    Column(String),
    Template(Template),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) template: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or { column = \"…\", type = \"…\" }")]
pub(super) enum AttributeFrom {
    Column(String),
    Typed(TypedColumn),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedColumn {
    pub(super) column: String,
    #[serde(rename = "type", default)]
    pub(super) kind: AttributeType,
    #[serde(default = "default_separator")]
    pub(super) separator: String,
}

fn default_separator() -> String {
    ";".to_owned()
}

/// The type to which a column is brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AttributeType {
    /// What the column holds.
    #[default]
    Any,
    Int,
    Float,
    Text,
    Bool,
    Time,
    Set,
}

impl Mapping {
    /// Reads a mapping from a TOML text; `name` stands for it in messages.
    ///
    /// # Errors
    /// [`Error::Line`] where it is no TOML or has an unknown field, [`Error::Invalid`] if it lacks what its type of
    /// record needs.
    ///
    /// ```
    /// use kindred::ingest::Mapping;
    /// assert!(Mapping::parse("example", "type = \"user\"\nid = \"customer\"").is_ok());
    /// let error = Mapping::parse("example", "type = \"event\"\nuser = \"customer\"").unwrap_err();
    /// assert!(error.to_string().contains("kind, time"));
    /// ```
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mapping: Self = toml::from_str(text).map_err(|e| {
            let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            let line = 1 + before.matches('\n').count() as u64;
            Error::Line { source_name: name.to_owned(), line, reason: e.message().to_owned() }
        })?;
        mapping.check(name)?;
        Ok(mapping)
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`Error::Io`], and what [`Mapping::parse`] gives.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|e| Error::io("read", path, e))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::invalid("mapping file", name, "it is longer than 1 MiB: name a TOML file"));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(&name, text),
            Err(_) => Err(Error::invalid("mapping file", name, "it is not UTF-8: name a TOML file")),
        }
    }

    fn check(&self, name: &str) -> Result<()> {
        let has = [
            ("id", !self.id.names().is_empty()),
            ("user", !self.user.names().is_empty()),
            ("item", !self.item.names().is_empty()),
            ("kind", self.kind.is_some()),
            ("time", self.time.is_some()),
            ("value", self.value.is_some()),
            ("quantity", self.quantity.is_some()),
            ("text", self.text.is_some()),
            ("attributes", !self.attributes.is_empty()),
        ];
        let (needed, allowed): (&[&str], &[&str]) = match self.record_type {
            RecordType::Event => (&["user", "kind", "time"], &["id", "item", "value", "quantity", "text"]),
            RecordType::Item => (&["id"], &["text", "attributes"]),
            RecordType::User => (&["id"], &["attributes"]),
            RecordType::Text => (&["user", "text", "time"], &[]),
        };
        let pick = |test: &dyn Fn(&str, bool) -> bool| -> Vec<&str> {
            has.iter().filter(|(field, there)| test(field, *there)).map(|(field, _)| *field).collect()
        };
        let missing = pick(&|field, there| !there && needed.contains(&field));
        let surplus = pick(&|field, there| there && !needed.contains(&field) && !allowed.contains(&field));
        let what = || format!("mapping {name} for type {:?}", self.record_type.name());
        if !missing.is_empty() {
            return Err(Error::invalid(
                what(),
                format!("without {}", missing.join(", ")),
                "each of these is needed",
            ));
        }
        if !surplus.is_empty() {
            let expected = "records of this type do not have it";
            return Err(Error::invalid(what(), format!("with {}", surplus.join(", ")), expected));
        }
        match self
            .delimiter
            .filter(|delimiter| !delimiter.is_ascii() || matches!(delimiter, '"' | '\n' | '\r'))
        {
            None => Ok(()),
            Some(other) => Err(Error::invalid(
                format!("delimiter in {name}"),
                format!("{other:?}"),
                "it is one ASCII character other than a quote or a line end",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Mapping::parse("m.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert!(error("type = \"user\"\nid = \"a\"\ncolour = 1").starts_with("m.toml:3: unknown field"));
        assert!(error("type = \"thing\"").contains("thing"));
        assert!(error("type = \"user\"\nid = 5").contains("the name of a column"));
        assert!(error("type = \"user\"").contains("without id"));
        assert!(error("type = \"user\"\nid = \"a\"\nvalue = \"b\"").contains("with value"));
        assert!(error("type = \"user\"\nid = \"a\"\ndelimiter = \"é\"").contains("ASCII"));
    }
}
