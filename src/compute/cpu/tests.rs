//! One table and one property for every back end, scalar being the specification.

use super::{Backend, backends, scalar};
use proptest::prelude::*;

/// How far a float sum may be from the scalar one, as a share of the sum of its terms' magnitudes.
const TOLERANCE: f32 = 1e-5;

fn others() -> impl Iterator<Item = &'static Backend> {
    backends().into_iter().skip(1)
}

fn wave(length: usize, phase: f32) -> Vec<f32> {
    (0..length).map(|i| ((i as f32) * 0.37 + phase).sin() * 3.0).collect()
}

fn codes(length: usize, step: usize) -> Vec<i8> {
    (0..length).map(|i| (i * step + 7) as u8 as i8).collect()
}

fn assert_floats_agree(backend: &Backend, a: &[f32], b: &[f32], weight: f32) {
    let context = (backend.name(), a.len());
    let products: f32 = a.iter().zip(b).map(|(x, y)| (x * y).abs()).sum();
    assert!((backend.dot(a, b) - scalar::dot(a, b)).abs() <= TOLERANCE * products, "dot {context:?}");
    let squares = scalar::l2_squared(a, b);
    assert!((backend.l2_squared(a, b) - squares).abs() <= TOLERANCE * squares, "l2_squared {context:?}");
    let (mut found, mut expected) = (b.to_vec(), b.to_vec());
    backend.axpy(&mut found, weight, a);
    scalar::axpy(&mut expected, weight, a);
    for ((f, e), x) in found.iter().zip(&expected).zip(a) {
        assert!((f - e).abs() <= TOLERANCE * (e.abs() + (weight * x).abs()), "axpy {context:?}: {f} {e}");
    }
}

#[test]
fn every_length_agrees_with_scalar() {
    for backend in others() {
        for length in 0..=1100 {
            assert_floats_agree(backend, &wave(length, 0.1), &wave(length, 1.3), -0.7);
            let (a, b) = (codes(length, 31), codes(length, 97));
            assert_eq!(backend.dot_i8(&a, &b), scalar::dot_i8(&a, &b), "{} {length}", backend.name());
        }
    }
}

#[test]
fn every_pair_of_codes_is_exact() {
    for backend in others() {
        for x in i8::MIN..=i8::MAX {
            for y in i8::MIN..=i8::MAX {
                // 65 codes: a whole block of every back end and a rest.
                let expected = 65 * i32::from(x) * i32::from(y);
                assert_eq!(backend.dot_i8(&[x; 65], &[y; 65]), expected, "{} {x} {y}", backend.name());
            }
        }
    }
}

#[test]
fn the_shorter_slice_counts() {
    for backend in backends() {
        assert!(
            (backend.dot(&wave(40, 0.0), &wave(17, 0.0)) - scalar::dot(&wave(17, 0.0), &wave(17, 0.0))).abs()
                < 1e-3
        );
        assert_eq!(backend.dot_i8(&codes(70, 3), &codes(9, 5)), scalar::dot_i8(&codes(9, 3), &codes(9, 5)));
        assert!(backend.l2_squared(&wave(5, 0.0), &wave(90, 0.0)) < 1e-9);
        let mut sum = vec![1.0; 40];
        backend.axpy(&mut sum, 2.0, &[1.0; 19]);
        assert_eq!((sum[18], sum[19]), (3.0, 1.0));
    }
}

#[test]
fn hadamard_transforms_are_those_of_the_matrix_and_the_same_everywhere() {
    for length in (0..=10).map(|power| 1 << power) {
        let x = wave(length, 0.4);
        let mut expected = x.clone();
        scalar::hadamard(&mut expected);
        // Sylvester's: the sign of a row and a column is the parity of the bits that both have.
        let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        for (i, found) in expected.iter().enumerate() {
            let sum: f32 = x.iter().enumerate().map(|(j, value)| sign(i, j) * value).sum();
            assert!((found - sum).abs() <= TOLERANCE * 3.0 * length as f32, "{length} {i}: {found} {sum}");
        }
        for backend in others() {
            let mut found = x.clone();
            backend.hadamard(&mut found);
            assert_eq!(found, expected, "{} {length}", backend.name());
        }
    }
}

fn pair<T: std::fmt::Debug + Clone>(
    element: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Vec<T>, Vec<T>)> {
    (0usize..=1100).prop_flat_map(move |length| {
        (
            proptest::collection::vec(element.clone(), length),
            proptest::collection::vec(element.clone(), length),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_codes_are_exact((a, b) in pair(any::<i8>())) {
        for backend in others() {
            prop_assert_eq!(backend.dot_i8(&a, &b), scalar::dot_i8(&a, &b), "{}", backend.name());
        }
    }

    #[test]
    fn random_floats_agree((a, b) in pair(-1e3f32..1e3), weight in -10f32..10.0) {
        for backend in others() {
            assert_floats_agree(backend, &a, &b, weight);
        }
    }
}
