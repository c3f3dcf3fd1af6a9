//! Conversions between the kinds of values: Kafka Connect's `Values` and its logical types.

mod convert;
mod infer;
pub mod logical;
mod parse;
mod temporal;
mod text;
mod tokens;

pub use convert::{
    to_boolean, to_date, to_decimal, to_float32, to_float64, to_int8, to_int16, to_int32, to_int64, to_list,
    to_map, to_string, to_struct, to_time, to_timestamp,
};
pub use infer::infer_schema;
pub use parse::{Parsed, parse_string};
pub use text::write_value_text;
