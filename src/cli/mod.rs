//! The `kindred` command-line tool: one file per subcommand, over the public API.

mod backup;
pub mod bench;
mod clusters;
mod compact;
mod completions;
mod demo;
mod encode;
mod erase;
mod eval;
mod expire;
mod export;
mod feedback;
pub mod fetch;
mod fetch_command;
mod files;
mod fit;
mod import;
mod ingest;
mod init;
mod interests;
mod journey;
mod keep;
mod lookalikes;
mod npy;
mod output;
pub mod plot;
mod profile;
mod recommend;
mod remove;
mod repair;
mod report;
mod restore;
mod rules;
mod segment;
mod similar;
mod stats;
mod tune;
mod users;
mod verify;

use crate::error::{Error, ErrorKind, Result};
use clap::{Args, Parser, Subcommand};
use output::Output;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Kindred: an embedded user-profile store. Events, items, attributes and texts go in; profiles and similar
/// users come out.
#[derive(Parser)]
#[command(name = "kindred", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new store
    Init(init::InitArgs),
    /// Read events, items, users and texts into a store
    Ingest(ingest::IngestArgs),
    /// Show all that is kept of a user
    Profile(profile::ProfileArgs),
    /// Show what a user is into: up to eight tastes
    Interests(interests::InterestsArgs),
    /// Find users like a user, a sentence or a vector
    Similar(similar::SimilarArgs),
    /// Find users who are like those of a segment or a list
    Lookalikes(Box<lookalikes::LookalikesArgs>),
    /// Recommend what next, and say why
    Recommend(Box<recommend::RecommendArgs>),
    /// Tell how recommendations were taken, so that the next ones are better
    Feedback(feedback::FeedbackArgs),
    /// List the users of whom a predicate is true
    Users(users::UsersArgs),
    /// Tell what is in one basket with what
    Rules(rules::RulesArgs),
    /// Define segments, list them, and ask who is in them
    #[command(
        subcommand,
        after_help = "Example: kindred segment define shop loyal --where \"count(purchase) >= 3\"

Each of the commands has examples of its own."
    )]
    Segment(segment::SegmentCommand),
    /// Make a store of an export, or read vectors of your own into one
    Import(import::ImportArgs),
    /// Write a store's records, profiles or vectors to a file
    Export(export::ExportArgs),
    /// Turn lines of text into vectors
    Encode(encode::EncodeArgs),
    /// Show counts and sizes of a store
    Stats(stats::StatsArgs),
    /// Write a page that shows a store
    Report(report::ReportArgs),
    /// Learn the model of a store from what it holds
    Fit(fit::FitArgs),
    /// Make one file of a store's index, and the store as small as it gets
    Compact(compact::CompactArgs),
    /// Check a store's data and index
    Verify(verify::VerifyArgs),
    /// Save what is left of a damaged store into a new one
    Repair(repair::RepairArgs),
    /// Make a backup of a store, or bring one up to date
    Backup(backup::BackupArgs),
    /// Make a store out of a backup
    Restore(restore::RestoreArgs),
    /// Remove a user, an item or an attribute
    Remove(remove::RemoveArgs),
    /// Remove users for good, out of every file
    Erase(erase::EraseArgs),
    /// Let erased users come back
    Readmit(erase::ReadmitArgs),
    /// Fold events before an instant into sums
    Expire(expire::ExpireArgs),
    /// Build a store from retail data and take a tour of it
    Demo(demo::DemoArgs),
    /// Fetch the model or the data of the demo into the cache
    Fetch(fetch_command::FetchArgs),
    /// Measure how good a store's answers are, on what it holds
    #[command(subcommand, after_help = "Example: kindred eval recommend shop --after 2017-10-01")]
    Eval(Box<eval::EvalCommand>),
    /// Search options with which a store's answers are better
    Tune(Box<tune::TuneArgs>),
    /// Measure recall, speed and quality
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Print shell completions
    Completions(completions::CompletionsArgs),
}

/// The store that a command works on.
#[derive(Args)]
struct StoreArgs {
    /// The store's folder
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// Where the store's model is now, if its folder has moved; remembered
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
}

impl StoreArgs {
    /// Opens the store, which must be there.
    fn open(&self) -> Result<crate::Store> {
        self.options().must_exist().open(&self.store)
    }

