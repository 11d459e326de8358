//! One table and one property for every back end's kernels over codes, scalar being the specification.

use super::{BLOCK, BLOCK_BYTES, CodeKernels, Levels, scalar};
use crate::compute::backends;
use proptest::prelude::*;

fn others() -> impl Iterator<Item = (&'static str, &'static CodeKernels)> {
    backends().into_iter().skip(1).map(|backend| (backend.name(), backend.codes()))
}

fn bytes(length: usize, step: usize) -> Vec<u8> {
    (0..length).map(|i| (i * step + i / 251) as u8).collect()
}

fn signed(length: usize, step: usize) -> Vec<i8> {
    bytes(length, step).into_iter().map(u8::cast_signed).collect()
}

fn levels() -> Levels {
    Levels {
        base: std::array::from_fn(|code| code as f32 - 8.0),
        step: std::array::from_fn(|code| if code % 15 == 0 { 0.03 } else { 0.004 }),
    }
}

/// All kernels over `rows` rows of `blocks` blocks, and batches of every size up to nine.
fn assert_rows_agree(name: &str, kernels: &CodeKernels, blocks: usize, rows: usize) {
    let dim = blocks * BLOCK;
    let (query, halves) = (signed(dim, 37), bytes(rows * blocks * BLOCK_BYTES, 101));
    let codes = signed(rows * dim, 73);
    for count in 0..=9 {
        // Some beyond the last row, which they stand for.
        let ids: Vec<u32> = (0..count).map(|i| (i * 7 % (rows + 2)) as u32).collect();
        let (mut found, mut expected) = (vec![0; count], vec![0; count]);
        kernels.dots_u4(&query, &halves, &ids, &mut found);
        scalar::dots_u4(&query, &halves, &ids, &mut expected);
        assert_eq!(found, expected, "dots_u4 {name} {blocks} {rows}");
        kernels.dots_i8(&query, &codes, &ids, &mut found);
        scalar::dots_i8(&query, &codes, &ids, &mut expected);
        assert_eq!(found, expected, "dots_i8 {name} {blocks} {rows}");
        kernels.prefetch(&halves, blocks * BLOCK_BYTES, &ids);
    }
    assert_refined_agrees(name, kernels, blocks);
}

fn assert_refined_agrees(name: &str, kernels: &CodeKernels, blocks: usize) {
    let dim = blocks * BLOCK;
    let query: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.7).sin()).collect();
    let (halves, refinement) = (bytes(dim / 2, 29), bytes(dim, 59));
    let found = kernels.dot_refined(&query, &halves, &refinement, &levels());
    let expected = scalar::dot_refined(&query, &halves, &refinement, &levels());
    // No term is above 16.
    assert!((found - expected).abs() < 1e-5 * 16.0 * dim as f32, "{name} {blocks}: {found} {expected}");
}

#[test]
fn rows_of_every_shape_agree_with_scalar() {
    for (name, kernels) in others() {
        for blocks in [1, 2, 3, 6, 32] {
            for rows in [1, 2, 5, 11] {
                assert_rows_agree(name, kernels, blocks, rows);
            }
        }
    }
}

#[test]
fn every_pair_of_codes_is_exact() {
    for (name, kernels) in others() {
        for byte in 0..=u8::MAX {
            for value in [-128, -127, -1, 0, 1, 100, 127] {
                let sum = i32::from(value) * 64 * (i32::from(byte & 15) + i32::from(byte >> 4));
                let mut found = [0];
                kernels.dots_u4(&[value; BLOCK], &[byte; BLOCK_BYTES], &[0], &mut found);
                assert_eq!(found, [sum], "{name} {byte} {value}");
            }
        }
    }
}

#[test]
fn extreme_sums_do_not_saturate() {
    for (name, kernels) in others() {
        for (x, y) in [(-128_i8, -128_i8), (-128, 127), (127, 127)] {
            let mut found = [0];
            kernels.dots_i8(&[x; 4096], &[y; 4096], &[0], &mut found);
            assert_eq!(found, [4096 * i32::from(x) * i32::from(y)], "{name}");
            kernels.gram_i8(&[x; 4096], &[y; 4096], 4096, &mut found);
            assert_eq!(found, [4096 * i32::from(x) * i32::from(y)], "{name}");
        }
        let mut found = [0];
        kernels.dots_u4(&[-128; 4096], &[0xff; 2048], &[0], &mut found);
        assert_eq!(found, [-128 * 15 * 4096], "{name}");
    }
}

#[test]
fn all_pairs_of_rows_agree_with_scalar() {
    for (name, kernels) in others() {
        for stride in [1, 63, 64, 128, 384] {
            for (rows, columns) in [(0, 3), (3, 0), (1, 1), (4, 4), (5, 3), (7, 10)] {
                let (a, b) = (signed(rows * stride, 31), signed(columns * stride, 83));
                let (mut found, mut expected) = (vec![0; rows * columns], vec![0; rows * columns]);
                kernels.gram_i8(&a, &b, stride, &mut found);
                scalar::gram_i8(&a, &b, stride, &mut expected);
                assert_eq!(found, expected, "{name} {stride} {rows} {columns}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_are_inserted_in_order(
        mut sorted in proptest::collection::vec(prop_oneof![0u64..9, any::<u64>()], 1..70),
        values in proptest::collection::vec(prop_oneof![0u64..9, any::<u64>()], 1..20),
    ) {
        sorted.sort_unstable();
        for (name, kernels) in others() {
            let (mut found, mut expected) = (sorted.clone(), sorted.clone());
            for &value in &values {
                prop_assert_eq!(kernels.insert(&mut found, value), scalar::insert(&mut expected, value), "{}", name);
                prop_assert_eq!(&found, &expected, "{}", name);
                prop_assert!(found.is_sorted());
            }
        }
    }

    #[test]
    fn values_above_a_bound_are_found(
        values in proptest::collection::vec(prop_oneof![-4f32..4.0, Just(f32::NAN), Just(1.0)], 0..100),
        bound in prop_oneof![-4f32..4.0, Just(1.0), Just(f32::NEG_INFINITY)],
    ) {
        for (name, kernels) in others() {
            let (mut found, mut expected) = (vec![0; values.len()], vec![0; values.len()]);
            let count = kernels.above(&values, bound, &mut found);
            prop_assert_eq!(count, scalar::above(&values, bound, &mut expected), "{}", name);
            prop_assert_eq!(&found[..count], &expected[..count], "{}", name);
        }
    }
}
