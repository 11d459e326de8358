//! The benchmark on small files made here; on the real ones where they are, when asked for.

use super::*;
use crate::error::Error;
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

/// A folder with 600 vectors and 20 queries, and the arguments that name them.
fn files() -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    write_fvecs(Path::new(&path("base.fvecs")), spiral(600, 0.0));
    write_fvecs(Path::new(&path("queries.fvecs")), spiral(20, 0.4));
    let named = ["--base", &path("base.fvecs"), "--queries", &path("queries.fvecs"), "--ef", "10,30"];
    let named = named.map(str::to_owned).to_vec();
    (folder, named)
}

fn run_with(files: &[String], more: &[&str]) -> Report {
    run(&args(&files.iter().map(String::as_str).chain(more.iter().copied()).collect::<Vec<_>>())).unwrap()
}

#[test]
fn files_on_disk_are_counted_and_removed() {
    let (folder, named) = files();
    let sealed = folder.path().join("sealed");
    let more = ["--folder", sealed.to_str().unwrap(), "--degree", "8", "--codes", "--build-threads", "1"];
    let report = run_with(&named, &more);
    // Vectors, links and codes of each.
    assert!(report.tiers.file_bytes.unwrap() > 600 * (4 * 4 + 8 * 4), "{report}");
    assert_eq!((report.tiers.sealed_rows, report.tiers.sealed_files, report.tiers.head_rows), (600, 1, 0));
    assert_eq!((report.degree, report.scores, report.build_threads), (8, "codes", 1));
    assert!(report.points.iter().all(|point| point.compared > 0.0 && point.compared <= 600.0), "{report}");
    assert!(report.open_ms.is_some_and(|open_ms| open_ms > 0.0), "{report}");
    assert_eq!(std::fs::read_dir(&sealed).unwrap().count(), 0);
    let in_memory = run_with(&named, &[]);
    assert_eq!((in_memory.tiers.file_bytes, in_memory.open_ms), (None, None));
}

#[test]
fn only_files_can_be_opened_cold() {
    let files = ["ann", "--base", "b.npy", "--queries", "q.npy", "--cold"];
    assert!(Command::try_parse_from(files).is_err());
    let mapped = Command::try_parse_from(files.into_iter().chain(["--folder", "f"])).unwrap();
    assert!(mapped.ann.cold);
}

#[test]
fn more_rows_than_there_are_are_synthetic() {
    let (folder, named) = files();
    let truth = folder.path().join("truth.npy").display().to_string();
    let grown = ["--rows", "1500", "--noise", "0.1"];
    let report = run_with(&named, &[&grown[..], &["--truth-queries", "7", "--save-truth", &truth]].concat());
    assert_eq!((report.rows, report.synthetic, report.truth_queries, report.queries), (1500, true, 7, 20));
    assert!(report.points[1].recall > 0.9, "{report}");
    assert!(report.to_string().contains("1500 x 4 (synthetic)"), "{report}");
    let again = run_with(&named, &[&grown[..], &["--truth", &truth]].concat());
    assert!((again.points[1].recall - report.points[1].recall).abs() < 1e-9, "{again}");
    let other = run_with(&named, &["--rows", "1500", "--noise", "0.9", "--truth", &truth]);
    assert!(other.points[1].recall < report.points[1].recall, "{other}");
    assert!(!run_with(&named, &["--rows", "500"]).synthetic);
}

#[test]
fn turnovers_are_compared_with_an_index_made_at_once() {
    let (folder, named) = files();
    let svg = folder.path().join("curve.svg");
    let report = run_with(&named, &["--turnovers", "2", "--plot", svg.to_str().unwrap()]);
    let fresh = report.fresh.as_ref().unwrap();
    // The last steps are in the head: too few to be sealed, and too few rows of the file are dead.
    for tiers in [&report.tiers, &fresh.unsettled.tiers] {
        assert_eq!(tiers.head_rows + tiers.live_rows + tiers.sealed_rows, 600);
    }
    assert!(fresh.unsettled.tiers.sealed_rows < 600, "{report}");
    assert_eq!((report.rows, fresh.tiers.sealed_rows, fresh.turnovers), (600, 600, 2));
    let unsettled = (&fresh.unsettled.against, &fresh.unsettled.points);
    for (against, points) in [(&fresh.against, &report.points), unsettled] {
        assert_eq!(against.len(), 2);
        for (ratio, (worn, new)) in against.iter().zip(points.iter().zip(&fresh.points)) {
            assert!(worn.recall > 0.9 && new.recall > 0.9, "{report}");
            assert!((ratio.recall_difference - (worn.recall - new.recall)).abs() < 1e-12);
            assert!((ratio.qps_ratio * new.qps / worn.qps - 1.0).abs() < 1e-9);
        }
    }
    let svg = std::fs::read_to_string(svg).unwrap();
    assert!(svg.contains("after 2 turnovers") && svg.contains("made at once"));
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
