//! `sluice quickstart`: a broker, an S3 server and a worker on one machine, with logs flowing from one to the other.
//!
//! The broker and the S3 server run in this process; the worker is the same program as a child, started with the
//! property files a user would write. For trying things out: nothing here is meant for production.

mod broker;
mod bucket;
mod files;
mod fleet;
mod progress;
mod run;
mod s3;
mod scrape;
mod stop;
mod worker;

pub use fleet::{FleetOptions, run_fleet};
pub use run::{Options, QuickstartError, run};
