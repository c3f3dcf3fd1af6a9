//! This side: the same cases by the built-in plug-ins, answered in the oracle's form.

use bytes::{Bytes, BytesMut};
use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::data::json::{schemaless_fields, write_value};
use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};
use serde_json::Value as Json;

use super::notation;

const TRANSFORMS: &str = "org.apache.kafka.connect.transforms.";

/// A converter of either kind.
pub(super) enum Side {
    /// As it is without transforms after it, and with some that change fields.
    Data(Box<dyn Converter>, Box<dyn Converter>),
    Header(Box<dyn HeaderConverter>),
}

impl Side {
    /// Returns a configured converter.
    pub(super) fn new(plugins: &[PluginInfo], description: &Json) -> Self {
        let class = description["class"].as_str().expect("a class");
        let role = match description["role"].as_str().expect("a role") {
            "header" => ConverterRole::Header,
            "key" => ConverterRole::Key,
            _ => ConverterRole::Value,
        };
        let props = props(&description["config"]);
        for plugin in plugins.iter().filter(|plugin| plugin.class == class) {
            match plugin.factory {
                Factory::Converter(new) if role != ConverterRole::Header => {
                    let (mut converter, mut lazy) = (new(), new());
                    converter.configure(&props, role).expect("valid settings");
                    lazy.configure(&props, role).expect("valid settings");
                    lazy.expect_field_changes();
                    return Side::Data(converter, lazy);
                }
                Factory::HeaderConverter(new) if role == ConverterRole::Header => {
                    let mut converter = new();
                    converter.configure(&props).expect("valid settings");
                    return Side::Header(converter);
                }
                _ => {}
            }
        }
        panic!("no converter `{class}` for a {}", role.name())
    }

    pub(super) fn write(&self, datum: &Datum) -> Result<Option<Bytes>, ConnectError> {
        match self {
            Side::Data(converter, _) => converter.from_datum("t", datum),
            Side::Header(converter) => converter.from_connect_header("t", "h", datum),
        }
    }

    /// Returns what is written for a datum, and what is read of that.
    pub(super) fn written(&self, datum: &Datum) -> String {
        match self.write(datum) {
            Ok(bytes) => {
                let hex = bytes.as_ref().map_or_else(|| "null".to_owned(), |bytes| hex(bytes));
                format!("{hex}>{}", self.shown(bytes.as_ref()))
            }
            Err(error) => error_text(&error),
        }
    }

    /// Returns what is read of bytes.
    pub(super) fn shown(&self, bytes: Option<&Bytes>) -> String {
        match self {
            Side::Data(converter, lazy) => {
                let read = |converter: &dyn Converter| {
                    show(converter.to_connect_data("t", None, bytes, &mut BytesMut::new()))
                };
                let shown = read(&**converter);
                assert_eq!(read(&**lazy), shown, "in front of transforms: {bytes:?}");
                shown
            }
            Side::Header(converter) => show(converter.to_connect_header("t", "h", bytes)),
        }
    }
}

fn show(read: Result<Datum, ConnectError>) -> String {
    match read {
        Ok(datum) => {
            let schema =
                datum.schema().map_or_else(|| "-".to_owned(), |schema| notation::show_schema(schema));
            format!("{schema} {}", notation::show_value(&datum.value()))
        }
        Err(error) => error_text(&error),
    }
}

/// Returns the datum of a case.
pub(super) fn datum(case: &Json) -> Datum {
    let schema = notation::schema(&case["schema"]);
    let value = notation::value(&case["value"], schema.as_ref());
    Datum::new(schema, value)
}

/// Returns what a transform or predicate gives.
pub(super) fn transformed(plugins: &[PluginInfo], case: &Json) -> String {
    run(plugins, case).unwrap_or_else(|error| error_text(&error))
}

fn run(plugins: &[PluginInfo], case: &Json) -> Result<String, ConnectError> {
    let class = format!("{TRANSFORMS}{}", case["class"].as_str().expect("a class"));
    let plugin = plugins.iter().find(|plugin| plugin.class == class).expect("a known class");
    let props = props(&case["config"]);
    let record = notation::record(&case["record"]);
    let position = Position { kafka_offset: case["record"]["offset"].as_i64() };
    match plugin.factory {
        Factory::Transform(new) => {
            let mut transform = new();
            transform.configure(&props)?;
            let (again, as_text) = (record.clone(), as_text(&record));
            let shown = apply(&*transform, record, position);
            // The second record of a schema is changed by what was kept of the first.
            assert_eq!(apply(&*transform, again, position), shown, "{case}");
            if let Some((text, decoded)) = as_text {
                let expected = apply(&*transform, decoded, position);
                assert_eq!(apply(&*transform, text.clone(), position), expected, "as text: {case}");
                assert_eq!(apply(&*transform, text, position), expected, "as text again: {case}");
            }
            Ok(shown)
        }
        Factory::Predicate(new) => {
            let mut predicate = new();
            predicate.configure(&props)?;
            Ok(predicate.test(&record)?.to_string())
        }
        _ => panic!("`{class}` is no transform"),
    }
}

fn apply(transform: &dyn Transform, mut record: ConnectRecord, position: Position) -> String {
    match transform.apply(&mut record, position) {
        Ok(Outcome::Keep) => notation::show_record(&record),
        Ok(Outcome::Drop) => "drop".to_owned(),
        Err(error) => error_text(&error),
    }
}

/// Returns the record with key and value as JSON gives them: maps that are still text, and the same maps decoded.
/// `None` when neither is a map without schema.
fn as_text(record: &ConnectRecord) -> Option<(ConnectRecord, ConnectRecord)> {
    let (mut as_text, mut decoded) = (record.clone(), record.clone());
    let mut is_text = false;
    for (text, decoded) in [(&mut as_text.key, &mut decoded.key), (&mut as_text.value, &mut decoded.value)] {
        let mut json = Vec::new();
        match &*decoded.value() {
            value @ Value::Map(_) if decoded.schema().is_none() => write_value(&mut json, value),
            _ => continue,
        }
        *text = schemaless_fields(&Bytes::from(json), &mut BytesMut::new()).expect("JSON");
        *decoded = Datum::schemaless(text.value().into_owned());
        is_text |= text.text_map_mut().is_some();
    }
    is_text.then_some((as_text, decoded))
}

fn props(json: &Json) -> Props {
    let members = json.as_object().expect("a configuration");
    members.iter().map(|(key, value)| (key.clone(), value.as_str().expect("a text").to_owned())).collect()
}

fn error_text(error: &ConnectError) -> String {
    format!("error {}: {}", error.kind().class_name(), error.context())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
