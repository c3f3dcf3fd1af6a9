//! `sluice fleet`: a broker and several workers of one group on this machine, with a picture of who runs what.
//!
//! The broker runs in this process; the workers are the same program as children, so that one can be killed to see
//! its work move. For trying things out: nothing here is meant for production.

mod crew;
mod files;
mod picture;
mod run;

pub use run::{FleetOptions, run_fleet};
