//! `sluice` with one more connector.

use std::process::ExitCode;

fn main() -> ExitCode {
    connect_worker::cli::run_with(custom_connector::plugins())
}
