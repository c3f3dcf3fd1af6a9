//! Runs records through a connector's own converters, transforms and predicates, and asks the connector what it
//! would send. Nothing is written: no offset, no dead letter, no schema, no object.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use connect_core::config::{Props, Secret};
use connect_core::connector::SinkConnector;
use connect_core::converter::ConverterRole;
use connect_core::data::Datum;
use connect_core::error::ConnectError;
use connect_core::headers::Headers;
use connect_core::plugin::{Factory, Registry};
use connect_core::record::{ConnectRecord, Origin, RawHeaders, SinkRecord};
use connect_core::transform::Position;

use crate::config::WorkerConfig;
use crate::config::files::RawConfig;
use crate::kafka::batch::RawRecord;
use crate::plugins::{ConfigInfos, connector_plugin, validate};
use crate::preview::error::PreviewError;
use crate::preview::given::{Defaults, Given};
use crate::preview::mask::Masks;
use crate::preview::report::{ErrorReport, Report};
use crate::preview::trail::{Position as Place, Trail, assemble};
use crate::task::{
    Chain, ErrorConfig, ErrorPolicy, Failure, NamedConverter, NamedHeaderConverter, Stage, converter,
    header_converter,
};

/// How often a converter may fetch what it lacks for one value.
const PREPARATIONS: usize = 3;

/// A connector's chain, ready for records.
pub(crate) struct Previewer {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) kind: Kind,
    pub(super) props: Props,
    key: NamedConverter,
    value: NamedConverter,
    header: NamedHeaderConverter,
    pub(super) chain: Chain,
    errors: ErrorConfig,
    pub(super) masks: Masks,
}

/// Which way records go.
pub(super) enum Kind {
    Sink(Box<dyn SinkConnector>),
    Source,
}

impl Previewer {
    /// Returns the chain of a connector. Reads what its references lead to.
    ///
    /// # Errors
    /// Fails when the configuration is invalid, with every error.
    pub(crate) fn new(
        registry: &Registry,
        worker: &WorkerConfig,
        config: &RawConfig,
    ) -> Result<Self, PreviewError> {
        let raw: Props = config
            .iter()
            .filter_map(|(key, value)| value.clone().map(|value| (key.clone(), value)))
            .collect();
        let resolved = worker.transformer().transform(&raw).map_err(PreviewError::config)?;
        let infos = validate(registry, worker, config).map_err(PreviewError::validation)?;
        let masks = Masks::new(resolved.secrets.into_iter().chain(passwords(&infos, &resolved.props)));
        if infos.error_count > 0 {
            return Err(invalid(&infos, &masks));
        }
        let props = resolved.props;
        Self::assembled(registry, worker, props, masks)
    }

    fn assembled(
        registry: &Registry,
        worker: &WorkerConfig,
        props: Props,
        masks: Masks,
    ) -> Result<Self, PreviewError> {
        let refused = |error: ConnectError| {
            let mut error = PreviewError::config(error);
            masks.text(&mut error.message);
            error
        };
        let class = props.get("connector.class").map_or("", String::as_str);
        let plugin = connector_plugin(registry, class).map_err(PreviewError::validation)?;
        let kind = match &plugin.factory {
            Factory::Sink(new) => Kind::Sink(new()),
            _ => Kind::Source,
        };
        let made = (|| {
            let key = converter(ConverterRole::Key, worker, &props, registry)?;
            let value = converter(ConverterRole::Value, worker, &props, registry)?;
            let header = header_converter(worker, &props, registry)?;
            Ok((key, value, header, Chain::new(&props, registry)?, ErrorPolicy::parse(&props)?))
        })();
        let (key, value, header, chain, errors) = made.map_err(refused)?;
        let name = props.get("name").cloned().unwrap_or_default();
        Ok(Self { name, class: plugin.class, kind, props, key, value, header, chain, errors, masks })
    }

    /// Returns the name of the connector.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the configuration, references resolved.
    pub(crate) fn props(&self) -> &Props {
        &self.props
    }

    /// Returns whether records come from Kafka.
    pub(crate) fn is_sink(&self) -> bool {
        matches!(self.kind, Kind::Sink(_))
    }

