//! One table and one property for every back end's kernels over codes, scalar being the specification, and the
//! definitions, which scalar is held to as well.

use super::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Eight, Levels, Spaced, scalar};
use crate::compute::backends;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What no kernel writes.
const UNTOUCHED: i32 = -987_654_321;

fn all() -> impl Iterator<Item = (&'static str, &'static CodeKernels)> {
    backends().into_iter().map(|backend| (backend.name(), backend.codes()))
}

fn others() -> impl Iterator<Item = (&'static str, &'static CodeKernels)> {
    all().skip(1)
}

fn bytes(length: usize, step: usize) -> Vec<u8> {
    (0..length).map(|i| (i * step + i / 251) as u8).collect()
}

fn signed(length: usize, step: usize) -> Vec<i8> {
    bytes(length, step).into_iter().map(u8::cast_signed).collect()
}

/// A row of the given codes, by the definition of a block.
fn packed(codes: &[u8]) -> Vec<u8> {
    let (blocks, _) = codes.as_chunks::<BLOCK>();
    let bytes = |block: &[u8; BLOCK]| -> Vec<u8> { (0..64).map(|i| block[i] | block[64 + i] << 4).collect() };
    blocks.iter().flat_map(bytes).collect()
}

/// No two codes have a base or a step in common.
fn levels() -> Levels {
    Levels {
        base: std::array::from_fn(|code| (code * code) as f32 - 40.0),
        step: std::array::from_fn(|code| 0.01 * (code + 1) as f32),
    }
}

#[test]
fn each_dimension_meets_its_own_code() {
    // The codes of two rows together tell all dimensions apart, and so do the bytes.
    let dim = 2 * BLOCK;
    let rows: [Vec<u8>; 2] =
        [(0..dim).map(|d| (d % 16) as u8).collect(), (0..dim).map(|d| (d / 16) as u8).collect()];
    let (halves, refinement) = (rows.each_ref().map(|row| packed(row)), bytes(dim, 59));
    for (name, kernels) in all() {
        for d in 0..dim {
            let (mut query, mut found) = (vec![0; dim], [0; 2]);
            query[d] = -3;
            kernels.dots_u4(
                &query,
                Spaced::packed(&halves.concat(), dim / 2),
                &[0, 1],
                Ahead::default(),
                &mut found,
            );
            assert_eq!(found, rows.each_ref().map(|row| -3 * i32::from(row[d])), "{name} {d}");
            let mut query = vec![0.0; dim];
            query[d] = -3.0;
            for (row, halves) in rows.iter().zip(&halves) {
                let code = usize::from(row[d]);
                let value = levels().base[code] + f32::from(refinement[d]) * levels().step[code];
                let found = kernels.dot_refined(&query, halves, &refinement, &levels());
                assert!((found + 3.0 * value).abs() <= 1e-5 * value.abs().max(1.0), "{name} {d}: {found}");
            }
        }
    }
}

/// Ids within and beyond `rows`.
fn ids(count: usize, rows: usize) -> Vec<u32> {
    (0..count).map(|i| if i == 6 { u32::MAX } else { (i * 7 % (rows + 2)) as u32 }).collect()
}

/// Batches of every size up to nine, over rows that something follows which is no row.
fn assert_u4_agree(name: &str, kernels: &CodeKernels, blocks: usize, rows: usize) {
    let length = blocks * BLOCK_BYTES;
    for (apart, start) in [(0, 0), (1, 0), (3, 2)] {
        let (stride, start) = (length + apart * BLOCK_BYTES, start * BLOCK_BYTES);
        let (query, codes) = (signed(blocks * BLOCK, 37), bytes(rows * stride + length - 1, 101));
        let spaced = Spaced { bytes: &codes, stride, length: stride }.from(start).to(length);
        for count in 0..=19 {
            let (ids, mut expected) = (ids(count, rows), vec![UNTOUCHED; count + 5]);
            let mut found = expected.clone();
            // What is asked for ahead changes nothing: some, as many, or more than are compared.
            let ahead = Ahead { rows: spaced.from(BLOCK_BYTES), ids: &[3, u32::MAX, 1].repeat(count % 8) };
            kernels.dots_u4(&query, spaced, &ids, ahead, &mut found);
            scalar::dots_u4(&query, spaced.bytes, stride / BLOCK_BYTES, &ids, ahead, &mut expected[..count]);
            assert_eq!(found, expected, "{name} {blocks} {rows} {apart}");
        }
    }
}

