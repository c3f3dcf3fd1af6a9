//! The text form of values that `SimpleHeaderConverter` writes: plain at the top, quoted inside lists and maps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::data::coerce::temporal;
use crate::data::{Value, java_text};

/// Appends the text of a value, as `Values.convertToString` gives it.
pub fn write_value_text(out: &mut String, value: &Value) {
    write(out, value, false);
}

fn write(out: &mut String, value: &Value, is_inside: bool) {
    match value {
        Value::String(text) if is_inside => {
            out.push('"');
            out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
            out.push('"');
        }
        Value::Bytes(bytes) => {
            let quote = if is_inside { "\"" } else { "" };
            out.push_str(quote);
            out.push_str(&STANDARD.encode(bytes));
            out.push_str(quote);
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(out, item, true);
            }
            out.push(']');
        }
        Value::Map(map) => {
            write_entries(out, map.entries.iter().map(|(key, value)| (key, value)));
        }
        Value::Struct(structure) => {
            let names: Vec<Value> =
                structure.schema().fields.iter().map(|field| Value::string(field.name.as_str())).collect();
            let values = structure.schema().fields.iter().zip(structure.values());
            let values = values.map(|(field, value)| match (value, &field.schema.default) {
                (Value::Null, Some(default)) => default,
                _ => value,
            });
            write_entries(out, names.iter().zip(values));
        }
        Value::Date(millis) => out.push_str(&temporal::format(*millis)),
        other => java_text::write_text(out, other),
    }
}

fn write_entries<'a>(out: &mut String, entries: impl Iterator<Item = (&'a Value, &'a Value)>) {
    out.push('{');
    for (index, (key, value)) in entries.enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        write(out, key, true);
        out.push(':');
        write(out, value, true);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Map;

    fn text(value: &Value) -> String {
        let mut out = String::new();
        write_value_text(&mut out, value);
        out
    }

    #[test]
    fn strings_are_quoted_only_inside() {
        let list = Value::Array(vec![Value::string("a"), Value::Int8(1), Value::string("q\"x\\")]);
        assert_eq!(text(&list), r#"["a",1,"q\"x\\"]"#);
        let entries = vec![(Value::string("k"), Value::string("v")), (Value::string("z"), Value::Int8(2))];
        assert_eq!(text(&Value::Map(Map { entries })), r#"{"k":"v","z":2}"#);
        assert_eq!(text(&Value::string("q\"x")), "q\"x");
        assert_eq!(text(&Value::Bytes(bytes::Bytes::from_static(b"\x01"))), "AQ==");
        assert_eq!(text(&Value::Float64(1e7)), "1.0E7");
    }
}
