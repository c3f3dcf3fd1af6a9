//! `JsonConverter`: JSON with or without a schema envelope.

mod cache;
mod config;
mod converter;
mod decode;
mod encode;
mod layout;
mod opening;
mod schema;
mod straight;

pub use converter::{JsonConverter, json_as_java_text};
