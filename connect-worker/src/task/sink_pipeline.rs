//! From consumed bytes to the records a sink task gets: converters and transforms in one pass over the batch.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use connect_core::config::Props;
use connect_core::converter::ConverterRole;
use connect_core::data::Datum;
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::plugin::Registry;
use connect_core::record::{ConnectRecord, Offsets, Origin, SinkRecord, TopicPartition};
use connect_core::transform::{Outcome, Position};

use crate::config::WorkerConfig;
use crate::kafka::batch::{RawBatch, RawRecord};
use crate::task::errors::{ErrorPolicy, FailedRecord, Failure, Stage};
use crate::task::plugins::{Chain, NamedConverter, NamedHeaderConverter, converter, header_converter};
use crate::task::topics_seen::TopicsSeen;

/// The converters and transforms of a sink task.
pub(crate) struct SinkPipeline {
    key: NamedConverter,
    value: NamedConverter,
    header: NamedHeaderConverter,
    chain: Chain,
    errors: ErrorPolicy,
    // Converted values of a batch share its allocation.
    scratch: BytesMut,
    topics_seen: TopicsSeen,
}

impl SinkPipeline {
    /// Returns the pipeline that a connector's configuration asks for.
    ///
    /// # Errors
    /// Fails (fatal) when a plug-in is unknown or refuses its settings.
    pub(crate) fn new(
        worker: &WorkerConfig,
        connector_props: &Props,
        registry: &Registry,
        errors: ErrorPolicy,
        topics_seen: TopicsSeen,
    ) -> Result<Self, ConnectError> {
        let mut key = converter(ConverterRole::Key, worker, connector_props, registry)?;
        let mut value = converter(ConverterRole::Value, worker, connector_props, registry)?;
        let chain = Chain::new(connector_props, registry)?;
        if chain.keeps_maps_as_text() {
            key.converter.expect_field_changes();
            value.converter.expect_field_changes();
        }
        Ok(Self {
            key,
            value,
            header: header_converter(worker, connector_props, registry)?,
            chain,
            errors,
            scratch: BytesMut::new(),
            topics_seen,
        })
    }

    /// Converts a batch. Records go to `records`; `consumed` gets the next offset of each partition, also for
    /// records that were dropped or skipped; topics that are to be told are returned. When the task stops while
    /// a record waits to be tried again, that record and those after it are neither skipped nor consumed.
    ///
    /// # Errors
    /// Fails (fatal) at the first record that `errors.tolerance` does not let pass.
    pub(crate) async fn convert(
        &mut self,
        batch: &mut RawBatch,
        records: &mut Vec<SinkRecord>,
        consumed: &mut Offsets,
    ) -> Result<Vec<Arc<str>>, ConnectError> {
        records.reserve(batch.records.len());
        self.scratch
            .reserve(batch.records.iter().map(|raw| raw.value.as_ref().map_or(0, |value| value.len())).sum());
        let mut new_topics = Vec::new();
        let mut run: Option<(Arc<str>, i32, i64)> = None;
        for raw in batch.records.drain(..) {
            let offset = raw.offset;
            if !run
                .as_ref()
                .is_some_and(|(topic, partition, _)| *partition == raw.partition && *topic == raw.topic)
            {
                note_consumed(consumed, run.take());
                if self.topics_seen.is_new(&raw.topic) {
                    new_topics.push(Arc::clone(&raw.topic));
                }
                run = Some((Arc::clone(&raw.topic), raw.partition, offset));
            }
            if let Err((raw, failure)) = self.try_convert(raw, records)
                && !self.convert_again(raw, failure, records).await?
            {
                break;
            }
            if let Some((_, _, next)) = &mut run {
                *next = offset + 1;
            }
        }
        note_consumed(consumed, run);
        Ok(new_topics)
    }

