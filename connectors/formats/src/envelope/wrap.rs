//! Records with several parts as one struct, for the formats that have schemas, as Aiven's `SinkSchemaBuilder` and
//! `SinkRecordConverter` make them.

use std::sync::Arc;

use connect_core::data::{
    Datum, Field, Map, Schema, SchemaBuilder, SchemaRef, Struct, Type, Value, java_map,
};
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::record::SinkRecord;
use connector_avro::names::CONNECT_NAME;
use connector_avro::schema::{Avro, Kind};

use super::{Envelope, OutputField};

const OWN_NAMES: [&str; 2] =
    ["io.aiven.avro.output.schema.connector_records", "io.aiven.parquet.output.schema.connector_records"];

/// Makes structs of the records of one file.
#[derive(Debug)]
pub(crate) struct Wrapper {
    envelope: Arc<Envelope>,
    /// Name of the struct.
    name: &'static str,
    known: Option<Known>,
}

/// The schema of the last record, and what it was made from.
#[derive(Debug)]
struct Known {
    key: Option<SchemaRef>,
    value: Option<SchemaRef>,
    header: Option<SchemaRef>,
    schema: SchemaRef,
}

impl Wrapper {
    /// Returns a wrapper for Avro files.
    pub(crate) fn avro(envelope: Arc<Envelope>) -> Self {
        Self { envelope, name: OWN_NAMES[0], known: None }
    }

    /// Returns a wrapper for Parquet files.
    pub(crate) fn parquet(envelope: Arc<Envelope>) -> Self {
        Self { envelope, name: OWN_NAMES[1], known: None }
    }

    /// Returns the struct of a record; without an envelope, a value that is one already.
    ///
    /// # Errors
    /// A data error when a part has no schema, or has another type than in the records before.
    pub(crate) fn wrap(&mut self, record: &SinkRecord) -> Result<Datum, ConnectError> {
        if !self.envelope.wraps
            && let Some(bare) = self.bare(record)?
        {
            return Ok(bare);
        }
        let schema = self.schema(record)?;
        let part = |field: &OutputField| {
            Ok(match field {
                OutputField::Key => record.key.value().into_owned(),
                OutputField::Value => record.value.value().into_owned(),
                OutputField::Offset => Value::Int64(record.offset),
                OutputField::Timestamp => Value::Int64(record.timestamp.ok_or_else(|| {
                    ConnectError::data(format!(
                        "writing the timestamp at offset `{}`: there is none",
                        record.offset
                    ))
                })?),
                OutputField::Headers => header_map(&record.headers),
            })
        };
        let values = self.envelope.fields.iter().map(part).collect::<Result<Vec<Value>, ConnectError>>()?;
        let structure = Struct::from_parts(Arc::clone(&schema), values);
        Ok(Datum::new(Some(schema), Value::Struct(Box::new(structure))))
    }

    /// Returns what stands for itself: a struct as it is, a map as a struct of its entries, an object without a schema
    /// as it is.
    fn bare(&mut self, record: &SinkRecord) -> Result<Option<Datum>, ConnectError> {
        let datum = match self.envelope.fields.first() {
            Some(OutputField::Key) => &record.key,
            Some(OutputField::Value) => &record.value,
            _ => return Ok(None),
        };
        match (datum.schema(), datum.value().as_ref()) {
            (Some(schema), _) if schema.ty == Type::Struct => Ok(Some(datum.clone())),
            (None, Value::Map(_)) if self.envelope.fields == [OutputField::Value] => Ok(Some(datum.clone())),
            (Some(schema), Value::Map(map)) => self.entries(schema, map).map(Some),
            _ => Ok(None),
        }
    }

    /// Returns a struct of the entries of a map; which there are, the first map of a file says.
    fn entries(&mut self, of: &SchemaRef, map: &Map) -> Result<Datum, ConnectError> {
        let element = of
            .value_schema
            .clone()
            .ok_or_else(|| ConnectError::data("writing a map whose schema says nothing of its values"))?;
        let name_of = |key: &Value| {
            let name = key.as_str().map(str::to_owned);
            name.ok_or_else(|| ConnectError::data("writing a map as a record: its keys must be texts"))
        };
        let schema = match &self.known {
            Some(known) if known.value.as_ref() == Some(of) => Arc::clone(&known.schema),
            _ => {
                let mut builder = SchemaBuilder::structure().name(self.name);
                for (key, _) in &map.entries {
                    builder = builder.field(name_of(key)?, Arc::clone(&element));
                }
                let schema = builder.build()?;
                let value = Some(Arc::clone(of));
                self.known = Some(Known { key: None, value, header: None, schema: Arc::clone(&schema) });
                schema
            }
        };
        if map.entries.len() != schema.fields.len() {
            return Err(ConnectError::data(
                "writing a map with other entries than the first map of its file",
            ));
        }
        let field = |field: &Field| {
            map.get(&field.name).cloned().ok_or_else(|| {
                ConnectError::data(format!(
                    "writing a map without the entry `{}` that its file has",
                    field.name
                ))
            })
        };
        let values = schema.fields.iter().map(field).collect::<Result<Vec<Value>, ConnectError>>()?;
        let structure = Struct::from_parts(Arc::clone(&schema), values);
        Ok(Datum::new(Some(schema), Value::Struct(Box::new(structure))))
    }

