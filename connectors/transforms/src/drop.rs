//! Confluent's `Drop`: the key or the value of each record becomes null.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Schema, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::settings::first_issue;
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// What becomes of the schema: `nullify` drops it, `retain` keeps it and fails when it is not optional,
        /// `force_optional` makes it optional.
        schema: String = "schema.behavior", Medium, default "nullify",
            valid Validator::OneOfIgnoringCase(&["nullify", "retain", "force_optional"]);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SchemaBehavior {
    Nullify,
    Retain,
    ForceOptional,
}

/// `io.confluent.connect.transforms.Drop`.
pub(crate) struct Drop {
    side: Side,
    behavior: SchemaBehavior,
}

impl Drop {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, behavior: SchemaBehavior::Nullify }
    }
}

impl Transform for Drop {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.behavior = match settings.schema.to_ascii_lowercase().as_str() {
            "retain" => SchemaBehavior::Retain,
            "force_optional" => SchemaBehavior::ForceOptional,
            _ => SchemaBehavior::Nullify,
        };
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let (schema, _) = self.side.take(record);
        let schema = match (schema, self.behavior) {
            (None, _) | (Some(_), SchemaBehavior::Nullify) => None,
            (Some(schema), SchemaBehavior::Retain) if !schema.optional => {
                return Err(ConnectError::data(
                    "dropping a key or value found a schema that is not optional; `schema.behavior` may be \
                     `force_optional`",
                ));
            }
            (Some(schema), _) if schema.optional => Some(schema),
            (Some(schema), _) => Some(Schema { optional: true, ..Schema::clone(&schema) }.into()),
        };
        self.side.put(record, schema, Value::Null);
        Ok(Outcome::Keep)
    }
}