    /// Deals with a record that failed: tries again what can be, then asks the error policy. Returns whether that is
    /// decided: not when the task stops before.
    async fn convert_again(
        &mut self,
        mut raw: Box<RawRecord>,
        mut failure: Failure,
        records: &mut Vec<SinkRecord>,
    ) -> Result<bool, ConnectError> {
        let started = Instant::now();
        let mut attempt = 0;
        while failure.error.is_retriable() {
            // A converter may only lack a schema: what it can fetch at once costs no wait and no attempt.
            match self.prepare(&raw).await {
                Ok(()) => match self.try_convert(*raw, records) {
                    Ok(()) => return Ok(true),
                    Err((returned, error)) => (raw, failure) = (returned, error),
                },
                Err(error) => failure = error,
            }
            if !failure.error.is_retriable() || !self.errors.retry(started, attempt).await {
                break;
            }
            attempt += 1;
        }
        if failure.error.is_retriable() && self.errors.is_stopping() {
            return Ok(false);
        }
        self.errors.handle(&FailedRecord::Raw(&raw), failure).map(|()| true)
    }

    /// Lets the converters fetch what they need for a record. When the task stops meanwhile, the conversion fails as
    /// before.
    async fn prepare(&self, raw: &RawRecord) -> Result<(), Failure> {
        let parts =
            [(&self.key, Stage::KeyConverter, &raw.key), (&self.value, Stage::ValueConverter, &raw.value)];
        for (named, stage, bytes) in parts {
            let preparation = named.converter.prepare(&raw.topic, std::slice::from_ref(bytes));
            let prepared = self.errors.unless_stopping(preparation).await.unwrap_or(Ok(()));
            prepared.map_err(|error| Failure { stage, class: named.class, error })?;
        }
        Ok(())
    }

    /// Converts a record and adds it to `records` unless a transform drops it, or gives it back with what failed.
    /// Nothing of the record is copied: it moves on as the origin of the converted one.
    fn try_convert(
        &mut self,
        raw: RawRecord,
        records: &mut Vec<SinkRecord>,
    ) -> Result<(), (Box<RawRecord>, Failure)> {
        let (key, value, headers) = match self.convert_parts(&raw) {
            Ok(parts) => parts,
            Err(failure) => return Err((Box::new(raw), failure)),
        };
        // Made where it stays: a record is large, and moving it is a part of what a record costs.
        records.push(SinkRecord {
            record: ConnectRecord {
                topic: Arc::clone(&raw.topic),
                partition: Some(raw.partition),
                key,
                value,
                timestamp: raw.timestamp,
                headers,
            },
            offset: raw.offset,
            timestamp_type: raw.timestamp_type,
            origin: Origin {
                topic: raw.topic,
                partition: raw.partition,
                key: raw.key,
                value: raw.value,
                headers: raw.headers,
            },
        });
        if self.chain.is_empty() {
            return Ok(());
        }
        let Some(record) = records.last_mut() else { return Ok(()) };
        let position = Position { kafka_offset: Some(record.offset) };
        let outcome = self.chain.apply(&mut record.record, position);
        if matches!(outcome, Ok(Outcome::Keep)) {
            return Ok(());
        }
        match (outcome, records.pop()) {
            (Err((class, error)), Some(record)) => {
                let failure = Failure { stage: Stage::Transformation, class, error };
                Err((Box::new(raw_of(record)), failure))
            }
            _ => Ok(()),
        }
    }

    fn convert_parts(&mut self, raw: &RawRecord) -> Result<(Datum, Datum, Headers), Failure> {
        let raw_headers = raw.headers.as_deref();
        let mut convert = |named: &NamedConverter, stage, bytes: Option<&bytes::Bytes>| {
            let converted =
                named.converter.to_connect_data(&raw.topic, raw_headers, bytes, &mut self.scratch);
            converted.map_err(|error| Failure { stage, class: named.class, error })
        };
        let key = convert(&self.key, Stage::KeyConverter, raw.key.as_ref())?;
        let value = convert(&self.value, Stage::ValueConverter, raw.value.as_ref())?;
        Ok((key, value, self.convert_headers(raw)?))
    }

