//! The benchmark on small files made here.

use super::*;
use crate::cli::npy::write_npy;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    filter: FilterArgs,
}

/// Runs on 3,000 random vectors of 32 dimensions.
fn run_with(more: &[&str]) -> Result<Report> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut random = Random(1);
    let mut values = |rows: usize| -> Vec<f32> {
        (0..rows * 32).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect()
    };
    write_npy(folder.path().join("base.npy").as_path(), &values(3000), 32).unwrap();
    write_npy(folder.path().join("queries.npy").as_path(), &values(30), 32).unwrap();
    let files = ["filter", "--base", &path("base.npy"), "--queries", &path("queries.npy")];
    run(&Command::parse_from(files.iter().chain(more)).filter)
}

#[test]
fn every_filter_is_measured_beside_the_scan() {
    let more = ["--shares", "0.5,0.01,0.002", "--exclude-near", "500", "--scan-queries", "5", "--ef", "200"];
    let report = run_with(&more).unwrap();
    let matching: Vec<usize> = report.cases.iter().map(|case| case.matching).collect();
    assert_eq!(matching, [1500, 30, 6, 2500]);
    for case in &report.cases {
        let width = &case.points[0];
        assert!(case.scan_recall > 0.99 && width.point.recall > 0.9 && width.complete, "{report}");
        assert!((width.speedup * case.scan_qps / width.point.qps - 1.0).abs() < 1e-9);
    }
    // Thirty rows are scanned, and all of them.
    assert!((report.cases[1].points[0].point.scanned - 1.0).abs() < 1e-9, "{report}");
    assert!((report.cases[1].points[0].point.compared - 30.0).abs() < 1e-9, "{report}");
    assert!(serde_json::to_string(&report).unwrap().contains("\"speedup\""));
}

#[test]
fn impossible_filters_are_refused() {
    for more in [["--shares", "1.5"], ["--exclude-near", "3000"], ["--scan-queries", "0"]] {
        assert!(matches!(run_with(&more), Err(Error::Invalid { .. })), "{more:?}");
    }
}
