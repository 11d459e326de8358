use super::*;
use crate::ingest::{Entry, Options, Reader, Report, Source};
use crate::model::Record;
use proptest::prelude::*;

const MAPPING: &str = "type = \"item\"\nid = \"id\"\ntext = \"text\"\n[attributes]\nsize = { column = \"size\", type = \"int\" }";

fn read(bytes: impl Into<Vec<u8>>, mapping: &str) -> (Vec<Entry>, Report) {
    let options = Options::new().mapping(Mapping::parse("m", mapping).unwrap());
    let source = Source::reader("t.csv", std::io::Cursor::new(bytes.into()));
    let mut reader = Reader::open(source, &options).unwrap();
    let entries = reader.by_ref().map(Result::unwrap).collect();
    (entries, reader.into_report())
}

fn texts(entries: &[Entry]) -> Vec<(u64, String)> {
    let describe = |entry: &Entry| match entry {
        Entry::Accepted(line) => match &line.record {
            Record::Item(item) => (line.number, item.text.clone().unwrap_or_default()),
            other => panic!("{other:?}"),
        },
        Entry::Rejected(reject) => (reject.line, reject.reason.clone()),
    };
    let mut all: Vec<_> = entries.iter().map(describe).collect();
    all.sort();
    all
}

#[test]
fn quotes_commas_and_line_ends_inside_a_field() {
    let (entries, report) =
        read("\u{feff}id,text,size\r\n1,\"a, \"\"b\"\"\r\nc\",2\r\n\r\n2,5\" pipe,3\n", MAPPING);
    assert_eq!(texts(&entries), [(2, "a, \"b\" c".into()), (5, "5\" pipe".into())]);
    assert_eq!((report.read, report.accepted), (2, 2));
}

#[test]
fn a_stray_quote_costs_one_line() {
    let (entries, report) = read("id,text,size\n1,\"open,1\n2,b,2\n3,\"c\",3\n4,d\n", MAPPING);
    assert_eq!(
        texts(&entries),
        [
            (2, "line: unclosed quote".into()),
            (3, "b".into()),
            (4, "c".into()),
            (5, "line: wrong number of columns".into())
        ]
        .map(|(n, t): (u64, String)| (n, t))
    );
    assert_eq!((report.read, report.accepted, report.rejected), (4, 2, 2));
}

#[test]
fn a_quote_that_closes_in_the_wrong_place_costs_one_line_too() {
    let (entries, _) = read("id,text,size\n1,\"open,1\n2,b,2\n3,\"c,\"\"\",3\n", MAPPING);
    assert_eq!(texts(&entries)[1..], [(3, "b".into()), (4, "c,\"".into())]);
}

#[test]
fn missing_values_types_and_unused_columns_are_reported() {
    let mapping = format!("{MAPPING}\nkind = \"other\"");
    let (entries, report) =
        read("id;x;text;size\n1;?;NA;1,5\n;?;a;2\n", &format!("delimiter = \";\"\n{MAPPING}"));
    assert!(Mapping::parse("m", &mapping.replace("[attributes]", "kind = \"a\"\n[attributes]")).is_err());
    assert_eq!(texts(&entries), [(2, String::new()), (3, "id: missing".into())]);
    assert_eq!(report.repairs["attributes.size: not a whole number"], 1);
    assert_eq!(report.missing["text"], 1);
    assert!(report.unused_columns.contains_key("x"));
}

#[test]
fn bytes_that_only_join_to_utf8_are_refused() {
    let (entries, _) = read(b"id,text,size\n1\xc3,\xa9,2\n".as_slice(), MAPPING);
    assert_eq!(texts(&entries), [(2, "line: not UTF-8".into())]);
}

#[test]
fn a_file_without_a_usable_header_is_an_error() {
    for bytes in ["", "id,\"text\n", "id,txt,size\n"] {
        let options = Options::new().mapping(Mapping::parse("m", MAPPING).unwrap());
        assert!(Reader::open(Source::reader("t.csv", bytes.as_bytes()), &options).is_err(), "{bytes:?}");
    }
}

fn ours(record: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut fields = Fields::default();
    let mut lines = record.split(|byte| *byte == b'\n');
    let mut ending = fields.split(lines.next()?, b',');
    for line in lines {
        if ending == Ending::Complete {
            return None;
        }
        ending = fields.resume(line, b',');
    }
    (ending == Ending::Complete).then(|| fields.iter().map(<[u8]>::to_vec).collect())
}

fn theirs(record: &[u8]) -> Vec<Vec<u8>> {
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n'));
    let mut found = csv::ByteRecord::new();
    builder.from_reader(record).read_byte_record(&mut found).unwrap();
    found.iter().map(<[u8]>::to_vec).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_record_is_parted_as_the_csv_crate_does(record in "[ab,\"\n]{1,16}") {
        if let Some(found) = ours(record.as_bytes()) {
            prop_assume!(!record.starts_with('\n'));
            prop_assert_eq!(found, theirs(record.as_bytes()));
        }
    }

    #[test]
    fn every_line_is_accounted_for(body in "[12,\"a\n\r]{0,60}") {
        let (entries, report) = read(format!("id,text,size\n{body}"), MAPPING);
        prop_assert_eq!(report.read, report.accepted + report.rejected);
        prop_assert_eq!(report.read, entries.len() as u64);
        let rejected = entries.iter().filter(|entry| matches!(entry, Entry::Rejected(_))).count();
        prop_assert_eq!(report.rejected, rejected as u64);
    }
}