#[test]
fn rows_that_lie_apart_are_found() {
    // Two rows with something else before each.
    let bytes = [[1; 64], [2; 64], [3; 64], [4; 64]].concat();
    let rows = Spaced { bytes: &bytes, stride: 128, length: 128 }.from(64);
    assert_eq!((rows.row(0), rows.row(1), rows.row(2)), (Some(&[2; 64][..]), Some(&[4; 64][..]), None));
    assert_eq!(rows.to(3).row(1), Some(&[4; 3][..]));
    assert_eq!(rows.row(u32::MAX), None);
    for (name, kernels) in all() {
        let mut found = [0; 3];
        kernels.dots_u4(&[1; BLOCK], rows, &[1, 0, 9], Ahead::default(), &mut found);
        assert_eq!(found, [256, 128, 256], "{name}");
    }
}

fn assert_i8_agree(name: &str, kernels: &CodeKernels, dim: usize, rows: usize) {
    let (query, codes) = (signed(dim, 37), signed(rows * dim + dim - 1, 73));
    for count in 0..=9 {
        let (ids, mut expected) = (ids(count, rows), vec![UNTOUCHED; count + 5]);
        let mut found = expected.clone();
        kernels.dots_i8(&query, &codes, &ids, &mut found);
        scalar::dots_i8(&query, &codes, &ids, &mut expected[..count]);
        assert_eq!(found, expected, "{name} {dim} {rows}");
    }
}

fn assert_refined_agrees(name: &str, kernels: &CodeKernels, blocks: usize) {
    let dim = blocks * BLOCK;
    let query: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.7).sin()).collect();
    let (halves, refinement) = (bytes(dim / 2, 29), bytes(dim, 59));
    let found = kernels.dot_refined(&query, &halves, &refinement, &levels());
    let expected = scalar::dot_refined(&query, &halves, &refinement, &levels());
    // No term is above 226.
    assert!((found - expected).abs() <= 1e-6 * 226.0 * dim as f32, "{name} {blocks}: {found} {expected}");
}

#[test]
fn rows_of_every_shape_agree_with_scalar() {
    for (name, kernels) in others() {
        for rows in [1, 2, 5, 11] {
            for blocks in [1, 2, 3, 6, 32] {
                assert_u4_agree(name, kernels, blocks, rows);
            }
            for dim in (1..=200).chain([384, 1000, 4096]) {
                assert_i8_agree(name, kernels, dim, rows);
            }
        }
        for blocks in 0..=32 {
            assert_refined_agrees(name, kernels, blocks);
        }
    }
}

#[test]
fn every_pair_of_codes_is_exact() {
    for (name, kernels) in all() {
        for byte in 0..=u8::MAX {
            for value in i8::MIN..=i8::MAX {
                let mut found = [0];
                kernels.dots_u4(
                    &[value; BLOCK],
                    Spaced::packed(&[byte; BLOCK_BYTES], BLOCK_BYTES),
                    &[0],
                    Ahead::default(),
                    &mut found,
                );
                let sum = i32::from(value) * 64 * (i32::from(byte & 15) + i32::from(byte >> 4));
                assert_eq!(found, [sum], "{name} {byte} {value}");
                kernels.dots_i8(&[value; 64], &[byte.cast_signed(); 64], &[0], &mut found);
                assert_eq!(found, [64 * i32::from(value) * i32::from(byte.cast_signed())], "{name}");
            }
        }
    }
}

#[test]
fn extreme_sums_do_not_saturate() {
    for (name, kernels) in all() {
        let mut found = [0];
        for (x, y) in [(-128_i8, -128_i8), (-128, 127), (127, -128), (127, 127)] {
            let sum = 4096 * i32::from(x) * i32::from(y);
            kernels.dots_i8(&[x; 4096], &[y; 4096], &[0], &mut found);
            assert_eq!(found, [sum], "{name}");
            kernels.gram_i8(&[x; 4096], &[y; 4096], 4096, &mut found);
            assert_eq!(found, [sum], "{name}");
        }
        for value in [-128, 127] {
            kernels.dots_u4(
                &[value; 4096],
                Spaced::packed(&[0xff; 2048], 2048),
                &[0],
                Ahead::default(),
                &mut found,
            );
            assert_eq!(found, [i32::from(value) * 15 * 4096], "{name}");
        }
    }
}

