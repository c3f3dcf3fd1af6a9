//! Names and schemas of the logical types Decimal, Date, Time and Timestamp.

use std::sync::{Arc, LazyLock};

use crate::data::{Schema, SchemaRef, Type};

/// Schema name of a decimal number; base type BYTES, parameter `scale`.
pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// Schema name of a date without time; base type INT32, days since the epoch.
pub const DATE: &str = "org.apache.kafka.connect.data.Date";
/// Schema name of a time of day; base type INT32, milliseconds since midnight.
pub const TIME: &str = "org.apache.kafka.connect.data.Time";
/// Schema name of an instant; base type INT64, milliseconds since the epoch.
pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
/// Parameter of [`DECIMAL`] that holds the scale.
pub const SCALE: &str = "scale";
/// Milliseconds in a day.
pub const MILLIS_PER_DAY: i64 = 86_400_000;

fn named(ty: Type, name: &str) -> Schema {
    Schema { name: Some(name.to_owned()), version: Some(1), ..Schema::of(ty) }
}

/// Returns a required decimal schema with the given scale.
pub fn decimal(scale: i32) -> Schema {
    let mut schema = named(Type::Bytes, DECIMAL);
    schema.parameters.insert(SCALE.to_owned(), scale.to_string());
    schema
}

/// Returns a required date schema.
pub fn date() -> Schema {
    named(Type::Int32, DATE)
}

/// Returns a required time-of-day schema.
pub fn time() -> Schema {
    named(Type::Int32, TIME)
}

/// Returns a required timestamp schema.
pub fn timestamp() -> Schema {
    named(Type::Int64, TIMESTAMP)
}

/// The shared optional string schema, as converters attach it to every record.
pub static OPTIONAL_STRING: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::optional(Type::String)));
/// The shared optional bytes schema.
pub static OPTIONAL_BYTES: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::optional(Type::Bytes)));
/// The shared required string schema.
pub static STRING: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::of(Type::String)));
