//! The index that is measured: how it is made and kept up, and what it takes.

use super::bar;
use super::data::at_least_1;
use super::scratch::Scratch;
use crate::error::{Error, Result};
use crate::index::{Identity, Index, IndexView, Options, SearchOptions, TaskKind, Wanted};
use crate::ingest::vectors::Vectors;
use crate::model::Metric;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// How the index is made.
#[derive(Args, Clone, Debug)]
pub struct BuildArgs {
    /// Threads that build sealed files [default: one for each core]
    #[arg(long)]
    pub build_threads: Option<usize>,
    /// Links of a node in a sealed file
    #[arg(long, default_value_t = Options::DEGREE)]
    pub degree: usize,
    /// Where sealed files are written, mapped into memory, and removed again [default: they are kept in memory]
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Links of a node in the live tier's graph
    #[arg(long, default_value_t = Options::M)]
    pub m: usize,
    /// Width of the search that finds a new node's links there
    #[arg(long, default_value_t = Options::EF_CONSTRUCTION)]
    pub ef_construction: usize,
}

/// Where the rows of an index are, and what they take.
#[derive(Clone, Debug, Serialize)]
pub struct Tiers {
    /// Rows in the head.
    pub head_rows: usize,
    /// Rows in the live tier.
    pub live_rows: usize,
    /// Rows in sealed files.
    pub sealed_rows: usize,
    /// Sealed files.
    pub sealed_files: usize,
    /// Memory that searches touch for each vector, the live graph's share estimated; full vectors in files apart.
    pub bytes_per_vector: f64,
    /// Bytes on disk, where sealed files are there.
    pub file_bytes: Option<u64>,
}

/// An index under measurement, with the folder of its files.
pub(super) struct Bench {
    pub index: Index,
    /// Seconds of tasks that made sealed files.
    pub sealing_seconds: f64,
    seq: u64,
    scratch: Option<Scratch>,
}

impl BuildArgs {
    pub(super) fn threads(&self, dim: usize, metric: Metric) -> usize {
        self.build_threads.unwrap_or(Options::new(dim, metric).threads)
    }

    /// An empty index.
    pub(super) fn bench(&self, dim: usize, metric: Metric) -> Result<Bench> {
        at_least_1(&[("--build-threads", self.build_threads.unwrap_or(1))])?;
        let scratch = self.folder.as_deref().map(|folder| Scratch::new(Some(folder))).transpose()?;
        let index = Index::new(Options {
            m: self.m,
            ef_construction: self.ef_construction,
            degree: self.degree,
            threads: self.threads(dim, metric),
            folder: scratch.as_ref().map(|scratch| scratch.path().to_owned()),
            ..Options::new(dim, metric)
        })?;
        Ok(Bench { index, sealing_seconds: 0.0, seq: 0, scratch })
    }

    /// An index of these vectors, each under its place, all sealed, with the seconds that it took.
    pub(super) fn sealed(&self, base: &Vectors, metric: Metric) -> Result<(Bench, f64)> {
        let started = Instant::now();
        let mut bench = self.bench(base.dim(), metric)?;
        bench.apply((0..).zip(base.iter().map(|vector| Some(vector.to_vec()))).collect())?;
        bench.maintain(Wanted::Sealed)?;
        Ok((bench, started.elapsed().as_secs_f64()))
    }
}

impl Bench {
    /// Makes a commit.
    pub(super) fn apply(&mut self, changes: Vec<(u32, Option<Vec<f32>>)>) -> Result<()> {
        self.seq += 1;
        self.index.apply(changes, self.seq)?;
        Ok(())
    }

    /// Runs tasks until what is wanted is so.
    pub(super) fn maintain(&mut self, wanted: Wanted) -> Result<()> {
        while let Some(mut task) = self.index.plan(wanted) {
            let bar = bar(&format!("{:?}", task.kind()));
            let progress = |done: usize, total: usize| {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            };
            let started = Instant::now();
            task.run(&progress, &AtomicBool::new(false))?;
            if task.kind() == TaskKind::Seal {
                self.sealing_seconds += started.elapsed().as_secs_f64();
            }
            bar.finish_and_clear();
            self.index.complete(task)?;
        }
        Ok(())
    }

    /// Milliseconds from files on disk to the first answer of an index that is opened with them, where there are any. What
    /// was just written is still in the system's memory, unless it is to start `cold`.
    pub(super) fn open_ms(self, query: &[f32], k: usize, cold: bool) -> Result<Option<f64>> {
        const IDENTITY: Identity = [0; 16];
        let Self { mut index, seq, scratch: _folder, .. } = self;
        let Some(manifest) = index.manifest(IDENTITY) else { return Ok(None) };
        manifest.write()?;
        let options = index.options().clone();
        // Nothing is forgotten that somebody has mapped.
        drop(index);
        if cold {
            forget_files()?;
        }
        let started = Instant::now();
        let opened = Index::open(options, &IDENTITY, seq..=seq)?;
        opened.view().search(query, &SearchOptions::new(k))?;
        Ok(Some(started.elapsed().as_secs_f64() * 1e3))
    }

    pub(super) fn tiers(&self, view: &IndexView) -> Result<Tiers> {
        Ok(Tiers {
            head_rows: view.head_len(),
            live_rows: view.live_len(),
            sealed_rows: view.sealed_len(),
            sealed_files: view.sealed_files(),
            bytes_per_vector: view.size_bytes() as f64 / view.len().max(1) as f64,
            file_bytes: self.scratch.as_ref().map(Scratch::size_bytes).transpose()?,
        })
    }
}

/// Has the system forget what it holds in memory of files, all of which are on disk by now.
fn forget_files() -> Result<()> {
    const FORGET: &str = "/proc/sys/vm/drop_caches";
    std::fs::write(FORGET, "1")
        .map_err(|error| Error::io("empty the cache of files, which takes root on Linux, by", FORGET, error))
}

impl fmt::Display for Tiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows in the head, {} in the live tier, {} in {} sealed files, {:.0} bytes per vector",
            self.head_rows, self.live_rows, self.sealed_rows, self.sealed_files, self.bytes_per_vector
        )?;
        self.file_bytes.map_or(Ok(()), |bytes| write!(f, ", {:.0} MiB on disk", bytes as f64 / 1_048_576.0))
    }
}
