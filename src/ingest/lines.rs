//! Physical lines of a byte stream, each bounded in length.

use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest line that is read, in bytes; of a longer one only the beginning is kept.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;
const KEPT_OF_LONG_LINE: usize = 1024;
const BUFFER_BYTES: usize = 1 << 18;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a line there is in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// Longer than [`MAX_LINE_BYTES`]: the rest was skipped.
    Cut,
}

/// Splits at line feeds; takes off carriage returns and a leading byte order mark.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    name: String,
    number: u64,
    max_bytes: usize,
}

impl Lines {
    pub(super) fn new(name: &str, reader: Box<dyn Read + Send>) -> Self {
        let reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        Self { reader, name: name.to_owned(), number: 0, max_bytes: MAX_LINE_BYTES }
    }

    /// Replaces `line` by the next line and gives its number, from 1; `None` at the end.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> Result<Option<(u64, Extent)>> {
        line.clear();
        let limit = self.max_bytes as u64 + 1;
        let read = (&mut self.reader).take(limit).read_until(b'\n', line);
        if read.map_err(|e| self.io(e))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = line.pop_if(|byte| *byte == b'\n').is_some();
        if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        if !ended && line.len() > self.max_bytes - BYTE_ORDER_MARK.len() {
            self.reader.skip_until(b'\n').map_err(|e| self.io(e))?;
            line.truncate(KEPT_OF_LONG_LINE);
            line.shrink_to_fit();
            return Ok(Some((self.number, Extent::Cut)));
        }
        line.pop_if(|byte| *byte == b'\r');
        Ok(Some((self.number, Extent::Whole)))
    }

    fn io(&self, error: std::io::Error) -> Error {
        Error::io("read", Path::new(&self.name), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &'static [u8], max_bytes: usize) -> Vec<(u64, Extent, Vec<u8>)> {
        let mut lines = Lines::new("test", Box::new(bytes));
        lines.max_bytes = max_bytes;
        let (mut line, mut all) = (Vec::new(), Vec::new());
        while let Some((number, extent)) = lines.next(&mut line).unwrap() {
            all.push((number, extent, line.clone()));
        }
        all
    }

    #[test]
    fn line_ends_and_byte_order_mark_are_taken_off() {
        let found = lines(b"\xef\xbb\xbfa\r\n\nb\rc\n\xef\xbb\xbfd", 100);
        let texts: Vec<&[u8]> = found.iter().map(|(_, _, line)| line.as_slice()).collect();
        assert_eq!(texts, [b"a".as_slice(), b"", b"b\rc", b"\xef\xbb\xbfd"]);
        assert_eq!(found[3].0, 4);
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_is_whole() {
        let found = lines(b"0123456789abcdef\nok\n", 10);
        assert_eq!(found[0].1, Extent::Cut);
        assert_eq!(found[1], (2, Extent::Whole, b"ok".to_vec()));
    }
}
