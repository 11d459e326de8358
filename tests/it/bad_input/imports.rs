//! Vector files and lists of ids.

use super::Row;
use super::command::{Call, Desk, call};

const SHAPE: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

/// An npy file of the first version.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Two rows of three.
fn good() -> Vec<u8> {
    npy(SHAPE, &floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
}

fn fvecs(rows: &[(i32, &[f32])]) -> Vec<u8> {
    rows.iter().flat_map(|(dim, row)| [dim.to_le_bytes().to_vec(), floats(row)].concat()).collect()
}

fn of_npy(name: &'static str, bytes: Vec<u8>, words: &'static [&'static str]) -> Row<Call> {
    call(name, [("v.npy", bytes)], "import vectors v.npy", "usage", words)
}

pub(super) fn npy_headers() -> Vec<Row<Call>> {
    let long = |bytes: [u8; 4], header: &[u8]| [b"\x93NUMPY\x02\x00", &bytes[..], header].concat();
    vec![
        of_npy("npy of nothing", vec![], &["v.npy", "does not begin as an npy file"]),
        of_npy("npy with another magic", b"\x93NUMPX\x01\x00\x00\x00".to_vec(), &["does not begin as"]),
        of_npy("npy cut in its magic", b"\x93NUM".to_vec(), &["does not begin as"]),
        of_npy("npy cut in its header", good()[..40].to_vec(), &["its header is cut off"]),
        of_npy(
            "npy cut in its last row",
            good()[..good().len() - 1].to_vec(),
            &["2 rows of 3", "more than the 23 bytes"],
        ),
        of_npy("npy with a header of 4 GiB", long([0xff; 4], SHAPE.as_bytes()), &["its header is cut off"]),
        of_npy(
            "npy with a header of brackets",
            npy(&"(".repeat(60_000), &[]),
            &["its header has no \"descr\""],
        ),
        of_npy("npy with a header of noise", npy("\u{1}\u{2}", &[]), &["its header has no"]),
        of_npy(
            "npy with a header not UTF-8",
            long([4, 0, 0, 0], b"\xff\xfe\xff\xfe"),
            &["its header is not text"],
        ),
    ]
}

pub(super) fn npy_shapes() -> Vec<Row<Call>> {
    let shaped =
        |name, shape: &str, words| of_npy(name, npy(&SHAPE.replace("(2, 3)", shape), &[0; 24]), words);
    vec![
        shaped("npy of 2^60 rows", "(1152921504606846976, 3)", &["1152921504606846976 rows", "more than"]),
        shaped("npy of 2^62 rows that overflow", "(4611686018427387904, 4)", &["more than"]),
        shaped("npy of rows beyond 64 bits", "(99999999999999999999, 3)", &["not a table of rows"]),
        shaped("npy of -1 rows", "(-1, 3)", &["not a table of rows"]),
        shaped("npy of one dimension", "(6,)", &["not a table of rows"]),
        shaped("npy of three dimensions", "(1, 2, 3)", &["not a table of rows"]),
        shaped("npy without columns", "(2, 0)", &["at least one column"]),
        shaped(
            "npy of no rows and 2^60 columns",
            "(0, 1152921504606846976)",
            &["has 1152921504606846976 dimensions, the store has 3"],
        ),
        shaped("npy of rows too short", "(2, 2)", &["row 0 of v.npy has 2 dimensions, the store has 3"]),
    ]
}

pub(super) fn npy_contents() -> Vec<Row<Call>> {
    let typed = |name, descr: &str, words| of_npy(name, npy(&SHAPE.replace("<f4", descr), &[0; 48]), words);
    vec![
        typed("npy of doubles", "<f8", &["it holds \"<f8\"", "save it as f32"]),
        typed("npy in big-endian", ">f4", &["it holds \">f4\"", "little-endian"]),
        typed("npy of objects", "|O", &["it holds \"|O\""]),
        typed("npy of row numbers", "<i4", &["neither f32 nor f16"]),
        of_npy(
            "npy in Fortran order",
            npy(&SHAPE.replace("False", "True"), &[0; 24]),
            &["Fortran order", "C order"],
        ),
        of_npy(
            "npy with NaN",
            npy(SHAPE, &floats(&[1.0, 2.0, 3.0, 4.0, f32::NAN, 6.0])),
            &["row 1 of v.npy is not finite at position 1"],
        ),
        of_npy(
            "npy with a row of zeros",
            npy(SHAPE, &floats(&[1.0, 2.0, 3.0, 0.0, 0.0, 0.0])),
            &["row 1 of v.npy is all zeros"],
        ),
        of_npy(
            "npy with a row that overflows",
            npy(SHAPE, &floats(&[1.0, 2.0, 3.0, 1e30, 0.0, 0.0])),
            &["at most 1e18"],
        ),
        call(
            "npy for a store with an encoder",
            [("v.npy", good())],
            "import shop v.npy",
            "usage",
            &["takes no vector"],
        ),
        call(
            "vectors of another ending",
            [("v.txt", b"1 2 3".to_vec())],
            "import vectors v.txt",
            "usage",
            &["v.txt", ".npy, .fvecs and .bvecs"],
        ),
        call(
            "vectors that are not there",
            [],
            "import vectors no.npy",
            "environment",
            &["could not read no.npy"],
        ),
        call(
            "vectors in a folder",
            [("f.npy/x", vec![])],
            "import vectors f.npy",
            "environment",
            &["could not read f.npy"],
        ),
    ]
}

pub(super) fn vecs_files() -> Vec<Row<Call>> {
    let bad = |name, bytes: Vec<u8>, words| {
        call(name, [("v.fvecs", bytes)], "import vectors v.fvecs", "usage", words)
    };
    vec![
        bad("fvecs of nothing", vec![], &["v.fvecs", "whole rows"]),
        bad(
            "fvecs cut in a row",
            fvecs(&[(3, &[1.0, 2.0, 3.0]), (3, &[1.0, 2.0])]),
            &["whole rows of one length"],
        ),
        bad("fvecs of dimension -1", fvecs(&[(-1, &[])]), &["whole rows"]),
        bad("fvecs of dimension 0", fvecs(&[(0, &[])]), &["whole rows"]),
        bad("fvecs of 2^31 - 1 dimensions", fvecs(&[(i32::MAX, &[1.0])]), &["whole rows"]),
        bad(
            "fvecs of rows that differ",
            fvecs(&[(3, &[1.0, 2.0, 3.0]), (2, &[1.0, 2.0, 3.0])]),
            &["rows differ in length"],
        ),
        bad(
            "fvecs with infinity",
            fvecs(&[(3, &[1.0, f32::INFINITY, 3.0])]),
            &["row 0 of v.fvecs is not finite at position 1"],
        ),
        call(
            "bvecs cut in a row",
            [("v.bvecs", vec![3, 0, 0, 0, 1, 2])],
            "import vectors v.bvecs",
            "usage",
            &["v.bvecs", "whole rows"],
        ),
        call(
            "bvecs of another dimension",
            [("v.bvecs", vec![2, 0, 0, 0, 1, 2])],
            "import vectors v.bvecs",
            "usage",
            &["has 2 dimensions, the store has 3"],
        ),
    ]
}

pub(super) fn id_files() -> Vec<Row<Call>> {
    let bad = |name, ids: &str, words| {
        let files = [("v.npy", good()), ("ids.txt", ids.as_bytes().to_vec())];
        call(name, files, "import vectors v.npy --ids ids.txt", "usage", words)
    };
    vec![
        bad("ids too few", "ann\n", &["number of lines in ids.txt is 1", "number of vectors, 2"]),
        bad("ids too many", "ann\nbob\ncem\n", &["number of lines in ids.txt is 3"]),
        bad("ids of an empty file", "", &["number of lines in ids.txt is 0"]),
        bad("ids with an empty line", "ann\n\n", &["ids.txt:2", "user id is empty"]),
        bad("ids with one too long", &format!("ann\n{}\n", "b".repeat(257)), &["ids.txt:2", "257 bytes"]),
        bad("ids with a control character", "a\tb\nbob\n", &["ids.txt:1", "control"]),
        bad("ids with one twice", "ann\nann\n", &["ids.txt:2", "\"ann\" is in line 1 already"]),
        call(
            "ids that are not UTF-8",
            [("v.npy", good()), ("ids.txt", b"ann\nb\xf6b\n".to_vec())],
            "import vectors v.npy --ids ids.txt",
            "usage",
            &["ids.txt:2", "not UTF-8"],
        ),
        call(
            "ids that are not there",
            [("v.npy", good())],
            "import vectors v.npy --ids no.txt",
            "environment",
            &["could not read no.txt"],
        ),
    ]
}

#[test]
fn bad_vector_files_are_refused() {
    let mut desk = Desk::new();
    for rows in [npy_headers(), npy_shapes(), npy_contents(), vecs_files(), id_files()] {
        desk.refuses(&rows);
    }
}

/// Rows are stored 10,000 at a time: a bad one behind that must be found before the first is stored.
#[test]
fn a_bad_row_far_behind_stops_the_import_before_it_begins() {
    let mut desk = Desk::new();
    let rows = 10_001;
    let mut values = [1.0, 2.0, 3.0].repeat(rows);
    values[rows * 3 - 1] = f32::NAN;
    let header = SHAPE.replace("(2, 3)", "(10001, 3)");
    let ids: String = (0..rows).map(|n| format!("user {n}\n")).collect::<Vec<_>>().concat();
    let args = "import vectors far.npy --ids far.txt";
    let nan = || ("far.npy", npy(&header, &floats(&values)));
    let twice = ids.replace("user 10000\n", "user 0\n").into_bytes();
    desk.refuses(&[
        call(
            "npy with NaN far behind",
            [nan(), ("far.txt", ids.into_bytes())],
            args,
            "usage",
            &["row 10000", "position 2"],
        ),
        call(
            "ids with one twice far behind",
            [nan(), ("far.txt", twice)],
            args,
            "usage",
            &["far.txt:10001", "line 1"],
        ),
    ]);
}
