//! JSON exactly as Kafka Connect reads and writes it (Jackson with leading zeros allowed): a reader into a small
//! tree, writers, and a one-pass rewrite of schemaless documents into the text that the JVM would write.
//!
//! *Canonical* text is what decoding into Connect data and encoding again gives: no white space, keys in
//! `java.util.HashMap` order, numbers and escapes as Jackson prints them. No I/O; called by converters and sinks.

mod canonical;
mod decode;
mod digits;
mod direct;
mod encoding;
mod envelope;
mod error;
mod fast;
mod java;
mod node;
mod number;
mod open;
mod reader;
mod strings;
mod text;
mod text_map;
mod writer;

pub(in crate::data) use canonical::text_map;
pub use canonical::{datum_of_node, schemaless_datum, schemaless_datum_by_tree, schemaless_fields};
pub use decode::{decode_canonical, to_value};
pub use encoding::in_utf8;
pub use envelope::{may_be_object_with, split_object};
pub use error::JsonError;
pub use fast::plain_len;
pub use java::write_java_text;
pub use node::Node;
pub use number::Number;
pub use reader::{MAX_DEPTH, read, read_part, read_whole};
pub use text::{to_utf8, write_str};
pub use text_map::{Source, TextLayout, TextMap};
pub use writer::{write_float32, write_float64, write_node, write_value};