    /// Returns the topics of a sink, or the topic of a source, as far as the configuration names them.
    pub(crate) fn topics(&self) -> Vec<&str> {
        let named = self.props.get(if self.is_sink() { "topics" } else { "topic" });
        let names = named.map_or("", String::as_str).split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    }

    /// Runs given records. `now_ms` is the wall clock for records without a timestamp and for the connector.
    pub(crate) async fn run(&self, given: Vec<Given>, now_ms: i64) -> Report {
        let mut report = self.run_unmasked(given, now_ms).await;
        report.mask(&self.masks);
        report
    }

    /// Runs given records and keeps secrets in the report: what is compared is what is really there.
    pub(super) async fn run_unmasked(&self, given: Vec<Given>, now_ms: i64) -> Report {
        let topic = self.topics().first().map_or_else(|| Arc::from("topic"), |name| Arc::from(*name));
        let defaults = Defaults { topic, timestamp: now_ms };
        if self.is_sink() {
            return self.run_consumed(numbered(given, &defaults), now_ms).await;
        }
        let mut trails = Vec::with_capacity(given.len());
        for given in given {
            trails.push(self.produce(given.data(&defaults)).await);
        }
        assemble(self, trails, now_ms)
    }

    /// Runs records that were read from Kafka.
    pub(crate) async fn run_read(&self, records: Vec<RawRecord>, now_ms: i64) -> Report {
        let mut report = self.run_consumed(records, now_ms).await;
        report.mask(&self.masks);
        report
    }

    async fn run_consumed(&self, records: Vec<RawRecord>, now_ms: i64) -> Report {
        let mut trails = Vec::with_capacity(records.len());
        for raw in records {
            trails.push(self.consume(raw).await);
        }
        assemble(self, trails, now_ms)
    }

    async fn consume(&self, raw: RawRecord) -> Trail {
        let mut trail = Trail::consumed(&raw);
        let (key, value, headers) = match self.decode(&raw).await {
            Ok(parts) => parts,
            Err(failure) => {
                trail.fail("converters", None, self.refusal(None, &failure));
                return trail;
            }
        };
        let (topic, partition, offset) = (Arc::clone(&raw.topic), raw.partition, raw.offset);
        let timestamp = raw.timestamp;
        let record = ConnectRecord { topic, partition: Some(partition), key, value, timestamp, headers };
        let mut record = SinkRecord {
            record,
            offset,
            timestamp_type: raw.timestamp_type,
            origin: Origin {
                topic: raw.topic,
                partition: raw.partition,
                key: raw.key,
                value: raw.value,
                headers: raw.headers,
            },
        };
        trail.note("converters", None, &record, Some(offset));
        if self.transform(&mut record.record, Place { offset: Some(offset) }, &mut trail) {
            trail.record = Some(record);
        }
        trail
    }

    async fn decode(&self, raw: &RawRecord) -> Result<(Datum, Datum, Headers), Failure> {
        let parts =
            [(&self.key, Stage::KeyConverter, &raw.key), (&self.value, Stage::ValueConverter, &raw.value)];
        let mut data = [Datum::NULL, Datum::NULL];
        for ((named, stage, bytes), datum) in parts.into_iter().zip(&mut data) {
            *datum = decode(named, raw, bytes.as_ref()).await.map_err(|error| Failure {
                stage,
                class: named.class,
                error,
            })?;
        }
        let mut headers = Headers::new();
        for (name, bytes) in raw.headers.iter().flat_map(|headers| headers.iter()) {
            let converted = self.header.converter.to_connect_header(&raw.topic, name, bytes.as_ref());
            let stage = Stage::HeaderConverter;
            let value = converted.map_err(|error| Failure { stage, class: self.header.class, error })?;
            headers.add(Arc::clone(name), value);
        }
        let [key, value] = data;
        Ok((key, value, headers))
    }

    async fn produce(&self, mut record: ConnectRecord) -> Trail {
        let mut trail = Trail::given(&record);
        if !self.transform(&mut record, Place { offset: None }, &mut trail) {
            return trail;
        }
        match self.encode(&record) {
            Ok((key, value, headers)) => trail.produced(&record, key.as_ref(), value.as_ref(), &headers),
            Err(failure) => trail.fail("converters", None, self.refusal(None, &failure)),
        }
        trail
    }

