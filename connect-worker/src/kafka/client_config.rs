//! Kafka client settings: from the Java client's names to librdkafka's.
//!
//! Users keep their property files, so the Java names and defaults are law; where librdkafka's default differs,
//! the Java one is set here.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use connect_core::config::Props;
use rdkafka::ClientConfig;

use crate::kafka::port::KafkaError;

mod security;

/// The kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Group consumer of a sink task.
    Consumer,
    /// Producer of a source task or a dead letter queue.
    Producer,
    /// Admin client.
    Admin,
    /// Reader of a whole internal topic, without a group.
    LogReader,
    /// Writer of an internal topic.
    LogWriter,
}

impl ClientKind {
    /// Returns whether the client inherits every key of the worker (`Worker.adminConfigs`,
    /// `KafkaConfigBackingStore.baseProducerProps`), most of which are not the client's.
    fn inherits_foreign_keys(self) -> bool {
        matches!(self, ClientKind::Admin | ClientKind::LogReader | ClientKind::LogWriter)
    }

    fn is_producer(self) -> bool {
        matches!(self, ClientKind::Producer | ClientKind::LogWriter)
    }
}

/// Java keys whose librdkafka twin has another name but takes the same values.
const RENAMED: &[(&str, &str)] = &[
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("max.request.size", "message.max.bytes"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    // librdkafka's own key of the Java name is how long it believes what it read.
    ("metadata.max.age.ms", "topic.metadata.refresh.interval.ms"),
];

/// Java keys that have no counterpart and need none: librdkafka works without them, or Sluice does it itself.
const WITHOUT_COUNTERPART: &[&str] = &[
    "key.deserializer",
    "value.deserializer",
    "key.serializer",
    "value.serializer",
    "interceptor.classes",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "auto.include.jmx.reporter",
    "max.poll.records",
    "default.api.timeout.ms",
    "exclude.internal.topics",
    "max.block.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "metadata.max.idle.ms",
    "enable.metrics.push",
    "metadata.recovery.rebootstrap.trigger.ms",
    "compression.lz4.level",
    "security.providers",
    "ssl.protocol",
    "ssl.provider",
    "ssl.keymanager.algorithm",
    "ssl.trustmanager.algorithm",
    "ssl.secure.random.implementation",
    "ssl.engine.factory.class",
    "ssl.enabled.protocols",
    "sasl.login.class",
    "sasl.login.callback.handler.class",
    "sasl.client.callback.handler.class",
];

/// Java keys that `translate` treats on their own.
const TRANSLATED: &[&str] = &[
    "auto.offset.reset",
    "partition.assignment.strategy",
    "buffer.memory",
    "compression.gzip.level",
    "compression.zstd.level",
    "request.timeout.ms",
];

/// Defaults of the Java client where librdkafka's differ, and settings that bound memory.
fn defaults(kind: ClientKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ClientKind::Consumer => &[
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_uncommitted"),
            ("check.crcs", "true"),
            // The first strategy of the Java consumer, so that members on either side agree.
            ("partition.assignment.strategy", "range"),
            ("enable.partition.eof", "false"),
            // What librdkafka may hold ahead of the task: its own defaults are 64 MiB a consumer.
            ("queued.min.messages", "20000"),
            ("queued.max.messages.kbytes", "16384"),
            // Part of a fetch answer a partition: answers are held whole until they are consumed.
            ("fetch.message.max.bytes", "262144"),
            // How long a full queue postpones fetching. The default of a second would be a stall whenever the task is
            // slower than the broker for a moment.
            ("fetch.queue.backoff.ms", "10"),
        ],
        ClientKind::Producer => &[("partitioner", "murmur2_random"), ("queue.buffering.max.kbytes", "32768")],
        ClientKind::Admin => &[],
        ClientKind::LogReader => &[
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_uncommitted"),
            ("check.crcs", "true"),
            // Tells where a partition ends when nothing but emptied batches is left there.
            ("enable.partition.eof", "true"),
            // A worker holds several logs that are idle nearly always.
            ("queued.min.messages", "1000"),
            ("queued.max.messages.kbytes", "1024"),
            ("fetch.message.max.bytes", "262144"),
            ("fetch.queue.backoff.ms", "10"),
        ],
        ClientKind::LogWriter => &[
            // Hashes as the Java client does, so that a key stays in its partition whoever writes it.
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.kbytes", "8192"),
            // Someone waits for each record, and there are few.
            ("linger.ms", "0"),
        ],
    }
}

