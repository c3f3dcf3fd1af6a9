//! `ExtractField`: one field in place of the whole key or value.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{SchemaRef, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::field_path::FieldPath;
use crate::require;
use crate::settings::first_issue;
use crate::side::Side;

const PURPOSE: &str = "field extraction";

config! {
    /// Settings.
    struct Settings {
        /// Field to extract.
        field: String = "field", Medium;
        /// Whether a null field that has a default is replaced by the default.
        replaces_null: bool = "replace.null.with.default", Medium, default "true";
        /// How fields are written: `V1` knows fields of the outermost struct or map only, `V2` separates the names
        /// of nested fields by dots; a name that holds dots stands in backticks.
        syntax: String = "field.syntax.version", High, default "V1",
            valid Validator::OneOfIgnoringCase(&["V1", "V2"]);
    }
}

/// `org.apache.kafka.connect.transforms.ExtractField`.
pub(crate) struct ExtractField {
    side: Side,
    field: String,
    path: FieldPath,
    replaces_null: bool,
}

impl ExtractField {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, field: String::new(), path: FieldPath::default(), replaces_null: true }
    }
}

impl Transform for ExtractField {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.path = match settings.syntax.eq_ignore_ascii_case("V2") {
            true => FieldPath::parse(&settings.field)?,
            false => FieldPath::single(&settings.field),
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
        let schema = match &schema {
            None if !matches!(value, Value::Map(_) | Value::Null) => {
                return Err(require::no_map(&value, PURPOSE));
            }
            Some(_) if !matches!(value, Value::Struct(_) | Value::Null) => {
                return Err(require::no_struct(&value, PURPOSE));
            }
            None => None,
            Some(schema) => match self.path.schema_in(schema)? {
                Some(field) => Some(SchemaRef::clone(field)),
                None => return Err(ConnectError::fatal(format!("Unknown field: {}", self.field))),
            },
        };
        let value = self.path.take_from(value, self.replaces_null)?;
        self.side.put(record, schema, value);
        Ok(Outcome::Keep)
    }
}