#[test]
fn sums_wrap_alike() {
    // 2¹⁸ products of 2¹⁴ are 2³².
    let extreme = vec![-128; 1 << 18];
    let query = vec![-128; 1 << 21];
    for (name, kernels) in all() {
        let mut found = [1];
        kernels.dots_i8(&extreme, &extreme, &[0], &mut found);
        assert_eq!(found, [0], "{name}");
        kernels.gram_i8(&extreme, &extreme, extreme.len(), &mut found);
        assert_eq!(found, [0], "{name}");
        let row = vec![0xff; query.len() / 2];
        kernels.dots_u4(&query, Spaced::packed(&row, row.len()), &[0], Ahead::default(), &mut found);
        assert_eq!(found, [(-15_i64 << 28) as i32], "{name}");
    }
}

#[test]
fn all_pairs_of_rows_agree_with_scalar() {
    for (name, kernels) in others() {
        for stride in (1..=130).chain([384]) {
            for (rows, columns) in [(0, 0), (0, 3), (3, 0), (1, 1), (2, 4), (4, 4), (5, 3), (7, 10)] {
                // Something follows the rows which is no row.
                let (a, b) =
                    (signed(rows * stride + stride - 1, 31), signed(columns * stride + stride / 2, 83));
                let mut expected = vec![UNTOUCHED; rows * columns + 5];
                let mut found = expected.clone();
                kernels.gram_i8(&a, &b, stride, &mut found);
                scalar::gram_i8(&a, &b, stride, &mut expected[..rows * columns]);
                assert_eq!(found, expected, "{name} {stride} {rows} {columns}");
            }
        }
    }
}

fn assert_places(name: &str, kernels: &CodeKernels, values: &[f32], bound: f32) {
    let expected: Vec<u32> = (0..).zip(values).filter(|(_, x)| **x > bound).map(|(at, _)| at).collect();
    let mut found = vec![u32::MAX; values.len() + 20];
    let count = kernels.above(values, bound, &mut found);
    assert_eq!(&found[..count], &expected, "{name} {values:?} {bound}");
    assert!(found[values.len()..].iter().all(|&place| place == u32::MAX), "{name} {}", values.len());
}

#[test]
fn every_pattern_of_values_above_is_found() {
    for (name, kernels) in all() {
        for mask in 0..1 << 8 {
            let lane = |place: u32| if place < 8 { mask >> place & 1 } else { !mask >> (place % 8) & 1 };
            let values: Vec<f32> = (0..19).map(|place| lane(place) as f32).collect();
            assert_places(name, kernels, &values, 0.5);
        }
        for length in 0..=70 {
            assert_places(name, kernels, &vec![1.0; length], 0.0);
            assert_places(name, kernels, &vec![1.0; length], 1.0);
        }
    }
}

#[test]
fn odd_values_and_bounds_are_compared_as_usual() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MIN_POSITIVE, 1e-40, f32::MAX];
    for (name, kernels) in all() {
        for bound in odd {
            assert_places(name, kernels, &odd.repeat(3), bound);
            assert_places(name, kernels, &odd[..5], bound);
        }
    }
}

