//! npy files: what their headers say, checked against what is there.
//!
//! Hand-written, because parsers of Python expressions trust the lengths and the nesting that a file declares.

/// Bytes of the magic, the version and a header's length in the first version and in later ones.
const PREFIX_BYTES: [usize; 2] = [10, 12];

/// What one element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F16,
    F32,
    I32,
    I64,
}

impl Element {
    const fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

/// A table of rows with at least one column, in C order.
#[derive(Debug)]
pub(super) struct Npy<'a> {
    pub(super) element: Element,
    pub(super) columns: usize,
    /// The elements, little-endian, row by row.
    pub(super) data: &'a [u8],
}

impl<'a> Npy<'a> {
    /// Reads the header; what is wrong with it is told in words.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let (header, data) = split(bytes)?;
        let element = match quoted(field(header, "descr")?) {
            Some("<f2") => Element::F16,
            Some("<f4") => Element::F32,
            Some("<i4") => Element::I32,
            Some("<i8") => Element::I64,
            other => {
                return Err(format!(
                    "it holds {:?}: save it as f32 or f16 (lists of neighbours: i32 or i64), little-endian",
                    other.unwrap_or("records").chars().take(20).collect::<String>()
                ));
            }
        };
        if !field(header, "fortran_order")?.starts_with("False") {
            return Err("it is in Fortran order: save it in C order".to_owned());
        }
        let (rows, columns) = shape(field(header, "shape")?)?;
        let wanted = rows.checked_mul(columns).and_then(|elements| elements.checked_mul(element.bytes()));
        match wanted.and_then(|wanted| data.get(..wanted)) {
            Some(data) => Ok(Self { element, columns, data }),
            None => Err(format!(
                "its header tells of {rows} rows of {columns} elements, which is more than the {} bytes behind it",
                data.len()
            )),
        }
    }
}

/// The header's text, and what lies behind it.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let cut = || "its header is cut off".to_owned();
    let version = bytes.strip_prefix(b"\x93NUMPY").ok_or("it does not begin as an npy file does")?;
    let prefix = PREFIX_BYTES[usize::from(*version.first().ok_or_else(cut)? > 1)];
    let length = bytes.get(8..prefix).ok_or_else(cut)?;
    let length = length.iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (header, data) = bytes[prefix..].split_at_checked(length).ok_or_else(cut)?;
    Ok((std::str::from_utf8(header).map_err(|_| "its header is not text")?, data))
}

/// What stands behind a key of the header.
fn field<'h>(header: &'h str, name: &str) -> Result<&'h str, String> {
    let (_, rest) = header.split_once(&format!("'{name}'")).ok_or(format!("its header has no {name:?}"))?;
    let value = rest.trim_start().strip_prefix(':').ok_or(format!("its header has no value of {name:?}"))?;
    Ok(value.trim_start())
}

fn quoted(value: &str) -> Option<&str> {
    value.strip_prefix('\'')?.split_once('\'').map(|(text, _)| text)
}

fn shape(value: &str) -> Result<(usize, usize), String> {
    let not_a_table = || "it is not a table of rows with at least one column".to_owned();
    let (list, _) = value.strip_prefix('(').and_then(|list| list.split_once(')')).ok_or_else(not_a_table)?;
    // A comma may stand behind the last.
    let list = list.trim();
    let sizes: Vec<&str> = list.strip_suffix(',').unwrap_or(list).split(',').map(str::trim).collect();
    let [rows, columns] = sizes[..] else { return Err(not_a_table()) };
    match (rows.parse(), columns.parse()) {
        (Ok(rows), Ok(columns)) if columns > 0 => Ok((rows, columns)),
        _ => Err(not_a_table()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let length = header.len().to_le_bytes();
        let length = &length[..if version > 1 { 4 } else { 2 }];
        [b"\x93NUMPY", &[version, 0][..], length, header.as_bytes(), data].concat()
    }

    #[test]
    fn every_version_is_read_and_what_lies_behind_the_rows_is_not() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }   \n";
        for version in 1..=3 {
            let bytes = file(version, header, &[7; 9]);
            let npy = Npy::parse(&bytes).unwrap();
            assert_eq!((npy.element, npy.columns, npy.data), (Element::F32, 2, &[7; 8][..]));
        }
        assert!(Npy::parse(&file(1, &header.replace("(1, 2)", "(1, 2, )"), &[7; 8])).is_ok());
        let none = file(1, &header.replace("(1, 2)", "(0, 2)"), &[]);
        assert!(Npy::parse(&none).unwrap().data.is_empty());
    }

    #[test]
    fn no_prefix_and_no_header_gets_further_than_it_should() {
        let whole = file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", &[7; 8]);
        for end in 0..whole.len() {
            assert!(Npy::parse(&whole[..end]).is_err(), "{end}");
        }
        let shapes =
            ["(2,)", "()", "(1, 2, 3)", "(1, 0)", "(-1, 2)", "[1, 2]", "(1, 2", "(18446744073709551615, 2)"];
        for shape in shapes {
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}");
            assert!(Npy::parse(&file(1, &header, &[7; 8])).is_err(), "{shape}");
        }
    }
}
