//! From a source's records to bytes for Kafka: transforms, then converters (headers first, as the JVM does).

use bytes::Bytes;
use connect_core::config::Props;
use connect_core::converter::ConverterRole;
use connect_core::error::ConnectError;
use connect_core::plugin::Registry;
use connect_core::record::{ConnectRecord, RawHeaders, SourceRecord};
use connect_core::transform::{Outcome, Position};
use std::time::Instant;

use crate::config::WorkerConfig;
use crate::kafka::producer::OutgoingRecord;
use crate::task::errors::{ErrorPolicy, FailedRecord, Failure, Stage};
use crate::task::plugins::{Chain, NamedConverter, NamedHeaderConverter, converter, header_converter};

/// The transforms and converters of a source task.
pub(crate) struct SourcePipeline {
    key: NamedConverter,
    value: NamedConverter,
    header: NamedHeaderConverter,
    chain: Chain,
    errors: ErrorPolicy,
}

/// A record ready to be produced.
pub(crate) struct Converted {
    pub(crate) topic: std::sync::Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: RawHeaders,
}

impl Converted {
    /// Returns the record as the producer takes it.
    pub(crate) fn outgoing(&self) -> OutgoingRecord<'_> {
        OutgoingRecord {
            topic: &self.topic,
            partition: self.partition,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            timestamp: self.timestamp,
            headers: self.headers.clone(),
        }
    }
}

impl SourcePipeline {
    /// Returns the pipeline that a connector's configuration asks for.
    ///
    /// # Errors
    /// Fails (fatal) when a plug-in is unknown or refuses its settings.
    pub(crate) fn new(
        worker: &WorkerConfig,
        connector_props: &Props,
        registry: &Registry,
        errors: ErrorPolicy,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            key: converter(ConverterRole::Key, worker, connector_props, registry)?,
            value: converter(ConverterRole::Value, worker, connector_props, registry)?,
            header: header_converter(worker, connector_props, registry)?,
            chain: Chain::new(connector_props, registry)?,
            errors,
        })
    }

    /// Returns the record for Kafka; `None` when it was dropped by a transform or skipped for an error.
    ///
    /// # Errors
    /// Fails (fatal) when `errors.tolerance` does not let the record pass.
    pub(crate) async fn convert(&self, record: &SourceRecord) -> Result<Option<Converted>, ConnectError> {
        let started = Instant::now();
        let mut attempt = 0;
        loop {
            match self.try_convert(record).await {
                Ok(converted) => return Ok(converted),
                Err(failure) => {
                    if failure.error.is_retriable() && self.errors.retry(started, attempt).await {
                        attempt += 1;
                        continue;
                    }
                    return self.errors.handle(&FailedRecord::Source(record), failure).map(|()| None);
                }
            }
        }
    }

    async fn try_convert(&self, record: &SourceRecord) -> Result<Option<Converted>, Failure> {
        if self.chain.is_empty() {
            return self.encode_prepared(&record.record).await.map(Some);
        }
        let mut changed = record.record.clone();
        let outcome = self.chain.apply(&mut changed, Position { kafka_offset: None });
        match outcome.map_err(|(class, error)| Failure { stage: Stage::Transformation, class, error })? {
            Outcome::Keep => self.encode_prepared(&changed).await.map(Some),
            Outcome::Drop => Ok(None),
        }
    }

    /// Encodes a record; a converter may only lack a schema, which is then registered.
    async fn encode_prepared(&self, record: &ConnectRecord) -> Result<Converted, Failure> {
        match self.encode(record) {
            Err(failure) if failure.error.is_retriable() => {
                self.prepare(record).await?;
                self.encode(record)
            }
            encoded => encoded,
        }
    }

    /// Lets the converters fetch what they need for a record. When the task stops meanwhile, the conversion fails as
    /// before.
    async fn prepare(&self, record: &ConnectRecord) -> Result<(), Failure> {
        let parts = [
            (&self.key, Stage::KeyConverter, &record.key),
            (&self.value, Stage::ValueConverter, &record.value),
        ];
        for (named, stage, datum) in parts {
            let preparation = named.converter.prepare_write(&record.topic, datum);
            let prepared = self.errors.unless_stopping(preparation).await.unwrap_or(Ok(()));
            prepared.map_err(|error| Failure { stage, class: named.class, error })?;
        }
        Ok(())
    }

    fn encode(&self, record: &ConnectRecord) -> Result<Converted, Failure> {
        let topic = &record.topic;
        let mut headers = RawHeaders::with_capacity(record.headers.len());
        for header in record.headers.iter() {
            let encoded = self.header.converter.from_connect_header(topic, &header.key, &header.value);
            let stage = Stage::HeaderConverter;
            let value = encoded.map_err(|error| Failure { stage, class: self.header.class, error })?;
            headers.push((header.key.clone(), value));
        }
        let encode = |named: &NamedConverter, stage, datum| {
            let encoded = named.converter.from_datum(topic, datum);
            encoded.map_err(|error| Failure { stage, class: named.class, error })
        };
        Ok(Converted {
            topic: topic.clone(),
            partition: record.partition,
            key: encode(&self.key, Stage::KeyConverter, &record.key)?,
            value: encode(&self.value, Stage::ValueConverter, &record.value)?,
            timestamp: record.timestamp,
            headers,
        })
    }
}
