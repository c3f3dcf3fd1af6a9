//! Partitioners: the directory ("encoded partition") a record goes to. Pure; the wall clock is an argument.

use std::fmt::Write;

use jiff::tz::TimeZone;

use connect_core::data::{Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::SinkRecord;

use crate::joda::JodaPattern;
use crate::naming::partition_of;
use crate::template::Template;
use crate::time_zone::{floor_ms, zoned};
use crate::timestamps::{TimestampExtractor, nested, record_time};

/// Chooses directories.
#[derive(Debug, Clone)]
pub(crate) enum Partitioner {
    /// `partition=<kafka partition>`.
    Default,
    /// `field=value`, joined by the delimiter.
    Field {
        /// Fields: the name as configured and as a path.
        fields: Vec<(String, Vec<String>)>,
        /// Delimiter of directories.
        delim: String,
    },
    /// A pattern applied to the start of the stretch of time a record belongs to.
    Time(TimePartitioner),
    /// A text with places for what a record holds.
    Template(Template),
}

/// What a time-based partitioner is made of.
#[derive(Debug, Clone)]
pub(crate) struct TimePartitioner {
    /// Length of a stretch.
    pub(crate) duration_ms: i64,
    /// Pattern of the directory.
    pub(crate) pattern: JodaPattern,
    /// Zone of the directory.
    pub(crate) zone: TimeZone,
    /// Source of the time.
    pub(crate) extractor: TimestampExtractor,
}

/// The directory of a time, kept for the records that follow: most belong to the same stretch.
#[derive(Debug, Default)]
pub(crate) struct TimeMemo {
    from_ms: i64,
    until_ms: i64,
    encoded: String,
}

impl Partitioner {
    /// Returns whether directories depend on time, which `rotate.interval.ms` needs.
    pub(crate) fn is_time_based(&self) -> bool {
        match self {
            Partitioner::Time(_) => true,
            Partitioner::Template(template) => template.is_time_based(),
            _ => false,
        }
    }

    /// Returns the time a record counts with: the extractor's for time-based partitioners, else none. A null value
    /// written as a tombstone counts with its Kafka timestamp.
    ///
    /// # Errors
    /// A data error when the record has no such time.
    pub(crate) fn time(
        &self,
        record: &SinkRecord,
        is_tombstone: bool,
        now_ms: i64,
    ) -> Result<Option<i64>, ConnectError> {
        match self {
            _ if !self.is_time_based() => Ok(None),
            _ if is_tombstone => record_time(record).map(Some),
            Partitioner::Time(time) => time.extractor.extract(record, now_ms).map(Some),
            Partitioner::Template(template) => template.time(record, now_ms).map(Some),
            _ => Ok(None),
        }
    }

    /// Appends a record's directory to `out`; `time_ms` is what [`Partitioner::time`] returned.
    ///
    /// # Errors
    /// A data error when the record does not say where it belongs.
    pub(crate) fn encode(
        &self,
        record: &SinkRecord,
        time_ms: Option<i64>,
        memo: &mut TimeMemo,
        out: &mut String,
    ) -> Result<(), ConnectError> {
        match self {
            Partitioner::Default => {
                write!(out, "partition={}", partition_of(record)).expect("writing to a string");
                Ok(())
            }
            Partitioner::Field { fields, delim } => encode_fields(record, fields, delim, out),
            Partitioner::Time(time) => {
                out.push_str(time.directory(time_ms.unwrap_or_default(), memo));
                Ok(())
            }
            Partitioner::Template(template) => template.encode(record, time_ms.unwrap_or_default(), out),
        }
    }
}

impl TimePartitioner {
    fn directory<'a>(&self, time_ms: i64, memo: &'a mut TimeMemo) -> &'a str {
        if !(memo.from_ms..memo.until_ms).contains(&time_ms) {
            let start_ms = floor_ms(time_ms, self.duration_ms, &self.zone);
            let last_ms = start_ms.saturating_add(self.duration_ms - 1);
            let start = zoned(start_ms, &self.zone);
            memo.encoded.clear();
            self.pattern.print(&start, &mut memo.encoded);
            // A stretch in which the offset changes may be cut differently: it is asked for anew each time.
            let is_even = start.offset() == zoned(last_ms, &self.zone).offset() && start_ms >= 0;
            let is_inside = (start_ms..=last_ms).contains(&time_ms);
            (memo.from_ms, memo.until_ms) =
                if is_even && is_inside { (start_ms, last_ms.saturating_add(1)) } else { (0, 0) };
        }
        &memo.encoded
    }
}

fn encode_fields(
    record: &SinkRecord,
    fields: &[(String, Vec<String>)],
    delim: &str,
    out: &mut String,
) -> Result<(), ConnectError> {
    let value = record.value.value();
    let schema = match value.as_ref() {
        Value::Struct(structure) => Some(structure.schema()),
        Value::Map(_) => None,
        _ => {
            return Err(ConnectError::data(format!(
                "partitioning a value of class `{}` by field: `FieldPartitioner` takes structs and JSON objects",
                value.java_class()
            )));
        }
    };
    for (index, (name, path)) in fields.iter().enumerate() {
        if index > 0 {
            out.push_str(delim);
        }
        let field = match schema {
            Some(schema) => {
                check_field_type(schema, name, path)?;
                nested(&value, path).map_err(|reason| {
                    ConnectError::data(format!("partitioning by field `{name}`: {reason}"))
                })?
            }
            // JSON objects leave out what they have not.
            None => nested(&value, path).unwrap_or_default(),
        };
        write!(out, "{name}=").expect("writing to a string");
        match field {
            None => out.push_str("null"),
            Some(Value::String(text)) => out.push_str(text),
            Some(Value::Boolean(flag)) => write!(out, "{flag}").expect("writing to a string"),
            Some(Value::Int8(number)) => write!(out, "{number}").expect("writing to a string"),
            Some(Value::Int16(number)) => write!(out, "{number}").expect("writing to a string"),
            Some(Value::Int32(number)) => write!(out, "{number}").expect("writing to a string"),
            Some(Value::Int64(number)) => write!(out, "{number}").expect("writing to a string"),
            Some(other) => return Err(unsupported_type(name, other.java_class())),
        }
    }
    Ok(())
}

fn check_field_type(
    schema: &connect_core::data::Schema,
    name: &str,
    path: &[String],
) -> Result<(), ConnectError> {
    let mut here = schema;
    for step in path {
        let Some(field) = here.field(step) else {
            let text = format!("partitioning by field `{name}`: the schema has no field `{step}`");
            return Err(ConnectError::data(text));
        };
        here = &field.schema;
    }
    match here.ty {
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::String | Type::Boolean => Ok(()),
        other => Err(unsupported_type(name, other.name())),
    }
}

fn unsupported_type(name: &str, type_name: &str) -> ConnectError {
    ConnectError::data(format!(
        "partitioning by field `{name}`: type `{type_name}` is not supported as a partition key"
    ))
}
