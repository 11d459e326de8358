//! The vectors that are measured on: those of files, and more made of them where a size asks for more.

use crate::compute::distance::{axpy, norm, normalize};
use crate::error::{Error, Result};
use crate::ingest::vectors::{Vectors, read_vectors};
use crate::model::Metric;
use clap::Args;
use rayon::prelude::*;
use std::path::PathBuf;

/// Which vectors are indexed, and which searched for.
#[derive(Args, Clone, Debug)]
pub struct DataArgs {
    /// Vectors to index: .npy (f32, f16), .fvecs or .bvecs
    #[arg(long)]
    pub base: PathBuf,
    /// Vectors to search for
    #[arg(long)]
    pub queries: PathBuf,
    /// How vectors are compared: cosine, ip or l2
    #[arg(long, default_value_t)]
    pub metric: Metric,
    /// Neighbours of each query
    #[arg(short, default_value_t = 10)]
    pub k: usize,
    /// Vectors to index: the first of the file; more than it holds are synthetic, made of real ones and noise
    #[arg(long)]
    pub rows: Option<usize>,
    /// Length of the noise in synthetic vectors, in lengths of the real vector
    #[arg(long, default_value_t = 0.35)]
    pub noise: f32,
}

/// The vectors, of unit length where cosine compares them.
#[derive(Debug)]
pub(super) struct Data {
    pub base: Vectors,
    pub queries: Vectors,
    /// Whether some of the base are synthetic.
    pub synthetic: bool,
}

impl DataArgs {
    pub(super) fn read(&self) -> Result<Data> {
        let mut base = read_vectors(&self.base)?;
        let mut queries = read_vectors(&self.queries)?;
        self.check(&base, &queries)?;
        let real = base.len();
        let rows = self.rows.unwrap_or(real);
        resize(&mut base, rows, self.noise);
        if self.metric == Metric::Cosine {
            for vectors in [&mut base, &mut queries] {
                let dim = vectors.dim();
                vectors.values_mut().par_chunks_exact_mut(dim).for_each(|row| {
                    normalize(row);
                });
            }
        }
        Ok(Data { base, queries, synthetic: rows > real })
    }

    fn check(&self, base: &Vectors, queries: &Vectors) -> Result<()> {
        if base.dim() != queries.dim() {
            let what = "each query".into();
            return Err(Error::Dimension { what, expected: base.dim(), found: queries.dim() });
        }
        if base.is_empty() || queries.is_empty() {
            let reason = "base and queries each hold at least one vector";
            return Err(Error::invalid("vector file", "empty", reason));
        }
        if !(0.0..=100.0).contains(&self.noise) {
            return Err(Error::invalid("--noise", self.noise, "0 to 100"));
        }
        at_least_1(&[("-k", self.k), ("--rows", self.rows.unwrap_or(1))])
    }
}

/// Refuses a zero.
pub(super) fn at_least_1(values: &[(&str, usize)]) -> Result<()> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((what, value)) => Err(Error::invalid(*what, value, "at least 1")),
        None => Ok(()),
    }
}

/// Cuts the vectors to so many, or adds copies of them with noise: the same whatever the number of threads.
fn resize(vectors: &mut Vectors, rows: usize, noise: f32) {
    let (dim, real) = (vectors.dim(), vectors.len());
    let values = vectors.values_mut();
    values.resize(rows * dim, 0.0);
    let (real_values, added) = values.split_at_mut((real * dim).min(rows * dim));
    added.par_chunks_exact_mut(dim).enumerate().for_each(|(at, row)| {
        row.copy_from_slice(&real_values[at % real * dim..][..dim]);
        perturb(row, noise, Random((real + at) as u64));
    });
}

/// Adds noise of nearly normal distribution, whose length is `noise` times that of the row on average.
fn perturb(row: &mut [f32], noise: f32, mut random: Random) {
    let deviation = f64::from(noise) * norm(row) / (row.len() as f64).sqrt();
    let added: Vec<f32> = row.iter().map(|_| random.normal()).collect();
    axpy(row, deviation as f32, &added);
}

/// A stream of numbers that its seed determines (Steele, Lea and Flood 2014, `SplitMix64`).
#[derive(Debug)]
pub(in crate::cli) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// Of mean 0 and variance 1: the sum of four uniform numbers, exact on every machine.
    fn normal(&mut self) -> f32 {
        let bits = self.next();
        let part = |shift: u32| f32::from((bits >> shift) as u16) / f32::from(u16::MAX);
        (part(0) + part(16) + part(32) + part(48) - 2.0) * 3_f32.sqrt()
    }

    /// The numbers below `count` in random order (Fisher and Yates).
    pub(in crate::cli) fn shuffled(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for place in (1..count).rev() {
            order.swap(place, self.below(place + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synthetic_rows_lie_around_real_ones_as_far_as_asked() {
        let real = Vectors::new(64, (0..128).map(|i| (i as f32).sin()).collect());
        let mut grown = real.clone();
        resize(&mut grown, 401, 0.35);
        assert_eq!((grown.len(), grown.row(0), grown.row(1)), (401, real.row(0), real.row(1)));
        let offset = |row: usize| {
            let mut offset = grown.row(row).to_vec();
            axpy(&mut offset, -1.0, real.row(row % 2));
            norm(&offset) / norm(real.row(row % 2))
        };
        let mean = (2..401).map(offset).sum::<f64>() / 399.0;
        assert!((mean - 0.35).abs() < 0.01, "{mean}");
        assert_ne!(grown.row(2), grown.row(4));
        let mut again = real.clone();
        resize(&mut again, 401, 0.35);
        assert_eq!(again, grown);
        resize(&mut again, 1, 0.35);
        assert_eq!(again.iter().collect::<Vec<_>>(), [real.row(0)]);
    }

    #[test]
    fn an_order_has_every_number_once() {
        let mut order = Random(3).shuffled(100);
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100));
    }
}
