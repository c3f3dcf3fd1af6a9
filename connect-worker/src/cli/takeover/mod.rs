//! `sluice takeover --check`: what would become of a cluster's connectors, seen without joining it or writing anything.

mod cluster;
mod connectors;
mod differences;
mod read;
mod report;
mod run;
mod worker_keys;

pub(super) use run::run;
