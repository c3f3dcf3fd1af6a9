//! Conversions between the kinds of values: Kafka Connect's `Values` and its logical types.

pub mod logical;
