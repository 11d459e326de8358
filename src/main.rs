//! The `kindred` command-line tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    kindred::cli::main()
}
