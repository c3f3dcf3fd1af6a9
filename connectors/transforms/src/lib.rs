//! The transforms and predicates of Apache Kafka, and others that people add everywhere, under their JVM class names.
//! They change single records and do no
//! I/O; the worker makes them by name and calls them for every record.

mod cast;
mod cast_value;
mod condition_filter;
mod date_format;
mod drop;
mod extract_field;
mod extract_topic;
mod field_path;
mod flatten;
mod header_from;
mod headers;
mod hoist_field;
mod insert_field;
mod java_map;
mod java_regex;
mod json_path;
mod layouts;
mod mask_field;
mod plugins;
mod predicates;
mod regex_router;
mod replace_field;
mod require;
mod schemas;
mod set_schema_metadata;
mod settings;
mod side;
mod timestamp_converter;
mod timestamp_now;
mod timestamp_router;
mod tombstone_handler;
mod value_to_key;

pub use crate::plugins::plugins;