    /// Opens the store to read it, also where another process has it open, or it may not be written.
    fn read(&self) -> Result<Reading> {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let refused = match self.open() {
            Ok(store) => return Ok(Reading::Own(store)),
            Err(error) => error,
        };
        let may_be_read = match &refused {
            Error::Locked { .. } => true,
            Error::Io { source, .. } => {
                matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
            }
            _ => false,
        };
        if !may_be_read {
            return Err(refused);
        }
        let read = self.options().open_read_only(&self.store)?;
        if !matches!(refused, Error::Locked { .. }) {
            tracing::warn!(%refused, "the store cannot be opened, and is only read");
        }
        Ok(Reading::Elsewhere(Box::new(read)))
    }

    fn options(&self) -> crate::Options {
        let options = crate::Store::options();
        match &self.model {
            Some(folder) => options.model(folder),
            None => options,
        }
    }
}

/// A store that is read.
enum Reading {
    Own(crate::Store),
    /// Another process has it open, or it may not be written.
    Elsewhere(Box<crate::ReadOnlyStore>),
}

impl Reading {
    /// Bytes of the store's folder.
    fn folder(&self) -> Result<crate::FolderBytes> {
        match self {
            Self::Own(store) => Ok(store.stats()?.folder),
            Self::Elsewhere(store) => store.folder_bytes(),
        }
    }

    fn snapshot(&self) -> crate::Snapshot {
        match self {
            Self::Own(store) => store.snapshot(),
            Self::Elsewhere(store) => store.snapshot(),
        }
    }
}

/// Parses the command line, runs the command and tells how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    let output = Output::new(cli.json, cli.quiet);
    match run(cli.command, &output) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(exit_code(error.kind()))
        }
    }
}

fn run(command: Command, output: &Output) -> Result<ExitCode> {
    match command {
        Command::Verify(args) => return verify::run(&args, output),
        Command::Export(args) => return export::run(&args, output),
        Command::Repair(args) => return repair::run(&args, output),
        Command::Backup(args) => return backup::run(&args, output),
        Command::Compact(args) => compact::run(&args, output),
        Command::Init(args) => init::run(&args, output),
        Command::Ingest(args) => ingest::run(&args, output),
        Command::Profile(args) => profile::run(&args, output),
        Command::Interests(args) => interests::run(&args, output),
        Command::Similar(args) => similar::run(&args, output),
        Command::Lookalikes(args) => lookalikes::run(&args, output),
        Command::Recommend(args) => recommend::run(&args, output),
        Command::Feedback(args) => feedback::run(&args, output),
        Command::Users(args) => users::run(&args, output),
        Command::Rules(args) => rules::run(&args, output),
        Command::Segment(command) => segment::run(&command, output),
        Command::Import(args) => import::run(&args, output),
        Command::Encode(args) => encode::run(&args, output),
        Command::Stats(args) => stats::run(&args, output),
        Command::Report(args) => report::run(&args, output),
        Command::Fit(args) => fit::run(&args, output),
        Command::Restore(args) => restore::run(&args, output),
        Command::Remove(args) => remove::run(&args, output),
        Command::Erase(args) => erase::erase(&args, output),
        Command::Readmit(args) => erase::readmit(&args, output),
        Command::Expire(args) => expire::run(&args, output),
        Command::Demo(args) => demo::run(&args, output),
        Command::Fetch(args) => fetch_command::run(&args, output),
        Command::Eval(command) => eval::run(&command, output),
        Command::Tune(args) => tune::run(&args, output),
        Command::Bench(command) => bench::run(&command, output),
        Command::Completions(args) => completions::run(&args),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// 2 for the caller's mistakes (as the argument parser has it), 3 for the machine, 4 for damage, 70 for bugs.
const fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => 2,
        ErrorKind::Environment => 3,
        ErrorKind::Damage => 4,
        ErrorKind::Bug => 70,
    }
}

/// Whoever read our output has seen enough (`kindred … | head`): not a failure.
fn is_broken_pipe(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Warnings go to standard error; `RUST_LOG` asks for more.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if subscriber.try_init().is_err() {
        tracing::debug!("a log subscriber was there already");
    }
}

/// A path for messages.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