    fn schema(&mut self, record: &SinkRecord) -> Result<SchemaRef, ConnectError> {
        let has = |field: OutputField| self.envelope.fields.contains(&field);
        let header = if has(OutputField::Headers) { header_schema(&record.headers)? } else { None };
        let (key, value) = (record.key.schema(), record.value.schema());
        if let Some(known) = &self.known
            && same(known.key.as_ref(), key)
            && same(known.value.as_ref(), value)
            && same(known.header.as_ref(), header.as_ref())
        {
            return Ok(Arc::clone(&known.schema));
        }
        let mut builder = SchemaBuilder::structure().name(self.name);
        for field in &self.envelope.fields {
            let schema = match field {
                OutputField::Key => with_schema(key, "key")?,
                OutputField::Value => with_schema(value, "value")?,
                OutputField::Offset | OutputField::Timestamp => Arc::new(Schema::of(Type::Int64)),
                OutputField::Headers => {
                    // Aiven's schema without a header is that of null, beside which no header can be written.
                    let none = || Arc::new(Schema::optional(Type::String));
                    let text = Arc::new(Schema::of(Type::String));
                    SchemaBuilder::map(text, header.clone().unwrap_or_else(none)).build()?
                }
            };
            builder = builder.field(field.name(), schema);
        }
        let schema = builder.build()?;
        let (key, value) = (key.cloned(), value.cloned());
        self.known = Some(Known { key, value, header, schema: Arc::clone(&schema) });
        Ok(schema)
    }
}

/// Takes Connect's name, and the defaults of optional fields, away from the record that is made here: Aiven's has none.
pub(crate) fn strip_own_name(avro: Arc<Avro>) -> Arc<Avro> {
    let is_own = |name: &serde_json::Value| name.as_str().is_some_and(|name| OWN_NAMES.contains(&name));
    if !avro.props.get(CONNECT_NAME).is_some_and(is_own) {
        return avro;
    }
    let mut own = Arc::unwrap_or_clone(avro);
    own.props.shift_remove(CONNECT_NAME);
    if let Kind::Record(record) = &mut own.kind {
        record.fields.iter_mut().for_each(|field| field.default = None);
    }
    Arc::new(own)
}

fn same(left: Option<&SchemaRef>, right: Option<&SchemaRef>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => Arc::ptr_eq(left, right) || left == right,
        (None, None) => true,
        _ => false,
    }
}

fn with_schema(schema: Option<&SchemaRef>, what: &str) -> Result<SchemaRef, ConnectError> {
    schema.cloned().ok_or_else(|| ConnectError::data(format!("Record {what} without schema")))
}

/// Returns the schema that all headers share.
fn header_schema(headers: &Headers) -> Result<Option<SchemaRef>, ConnectError> {
    let mut shared: Option<&SchemaRef> = None;
    for header in headers.iter() {
        let Some(schema) = header.value.schema() else {
            return Err(ConnectError::data(format!("Header `{}` without schema", header.key)));
        };
        match shared {
            None => shared = Some(schema),
            Some(known) if known.ty == schema.ty => {}
            Some(known) => {
                return Err(ConnectError::data(format!(
                    "writing header `{}` of type {} beside one of type {}: headers of one record must have one type; \
                     `header.converter` `StringConverter` makes texts of them",
                    header.key,
                    schema.ty.name(),
                    known.ty.name()
                )));
            }
        }
    }
    Ok(shared.cloned())
}

fn header_map(headers: &Headers) -> Value {
    let mut entries: Vec<(Value, Value)> = Vec::with_capacity(headers.len());
    for header in headers.iter() {
        let value = header.value.value().into_owned();
        match entries.iter_mut().find(|(key, _)| key.as_str() == Some(&header.key)) {
            // The last one of a name stays, as in the hash map of the original.
            Some((_, known)) => *known = value,
            None => entries.push((Value::string(&*header.key), value)),
        }
    }
    let names = entries.iter().map(|(key, _)| key.as_str().unwrap_or_default());
    let order = java_map::iteration_order(names);
    Value::Map(Map { entries: order.into_iter().map(|index| entries[index].clone()).collect() })
}
