//! Tables and their mappings.

use super::Row;
use super::command::{Call, Desk, call};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::sync::Arc;

const MAPPING: &str =
    "type = \"event\"\nkind = \"purchase\"\nuser = \"who\"\nitem = \"what\"\ntime = \"when\"\n";
const USERS: &str = "type = \"user\"\nid = \"who\"\n[attributes]\nage = \"age\"\n";
const CSV: &str = "who,what,when\n";
const COMMAND: &str = "ingest shop t.csv --mapping m.toml --strict";

fn files(mapping: impl Into<Vec<u8>>, csv: impl Into<Vec<u8>>) -> [(&'static str, Vec<u8>); 2] {
    [("m.toml", mapping.into()), ("t.csv", csv.into())]
}

fn mapped(name: &'static str, mapping: &str, words: &'static [&'static str]) -> Row<Call> {
    call(name, files(mapping, CSV), COMMAND, "usage", words)
}

pub(super) fn mapping_files() -> Vec<Row<Call>> {
    vec![
        call(
            "table without a mapping",
            files("", CSV),
            "ingest shop t.csv",
            "usage",
            &["mapping of t.csv is missing", "what its columns mean"],
        ),
        call(
            "mapping that is not there",
            files("", CSV),
            "ingest shop t.csv --mapping no.toml",
            "environment",
            &["could not read no.toml"],
        ),
        call(
            "mapping a folder",
            [("f/x", vec![])],
            "ingest shop t.csv --mapping f",
            "environment",
            &["could not read f"],
        ),
        call(
            "mapping not UTF-8",
            files(b"type = \"\xff\"".to_vec(), CSV),
            COMMAND,
            "usage",
            &["m.toml", "not UTF-8"],
        ),
        call(
            "mapping of 2 MiB",
            files(vec![b'\n'; 2 << 20], CSV),
            COMMAND,
            "usage",
            &["m.toml", "longer than 1 MiB"],
        ),
    ]
}

pub(super) fn mappings() -> Vec<Row<Call>> {
    let more = |name, line: &str, words| mapped(name, &format!("{MAPPING}{line}"), words);
    vec![
        mapped("mapping of nothing", "", &["m.toml:1", "missing field", "type"]),
        mapped("mapping cut off", "type = \"event", &["m.toml:1"]),
        mapped("mapping in JSON", "{\"type\": \"event\"}", &["m.toml:1"]),
        mapped("mapping 10,000 levels deep", &format!("type = {}", "[".repeat(10_000)), &["m.toml:1"]),
        mapped("mapping of an unknown type", "type = \"thing\"", &["m.toml:1", "thing", "event"]),
        more("mapping with an unknown key", "colour = \"red\"", &["m.toml:6", "unknown field `colour`"]),
        more("mapping with a key twice", "user = \"who\"", &["m.toml:6", "duplicate key"]),
        more(
            "mapping that includes a file",
            "include = \"/etc/passwd\"",
            &["m.toml:6", "unknown field `include`"],
        ),
        mapped(
            "mapping without a user",
            "type = \"event\"\nkind = \"view\"\ntime = \"when\"",
            &["m.toml", "without user"],
        ),
        more(
            "mapping with what events lack",
            "[attributes]\nage = \"age\"",
            &["with attributes", "do not have it"],
        ),
        more("mapping with a number for a column", "value = 5", &["m.toml:6", "expected a string"]),
        more("mapping with a delimiter of two letters", "delimiter = \";;\"", &["m.toml:6", "character"]),
        more(
            "mapping with a delimiter beyond ASCII",
            "delimiter = \"é\"",
            &["delimiter in m.toml", "one ASCII character"],
        ),
        more(
            "mapping with a quote for a delimiter",
            "delimiter = '\"'",
            &["delimiter in m.toml", "other than a quote"],
        ),
        mapped(
            "mapping with an unknown attribute type",
            &USERS.replace("\"age\"\n", "{ column = \"age\", type = \"colour\" }\n"),
            &["m.toml:4"],
        ),
        more(
            "mapping with a column misspelt",
            "value = \"wen\"",
            &["column \"wen\" of t.csv is missing", "did you mean \"when\"?"],
        ),
        mapped(
            "mapping with a path for a column",
            &MAPPING.replace("\"who\"", "\"/etc/passwd\""),
            &["column \"/etc/passwd\" of t.csv is missing", "the file has who, what, when"],
        ),
        more(
            "mapping with an open template",
            "text = { template = \"{what\" }",
            &["text template", "each { needs its }"],
        ),
        more(
            "mapping with a template of no column",
            "text = { template = \"{price}\" }",
            &["column \"price\""],
        ),
    ]
}

pub(super) fn csv_files() -> Vec<Row<Call>> {
    let bad = |name, csv: Vec<u8>, words| call(name, files(MAPPING, csv), COMMAND, "usage", words);
    let second = |name, line: &str, words| bad(name, format!("{CSV}{line}\n").into_bytes(), words);
    vec![
        bad("csv of nothing", vec![], &["t.csv:1", "no header line", "empty"]),
        bad(
            "csv with an open quote in its header",
            b"who,\"what,when\n".to_vec(),
            &["t.csv:1", "unclosed quote"],
        ),
        bad("csv with a header not UTF-8", b"who,wh\xe4t,when\n".to_vec(), &["t.csv:1", "not UTF-8"]),
        bad("csv with a header of 17 MiB", vec![b'w'; 17 << 20], &["t.csv:1", "too long"]),
        bad(
            "csv with a column twice",
            b"who,what,when,who\n".to_vec(),
            &["column \"who\"", "there more than once"],
        ),
        bad(
            "csv with other columns",
            b"a,b,c\n".to_vec(),
            &["column \"who\" of t.csv is missing", "the file has a, b, c"],
        ),
        bad(
            "csv with semicolons",
            b"who;what;when\n".to_vec(),
            &["column \"who\"", "the file has who;what;when"],
        ),
        second(
            "csv with a field too few",
            "u1,i1",
            &["t.csv:2", "wrong number of columns", "2, the header has 3"],
        ),
        second("csv with a field too many", "u1,i1,2026-01-01,x", &["t.csv:2", "4, the header has 3"]),
        second("csv with an open quote", "u1,\"i1,2026-01-01", &["t.csv:2", "unclosed quote"]),
        second("csv with letters behind a quote", "\"u1\"x,\"i1\n\"y,2026-01-01", &["t.csv:2"]),
        second("csv with a bad time", "u1,i1,2026-13-01", &["t.csv:2", "time", "2026-13-01"]),
        second("csv without a user", ",i1,2026-01-01", &["t.csv:2", "user: missing"]),
        second("csv with NUL in an id", "u\0,i1,2026-01-01", &["t.csv:2", "user: not an id", "control"]),
        bad("csv not UTF-8", b"who,what,when\nJ\xf6rg,i1,2026-01-01\n".to_vec(), &["t.csv:2", "not UTF-8"]),
        second("csv with a line of 17 MiB", &"x".repeat(17 << 20), &["t.csv:2", "longer than 16 MiB"]),
        call(
            "csv with an unknown kind",
            files(
                MAPPING.replace("\"purchase\"", "{ column = \"what\" }"),
                format!("{CSV}u1,purchse,2026-01-01\n"),
            ),
            COMMAND,
            "usage",
            &["t.csv:2", "\"purchse\"", "did you mean \"purchase\"?"],
        ),
    ]
}

/// Two rows of an id and a number.
fn parquet_bytes(schema: &str, compression: parquet::basic::Compression) -> Vec<u8> {
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let properties =
        WriterProperties::builder().set_compression(compression).set_dictionary_enabled(false).build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let who = ["u1", "u2"].map(ByteArray::from);
    column.typed::<ByteArrayType>().write_batch(&who, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&[1, 2], Some(&[1, 1]), Some(&[0, 0])).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

const PLAIN: &str = "message rows { required binary who (UTF8); optional int32 age; }";

/// The bytes with what is there once replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!at.is_empty(), "nothing to replace");
    [&bytes[..at[0]], to, &bytes[at[0] + from.len()..]].concat()
}

/// With a first page that tells of as many bytes as its field can.
fn with_page_size(bytes: &[u8]) -> Vec<u8> {
    // A data page, then its size as a zigzag number of at least two bytes or one.
    let at = bytes.windows(3).position(|three| three == b"\x15\x00\x15").unwrap() + 3;
    let end = at + bytes[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    [&bytes[..at], b"\xfe\xff\xff\xff\x0f", &bytes[end..]].concat()
}

/// With the footer's declared length.
fn with_footer_length(bytes: &[u8], length: u32) -> Vec<u8> {
    let end = bytes.len() - 8;
    [&bytes[..end], &length.to_le_bytes()[..], b"PAR1"].concat()
}

/// A file whose metadata are these bytes alone.
fn with_footer(footer: &[u8]) -> Vec<u8> {
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer, &length[..], b"PAR1"].concat()
}

pub(super) fn parquet_files() -> Vec<Row<Call>> {
    use parquet::basic::Compression;
    let command = "ingest shop t.parquet --mapping m.toml --strict";
    let file = |mapping: &str, bytes| [("m.toml", mapping.as_bytes().to_vec()), ("t.parquet", bytes)];
    let damaged = |name, bytes: Vec<u8>, words| call(name, file(USERS, bytes), command, "damage", words);
    let plain = parquet_bytes(PLAIN, Compression::UNCOMPRESSED);
    let listed = parquet_bytes(&PLAIN.replace("optional", "repeated"), Compression::UNCOMPRESSED);
    let snappy = parquet_bytes(PLAIN, Compression::SNAPPY);
    vec![
        damaged("parquet of nothing", vec![], &["t.parquet"]),
        damaged("parquet of text", b"who,age\nu1,1\n".to_vec(), &["t.parquet"]),
        damaged("parquet cut in the middle", plain[..plain.len() / 2].to_vec(), &["t.parquet"]),
        damaged("parquet without its last byte", plain[..plain.len() - 1].to_vec(), &["t.parquet"]),
        damaged("parquet with a footer of 4 GiB", with_footer_length(&plain, u32::MAX), &["t.parquet"]),
        damaged("parquet with a footer of 0 bytes", with_footer_length(&plain, 0), &["t.parquet"]),
        damaged(
            "parquet with a schema of 2^31 elements",
            with_footer(b"\x15\x02\x29\xfc\xff\xff\xff\xff\x07"),
            &["t.parquet"],
        ),
        damaged(
            "parquet with a name of 2^31 bytes",
            with_footer(b"\x15\x02\x19\x1c\x48\xff\xff\xff\xff\x07x"),
            &["t.parquet"],
        ),
        damaged("parquet nested 10,000 levels deep", with_footer(&[0x1c; 10_000]), &["t.parquet"]),
        damaged(
            "parquet with a value of 2^31 bytes",
            replaced(&plain, b"\x02\0\0\0u1", b"\xff\xff\xff\x7fu1"),
            &["t.parquet"],
        ),
        damaged(
            "parquet with a value of -1 bytes",
            replaced(&plain, b"\x02\0\0\0u1", b"\xff\xff\xff\xffu1"),
            &["t.parquet"],
        ),
        damaged("parquet with a page of 2^31 - 1 bytes", with_page_size(&snappy), &["t.parquet"]),
        damaged(
            "parquet with a compressed page of noise",
            replaced(&snappy, b"\x02\0\0\0u1", b"\xff\xff\xff\xffu1"),
            &["t.parquet"],
        ),
        call(
            "parquet with a list",
            file(USERS, listed),
            command,
            "usage",
            &["column \"age\" of t.parquet is a list"],
        ),
        call(
            "parquet with another column",
            file(&USERS.replace("\"who\"", "\"whom\""), plain),
            command,
            "usage",
            &["column \"whom\"", "did you mean \"who\"?"],
        ),
    ]
}

#[test]
fn bad_mappings_and_tables_are_refused() {
    let mut desk = Desk::new();
    for rows in [mapping_files(), mappings(), csv_files(), parquet_files()] {
        desk.refuses(&rows);
    }
}
