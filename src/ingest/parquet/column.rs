//! One flat column: a batch of its values, and what they mean.

use crate::error::{Error, Result};
use crate::ingest::draft::Loose;
use crate::model::Time;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescriptor;
use std::borrow::Cow;

/// A column and where in it the current row is.
pub(super) struct Column {
    meaning: Meaning,
    reader: Option<ColumnReader>,
    values: Values,
    /// Definition levels: a value is there where it reaches `max_level`.
    levels: Vec<i16>,
    max_level: i16,
    row: usize,
    next_value: usize,
    current: Option<usize>,
}

/// How a stored number or byte string is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Plain,
    Unsigned,
    Decimal(i32),
    /// Days since 1970.
    Date,
    /// Of what unit there are how many in a second.
    Timestamp(i64),
    Odd(&'static str),
}

enum Values {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Column {
    pub(super) fn new(file: &str, name: &str, descriptor: &ColumnDescriptor) -> Result<Self> {
        if descriptor.max_rep_level() > 0 {
            let expected = "only columns with one value per row can be mapped";
            return Err(Error::invalid(format!("column {name:?} of {file}"), "a list", expected));
        }
        let values = match descriptor.physical_type() {
            PhysicalType::BOOLEAN => Values::Bool(Vec::new()),
            PhysicalType::INT32 => Values::Int32(Vec::new()),
            PhysicalType::INT64 => Values::Int64(Vec::new()),
            PhysicalType::INT96 => Values::Int96(Vec::new()),
            PhysicalType::FLOAT => Values::Float(Vec::new()),
            PhysicalType::DOUBLE => Values::Double(Vec::new()),
            PhysicalType::BYTE_ARRAY => Values::Bytes(Vec::new()),
            PhysicalType::FIXED_LEN_BYTE_ARRAY => Values::Fixed(Vec::new()),
        };
        Ok(Self {
            meaning: meaning(descriptor),
            reader: None,
            values,
            levels: Vec::new(),
            max_level: descriptor.max_def_level(),
            row: 0,
            next_value: 0,
            current: None,
        })
    }

    pub(super) fn open(&mut self, reader: ColumnReader) {
        self.reader = Some(reader);
    }

    /// Replaces the batch by the next `rows` rows; gives how many there were.
    pub(super) fn read(&mut self, rows: usize) -> std::result::Result<usize, ParquetError> {
        self.levels.clear();
        (self.row, self.next_value, self.current) = (0, 0, None);
        let levels = Some(&mut self.levels);
        macro_rules! read {
            ($reader:expr, $values:expr) => {{
                $values.clear();
                let mut all = 0;
                let (mut levels, values) = (levels, $values);
                while all < rows {
                    let (read, _, _) =
                        $reader.read_records(rows - all, levels.as_deref_mut(), None, values)?;
                    if read == 0 {
                        break;
                    }
                    all += read;
                }
                Ok(all)
            }};
        }
        match (&mut self.reader, &mut self.values) {
            (Some(ColumnReader::BoolColumnReader(reader)), Values::Bool(values)) => read!(reader, values),
            (Some(ColumnReader::Int32ColumnReader(reader)), Values::Int32(values)) => read!(reader, values),
            (Some(ColumnReader::Int64ColumnReader(reader)), Values::Int64(values)) => read!(reader, values),
            (Some(ColumnReader::Int96ColumnReader(reader)), Values::Int96(values)) => read!(reader, values),
            (Some(ColumnReader::FloatColumnReader(reader)), Values::Float(values)) => read!(reader, values),
            (Some(ColumnReader::DoubleColumnReader(reader)), Values::Double(values)) => read!(reader, values),
            (Some(ColumnReader::ByteArrayColumnReader(reader)), Values::Bytes(values)) => {
                read!(reader, values)
            }
            (Some(ColumnReader::FixedLenByteArrayColumnReader(reader)), Values::Fixed(values)) => {
                read!(reader, values)
            }
            _ => Err(ParquetError::General("a row group holds another type than the schema".to_owned())),
        }
    }

    /// Goes to the next row of the batch.
    pub(super) fn advance(&mut self) {
        let there = self.max_level == 0 || self.levels.get(self.row) == Some(&self.max_level);
        self.current = there.then_some(self.next_value);
        self.next_value += usize::from(there);
        self.row += 1;
    }

