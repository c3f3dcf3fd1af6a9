//! The text of a record in the file: its value as Java prints it.

use connect_core::data::{Datum, Value, java_text, json};

/// Appends the text of a value and a line end.
pub(crate) fn append_line(out: &mut Vec<u8>, datum: &Datum) {
    match datum.json_text() {
        Some(text) => json::write_java_text(out, &text),
        None => append_value(out, &datum.value()),
    }
    out.push(b'\n');
}

fn append_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text.as_bytes()),
        other => out.extend_from_slice(java_text::to_text(other).as_bytes()),
    }
}
