//! The converters of Apache Kafka, under their JVM class names. They hold no connection and do no I/O.

mod bytes;
mod charset;
mod header;
mod json;
mod number;
mod plugins;
mod simple;
mod string;

pub use crate::bytes::ByteArrayConverter;
pub use crate::header::AsHeaderConverter;
pub use crate::json::{JsonConverter, json_as_java_text};
pub use crate::number::{
    BooleanConverter, DoubleConverter, FloatConverter, IntegerConverter, LongConverter, ShortConverter,
};
pub use crate::plugins::plugins;
pub use crate::simple::SimpleHeaderConverter;
pub use crate::string::StringConverter;