    /// The value in the current row.
    pub(super) fn cell(&self) -> Loose<'_> {
        let Some(at) = self.current else { return Loose::Null };
        let value = match &self.values {
            Values::Bool(values) => values.get(at).map(|yes| Loose::Bool(*yes)),
            Values::Int32(values) => values.get(at).map(|number| self.int32(*number)),
            Values::Int64(values) => values.get(at).map(|number| self.int64(*number)),
            Values::Int96(values) => values.get(at).map(|number| time(Some(number.to_micros()))),
            Values::Float(values) => values.get(at).map(|number| Loose::Float(shortest(*number))),
            Values::Double(values) => values.get(at).map(|number| Loose::Float(*number)),
            Values::Bytes(values) => values.get(at).map(|bytes| self.bytes(bytes.data())),
            Values::Fixed(values) => values.get(at).map(|bytes| self.fixed(bytes.data())),
        };
        value.unwrap_or(Loose::Null)
    }

    fn int32(&self, number: i32) -> Loose<'_> {
        match self.meaning {
            Meaning::Unsigned => Loose::Int(i64::from(number as u32)),
            _ => self.int64(i64::from(number)),
        }
    }

    fn int64(&self, number: i64) -> Loose<'_> {
        const DAY_MICROS: i64 = 86_400_000_000;
        match self.meaning {
            Meaning::Unsigned if number < 0 => Loose::Unsigned(number as u64),
            Meaning::Plain | Meaning::Unsigned => Loose::Int(number),
            Meaning::Decimal(scale) => decimal(i128::from(number), scale),
            Meaning::Date => time(number.checked_mul(DAY_MICROS)),
            Meaning::Timestamp(per_sec @ 1_000_000_000) => time(Some(number.div_euclid(per_sec / 1_000_000))),
            Meaning::Timestamp(per_sec) => time(number.checked_mul(1_000_000 / per_sec)),
            Meaning::Odd(what) => Loose::Odd(what),
        }
    }

    fn bytes<'a>(&self, bytes: &'a [u8]) -> Loose<'a> {
        match self.meaning {
            Meaning::Plain => {
                std::str::from_utf8(bytes).map_or(Loose::Odd("not UTF-8"), |t| Loose::Text(Cow::Borrowed(t)))
            }
            Meaning::Decimal(scale) => big_endian(bytes)
                .map_or(Loose::Odd("a decimal of over 38 digits"), |number| decimal(number, scale)),
            Meaning::Odd(what) => Loose::Odd(what),
            _ => Loose::Odd("bytes"),
        }
    }

    fn fixed<'a>(&self, bytes: &'a [u8]) -> Loose<'a> {
        match self.meaning {
            Meaning::Plain => Loose::Odd("bytes"),
            _ => self.bytes(bytes),
        }
    }
}

fn meaning(descriptor: &ColumnDescriptor) -> Meaning {
    if let Some(LogicalType::Timestamp(timestamp)) = descriptor.logical_type_ref() {
        return Meaning::Timestamp(match timestamp.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        });
    }
    match descriptor.converted_type() {
        ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
            Meaning::Unsigned
        }
        ConvertedType::DECIMAL => Meaning::Decimal(descriptor.type_scale()),
        ConvertedType::DATE => Meaning::Date,
        ConvertedType::TIMESTAMP_MILLIS => Meaning::Timestamp(1_000),
        ConvertedType::TIMESTAMP_MICROS => Meaning::Timestamp(1_000_000),
        ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS => Meaning::Odd("a time of day"),
        ConvertedType::INTERVAL => Meaning::Odd("an interval"),
        ConvertedType::BSON => Meaning::Odd("BSON"),
        _ => Meaning::Plain,
    }
}

fn time(micros: Option<i64>) -> Loose<'static> {
    let time = micros.and_then(|micros| Time::from_micros(micros).ok());
    time.map_or(Loose::Odd("a time outside the years 1 to 9999"), Loose::Time)
}

fn decimal(unscaled: i128, scale: i32) -> Loose<'static> {
    match i64::try_from(unscaled) {
        Ok(whole) if scale == 0 => Loose::Int(whole),
        _ => Loose::Float(unscaled as f64 / 10_f64.powi(scale)),
    }
}

/// The two's complement number in up to 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    let sign = if bytes[0] >= 0x80 { -1 } else { 0 };
    Some(bytes.iter().fold(sign, |number: i128, byte| (number << 8) | i128::from(*byte)))
}

/// The double that prints like the float: 0.1 stays 0.1.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}
