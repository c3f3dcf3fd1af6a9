//! From arguments to exit codes, which are those of Kafka Connect's scripts: 1 for a wrong call, 2 for a worker
//! configuration that cannot be used, 3 when services do not start.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::args::{Cli, Command};
use crate::cli::{docs, list, quickstart, standalone, validate};

/// Exit code of a wrong call.
pub(super) const USAGE: u8 = 1;
/// Exit code of a file that cannot be used.
pub(super) const BAD_FILE: u8 = 2;
/// Exit code when services do not start.
pub(super) const START: u8 = 3;

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_help = !error.use_stderr();
            // A closed terminal leaves nobody to tell.
            error.print().ok();
            return if is_help { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let output = &mut io::stdout().lock();
    let outcome = match cli.command {
        Command::Standalone(args) => return standalone::run(&args),
        Command::Quickstart(args) => return quickstart::run(args),
        Command::Plugins(args) => list::run(&args, output),
        Command::Validate(args) => validate::run(&args, output),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sluice", output);
            Ok(ExitCode::SUCCESS)
        }
        Command::Docs { folder } => docs::run(&folder),
    };
    outcome.unwrap_or_else(|error| fail(&error, BAD_FILE))
}

/// Tells an error with its causes, and returns the exit code.
pub(super) fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    // A reader that went away (`sluice plugins | head`) is no error.
    let is_closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(is_closed) {
        return ExitCode::SUCCESS;
    }
    // A closed terminal leaves nobody to tell.
    writeln!(io::stderr(), "sluice: {error:#}").ok();
    ExitCode::from(code)
}
