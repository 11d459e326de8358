use crate::ingest::{Entry, Mapping, Options, Reader, Source};
use crate::model::{Record, Time, Value};
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const SCHEMA: &str = "message rows {
    required int64 id;
    optional boolean yes;
    optional int32 small;
    optional int32 day (DATE);
    optional int64 millis (TIMESTAMP(MILLIS, true));
    optional int64 micros (TIMESTAMP(MICROS, true));
    optional int64 nanos (TIMESTAMP(NANOS, true));
    optional int96 old;
    optional int64 huge (INTEGER(64, false));
    optional int32 price (DECIMAL(9, 2));
    optional float single;
    optional double double;
    optional binary name (UTF8);
    optional binary raw;
    optional fixed_len_byte_array(4) fixed (DECIMAL(9, 3));
    required group inner { optional int32 deep; }
    repeated int32 list;
}";

/// Two row groups of the same three rows: full, null, odd.
fn write(path: &Path, compression: Compression) {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let levels = [1, 0, 1];
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! column {
            ($kind:ty, $values:expr, $levels:expr, $repeats:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch(&$values, $levels, $repeats).unwrap();
                column.close().unwrap();
            }};
        }
        let mut old = Int96::new();
        old.set_data(0, 0, 2_440_588 + 1);
        column!(Int64Type, [1, 2, 3], None, None);
        column!(BoolType, [true, false], Some(&levels), None);
        column!(Int32Type, [-5, 5], Some(&levels), None);
        column!(Int32Type, [1, i32::MAX], Some(&levels), None);
        column!(Int64Type, [86_400_000, i64::MAX], Some(&levels), None);
        column!(Int64Type, [86_400_000_000, i64::MAX], Some(&levels), None);
        column!(Int64Type, [86_400_000_000_000, -1], Some(&levels), None);
        column!(Int96Type, [old, old], Some(&levels), None);
        column!(Int64Type, [5, -1], Some(&levels), None);
        column!(Int32Type, [1999, -1], Some(&levels), None);
        column!(FloatType, [0.1, f32::NAN], Some(&levels), None);
        column!(DoubleType, [0.1, f64::INFINITY], Some(&levels), None);
        column!(ByteArrayType, [ByteArray::from("née"), ByteArray::from(vec![0xff])], Some(&levels), None);
        column!(ByteArrayType, [ByteArray::from("raw"), ByteArray::from("")], Some(&levels), None);
        let fixed = [[0, 0, 4, 210], [0xff, 0xff, 0xff, 0xff]].map(|b| FixedLenByteArray::from(b.to_vec()));
        column!(FixedLenByteArrayType, fixed, Some(&levels), None);
        column!(Int32Type, [7, 8], Some(&levels), None);
        column!(Int32Type, [1, 2], Some(&[1, 1, 0, 0]), Some(&[0, 1, 0, 0]));
        group.close().unwrap();
    }
    writer.close().unwrap();
}

const MAPPING: &str = r#"
type = "user"
id = "id"
[attributes]
yes = "yes"
small = "small"
day = "day"
millis = "millis"
micros = "micros"
nanos = "nanos"
old = "old"
huge = "huge"
price = "price"
single = "single"
double = "double"
name = "name"
raw = "raw"
fixed = "fixed"
deep = "inner.deep"
"#;

#[test]
fn types_nulls_and_compressions() {
    let folder = tempfile::tempdir().unwrap();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        Compression::LZ4_RAW,
    ] {
        let path = folder.path().join("t.parquet");
        write(&path, compression);
        let options = Options::new().mapping(Mapping::parse("m", MAPPING).unwrap());
        let mut reader = Reader::open(Source::file(&path), &options).unwrap();
        let users: Vec<_> = reader
            .by_ref()
            .map(|entry| match entry.unwrap() {
                Entry::Accepted(line) => match line.record {
                    Record::User(user) => user,
                    other => panic!("{other:?}"),
                },
                Entry::Rejected(reject) => panic!("{reject:?}"),
            })
            .collect();
        assert_eq!(users.len(), 6);
        let day = Value::Time(Time::from_secs(86_400).unwrap());
        let full = [
            ("day", day.clone()),
            ("deep", Value::Int(7)),
            ("double", Value::Float(0.1)),
            ("fixed", Value::Float(1.234)),
            ("huge", Value::Int(5)),
            ("micros", day.clone()),
            ("millis", day.clone()),
            ("name", "née".into()),
            ("nanos", day.clone()),
            ("old", day.clone()),
            ("price", Value::Float(19.99)),
            ("raw", "raw".into()),
            ("single", Value::Float(0.1)),
            ("small", Value::Int(-5)),
            ("yes", Value::Bool(true)),
        ];
        assert_eq!(
            users[0].attributes.iter().map(|(n, v)| (n.as_str(), v.clone())).collect::<Vec<_>>(),
            full
        );
        assert!(users[1].attributes.is_empty());
        let odd: Vec<&str> = users[5].attributes.keys().map(String::as_str).collect();
        assert_eq!(odd, ["deep", "fixed", "nanos", "old", "price", "small", "yes"]);
        assert_eq!(users[5].attributes["nanos"], Value::Time(Time::from_micros(-1).unwrap()));
        let report = reader.into_report();
        assert_eq!((report.read, report.accepted, report.repaired), (6, 6, 2));
        assert_eq!(report.repairs["attributes.name: not UTF-8"], 2);
        assert_eq!(report.unused_columns.keys().collect::<Vec<_>>(), ["list"]);
    }
}

#[test]
fn lists_pipes_and_damage_are_clear_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, Compression::SNAPPY);
    let options = |text| Options::new().mapping(Mapping::parse("m", text).unwrap());
    let error = |source, text| Reader::open(source, &options(text)).err().unwrap().to_string();
    assert!(error(Source::file(&path), "type = \"user\"\nid = \"list\"").contains("\"list\""));
    assert!(error(Source::file(&path), "type = \"user\"\nid = \"idd\"").contains("did you mean \"id\""));
    let pipe = options(MAPPING).format(crate::ingest::Format::Parquet);
    let refused = Reader::open(Source::reader("<stdin>", std::io::empty()), &pipe).err().unwrap();
    assert!(refused.to_string().contains("damaged"), "{refused}");
    let entries = |source| Reader::open(source, &pipe).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let piped = Source::reader(path.display().to_string(), File::open(&path).unwrap());
    assert_eq!(entries(piped), entries(Source::file(&path)));

    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 10, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(error(Source::file(&path), MAPPING).contains("damaged"), "{cut}");
    }
}

#[test]
fn flipped_bytes_give_rows_or_an_error_but_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, Compression::SNAPPY);
    let whole = std::fs::read(&path).unwrap();
    let options = Options::new().mapping(Mapping::parse("m", MAPPING).unwrap());
    for at in (4..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        if let Ok(mut reader) = Reader::open(Source::file(&path), &options) {
            let failures = reader.by_ref().take(1000).filter(Result::is_err).count();
            assert!(failures <= 1);
            assert_eq!(reader.report().read, reader.report().accepted + reader.report().rejected);
        }
    }
}
