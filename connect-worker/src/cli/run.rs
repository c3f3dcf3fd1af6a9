//! From arguments to exit codes, which are those of Kafka Connect's scripts: 1 for a wrong call, 2 for a worker
//! configuration that cannot be used, 3 when services do not start.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use connect_core::plugin::PluginInfo;

use crate::cli::args::{Cli, Command};
use crate::cli::{distributed, docs, list, preview, quickstart, standalone, takeover, test, validate};
use crate::plugins::builtin;

/// Exit code of a wrong call.
pub(super) const USAGE: u8 = 1;
/// Exit code of a file that cannot be used.
pub(super) const BAD_FILE: u8 = 2;
/// Exit code when services do not start.
pub(super) const START: u8 = 3;

/// Reads the command line and does what it says, with the plug-ins of this program.
pub fn run() -> ExitCode {
    run_with(Vec::new())
}

/// Does the same with further plug-ins: the `main` of a program that adds connectors of its own.
pub fn run_with(plugins: Vec<PluginInfo>) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let is_help = !error.use_stderr();
            // A closed terminal leaves nobody to tell.
            error.print().ok();
            return if is_help { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let registry = builtin(plugins);
    // Not locked: a sink of the worker may write to the standard output from another thread.
    let output = &mut io::stdout();
    let outcome = match cli.command {
        Command::Standalone(args) => return standalone::run(&args, &registry),
        Command::Distributed(args) => return distributed::run(&args, &registry),
        Command::Quickstart(args) => return quickstart::run(args),
        Command::Fleet(args) => return quickstart::run_fleet(args),
        Command::Plugins(args) => list::run(&args, &registry, output),
        Command::Validate(args) => validate::run(&args, &registry, output),
        Command::Preview(args) => preview::run(&args, &registry, output),
        Command::Test(args) => test::run(&args, &registry, output),
        Command::Takeover(args) => takeover::run(&args, &registry, output),
        Command::Completions { shell } => completions(shell, output),
        Command::Docs { folder } => docs::run(&folder, &registry),
    };
    outcome.unwrap_or_else(|error| fail(&error, BAD_FILE))
}

fn completions(shell: clap_complete::Shell, output: &mut dyn Write) -> anyhow::Result<ExitCode> {
    // The generator panics when its output is closed: it gets memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut script);
    output.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
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
    let text = format!("{error:#}").replace('\n', "\n  ");
    // A closed terminal leaves nobody to tell.
    writeln!(io::stderr(), "sluice: {text}").ok();
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_name_the_commands() {
        let mut script = Vec::new();
        completions(clap_complete::Shell::Bash, &mut script).expect("written");
        let script = String::from_utf8_lossy(&script).into_owned();
        assert!(script.contains("standalone") && script.contains("quickstart"), "{script}");
    }
}
