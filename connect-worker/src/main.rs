//! The program `sluice`.

use std::process::ExitCode;

fn main() -> ExitCode {
    connect_worker::cli::run()
}
