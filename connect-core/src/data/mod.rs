//! Connect's data model: schemas, values, logical types, and the JVM text and order rules they are shown by.

pub mod coerce;
mod datum;
pub mod java_map;
pub mod java_text;
pub mod json;
pub mod logical;
mod schema;
mod value;

pub use datum::Datum;
pub use schema::{Field, Schema, SchemaBuilder, SchemaRef, Type};
pub use value::{Map, Struct, Value};
