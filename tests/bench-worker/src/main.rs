//! `sluice` with a sink that does nothing.

mod null_sink;

use std::process::ExitCode;

fn main() -> ExitCode {
    connect_worker::cli::run_with(null_sink::plugins())
}
