//! `kindred completions`: for the shell.

use super::Cli;
use crate::error::{Error, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Which shell.
#[derive(Args)]
#[command(
    after_help = "Example: kindred completions bash > ~/.local/share/bash-completion/completions/kindred"
)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<()> {
    // Into memory first: the generator panics where its output is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kindred", &mut script);
    std::io::stdout().write_all(&script).map_err(|e| Error::io("write", "<stdout>", e))
}
