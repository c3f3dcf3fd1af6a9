//! `DropHeaders` and `InsertHeader`.

use std::sync::Arc;

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Datum, coerce};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::settings::{first_issue, non_empty_unique_list, non_null, without_repeats};

config! {
    /// Settings of `DropHeaders`.
    struct DropSettings {
        /// Names of the headers to remove.
        headers: Vec<String> = "headers", High, valid Validator::Custom(non_empty_unique_list);
    }
}

/// `org.apache.kafka.connect.transforms.DropHeaders`.
#[derive(Default)]
pub(crate) struct DropHeaders {
    names: Vec<String>,
}

impl Transform for DropHeaders {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.names = DropSettings::parse(&without_repeats(props, &["headers"])).map_err(first_issue)?.headers;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        DropSettings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        for name in &self.names {
            record.headers.remove(name);
        }
        Ok(Outcome::Keep)
    }
}

config! {
    /// Settings of `InsertHeader`.
    struct InsertSettings {
        /// Name of the header.
        header: String = "header", High, valid Validator::Custom(non_null);
        /// Value of the header on every record; its type is what the text looks like.
        literal: String = "value.literal", High, valid Validator::Custom(non_null);
    }
}

/// `org.apache.kafka.connect.transforms.InsertHeader`.
pub(crate) struct InsertHeader {
    name: Arc<str>,
    value: Datum,
}

impl Default for InsertHeader {
    fn default() -> Self {
        Self { name: "".into(), value: Datum::NULL }
    }
}

impl Transform for InsertHeader {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = InsertSettings::parse(props).map_err(first_issue)?;
        let parsed = coerce::parse_string(&settings.literal);
        self.name = settings.header.into();
        self.value = Datum::new(parsed.schema, parsed.value);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        InsertSettings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        record.headers.add(Arc::clone(&self.name), self.value.clone());
        Ok(Outcome::Keep)
    }
}
