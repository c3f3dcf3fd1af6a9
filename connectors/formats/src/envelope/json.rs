//! Records as JSON, as the JSON writers of Aiven's `commons` write them: every part by the JSON converter with
//! schemas off.

use std::io::Write;

use jiff::Timestamp;

use connect_core::converter::Converter;
use connect_core::data::Datum;
use connect_core::data::json::write_str;
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;
use connector_converters::JsonConverter;

use super::OutputField;

/// Appends a record: an object of its parts, or the only part.
///
/// # Errors
/// A data error when a part has no JSON form.
pub(super) fn append(
    json: &JsonConverter,
    fields: &[OutputField],
    wraps: bool,
    record: &SinkRecord,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    if !wraps {
        return match fields.first() {
            Some(field) => append_part(json, *field, record, out),
            None => Ok(()),
        };
    }
    out.push(b'{');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_str(out, field.name());
        out.push(b':');
        append_part(json, *field, record, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn append_part(
    json: &JsonConverter,
    field: OutputField,
    record: &SinkRecord,
    out: &mut Vec<u8>,
) -> Result<(), ConnectError> {
    match field {
        OutputField::Key => append_datum(json, &record.key, out),
        OutputField::Value => append_datum(json, &record.value, out),
        OutputField::Offset => {
            write!(out, "{}", record.offset).expect("writing to memory");
            Ok(())
        }
        OutputField::Timestamp => append_time(record.timestamp, out),
        OutputField::Headers => {
            out.push(b'[');
            for (index, header) in record.headers.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(b"{\"key\":");
                write_str(out, &header.key);
                out.extend_from_slice(b",\"value\":");
                append_datum(json, &header.value, out)?;
                out.push(b'}');
            }
            out.push(b']');
            Ok(())
        }
    }
}

fn append_datum(json: &JsonConverter, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    if let Some(text) = datum.json_text() {
        out.extend_from_slice(&text);
        return Ok(());
    }
    // The converter writes null as no bytes at all; a default of the schema does not stand in for it here.
    if datum.is_null() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let bytes = json.from_connect_data("", datum.schema(), &datum.value())?;
    out.extend_from_slice(bytes.as_deref().unwrap_or(b"null"));
    Ok(())
}

/// Appends a time as `DateTimeFormatter.ISO_INSTANT` prints it: thousandths as three digits or not at all.
fn append_time(timestamp: Option<i64>, out: &mut Vec<u8>) -> Result<(), ConnectError> {
    let Some(millis) = timestamp else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    let time = Timestamp::from_millisecond(millis).map_err(|error| {
        ConnectError::data(format!("writing the timestamp `{millis}` as a date")).because(error)
    })?;
    if millis % 1000 == 0 {
        write!(out, "\"{time:.0}\"").expect("writing to memory");
    } else {
        write!(out, "\"{time:.3}\"").expect("writing to memory");
    }
    Ok(())
}
