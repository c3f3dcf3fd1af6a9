//! Avro as a format of the converter.

use std::sync::Arc;

use bytes::Bytes;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::coerce::logical;
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;

use connector_avro::config::AvroConfig;
use connector_avro::decode::decode;
use connector_avro::encode::Encoder;
use connector_avro::plan::{self, Plan};
use connector_avro::reader::Reader;
use connector_avro::schema::{self, Avro};
use connector_avro::{anything, from_connect, names, text};

use crate::converter::{Described, Format, RegistryConverter};
use crate::registry::SchemaText;

/// `io.confluent.connect.avro.AvroConverter`.
pub type AvroConverter = RegistryConverter<AvroFormat>;

/// Avro.
#[derive(Debug, Default)]
pub struct AvroFormat {
    config: AvroConfig,
}

/// How data of one schema is read.
#[derive(Debug)]
pub struct AvroReader {
    schema: Option<SchemaRef>,
    plan: Plan,
}

/// What data of one schema is written with.
#[derive(Debug)]
pub struct AvroWriter {
    schema: Arc<Avro>,
}

#[expect(private_interfaces, reason = "the converter lives in this crate")]
impl Format for AvroFormat {
    const KIND: &'static str = "AVRO";
    const NAME: &'static str = "Avro";
    type Reader = AvroReader;
    type Writer = AvroWriter;

    fn keys() -> ConfigDef {
        AvroConfig::keys()
    }

    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        self.config = AvroConfig::read(props)?;
        Ok(())
    }

    fn reader(&self, schema: &SchemaText, version: Option<i32>) -> Result<AvroReader, ConnectError> {
        let avro = schema::parse(&schema.text, &schema.references)?;
        let (schema, plan) = plan::make(&self.config, &avro, version)?;
        Ok(AvroReader { schema, plan })
    }

    fn record_name(&self, schema: &SchemaText) -> Option<String> {
        let avro = schema::parse(&schema.text, &schema.references).ok()?;
        avro.name().map(schema::Name::full)
    }

    fn describe(&self, schema: Option<&SchemaRef>) -> Result<Described, ConnectError> {
        let Some(schema) = schema else {
            return Ok(Described {
                text: anything::SCHEMA.clone(),
                record: Some(names::ANYTHING.to_owned()),
            });
        };
        let avro = from_connect::convert(&self.config, schema)?;
        Ok(Described { text: text::of(&avro)?, record: avro.name().map(schema::Name::full) })
    }

    fn writer(&self, _: Option<&SchemaRef>, schema: &SchemaText) -> Result<AvroWriter, ConnectError> {
        Ok(AvroWriter { schema: schema::parse(&schema.text, &schema.references)? })
    }

    fn read(&self, reader: &AvroReader, record: &Bytes, start: usize) -> Result<Datum, ConnectError> {
        let value = match &reader.plan {
            // Bytes stand without their length when they are the whole record.
            Plan::Bytes => Value::Bytes(record.slice(start..)),
            Plan::Decimal(schema, None) => {
                Value::Decimal(logical::decimal_from_bytes(schema, &record[start..])?)
            }
            plan => decode(plan, &mut Reader::behind(record, start))?,
        };
        Ok(Datum::new(reader.schema.clone(), value))
    }

    fn write(
        &self,
        writer: &AvroWriter,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        Encoder { config: &self.config }.payload(schema.map(|schema| &**schema), &writer.schema, value, out)
    }
}