    /// Encodes without preparation: a converter would register a schema for it.
    fn encode(&self, record: &ConnectRecord) -> Result<(Option<Bytes>, Option<Bytes>, RawHeaders), Failure> {
        let topic = &record.topic;
        let mut headers = RawHeaders::with_capacity(record.headers.len());
        for header in record.headers.iter() {
            let encoded = self.header.converter.from_connect_header(topic, &header.key, &header.value);
            let (stage, class) = (Stage::HeaderConverter, self.header.class);
            headers.push((header.key.clone(), encoded.map_err(|error| Failure { stage, class, error })?));
        }
        let encode = |named: &NamedConverter, stage, datum| {
            let encoded = named.converter.from_datum(topic, datum);
            encoded.map_err(|error| Failure { stage, class: named.class, error })
        };
        let key = encode(&self.key, Stage::KeyConverter, &record.key)?;
        let value = encode(&self.value, Stage::ValueConverter, &record.value)?;
        Ok((key, value, headers))
    }

    /// Applies the transforms one by one. Returns whether the record goes on.
    fn transform(&self, record: &mut ConnectRecord, place: Place, trail: &mut Trail) -> bool {
        for link in self.chain.links() {
            let (alias, class) = (link.alias(), Some(link.class()));
            let outcome = link.step(record, Position { kafka_offset: place.offset });
            match outcome {
                Ok(step) => {
                    if !trail.step(alias, class, step, record, place.offset) {
                        return false;
                    }
                }
                Err(error) => {
                    let failure = Failure { stage: Stage::Transformation, class: link.class(), error };
                    trail.fail(alias, class, self.refusal(Some(alias), &failure));
                    return false;
                }
            }
        }
        true
    }

    /// Returns a failure with what a task would do about it.
    pub(super) fn refusal(&self, transform: Option<&str>, failure: &Failure) -> ErrorReport {
        let mut report = ErrorReport::new(failure.stage.name(), failure.class, &failure.error);
        report.transform = transform.map(str::to_owned);
        report.consequence = match (self.errors.tolerates(), self.errors.dlq_topic()) {
            _ if failure.error.is_retriable() => "the task tries again".to_owned(),
            (false, _) => "the task fails".to_owned(),
            (true, Some(topic)) if self.is_sink() => format!("the record goes to topic `{topic}`"),
            (true, _) => "the record is skipped".to_owned(),
        };
        report
    }
}

async fn decode(
    named: &NamedConverter,
    raw: &RawRecord,
    bytes: Option<&Bytes>,
) -> Result<Datum, ConnectError> {
    let mut preparations = 0;
    loop {
        let mut scratch = BytesMut::new();
        let headers = raw.headers.as_deref();
        match named.converter.to_connect_data(&raw.topic, headers, bytes, &mut scratch) {
            Err(error) if error.is_retriable() && preparations < PREPARATIONS => {
                preparations += 1;
                named.converter.prepare(&raw.topic, &[bytes.cloned()]).await?;
            }
            converted => return converted,
        }
    }
}

/// Gives records without an offset the one after the record before them in their partition.
fn numbered(given: Vec<Given>, defaults: &Defaults) -> Vec<RawRecord> {
    let mut next = std::collections::HashMap::new();
    let record = |given: Given| {
        let (topic, partition, offset) = given.place();
        let place = (topic.unwrap_or(&defaults.topic).to_owned(), partition);
        let following = next.entry(place).or_insert(0);
        let offset = offset.unwrap_or(*following);
        *following = offset.saturating_add(1);
        given.raw(defaults, offset)
    };
    given.into_iter().map(record).collect()
}

/// Returns the values of keys of type PASSWORD.
fn passwords(infos: &ConfigInfos, props: &Props) -> Vec<Secret> {
    let definitions = infos.configs.iter().filter_map(|info| info.definition.as_ref());
    let secrets = definitions.filter(|key| key.ty == "PASSWORD").filter_map(|key| props.get(&key.name));
    secrets.map(Secret::new).collect()
}

fn invalid(infos: &ConfigInfos, masks: &Masks) -> PreviewError {
    let texts = infos.errors().flat_map(|(_, errors)| errors.iter());
    let mut message = texts.map(String::as_str).collect::<Vec<_>>().join("\n");
    masks.text(&mut message);
    PreviewError { status: 400, message }
}
