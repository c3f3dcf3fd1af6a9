//! Source tasks that write exactly once (KIP-618): records and their offsets in one transaction, and nobody else with
//! the same transactional id.

mod boundary;
mod fencing;
mod source_loop;
#[cfg(test)]
mod tests;
mod transaction;

pub use fencing::{ExactlyOnce, SourceFencing};
pub(crate) use source_loop::ExactlyOnceLoop;
