//! The benchmark on small files made here; on the real ones where they are, when asked for.

use super::*;
use clap::Parser;
use std::path::Path;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Command {
    #[command(flatten)]
    ann: AnnArgs,
}

fn args(rest: &[&str]) -> AnnArgs {
    Command::parse_from(["ann"].iter().chain(rest)).ann
}

fn write_fvecs(path: &Path, rows: impl Iterator<Item = [f32; 4]>) {
    let bytes =
        rows.flat_map(|row| [4_i32.to_le_bytes()].into_iter().chain(row.map(f32::to_le_bytes)).flatten());
    std::fs::write(path, bytes.collect::<Vec<u8>>()).unwrap();
}

/// Points of a spiral, all different.
fn spiral(count: usize, offset: f32) -> impl Iterator<Item = [f32; 4]> {
    (0..count).map(move |i| {
        let turn = i as f32 + offset;
        [turn.sin(), turn.cos(), (turn * 0.7).sin(), turn / count as f32 + 0.1]
    })
}

#[test]
fn a_small_run_reports_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    write_fvecs(Path::new(&path("base.fvecs")), spiral(600, 0.0));
    write_fvecs(Path::new(&path("queries.fvecs")), spiral(20, 0.4));
    let svg = path("curve.svg");
    let files = ["--base", &path("base.fvecs"), "--queries", &path("queries.fvecs"), "--ef", "10,30"];
    for metric in ["cosine", "ip", "l2"] {
        let report =
            run(&args(&[&files[..], &["--metric", metric, "--threads", "2", "--plot", &svg]].concat()))
                .unwrap();
        assert_eq!((report.rows, report.queries, report.dim, report.points.len()), (600, 20, 4, 2));
        assert!(report.points.iter().all(|point| point.recall > 0.9 && point.qps > 0.0), "{report}");
        assert!(serde_json::to_string(&report).unwrap().contains("\"p99_us\""));
        assert!(report.to_string().contains("2 threads"));
    }
    assert!(std::fs::read_to_string(svg).unwrap().contains("600 x 4, l2"));
    let report = run(&args(&[&files[..], &["--turnover"]].concat())).unwrap();
    assert_eq!(report.rows, 400);
    assert!(report.points[1].recall > 0.9, "{report}");
}

#[test]
fn a_given_truth_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    write_fvecs(Path::new(&path("base.fvecs")), spiral(50, 0.0));
    write_fvecs(Path::new(&path("queries.fvecs")), spiral(1, 0.0));
    std::fs::write(path("truth.ivecs"), [1_i32, 49].map(i32::to_le_bytes).as_flattened()).unwrap();
    let report = run(&args(&[
        "--base",
        &path("base.fvecs"),
        "--queries",
        &path("queries.fvecs"),
        "--truth",
        &path("truth.ivecs"),
        "-k",
        "1",
    ]));
    assert!(report.unwrap().points.iter().all(|point| point.recall == 0.0));
}

#[test]
fn unfit_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    write_fvecs(Path::new(&path("base.fvecs")), spiral(5, 0.0));
    std::fs::write(path("other.bvecs"), [1, 0, 0, 0, 9]).unwrap();
    let files = ["--base", &path("base.fvecs"), "--queries", &path("other.bvecs")];
    assert!(matches!(run(&args(&files)), Err(Error::Dimension { .. })));
    let same = ["--base", &path("base.fvecs"), "--queries", &path("base.fvecs"), "--threads", "0"];
    assert!(matches!(run(&args(&same)), Err(Error::Invalid { .. })));
}

#[test]
#[ignore = "minutes: the whole of the real vectors; `KINDRED_ANN` adds arguments"]
fn real_vectors() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/vectors-minilm-384"));
    let path = |name: &str| folder.join(name).display().to_string();
    if !folder.exists() {
        eprintln!("SKIPPED real_vectors: {} is absent", folder.display());
        return;
    }
    let more = std::env::var("KINDRED_ANN").unwrap_or_default();
    let files = ["--base", &path("base.npy"), "--queries", &path("queries.npy")];
    let report = run(&args(&files.into_iter().chain(more.split_whitespace()).collect::<Vec<_>>())).unwrap();
    println!("{report}");
    assert!(report.points.last().unwrap().recall >= 0.95);
}
