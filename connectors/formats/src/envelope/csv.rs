//! Records as lines of columns, as the plain writers of Aiven's `commons` write them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use connect_core::data::{Datum, Value, coerce};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use super::OutputField;

/// Appends the columns of a record.
///
/// # Errors
/// A data error when a key or value is neither bytes nor text.
pub(super) fn append(
    fields: &[OutputField],
    has_raw_values: bool,
    record: &SinkRecord,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match field {
            OutputField::Key => append_base64(&bytes_of(&record.key, "key")?, out),
            OutputField::Value => {
                let value = bytes_of(&record.value, "value")?;
                if has_raw_values {
                    out.extend_from_slice(&value);
                } else {
                    append_base64(&value, out);
                }
            }
            OutputField::Offset => append_number(record.offset, out),
            OutputField::Timestamp => {
                if let Some(timestamp) = record.timestamp {
                    append_number(timestamp, out);
                }
            }
            OutputField::Headers => {
                for header in record.headers.iter() {
                    append_base64(header.key.as_bytes(), out);
                    out.push(b':');
                    append_base64(&header_bytes(&header.value)?, out);
                    out.push(b';');
                }
            }
        }
    }
    Ok(())
}

fn append_number(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("writing to memory");
}

fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("four letters for each three bytes");
    out.truncate(start + written);
}

/// Returns the bytes of a key or value, which share its memory.
fn bytes_of(datum: &Datum, what: &str) -> Result<Bytes, ConnectError> {
    if let Some(text) = datum.json_text() {
        return Ok(text.into_owned());
    }
    match datum.value().as_ref() {
        Value::Null => Ok(Bytes::new()),
        Value::String(text) => Ok(text.as_bytes().clone()),
        Value::Bytes(bytes) => Ok(bytes.clone()),
        other => Err(unfit(other, what)),
    }
}

fn unfit(value: &Value, what: &str) -> ConnectError {
    ConnectError::data(format!(
        "writing a {what} of class `{}` as a column: it must be bytes or text; use `ByteArrayConverter`, or \
         `format.output.type` `jsonl`",
        value.java_class()
    ))
}

/// Returns a header's bytes: its own, or those of its text.
fn header_bytes(datum: &Datum) -> Result<Vec<u8>, ConnectError> {
    match datum.value().as_ref() {
        Value::Null => Ok(Vec::new()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        value => {
            let text = coerce::to_string(datum.schema().map(AsRef::as_ref), value)?;
            Ok(text.as_str().unwrap_or_default().as_bytes().to_vec())
        }
    }
}
