//! `sluice` with sinks of its own: one that does nothing, for measurements, and one that refuses batches, for tests.

mod null_sink;
mod refusing_sink;

use std::process::ExitCode;

fn main() -> ExitCode {
    connect_worker::cli::run_with(vec![null_sink::plugin(), refusing_sink::plugin()])
}
