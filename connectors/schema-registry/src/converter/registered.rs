//! The converter: an id in front of each record says with which schema it was written. Nothing here waits but
//! [`Converter::prepare`] and [`Converter::prepare_write`], which fetch and register schemas; a record whose schema
//! is not there yet fails retriably.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use connect_core::config::{ConfigDef, Props};
use connect_core::converter::{Converter, ConverterRole};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::{ConnectError, ErrorKind};
use connect_core::record::RawHeaders;

use super::config::{Choice, CommonConfig};
use super::entries::Entries;
use super::{Described, Format};
use crate::registry::{Cache, NameStrategy, Registered, RegistryConfig, SchemaRegistry, SchemaText};

const MAGIC: u8 = 0;
/// How long the magic byte and the schema's id are that a record begins with.
const HEAD_LEN: usize = 5;
const ID_HEADERS: [&str; 2] = ["__key_schema_id", "__value_schema_id"];

/// A converter with a schema registry.
#[derive(Default)]
pub struct RegistryConverter<F: Format> {
    format: F,
    ready: Option<Ready<F>>,
}

/// What a configured converter has.
struct Ready<F: Format> {
    registry: SchemaRegistry,
    role: ConverterRole,
    strategy: NameStrategy,
    choice: Choice,
    normalize: bool,
    latest_ttl: Option<Duration>,
    readers: Entries<i32, F::Reader>,
    /// Writers by the address of the schema, which the entry keeps alive; 0 is no schema.
    writers: Entries<usize, Entry<F>>,
    /// Writers by subject and text, for schemas that are made anew with each record.
    registered: Cache<(String, String), Arc<Entry<F>>>,
}

struct Entry<F: Format> {
    id: i32,
    writer: Arc<F::Writer>,
    expires: Option<Instant>,
    _schema: Option<SchemaRef>,
}