/// Translates Java client settings.
///
/// # Errors
/// Fails when a setting cannot be honoured, naming the key and what to use instead. Values of secrets are not
/// part of any text.
pub fn to_librdkafka(kind: ClientKind, props: &Props) -> Result<ClientConfig, KafkaError> {
    let mut config = ClientConfig::new();
    config.set("log_level", "5");
    for (key, value) in defaults(kind) {
        config.set(*key, *value);
    }
    for (key, value) in props {
        translate(kind, key, value.trim(), &mut config)?;
    }
    security::translate(props, &mut config)?;
    Ok(config)
}

/// Returns the settings without those that no client knows: those of a worker that its clients inherit.
#[must_use]
pub fn without_foreign_keys(props: &Props) -> Props {
    let is_own = |key: &str, value: &str| {
        let renamed = RENAMED.iter().any(|(java, _)| *java == key);
        let is_javas = renamed || security::owns(key) || WITHOUT_COUNTERPART.contains(&key);
        is_javas || TRANSLATED.contains(&key) || !matches!(fit(key, value), Fit::Unknown)
    };
    let own = props.iter().filter(|(key, value)| is_own(key, value.trim()));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the keys that a client of this kind has no use for: [`to_librdkafka`] leaves them out.
#[must_use]
pub fn unused(kind: ClientKind, props: &Props) -> Vec<String> {
    let own = without_foreign_keys(props);
    let is_unused = |key: &&String| {
        !kind.inherits_foreign_keys() && !own.contains_key(*key) && !key.starts_with("metrics.context.")
    };
    props.keys().filter(is_unused).cloned().collect()
}

fn translate(kind: ClientKind, key: &str, value: &str, config: &mut ClientConfig) -> Result<(), KafkaError> {
    if security::owns(key) || WITHOUT_COUNTERPART.contains(&key) || key.starts_with("metrics.context.") {
        return Ok(());
    }
    match key {
        "auto.offset.reset" => {
            config.set("auto.offset.reset", if value == "none" { "error" } else { value });
        }
        "partition.assignment.strategy" => {
            config.set("partition.assignment.strategy", assignors(value)?);
        }
        "buffer.memory" => {
            let kilobytes = value.parse::<u64>().unwrap_or(32 * 1024 * 1024) / 1024;
            config.set("queue.buffering.max.kbytes", kilobytes.max(1).to_string());
        }
        "compression.gzip.level" | "compression.zstd.level" => {
            config.set("compression.level", value);
        }
        // librdkafka's producer key of this name is per message; the Java one is per request.
        "request.timeout.ms" if !kind.is_producer() => {
            config.set("socket.timeout.ms", value);
        }
        _ => {
            let renamed = RENAMED.iter().find(|(java, _)| *java == key).map_or(key, |(_, native)| *native);
            match fit(renamed, value) {
                Fit::AsItIs => {
                    config.set(renamed, value);
                }
                Fit::Limited(nearest) => {
                    warn_once(kind, key, &format!("client setting is limited to {nearest} by librdkafka"));
                    config.set(renamed, nearest);
                }
                Fit::Unknown if kind.inherits_foreign_keys() => {}
                Fit::Unknown => {
                    warn_once(kind, key, "client setting has no counterpart in librdkafka and is not used");
                }
            }
        }
    }
    Ok(())
}

fn assignors(value: &str) -> Result<String, KafkaError> {
    let mut names = Vec::new();
    for class in value.split(',').map(str::trim).filter(|class| !class.is_empty()) {
        names.push(match class.rsplit('.').next().unwrap_or(class) {
            "RangeAssignor" | "range" => "range",
            "RoundRobinAssignor" | "roundrobin" => "roundrobin",
            "CooperativeStickyAssignor" | "cooperative-sticky" => "cooperative-sticky",
            other => {
                return Err(KafkaError::Config(format!(
                    "`partition.assignment.strategy` names `{other}`; use RangeAssignor, RoundRobinAssignor or \
                     CooperativeStickyAssignor"
                )));
            }
        });
    }
    // librdkafka refuses a mix of eager and cooperative strategies; the Java consumer prefers the first one.
    let is_cooperative = names.first() == Some(&"cooperative-sticky");
    names.retain(|name| (*name == "cooperative-sticky") == is_cooperative);
    Ok(names.join(","))
}

/// What librdkafka makes of a setting.
enum Fit {
    /// It takes it; or it has the key and refuses the value, so that the client reports it.
    AsItIs,
    /// The number is outside its range, which the Java client's is not: this is the nearest it takes.
    Limited(String),
    /// It does not have the key.
    Unknown,
}

fn fit(key: &str, value: &str) -> Fit {
    let mut probe = ClientConfig::new();
    probe.set(key, value);
    let Err(error) = probe.create_native_config() else { return Fit::AsItIs };
    let text = error.to_string();
    if text.contains("No such configuration property") {
        return Fit::Unknown;
    }
    let range = text.split_once("is outside allowed range ").and_then(|(_, range)| range.split_once(".."));
    let nearest = range.and_then(|(least, rest)| {
        let most = rest.split(|character: char| !character.is_ascii_digit()).next()?;
        let (least, most) = (least.parse::<i64>().ok()?, most.parse::<i64>().ok()?);
        Some(value.parse::<i64>().ok()?.clamp(least, most).to_string())
    });
    nearest.map_or(Fit::AsItIs, Fit::Limited)
}

fn warn_once(kind: ClientKind, key: &str, what: &str) {
    static SEEN: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    if SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned()) {
        tracing::warn!(?kind, key, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn java_names_and_defaults_become_librdkafkas() {
        let given = props(&[
            ("bootstrap.servers", "b:1"),
            ("auto.offset.reset", "none"),
            ("fetch.max.wait.ms", "7"),
            ("max.poll.records", "5"),
            ("request.timeout.ms", "9000"),
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RangeAssignor,\
                 org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
            ),
        ]);
        let config = to_librdkafka(ClientKind::Consumer, &given).expect("translated");
        let read = |key| config.get(key);
        assert_eq!(read("auto.offset.reset"), Some("error"));
        assert_eq!(read("fetch.wait.max.ms"), Some("7"));
        assert_eq!(read("socket.timeout.ms"), Some("9000"));
        assert_eq!(read("partition.assignment.strategy"), Some("range"));
        assert_eq!(read("isolation.level"), Some("read_uncommitted"));
        assert_eq!(read("max.poll.records"), None);
        assert!(config.create_native_config().is_ok());
    }

    #[test]
    fn numbers_that_only_the_java_client_takes_are_limited_and_others_reported() {
        let given = props(&[
            ("max.poll.interval.ms", "2147483647"),
            ("metadata.max.age.ms", "86400000"),
            ("session.timeout.ms", "0"),
        ]);
        let config = to_librdkafka(ClientKind::Consumer, &given).expect("translated");
        assert_eq!(config.get("max.poll.interval.ms"), Some("86400000"));
        assert_eq!(config.get("topic.metadata.refresh.interval.ms"), Some("3600000"));
        assert_eq!(config.get("session.timeout.ms"), Some("1"));
        assert!(config.create_native_config().is_ok());
        let config = to_librdkafka(ClientKind::Consumer, &props(&[("session.timeout.ms", "soon")]));
        assert!(config.expect("translated").create_native_config().is_err());
    }

    #[test]
    fn unsupported_strategy_is_refused_by_name() {
        let error = to_librdkafka(
            ClientKind::Consumer,
            &props(&[("partition.assignment.strategy", "x.StickyAssignor")]),
        );
        assert!(error.expect_err("refused").to_string().contains("`StickyAssignor`"));
    }
}
