//! Shows and tests what a connector would do with records, without doing it: real converters, transforms and
//! predicates, and the connector's own account of what it would send.
//!
//! Reads topics without a group and writes nothing anywhere. Called by `cli`, and for REST by `worker`.

mod compare;
mod error;
mod given;
mod mask;
mod previewer;
mod report;
mod request;
mod shown;
mod suite;
mod text;
mod topic;
mod trail;

pub(crate) use compare::Difference;
pub(crate) use given::Given;
pub(crate) use previewer::Previewer;
pub(crate) use report::Report;
pub(crate) use request::preview_json;
pub(crate) use suite::{Case, Suite};
pub(crate) use text::TextWriter;
pub(crate) use topic::{Offsets, Range, only_topic, read_topic};