/// A record is read or written.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl<F: Format> RegistryConverter<F> {
    fn ready(&self) -> Result<&Ready<F>, ConnectError> {
        self.ready.as_ref().ok_or_else(|| ConnectError::fatal("a converter is used before it is configured"))
    }

    async fn fetch_reader(&self, ready: &Ready<F>, topic: &str, id: i32) -> Result<(), ConnectError> {
        let named = match ready.strategy {
            // The subject can be named without the schema.
            NameStrategy::Topic => ready.strategy.subject(topic, ready.role, None)?,
            _ => String::new(),
        };
        let schema = ready.registry.by_id(id, &named).await?;
        if schema.kind != F::KIND {
            let kind = &schema.kind;
            return Err(ConnectError::data(format!(
                "schema with id {id} is of type {kind}, not {}",
                F::KIND
            )));
        }
        let subject = match ready.strategy {
            NameStrategy::Topic => Some(named),
            other => other.subject(topic, ready.role, self.format.record_name(&schema).as_deref()).ok(),
        };
        let version = match subject {
            Some(subject) => ready.registry.version(&subject, &schema).await?,
            None => None,
        };
        let reader = self.format.reader(&schema, version)?;
        ready.readers.insert(id, topic, Arc::new(reader));
        Ok(())
    }

    /// Returns the writer of a schema if it is known.
    fn known_writer(
        &self,
        ready: &Ready<F>,
        topic: &str,
        schema: Option<&SchemaRef>,
    ) -> Result<Option<Arc<Entry<F>>>, ConnectError> {
        let address = address_of(schema);
        let is_fresh = |entry: &Arc<Entry<F>>| entry.expires.is_none_or(|expires| Instant::now() < expires);
        if let Some(entry) = ready.writers.get(address, topic).filter(is_fresh) {
            return Ok(Some(entry));
        }
        let described = self.format.describe(schema)?;
        let subject = ready.strategy.subject(topic, ready.role, described.record.as_deref())?;
        let Some(entry) = ready.registered.get(&(subject, described.text)).filter(is_fresh) else {
            return Ok(None);
        };
        // An entry of its own, which holds this schema alive: its address alone could come to mean another.
        let entry = Arc::new(Entry {
            id: entry.id,
            writer: Arc::clone(&entry.writer),
            expires: entry.expires,
            _schema: schema.cloned(),
        });
        ready.writers.insert(address, topic, Arc::clone(&entry));
        Ok(Some(entry))
    }

    async fn fetch_writer(
        &self,
        ready: &Ready<F>,
        topic: &str,
        schema: Option<&SchemaRef>,
    ) -> Result<(), ConnectError> {
        let described = self.format.describe(schema)?;
        let subject = ready.strategy.subject(topic, ready.role, described.record.as_deref())?;
        let Registered { id, schema: text } = self.choose(ready, &subject, &described).await?;
        let entry = Arc::new(Entry {
            id,
            writer: Arc::new(self.format.writer(schema, &text)?),
            expires: ready.latest_ttl.map(|ttl| Instant::now() + ttl),
            _schema: schema.cloned(),
        });
        ready.writers.insert(address_of(schema), topic, Arc::clone(&entry));
        ready.registered.insert((subject, described.text), entry);
        Ok(())
    }

    async fn choose(
        &self,
        ready: &Ready<F>,
        subject: &str,
        described: &Described,
    ) -> Result<Registered, ConnectError> {
        let Described { text, .. } = described;
        let own = |id| Registered { id, schema: SchemaText::new(text, F::KIND) };
        let registry = &ready.registry;
        match ready.choice {
            Choice::Register => registry.register(subject, text, F::KIND, ready.normalize).await.map(own),
            Choice::LookUp => registry.look_up(subject, text, F::KIND, ready.normalize).await.map(own),
            Choice::Latest => registry.latest(subject).await,
            Choice::Id(id) => Ok(Registered { id, schema: registry.by_id(id, subject).await? }),
        }
    }

    fn try_read(
        &self,
        topic: &str,
        headers: Option<&RawHeaders>,
        bytes: &Bytes,
    ) -> Result<Datum, ConnectError> {
        let ready = self.ready()?;
        let id = id_of(bytes).ok_or_else(|| unknown_magic(headers))?;
        let read = ready.readers.with(id, topic, |reader| self.format.read(reader, bytes, HEAD_LEN));
        let read = read.ok_or_else(|| missing(format!("schema {id} is not fetched yet")))?;
        read.map_err(|error| {
            ConnectError::data(format!("Error deserializing {} message for id {id}", F::NAME)).because(error)
        })
    }

    fn try_write(
        &self,
        topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        if value.is_null() && (schema.is_none() || !F::WRITES_NULL) {
            return match schema {
                Some(schema) if !schema.optional => {
                    Err(ConnectError::data("Found null value for non-optional schema"))
                }
                _ => Ok(None),
            };
        }
        let ready = self.ready()?;
        let entry = self.known_writer(ready, topic, schema)?;
        let entry = entry.ok_or_else(|| missing("the schema is not registered yet".to_owned()))?;
        let mut out = Vec::with_capacity(128);
        out.push(MAGIC);
        out.extend_from_slice(&entry.id.to_be_bytes());
        self.format.write(&entry.writer, schema, value, &mut out).map_err(|error| {
            ConnectError::data(format!("Error serializing {} message", F::NAME)).because(error)
        })?;
        Ok(Some(Bytes::from(out)))
    }
}

#[connect_core::async_trait]
impl<F: Format> Converter for RegistryConverter<F> {
    fn configure(&mut self, props: &Props, role: ConverterRole) -> Result<(), ConnectError> {
        let registry = SchemaRegistry::new(&RegistryConfig::read(props)?)?;
        let config = CommonConfig::read(props)?;
        self.format.configure(props)?;
        let choice = config.choice();
        let ttl = u64::try_from(config.latest_ttl_s).ok().filter(|_| choice == Choice::Latest);
        self.ready = Some(Ready {
            registry,
            role,
            strategy: config.strategy(role)?,
            choice,
            normalize: config.normalize,
            latest_ttl: ttl.map(Duration::from_secs),
            readers: Entries::new(config.cache_size),
            writers: Entries::new(config.cache_size),
            registered: Cache::new(config.cache_size),
        });
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        let mut keys = CommonConfig::config_def().keys;
        keys.extend(F::keys().keys);
        RegistryConfig::with(ConfigDef::new(keys))
    }

