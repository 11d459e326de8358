//! Small dense products over row-major slices.

use super::distance::backend;
use crate::error::{Error, Result};

/// Rows of `b` taken at a time, so that they stay in the cache while all of `a` passes.
const BLOCK_ROWS: usize = 32;

/// `out = m · x`, `m` being `out.len()` rows of `x.len()` columns, row-major.
///
/// # Errors
/// [`Error::Dimension`] where the sizes do not go together.
///
/// ```
/// let mut out = [0.0; 2];
/// kindred::compute::matrix::matvec(&[1.0, 2.0, 3.0, 4.0], &[1.0, 10.0], &mut out)?;
/// assert_eq!(out, [21.0, 43.0]);
/// # Ok::<(), kindred::Error>(())
/// ```
pub fn matvec(m: &[f32], x: &[f32], out: &mut [f32]) -> Result<()> {
    check("matrix", m.len(), out.len() * x.len())?;
    let backend = backend();
    if x.is_empty() {
        out.fill(0.0);
    } else {
        for (value, row) in out.iter_mut().zip(m.chunks_exact(x.len())) {
            *value = backend.dot(row, x);
        }
    }
    Ok(())
}

/// `out = a · bᵀ`, both of `cols` columns, row-major: every row of `a` against every row of `b`.
///
/// # Errors
/// [`Error::Dimension`] where the sizes do not go together.
///
/// ```
/// let mut out = [0.0; 2];
/// kindred::compute::matrix::matmul_transposed(&[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], 2, &mut out)?;
/// assert_eq!(out, [11.0, 17.0]);
/// # Ok::<(), kindred::Error>(())
/// ```
pub fn matmul_transposed(a: &[f32], b: &[f32], cols: usize, out: &mut [f32]) -> Result<()> {
    let columns = cols.max(1);
    check("left matrix", a.len(), a.len() / columns * cols)?;
    check("right matrix", b.len(), b.len() / columns * cols)?;
    let b_rows = b.len() / columns;
    check("product", out.len(), a.len() / columns * b_rows)?;
    let backend = backend();
    for (block, rows) in b.chunks(BLOCK_ROWS * columns).enumerate() {
        for (x, out_row) in a.chunks_exact(columns).zip(out.chunks_exact_mut(b_rows)) {
            let out_block = &mut out_row[block * BLOCK_ROWS..];
            for (value, row) in out_block.iter_mut().zip(rows.chunks_exact(columns)) {
                *value = backend.dot(x, row);
            }
        }
    }
    Ok(())
}

fn check(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Dimension { what: what.to_owned(), expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(length: usize, step: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * step) % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn product_equals_the_definition() {
        for (rows_a, rows_b, cols) in [(1, 1, 1), (3, 70, 17), (5, 32, 64), (2, 33, 3)] {
            let (a, b) = (filled(rows_a * cols, 3), filled(rows_b * cols, 7));
            let mut out = vec![f32::NAN; rows_a * rows_b];
            matmul_transposed(&a, &b, cols, &mut out).unwrap();
            for i in 0..rows_a {
                let mut column = vec![f32::NAN; rows_b];
                matvec(&b, &a[i * cols..(i + 1) * cols], &mut column).unwrap();
                for j in 0..rows_b {
                    let expected: f32 = (0..cols).map(|c| a[i * cols + c] * b[j * cols + c]).sum();
                    assert!((out[i * rows_b + j] - expected).abs() < 1e-3);
                    assert!((column[j] - expected).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn sizes_must_agree() {
        assert!(matvec(&[1.0; 5], &[1.0; 2], &mut [0.0; 2]).is_err());
        assert!(matmul_transposed(&[1.0; 5], &[1.0; 4], 2, &mut [0.0; 4]).is_err());
        assert!(matmul_transposed(&[1.0; 4], &[1.0; 4], 2, &mut [0.0; 3]).is_err());
        assert!(matmul_transposed(&[1.0; 4], &[], 0, &mut []).is_err());
    }
}
