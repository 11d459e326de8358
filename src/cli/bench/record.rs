//! Dated records: a report with what it takes to read it later.

use crate::error::{Error, Result};
use crate::model::Time;
use serde::Serialize;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where records go, from the root of the tree.
const FOLDER: &str = "benches/record";

#[derive(Serialize)]
struct Record<'a, R> {
    date: &'a str,
    /// The CPU's model, where the system tells (Linux).
    cpu: Option<String>,
    cores: Option<usize>,
    /// Of the tree that the command ran in, where git tells.
    commit: Option<String>,
    command: String,
    report: &'a R,
}

/// Writes the report under today's date, where a name is given.
pub(super) fn record<R: Serialize>(name: Option<&str>, report: &R) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    write(Path::new(FOLDER), name, report)?;
    Ok(())
}

fn write<R: Serialize>(folder: &Path, name: &str, report: &R) -> Result<PathBuf> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(Error::invalid("--record", name, "letters, digits, '-', '_' and '.'"));
    }
    let now = Time::now().to_string();
    let date = now.split('T').next().unwrap_or_default();
    let arguments: Vec<String> = std::env::args().enumerate().map(shortened).collect();
    let record = Record {
        date,
        cpu: cpu(),
        cores: std::thread::available_parallelism().ok().map(NonZero::get),
        commit: commit(),
        command: arguments.join(" "),
        report,
    };
    let json =
        serde_json::to_string_pretty(&record).map_err(|e| Error::Bug(format!("no JSON of a report: {e}")))?;
    let path = folder.join(format!("{date}-{name}.json"));
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    std::fs::write(&path, json + "\n").map_err(|e| Error::io("write", &path, e))?;
    Ok(path)
}

/// An argument without the upper folders of an absolute path, which mean nothing elsewhere; the program by its name.
fn shortened((place, argument): (usize, String)) -> String {
    let (before, path) = match argument.split_once('=') {
        Some((option, path)) => (format!("{option}="), Path::new(path)),
        None => (String::new(), Path::new(&argument)),
    };
    if place > 0 && !path.is_absolute() {
        return argument;
    }
    let kept = if place == 0 { 1 } else { 2 };
    let parts: Vec<_> = path.components().collect();
    let last: PathBuf = parts[parts.len().saturating_sub(kept)..].iter().collect();
    format!("{before}{}", last.display())
}

fn cpu() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(model.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_when_and_how() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder.path().join("record"), "ann-1", &[1.5, 2.0]).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let date = record["date"].as_str().unwrap();
        assert_eq!((date.len(), &date[4..5], &date[7..8]), (10, "-", "-"));
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{date}-ann-1.json"));
        assert_eq!(record["report"], serde_json::json!([1.5, 2.0]));
        assert!(record["cores"].as_u64().unwrap() >= 1);
        assert!(write(folder.path(), "../up", &0).is_err() && write(folder.path(), "", &0).is_err());
    }

    #[test]
    fn absolute_paths_keep_two_parts() {
        let cases = [
            (0, "/a/b/kindred", "kindred"),
            (1, "/a/b/c/base.npy", "c/base.npy"),
            (2, "--base=/a/b/c/base.npy", "--base=c/base.npy"),
            (3, "base.npy", "base.npy"),
            (4, "--ef", "--ef"),
        ];
        for (place, argument, expected) in cases {
            assert_eq!(shortened((place, argument.to_owned())), expected);
        }
    }
}