    async fn prepare(&self, topic: &str, values: &[Option<Bytes>]) -> Result<(), ConnectError> {
        let ready = self.ready()?;
        for id in values.iter().flatten().filter_map(id_of) {
            if ready.readers.get(id, topic).is_none() {
                let fetched = self.fetch_reader(ready, topic, id).await;
                fetched.map_err(|error| wrap::<F>(Direction::Read, topic, error))?;
            }
        }
        Ok(())
    }

    async fn prepare_write(&self, topic: &str, datum: &Datum) -> Result<(), ConnectError> {
        if datum.is_null() && (datum.schema().is_none() || !F::WRITES_NULL) {
            return Ok(());
        }
        let ready = self.ready()?;
        let prepared = match self.known_writer(ready, topic, datum.schema()) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => self.fetch_writer(ready, topic, datum.schema()).await,
            Err(error) => Err(error),
        };
        prepared.map_err(|error| wrap::<F>(Direction::Write, topic, error))
    }

    fn to_connect_data(
        &self,
        topic: &str,
        headers: Option<&RawHeaders>,
        value: Option<&Bytes>,
        _scratch: &mut BytesMut,
    ) -> Result<Datum, ConnectError> {
        let Some(bytes) = value else { return Ok(Datum::NULL) };
        self.try_read(topic, headers, bytes).map_err(|error| wrap::<F>(Direction::Read, topic, error))
    }

    fn from_connect_data(
        &self,
        topic: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        self.try_write(topic, schema, value).map_err(|error| wrap::<F>(Direction::Write, topic, error))
    }
}

fn address_of(schema: Option<&SchemaRef>) -> usize {
    schema.map_or(0, |schema| Arc::as_ptr(schema).addr())
}

/// Returns the id in front of a record, which takes [`HEAD_LEN`] bytes.
fn id_of(bytes: &Bytes) -> Option<i32> {
    match bytes.as_ref() {
        [MAGIC, a, b, c, d, ..] => Some(i32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

fn unknown_magic(headers: Option<&RawHeaders>) -> ConnectError {
    let has_id = |name: &str| ID_HEADERS.contains(&name);
    if headers.is_some_and(|headers| headers.iter().any(|(name, _)| has_id(name))) {
        return ConnectError::data("the schema's id is in a header, which is not supported");
    }
    ConnectError::data("Unknown magic byte!")
}

/// The schema must be prepared first; the record is at fault only if that fails.
fn missing(what: String) -> ConnectError {
    ConnectError::data(what).retry_after(Duration::ZERO)
}

/// Returns the error as Confluent's converters word it.
fn wrap<F: Format>(direction: Direction, topic: &str, error: ConnectError) -> ConnectError {
    let name = F::NAME;
    if error.kind() == ErrorKind::Config {
        return ConnectError::config(format!("Failed to access {name} data from topic {topic}"))
            .because(error);
    }
    if error.kind() == ErrorKind::Retriable {
        let verb = if matches!(direction, Direction::Read) { "deserializing" } else { "serializing" };
        let text = format!("Network connection error while {verb} {name} data for topic {topic}");
        return ConnectError::retriable(text).because(error);
    }
    let is_retriable = error.is_retriable();
    let wrapped = match direction {
        Direction::Read => {
            ConnectError::data(format!("Failed to deserialize data for topic {topic} to {name}:"))
        }
        Direction::Write => {
            ConnectError::data(format!("Failed to serialize {name} data from topic {topic}:"))
        }
    };
    let wrapped = wrapped.because(error);
    if is_retriable { wrapped.retry_after(Duration::ZERO) } else { wrapped }
}
