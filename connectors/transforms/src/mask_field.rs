//! `MaskField`: fields emptied, or replaced by a fixed value.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Map, Value, coerce};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::java_map::{HashMap, in_set_order};
use crate::require;
use crate::settings::{first_issue, non_empty_unique_list, with_default, without_repeats};
use crate::side::Side;

const PURPOSE: &str = "mask fields";

config! {
    /// Settings.
    struct Settings {
        /// Fields to mask.
        fields: Vec<String> = "fields", High, valid Validator::Custom(non_empty_unique_list);
        /// Value to put in place of the fields' values; for numbers and texts only.
        replacement: Option<String> = "replacement", Low, default None, valid Validator::NonEmpty;
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
    }
}

/// `org.apache.kafka.connect.transforms.MaskField`.
pub(crate) struct MaskField {
    side: Side,
    fields: Vec<String>,
    replacement: Option<String>,
    replaces_null: bool,
}

impl MaskField {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, fields: Vec::new(), replacement: None, replaces_null: true }
    }
}

impl Transform for MaskField {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(&without_repeats(props, &["fields"])).map_err(first_issue)?;
        self.fields = in_set_order(settings.fields);
        self.replacement = settings.replacement;
        self.replaces_null = settings.replaces_null;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let (schema, value) = self.side.take(record);
        let value = match schema {
            None => self.mask_map(require::map(value, PURPOSE)?)?,
            Some(_) => self.mask_struct(value)?,
        };
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}

impl MaskField {
    fn mask_map(&self, map: Map) -> Result<Value, ConnectError> {
        let mut map = HashMap::copy_of(map);
        for name in &self.fields {
            match map.get_mut(name) {
                Some(slot) => *slot = self.masked(slot)?,
                None => map.put(name, Value::Null),
            }
        }
        Ok(Value::Map(map.into_map()))
    }

    fn mask_struct(&self, value: Value) -> Result<Value, ConnectError> {
        let mut structure = match value {
            Value::Struct(structure) => structure,
            other => return Err(require::no_struct(&other, PURPOSE)),
        };
        let schema = structure.schema().clone();
        for (index, field) in schema.fields.iter().enumerate() {
            let old = &structure.values()[index];
            if self.fields.contains(&field.name) {
                let value = with_default(old.clone(), &field.schema, self.replaces_null);
                let masked = self.masked(&value)?;
                masked.validate(&field.schema, Some(&field.name))?;
                structure.put_at(index, masked);
            } else if old.is_null() {
                let value = with_default(Value::Null, &field.schema, self.replaces_null);
                structure.put_at(index, require::copied(value, field)?);
            }
        }
        Ok(Value::Struct(structure))
    }

    fn masked(&self, value: &Value) -> Result<Value, ConnectError> {
        match &self.replacement {
            _ if value.is_null() => Ok(Value::Null),
            None => emptied(value),
            Some(replacement) => replaced(value, replacement),
        }
    }
}

fn emptied(value: &Value) -> Result<Value, ConnectError> {
    Ok(match value {
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::Decimal(_) => Value::Decimal(BigDecimal::from(0)),
        Value::Date(_) => Value::Date(0),
        Value::String(_) => Value::string(""),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Map::default()),
        other => {
            let class = other.java_class();
            return Err(ConnectError::data(format!("Cannot mask value of type: class {class}")));
        }
    })
}

fn replaced(value: &Value, replacement: &str) -> Result<Value, ConnectError> {
    let text = Value::string(replacement);
    match value {
        Value::String(_) => Ok(text),
        Value::Int8(_) => coerce::to_int8(None, &text),
        Value::Int16(_) => coerce::to_int16(None, &text),
        Value::Int32(_) => coerce::to_int32(None, &text),
        Value::Int64(_) => coerce::to_int64(None, &text),
        Value::Float32(_) => coerce::to_float32(None, &text),
        Value::Float64(_) => coerce::to_float64(None, &text),
        Value::Decimal(_) => BigDecimal::from_str(replacement).map(Value::Decimal).map_err(|error| {
            ConnectError::data(format!("Unable to convert {replacement} (class java.lang.String) to number"))
                .because(error)
        }),
        other => {
            let class = other.java_class();
            Err(ConnectError::data(format!(
                "Cannot mask value of type class {class} with custom replacement."
            )))
        }
    }
}
