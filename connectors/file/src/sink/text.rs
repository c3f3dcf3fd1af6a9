//! The text of a record in the file: its value as Java prints it.

use connect_core::data::{Datum, Value, java_text};

/// Appends the text of a value and a line end.
pub(crate) fn append_line(out: &mut String, datum: &Datum) {
    match &*datum.value() {
        Value::String(text) => out.push_str(text),
        other => java_text::write_text(out, other),
    }
    out.push('\n');
}
