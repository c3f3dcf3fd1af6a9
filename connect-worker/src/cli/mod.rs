//! The command line of `sluice`: what the user may ask, and the answers that need no running worker.
//!
//! Called by `main` only.

mod args;
mod distributed;
mod docs;
mod hints;
mod list;
mod preview;
mod quickstart;
mod run;
mod standalone;
mod start;
mod table;
mod takeover;
mod test;
mod validate;

pub use run::{run, run_with};
