//! Transforms for logs, under class names of Sluice's own (`io.sluice.connect.transforms`). They work on records without a
//! schema, change single records and do no I/O.

mod deduplicate;
mod expression;
mod fields;
mod mismatch;
mod normalize_fields;
mod normalize_level;
mod parse_log;
mod parse_time;
mod plugins;
mod redact;

pub use crate::plugins::plugins;
