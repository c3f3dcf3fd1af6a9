//! `TimestampConverter`: points in time as texts, numbers or logical types.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::logical::{self, MILLIS_PER_DAY};
use connect_core::data::{Field, Map, Schema, SchemaRef, Struct, Type, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::date_format::DateFormat;
use crate::java_map::HashMap;
use crate::require;
use crate::schemas::{SchemaCache, copy_basics, fields_of, schema_text, set_default};
use crate::settings::{first_issue, with_default};
use crate::side::Side;
use crate::timestamp_router::now_ms;

const PURPOSE: &str = "converting timestamp formats";

config! {
    /// Settings.
    struct Settings {
        /// Field that holds the time; empty when the whole key or value is a time.
        field: String = "field", High, default "";
        /// What to convert to: `string`, `unix`, `Date`, `Time` or `Timestamp`.
        target: String = "target.type", High,
            valid Validator::OneOf(&["string", "unix", "Date", "Time", "Timestamp"]);
        /// Format of texts that are read or written, as Java's `SimpleDateFormat` takes it, in UTC.
        format: String = "format", Medium, default "";
        /// Unit of numbers that are read or written. Parts of milliseconds are lost.
        precision: String = "unix.precision", Low, default "milliseconds",
            valid Validator::OneOf(&["nanoseconds", "microseconds", "milliseconds", "seconds"]);
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.TimestampConverter`.
pub(crate) struct TimestampConverter {
    side: Side,
    field: String,
    target: Kind,
    format: Option<DateFormat>,
    precision: Precision,
    replaces_null: bool,
    cache: SchemaCache<SchemaRef>,
}

/// How a time is represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Unix,
    Date,
    Time,
    Timestamp,
}

/// Unit of a Unix time.
#[derive(Debug, Clone, Copy)]
enum Precision {
    Seconds,
    Millis,
    /// Finer than milliseconds: how many of them are one millisecond.
    Finer(i64),
}

impl TimestampConverter {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            field: String::new(),
            target: Kind::Timestamp,
            format: None,
            precision: Precision::Millis,
            replaces_null: true,
            cache: SchemaCache::default(),
        }
    }
}

impl Transform for TimestampConverter {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.target = match settings.target.as_str() {
            "string" => Kind::Text,
            "unix" => Kind::Unix,
            "Date" => Kind::Date,
            "Time" => Kind::Time,
            _ => Kind::Timestamp,
        };
        self.precision = match settings.precision.as_str() {
            "seconds" => Precision::Seconds,
            "microseconds" => Precision::Finer(1000),
            "nanoseconds" => Precision::Finer(1_000_000),
            _ => Precision::Millis,
        };
        let pattern = settings.format;
        self.format = match pattern.is_empty() {
            true if self.target == Kind::Text => {
                return Err(ConnectError::config(
                    "TimestampConverter requires format option to be specified when using string timestamps",
                ));
            }
            true => None,
            false => {
                Some(DateFormat::compile(&pattern, now_ms()).map_err(|error| bad_pattern(&pattern, &error))?)
            }
        };
        self.field = settings.field;
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let (schema, value) = self.side.take(record);
        let (schema, value) = match schema {
            None if value.is_null() || self.field.is_empty() => (None, self.convert(value, None)?),
            None => (None, self.convert_in_map(require::map(value, PURPOSE)?)?),
            Some(schema) if self.field.is_empty() => {
                let kind = Kind::of(&schema)?;
                let target = SchemaRef::new(self.target.schema(schema.optional));
                (Some(target), self.convert(value, Some(kind))?)
            }
            Some(schema) => {
                if !matches!(value, Value::Struct(_) | Value::Null) {
                    return Err(require::no_struct(&value, PURPOSE));
                }
                let changed = self.cache.get(&schema, |schema| self.changed(schema))?;
                let value = self.convert_in_struct(value, &changed)?;
                (Some(SchemaRef::clone(&changed)), value)
            }
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl TimestampConverter {
    fn convert_in_map(&self, map: Map) -> Result<Value, ConnectError> {
        let mut map = HashMap::copy_of(map);
        match map.get_mut(&self.field) {
            Some(slot) => *slot = self.convert(std::mem::replace(slot, Value::Null), None)?,
            None => map.put(&self.field, Value::Null),
        }
        Ok(Value::Map(map.into_map()))
    }

    fn convert_in_struct(&self, value: Value, changed: &SchemaRef) -> Result<Value, ConnectError> {
        let Value::Struct(structure) = value else { return Ok(Value::Null) };
        let (schema, mut values) = structure.into_parts();
        for (field, slot) in schema.fields.iter().zip(&mut values) {
            let is_target = field.name == self.field;
            if !is_target && !slot.is_null() {
                continue;
            }
            let value = std::mem::replace(slot, Value::Null);
            let value = with_default(value, &field.schema, self.replaces_null);
            let kind = if is_target { Some(Kind::of(&field.schema)?) } else { None };
            *slot = if is_target { self.convert(value, kind)? } else { value };
            if let Some(field) = changed.field(&field.name) {
                slot.validate(&field.schema, Some(&field.name))?;
            }
        }
        Ok(Value::Struct(Box::new(Struct::from_parts(SchemaRef::clone(changed), values))))
    }

    fn changed(&self, schema: &Schema) -> Result<SchemaRef, ConnectError> {
        let mut changed = copy_basics(schema, Type::Struct);
        let change = |field: &Field| match field.name == self.field {
            true => {
                let target = self.target.schema(field.schema.optional);
                Field { name: field.name.clone(), schema: SchemaRef::new(target) }
            }
            false => field.clone(),
        };
        changed.fields = fields_of(schema)?.iter().map(change).collect();
        changed.optional = schema.optional;
        if let Some(default) = &schema.default {
            let bound = SchemaRef::new(changed.clone());
            let default = self.convert_in_struct(default.clone(), &bound)?;
            set_default(&mut changed, default)?;
        }
        Ok(SchemaRef::new(changed))
    }

    /// Converts one value; null stays null. Without `kind`, the value's class decides what it is.
    fn convert(&self, value: Value, kind: Option<Kind>) -> Result<Value, ConnectError> {
        if value.is_null() {
            return Ok(value);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => Kind::of_value(&value)?,
        };
        let millis = self.read(&value, kind)?;
        Ok(match self.target {
            Kind::Text => {
                Value::string(self.format.as_ref().map(|format| format.print(millis)).unwrap_or_default())
            }
            Kind::Unix => Value::Int64(match self.precision {
                Precision::Seconds => millis / 1000,
                Precision::Millis => millis,
                // TimeUnit stops at the ends of its range.
                Precision::Finer(per_milli) => millis.saturating_mul(per_milli),
            }),
            // The calendar overflows silently before its first whole day.
            Kind::Date => Value::Date(millis.div_euclid(MILLIS_PER_DAY).wrapping_mul(MILLIS_PER_DAY)),
            Kind::Time => Value::Date(millis.rem_euclid(MILLIS_PER_DAY)),
            Kind::Timestamp => Value::Date(millis),
        })
    }

    fn read(&self, value: &Value, kind: Kind) -> Result<i64, ConnectError> {
        let unexpected = |what: &str, class: &str| {
            let found = value.java_class();
            Err(ConnectError::data(format!("Expected {what} to be a {class}, but found class {found}")))
        };
        match (kind, value) {
            (Kind::Text, Value::String(text)) => self.parse(text),
            (Kind::Text, _) => unexpected("string timestamp", "String"),
            (Kind::Unix, Value::Int64(number)) => Ok(match self.precision {
                Precision::Seconds => number.saturating_mul(1000),
                Precision::Millis => *number,
                Precision::Finer(per_milli) => number / per_milli,
            }),
            (Kind::Unix, _) => unexpected("Unix timestamp", "Long"),
            (_, Value::Date(millis)) => Ok(*millis),
            (Kind::Date, _) => unexpected("Date", "java.util.Date"),
            (Kind::Time, _) => unexpected("Time", "java.util.Date"),
            (Kind::Timestamp, _) => unexpected("Timestamp", "java.util.Date"),
        }
    }

    fn parse(&self, text: &str) -> Result<i64, ConnectError> {
        // The JVM stumbles over the missing format; its text is kept for those who look for it.
        let format = self.format.as_ref().ok_or_else(|| {
            ConnectError::fatal(
                "Cannot invoke \"java.text.SimpleDateFormat.parse(String)\" because \"config.format\" is null",
            )
        })?;
        format.parse(text).ok_or_else(|| {
            let pattern = format.pattern();
            ConnectError::data(format!(
                "Could not parse timestamp: value ({text}) does not match pattern ({pattern})"
            ))
        })
    }
}

// Kafka Connect hands text and cause to a constructor that takes a key and its value; the odd text is the result.
fn bad_pattern(pattern: &str, error: &str) -> ConnectError {
    ConnectError::config(format!(
        "Invalid value java.lang.IllegalArgumentException: {error} for configuration TimestampConverter requires a \
         SimpleDateFormat-compatible pattern for string timestamps: {pattern}"
    ))
}

impl Kind {
    fn of(schema: &Schema) -> Result<Self, ConnectError> {
        Ok(match (schema.name.as_deref(), schema.ty) {
            (Some(logical::TIMESTAMP), _) => Kind::Timestamp,
            (Some(logical::DATE), _) => Kind::Date,
            (Some(logical::TIME), _) => Kind::Time,
            (_, Type::String) => Kind::Text,
            (_, Type::Int64) => Kind::Unix,
            _ => {
                let schema = schema_text(schema);
                return Err(ConnectError::fatal(format!(
                    "Schema {schema} does not correspond to a known timestamp type format"
                )));
            }
        })
    }

    fn of_value(value: &Value) -> Result<Self, ConnectError> {
        match value {
            Value::Date(_) => Ok(Kind::Timestamp),
            Value::Int64(_) => Ok(Kind::Unix),
            Value::String(_) => Ok(Kind::Text),
            other => {
                let class = other.java_class();
                Err(ConnectError::data(format!(
                    "TimestampConverter does not support class {class} objects as timestamps"
                )))
            }
        }
    }

    fn schema(self, is_optional: bool) -> Schema {
        let schema = match self {
            Kind::Text => Schema::of(Type::String),
            Kind::Unix => Schema::of(Type::Int64),
            Kind::Date => logical::date(),
            Kind::Time => logical::time(),
            Kind::Timestamp => logical::timestamp(),
        };
        Schema { optional: is_optional, ..schema }
    }
}
