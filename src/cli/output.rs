//! What commands print: text for people or JSON for programs on standard output, progress on standard error.

use crate::error::{Error, ErrorKind, Result};
use crate::model::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

/// Where a command prints to, and how.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Prints a result: as one line of JSON, or as the text that is made of it.
    pub(crate) fn result<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json {
            let json =
                serde_json::to_string(value).map_err(|e| Error::Bug(format!("no JSON of a result: {e}")))?;
            return print_line(&json);
        }
        print_line(text(value).trim_end())
    }

    /// Whether JSON was asked for.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line, unless JSON was asked for.
    pub(crate) fn say(&self, line: &str) -> Result<()> {
        if self.json { Ok(()) } else { print_line(line) }
    }

    /// Prints an error to standard error.
    pub(crate) fn error(&self, error: &Error) {
        if self.json {
            let kind = match error.kind() {
                ErrorKind::Usage => "usage",
                ErrorKind::Environment => "environment",
                ErrorKind::Damage => "damage",
                ErrorKind::Bug => "bug",
            };
            eprintln!("{}", serde_json::json!({ "error": error.to_string(), "kind": kind }));
        } else {
            eprintln!("kindred: {error}");
        }
    }

    /// Prints a warning to standard error.
    pub(crate) fn warn(&self, words: &str) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "warning": words }));
        } else {
            eprintln!("kindred: {words}");
        }
    }

    /// Where long work tells how far it is.
    pub(crate) fn progress(&self) -> Bars {
        let shown = !self.quiet && !self.json && std::io::stderr().is_terminal();
        Bars { shown, told: !self.quiet && !self.json, bar: Mutex::new(None) }
    }
}

/// Prints a text to standard output as it is.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| Error::io("write", "<stdout>", e))
}

/// Prints a line to standard output.
fn print_line(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| Error::io("write", "<stdout>", e))
}

/// One bar for each stage of long work; without a terminal, one line for each.
pub(crate) struct Bars {
    shown: bool,
    told: bool,
    bar: Mutex<Option<(&'static str, ProgressBar)>>,
}

impl Bars {
    /// Tells how far the work is.
    pub(crate) fn tell(&self, progress: Progress) {
        let Ok(mut bar) = self.bar.lock() else { return };
        if bar.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
            if let Some((_, old)) = bar.take() {
                old.finish();
            }
            if self.told && !self.shown {
                eprintln!("{} …", progress.stage);
            }
            *bar = Some((progress.stage, self.new_bar(progress)));
        }
        if let Some((_, bar)) = &*bar {
            bar.set_position(progress.done);
            if let Some(total) = progress.total {
                bar.set_length(total);
            }
        }
    }

    /// Tells a step in words.
    pub(crate) fn step(&self, words: &str) {
        if self.told {
            eprintln!("{words}");
        }
    }

    fn new_bar(&self, progress: Progress) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(progress.total, ProgressDrawTarget::stderr());
        let template = if progress.total.is_some() {
            "{msg:28} {wide_bar} {human_pos}/{human_len} {eta:>4}"
        } else {
            "{msg:28} {spinner} {human_pos} ({per_sec})"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(progress.stage);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Ok(Some((_, bar))) = self.bar.get_mut().map(Option::take) {
            bar.finish();
        }
    }
}

/// A number with thousands separated: 1,469,307.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes for people: 1.5 GiB.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_469_307, "1,469,307")] {
            assert_eq!(grouped(number), text);
        }
    }
}
