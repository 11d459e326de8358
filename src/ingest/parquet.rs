//! Parquet: the mapped columns, a batch of rows at a time.

use super::clean::{Cleaner, Notes};
use super::draft::Loose;
use super::mapping::Mapping;
use super::rows::Row;
use super::table::Table;
use crate::error::{Error, Result};
use column::Column;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod column;

const BATCH_ROWS: usize = 8192;

/// The rows of a Parquet file.
pub(super) struct ParquetRows {
    name: String,
    file: SerializedFileReader<File>,
    table: Table,
    columns: Vec<Column>,
    next_group: usize,
    group_rows_left: usize,
    batch_rows_left: usize,
    number: u64,
}

impl ParquetRows {
    pub(super) fn open(name: &str, file: File, mapping: &Mapping) -> Result<Self> {
        let name = name.to_owned();
        let file = guarded(&name, || SerializedFileReader::new(file))?;
        let schema = file.metadata().file_metadata().schema_descr_ptr();
        let header: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        let table = Table::bind(&name, mapping, &header)?;
        let columns = table
            .columns
            .iter()
            .map(|(column, place)| Column::new(&name, column, &schema.column(*place)))
            .collect::<Result<_>>()?;
        Ok(Self {
            name,
            file,
            table,
            columns,
            next_group: 0,
            group_rows_left: 0,
            batch_rows_left: 0,
            number: 0,
        })
    }

    pub(super) fn unused_columns(&self) -> &[String] {
        &self.table.unused
    }

    pub(super) fn next(&mut self, cleaner: Cleaner, notes: &mut Notes) -> Result<Option<Row>> {
        while self.batch_rows_left == 0 {
            if self.group_rows_left > 0 {
                self.read_batch()?;
            } else if !self.open_group()? {
                return Ok(None);
            }
        }
        self.batch_rows_left -= 1;
        self.number += 1;
        self.columns.iter_mut().for_each(Column::advance);
        let draft = self.table.draft(|slot| self.columns[slot].cell());
        let outcome = cleaner.record(draft, notes).map_err(|refusal| (refusal, self.row_as_json()));
        Ok(Some(Row { number: self.number, outcome }))
    }

    fn open_group(&mut self) -> Result<bool> {
        if self.next_group == self.file.num_row_groups() {
            return Ok(false);
        }
        let (file, columns, group) = (&self.file, &mut self.columns, self.next_group);
        let rows = guarded(&self.name, || {
            let group = file.get_row_group(group)?;
            for (column, (_, place)) in columns.iter_mut().zip(&self.table.columns) {
                column.open(group.get_column_reader(*place)?);
            }
            Ok(group.metadata().num_rows())
        })?;
        self.next_group += 1;
        self.group_rows_left = usize::try_from(rows).unwrap_or(0);
        Ok(true)
    }

    fn read_batch(&mut self) -> Result<()> {
        let rows = self.group_rows_left.min(BATCH_ROWS);
        for (column, (column_name, _)) in self.columns.iter_mut().zip(&self.table.columns) {
            let read = guarded(&self.name, || column.read(rows))?;
            if read != rows {
                let reason = format!("column {column_name} ends after {read} of {rows} rows");
                return Err(Error::damaged(&self.name, reason));
            }
        }
        self.group_rows_left -= rows;
        self.batch_rows_left = rows;
        Ok(())
    }

    fn row_as_json(&self) -> String {
        let cells = self.table.columns.iter().zip(&self.columns);
        let pairs = cells.map(|((name, _), column)| (name.clone(), as_json(&column.cell())));
        serde_json::Value::Object(pairs.collect()).to_string()
    }
}

fn as_json(cell: &Loose<'_>) -> serde_json::Value {
    match cell {
        Loose::Bool(yes) => (*yes).into(),
        Loose::Int(number) => (*number).into(),
        Loose::Unsigned(number) => (*number).into(),
        Loose::Float(number) => (*number).into(),
        Loose::Text(text) => text.as_ref().into(),
        Loose::Time(time) => time.to_string().into(),
        Loose::Odd(what) => format!("({what})").into(),
        Loose::Absent | Loose::Null | Loose::List(_) => serde_json::Value::Null,
    }
}

/// The library below panics on some damaged files: that becomes an error too.
fn guarded<T>(name: &str, read: impl FnOnce() -> std::result::Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(e)) => Err(Error::damaged(name, e.to_string())),
        Err(_) => Err(Error::damaged(name, "its pages cannot be decoded")),
    }
}

#[cfg(test)]
mod tests;