#[test]
fn asking_for_memory_takes_anything() {
    for (_, kernels) in all() {
        for rows in [&[][..], &[0; 1000]] {
            for stride in [0, 1, 64, 100, 1000, 1001, usize::MAX / 2, usize::MAX] {
                for apart in [0, 64] {
                    let rows = Spaced { bytes: rows, stride: stride.saturating_add(apart), length: stride };
                    let ids = [0, 1, 9, 10, u32::MAX];
                    kernels.prefetch(rows, &ids);
                    let codes = Spaced::packed(&[0; BLOCK_BYTES], BLOCK_BYTES);
                    kernels.dots_u4(&[0; BLOCK], codes, &[0; 9], Ahead { rows, ids: &ids }, &mut [0; 9]);
                    kernels.unseen(&mut [0], &ids, 9, rows, &mut [0; 5]);
                }
            }
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let refused = |call: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    let (kernels, mut out) = (backends()[0].codes(), [0; 1]);
    let ahead = Ahead::default();
    refused(&mut || kernels.dots_u4(&[], Spaced::packed(&[0; 64], 64), &[0], ahead, &mut out));
    refused(&mut || kernels.dots_u4(&[0; 64], Spaced::packed(&[0; 64], 64), &[0], ahead, &mut out));
    refused(&mut || kernels.dots_u4(&[0; 128], Spaced::packed(&[0; 63], 64), &[0], ahead, &mut out));
    refused(&mut || kernels.dots_u4(&[0; 128], Spaced::packed(&[0; 64], 64), &[0, 0], ahead, &mut out));
    let unseen = |links: &[u32], last| {
        kernels.unseen(&mut [0], links, last, Spaced::default(), &mut [0]);
    };
    refused(&mut || unseen(&[70], 64));
    refused(&mut || unseen(&[1, 2], 63));
    refused(&mut || kernels.dots_i8(&[], &[0; 64], &[0], &mut out));
    refused(&mut || kernels.dots_i8(&[0; 64], &[0; 63], &[0], &mut out));
    refused(&mut || kernels.dots_i8(&[0; 64], &[0; 64], &[0, 0], &mut out));
    refused(&mut || kernels.gram_i8(&[0; 64], &[0; 64], 0, &mut out));
    refused(&mut || kernels.gram_i8(&[0; 64], &[0; 128], 64, &mut out));
    refused(&mut || _ = kernels.dot_refined(&[0.0; 64], &[0; 32], &[0; 64], &levels()));
    refused(&mut || _ = kernels.dot_refined(&[0.0; 128], &[0; 63], &[0; 128], &levels()));
    refused(&mut || _ = kernels.dot_refined(&[0.0; 128], &[0; 64], &[0; 127], &levels()));
    refused(&mut || _ = kernels.above(&[0.0; 9], 0.0, &mut [0; 8]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_codes_are_exact(
        query in proptest::collection::vec(any::<i8>(), 3 * BLOCK),
        codes in proptest::collection::vec(any::<i8>(), 5 * 3 * BLOCK),
        ids in proptest::collection::vec(0_u32..12, 0..10),
    ) {
        let halves: Vec<u8> = codes.iter().map(|code| code.cast_unsigned()).collect();
        for (name, kernels) in others() {
            let (mut found, mut expected) = (vec![0; 25], vec![0; 25]);
            kernels.dots_u4(&query, Spaced::packed(&halves, query.len() / 2), &ids, Ahead::default(), &mut found);
            scalar::dots_u4(&query, &halves, query.len() / BLOCK, &ids, Ahead::default(), &mut expected);
            prop_assert_eq!(&found, &expected, "{}", name);
            kernels.dots_i8(&query, &codes, &ids, &mut found);
            scalar::dots_i8(&query, &codes, &ids, &mut expected);
            prop_assert_eq!(&found, &expected, "{}", name);
            kernels.gram_i8(&codes, &codes, 3 * BLOCK, &mut found);
            scalar::gram_i8(&codes, &codes, 3 * BLOCK, &mut expected);
            prop_assert_eq!(&found, &expected, "{}", name);
        }
    }

    #[test]
    fn numbers_are_inserted_in_order(
        sorted in proptest::collection::vec(prop_oneof![0u64..9, any::<u64>()], 0..10 * 8),
        values in proptest::collection::vec(prop_oneof![0u64..9, any::<u64>()], 1..20),
    ) {
        let (sorted, _) = sorted.as_chunks::<8>();
        let mut expected = sorted.as_flattened().to_vec();
        expected.sort_unstable();
        let eights: Vec<Eight> = expected.as_chunks().0.iter().copied().map(Eight).collect();
        for (name, kernels) in all() {
            let (mut found, mut expected) = (eights.clone(), expected.clone());
            for &value in &values {
                let place = expected.partition_point(|&other| other <= value);
                expected.insert(place, value);
                expected.pop();
                prop_assert_eq!(kernels.insert(&mut found, value), place, "{}", name);
                prop_assert_eq!(bytemuck::cast_slice::<_, u64>(&found), &expected, "{}", name);
            }
        }
    }

    #[test]
    fn links_are_new_once(
        lists in proptest::collection::vec(proptest::collection::vec(0u32..150, 0..70), 1..6),
        last in 0u32..140,
    ) {
        for (name, kernels) in all() {
            let mut seen = vec![0; 3];
            let mut known = std::collections::BTreeSet::new();
            for links in &lists {
                let mut out = vec![u32::MAX; links.len()];
                let count = kernels.unseen(&mut seen, links, last, Spaced::default(), &mut out);
                let new: Vec<u32> = links.iter().map(|&id| id.min(last)).filter(|&id| known.insert(id)).collect();
                prop_assert_eq!(&out[..count], new, "{}", name);
            }
            let bits = (0..192).filter(|id| seen[*id as usize / 64] >> (id % 64) & 1 == 1);
            prop_assert!(bits.eq(known), "{}", name);
        }
    }

    #[test]
    fn values_above_a_bound_are_found(
        values in proptest::collection::vec(prop_oneof![-4f32..4.0, Just(f32::NAN), Just(1.0)], 0..100),
        bound in prop_oneof![-4f32..4.0, Just(1.0), Just(f32::NEG_INFINITY)],
    ) {
        for (name, kernels) in all() {
            assert_places(name, kernels, &values, bound);
        }
    }
}