    fn convert_headers(&self, raw: &RawRecord) -> Result<Headers, Failure> {
        let mut headers = Headers::new();
        let Some(raw_headers) = &raw.headers else { return Ok(headers) };
        for (name, bytes) in raw_headers.iter() {
            let converted: Result<Datum, ConnectError> =
                self.header.converter.to_connect_header(&raw.topic, name, bytes.as_ref());
            let stage = Stage::HeaderConverter;
            let value = converted.map_err(|error| Failure { stage, class: self.header.class, error })?;
            headers.add(Arc::clone(name), value);
        }
        Ok(headers)
    }
}

fn note_consumed(consumed: &mut Offsets, run: Option<(Arc<str>, i32, i64)>) {
    if let Some((topic, partition, next)) = run {
        consumed.insert(TopicPartition { topic, partition }, next);
    }
}

/// Returns the record as it was consumed.
fn raw_of(record: SinkRecord) -> RawRecord {
    RawRecord {
        topic: record.origin.topic,
        partition: record.origin.partition,
        offset: record.offset,
        timestamp: record.record.timestamp,
        timestamp_type: record.timestamp_type,
        key: record.origin.key,
        value: record.origin.value,
        headers: record.origin.headers,
    }
}

#[cfg(test)]
mod tests {
    use connect_core::config::ConfigDef;
    use connect_core::converter::Converter;
    use connect_core::data::{SchemaRef, Value};
    use connect_core::record::TimestampType;
    use connect_core::task::TaskId;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::WorkerMode;
    use crate::obs::metrics::MetricsRegistry;

    struct BusyRegistry;

    #[connect_core::async_trait]
    impl Converter for BusyRegistry {
        fn configure(&mut self, _: &Props, _: ConverterRole) -> Result<(), ConnectError> {
            Ok(())
        }

        fn config_def(&self) -> ConfigDef {
            ConfigDef::default()
        }

        fn to_connect_data(
            &self,
            _: &str,
            _: Option<&connect_core::record::RawHeaders>,
            value: Option<&bytes::Bytes>,
            _: &mut BytesMut,
        ) -> Result<Datum, ConnectError> {
            match value {
                Some(_) => Err(ConnectError::retriable("the registry is away")),
                None => Ok(Datum::NULL),
            }
        }

        fn from_connect_data(
            &self,
            _: &str,
            _: Option<&SchemaRef>,
            _: &Value,
        ) -> Result<Option<bytes::Bytes>, ConnectError> {
            Ok(None)
        }
    }

    /// A converter whose registry is away for the first few preparations.
    struct LateRegistry {
        outages_left: std::sync::atomic::AtomicUsize,
        is_fetched: std::sync::atomic::AtomicBool,
    }

    #[connect_core::async_trait]
    impl Converter for LateRegistry {
        fn configure(&mut self, _: &Props, _: ConverterRole) -> Result<(), ConnectError> {
            Ok(())
        }

        fn config_def(&self) -> ConfigDef {
            ConfigDef::default()
        }

        async fn prepare(&self, _: &str, _: &[Option<bytes::Bytes>]) -> Result<(), ConnectError> {
            use std::sync::atomic::Ordering::Relaxed;
            if self.outages_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                return Err(ConnectError::retriable("the registry is away"));
            }
            self.is_fetched.store(true, Relaxed);
            Ok(())
        }

        fn to_connect_data(
            &self,
            _: &str,
            _: Option<&connect_core::record::RawHeaders>,
            _: Option<&bytes::Bytes>,
            _: &mut BytesMut,
        ) -> Result<Datum, ConnectError> {
            match self.is_fetched.load(std::sync::atomic::Ordering::Relaxed) {
                true => Ok(Datum::schemaless(Value::Int32(1))),
                false => Err(ConnectError::retriable("not fetched yet")),
            }
        }

