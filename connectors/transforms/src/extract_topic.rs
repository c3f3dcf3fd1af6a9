//! Confluent's `ExtractTopic`: the topic taken from the key, the value, a field of either, or a header.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::Value;
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::field_path::FieldPath;
use crate::settings::first_issue;
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// Field or header that holds the topic; empty for the whole key or value.
        field: String = "field", High, default "";
        /// `PLAIN` for one name, `JSON_PATH` for a path such as `$.log.topic`.
        format: String = "field.format", Medium, default "PLAIN",
            valid Validator::OneOfIgnoringCase(&["PLAIN", "JSON_PATH"]);
        /// Whether records without a topic to take keep theirs, instead of failing.
        skips: bool = "skip.missing.or.null", Medium, default "false";
    }
}

/// Where a topic comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    In(Side),
    Header,
}

/// `io.confluent.connect.transforms.ExtractTopic`.
pub(crate) struct ExtractTopic {
    place: Place,
    field: String,
    path: Option<FieldPath>,
    skips: bool,
}

impl ExtractTopic {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, field: String::new(), path: None, skips: false }
    }

    fn found(&self, record: &ConnectRecord) -> Result<Value, ConnectError> {
        match (self.place, &self.path) {
            (Place::Header, _) => {
                let header = record.headers.last_with_name(&self.field);
                Ok(header.map_or(Value::Null, |header| header.value.value().into_owned()))
            }
            (Place::In(side), None) => Ok(side.of(record).value().into_owned()),
            (Place::In(side), Some(path)) => match &*side.of(record).value() {
                value @ (Value::Map(_) | Value::Struct(_)) => path.take_from(value.clone(), true),
                _ => Ok(Value::Null),
            },
        }
    }
}

impl Transform for ExtractTopic {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let is_header = matches!(self.place, Place::Header);
        if is_header && settings.field.is_empty() {
            return Err(ConnectError::config(
                "Invalid value  for configuration field: a header's name is needed",
            ));
        }
        self.path = match settings.field.as_str() {
            "" => None,
            path if settings.format.eq_ignore_ascii_case("JSON_PATH") => {
                Some(FieldPath::parse(path.strip_prefix("$.").unwrap_or(path))?)
            }
            name => Some(FieldPath::single(name)),
        };
        self.field = settings.field;
        self.skips = settings.skips;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        match self.found(record)? {
            Value::String(topic) if !topic.is_empty() => record.topic = (&*topic).into(),
            _ if self.skips => {}
            Value::Null => {
                let field = &self.field;
                return Err(ConnectError::data(format!(
                    "extracting the topic found `{field}` missing or null; `skip.missing.or.null` may be `true`"
                )));
            }
            other => {
                let (field, class) = (&self.field, other.java_class());
                return Err(ConnectError::data(format!(
                    "extracting the topic found `{field}` to be no text with a name in it: {class}"
                )));
            }
        }
        Ok(Outcome::Keep)
    }
}