        fn from_connect_data(
            &self,
            _: &str,
            _: Option<&SchemaRef>,
            _: &Value,
        ) -> Result<Option<bytes::Bytes>, ConnectError> {
            Ok(None)
        }
    }

    fn late(outages: usize) -> Box<LateRegistry> {
        Box::new(LateRegistry { outages_left: outages.into(), is_fetched: false.into() })
    }

    fn pipeline(settings: &[(&str, &str)], stop: CancellationToken) -> SinkPipeline {
        let props = |pairs: &[(&str, &str)]| -> Props {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let bytes = "org.apache.kafka.connect.converters.ByteArrayConverter";
        let registry = connectors::registry();
        let worker = props(&[
            ("bootstrap.servers", "b:1"),
            ("key.converter", bytes),
            ("value.converter", bytes),
            ("offset.storage.file.filename", "/nonexistent/offsets"),
        ]);
        let worker = WorkerConfig::parse(&worker, WorkerMode::Standalone, &registry).expect("worker");
        let connector = props(settings);
        let id = TaskId { connector: Arc::from("c"), task: 0 };
        let metrics = MetricsRegistry::for_tests().sink_task(&id, Default::default());
        let config = ErrorPolicy::parse(&connector).expect("config");
        let errors = ErrorPolicy::new(config, id, Arc::clone(&metrics.errors), None, stop);
        SinkPipeline::new(&worker, &connector, &registry, errors, TopicsSeen::default()).expect("pipeline")
    }

    fn raw(offset: i64, value: Option<&'static str>) -> RawRecord {
        RawRecord {
            topic: Arc::from("t"),
            partition: 0,
            offset,
            timestamp: None,
            timestamp_type: TimestampType::NoTimestamp,
            key: None,
            value: value.map(|text| bytes::Bytes::from_static(text.as_bytes())),
            headers: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn batch_waits_for_a_registry_that_comes_back_and_loses_nothing() {
        let settings = [("errors.tolerance", "all"), ("errors.retry.timeout", "-1")];
        let mut pipeline = pipeline(&settings, CancellationToken::new());
        pipeline.value.converter = late(3);
        let mut batch = RawBatch { records: vec![raw(4, Some("v")), raw(5, Some("v"))] };
        let (mut records, mut consumed) = (Vec::new(), Offsets::new());
        pipeline.convert(&mut batch, &mut records, &mut consumed).await.expect("the registry came back");
        assert_eq!(records.len(), 2);
        assert_eq!(consumed, Offsets::from([(TopicPartition::new("t", 0), 6)]));
    }

    #[tokio::test]
    async fn registry_that_stays_away_fails_the_task_without_consuming_the_record() {
        let mut pipeline = pipeline(&[], CancellationToken::new());
        pipeline.value.converter = late(1);
        let mut batch = RawBatch { records: vec![raw(4, Some("v"))] };
        let (mut records, mut consumed) = (Vec::new(), Offsets::new());
        let error = pipeline.convert(&mut batch, &mut records, &mut consumed).await.expect_err("no retries");
        assert!(error.trace().contains("the registry is away"), "{}", error.trace());
        assert!(records.is_empty() && consumed.is_empty());
    }

    #[tokio::test]
    async fn record_that_could_still_succeed_is_not_skipped_when_the_task_stops() {
        let stop = CancellationToken::new();
        stop.cancel();
        let mut pipeline = pipeline(&[("errors.tolerance", "all"), ("errors.retry.timeout", "-1")], stop);
        pipeline.value.converter = Box::new(BusyRegistry);
        let mut batch = RawBatch { records: vec![raw(4, None), raw(5, Some("v")), raw(6, None)] };
        let (mut records, mut consumed) = (Vec::new(), Offsets::new());
        pipeline.convert(&mut batch, &mut records, &mut consumed).await.expect("nothing failed");
        assert_eq!(records.len(), 1);
        assert_eq!(consumed, Offsets::from([(TopicPartition::new("t", 0), 5)]));
    }
}
