//! The settings of each Kafka client a connector needs, by Java's names: base, then worker, then connector.
//!
//! Pure: what each name means to the client library is decided in `kafka`.

use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::config::WorkerConfig;
use crate::config::worker::prefixed;

const BYTE_ARRAY_SERIALIZER: &str = "org.apache.kafka.common.serialization.ByteArraySerializer";
const BYTE_ARRAY_DESERIALIZER: &str = "org.apache.kafka.common.serialization.ByteArrayDeserializer";

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Writes the records of a source.
    SourceProducer,
    /// Writes the records of a source exactly once.
    ExactlyOnceProducer,
    /// Writes dead letters of a sink.
    DlqProducer,
    /// Writes offsets of a source on behalf of REST.
    OffsetProducer,
    /// Reads the records of a sink.
    SinkConsumer,
    /// Reads the offset topic of one source.
    OffsetConsumer,
    /// Creates topics for a task, or reads its offset topic's settings.
    Admin,
    /// Creates the topic of dead letters.
    DlqAdmin,
    /// Reads and changes the offsets of a sink on behalf of REST.
    WorkerAdmin,
}

/// Who sets up a client: prefixes of worker and connector.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Producer,
    Consumer,
    Admin,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Family::Producer => "producer",
            Family::Consumer => "consumer",
            Family::Admin => "admin",
        }
    }
}

impl ClientKind {
    fn family(self) -> Family {
        match self {
            Self::SourceProducer | Self::ExactlyOnceProducer | Self::DlqProducer | Self::OffsetProducer => {
                Family::Producer
            }
            Self::SinkConsumer | Self::OffsetConsumer => Family::Consumer,
            Self::Admin | Self::DlqAdmin | Self::WorkerAdmin => Family::Admin,
        }
    }

    fn client_id_prefix(self) -> &'static str {
        match self {
            Self::SourceProducer | Self::ExactlyOnceProducer => "connector-producer-",
            Self::DlqProducer => "connector-dlq-producer-",
            Self::OffsetProducer => "connector-offset-producer-",
            Self::SinkConsumer | Self::OffsetConsumer => "connector-consumer-",
            Self::Admin => "connector-adminclient-",
            Self::DlqAdmin => "connector-dlq-adminclient-",
            Self::WorkerAdmin => "connector-worker-adminclient-",
        }
    }
}

/// Returns the settings of a client by Java's names, later sources over earlier ones: defaults of Connect, the
/// worker's `producer.`/`consumer.`/`admin.`, the connector's `….override.`. `task` is `None` for a client of the
/// connector itself. `connector_props` must hold no references.
///
/// # Errors
/// Fails (fatal) when the worker's policy refuses an override: it may have changed since the connector was
/// validated.
pub fn client_props(
    kind: ClientKind,
    worker: &WorkerConfig,
    connector: &str,
    task: Option<u32>,
    connector_props: &Props,
) -> Result<Props, ConnectError> {
    let mut props = base(kind, worker, connector, task);
    props.extend(worker.prefixed(&format!("{}.", kind.family().name())));
    let overrides = prefixed(connector_props, &format!("{}.override.", kind.family().name()));
    let refusals: Vec<String> =
        overrides.keys().filter_map(|key| worker.override_policy().refusal(key)).collect();
    if !refusals.is_empty() {
        return Err(ConnectError::fatal(format!(
            "Client Config Overrides not allowed: {}",
            refusals.join(" ")
        )));
    }
    props.extend(overrides);
    // Without a name a member is a dynamic one; Java refuses the empty text.
    if props.get("group.instance.id").is_some_and(|id| id.trim().is_empty()) {
        props.shift_remove("group.instance.id");
    }
    force(kind, worker, connector, task, &mut props);
    Ok(props)
}

/// Returns the consumer group of a sink.
pub fn sink_group(connector: &str, connector_props: &Props) -> String {
    match connector_props.get("consumer.override.group.id") {
        Some(group) => group.clone(),
        None => format!("connect-{connector}"),
    }
}

fn base(kind: ClientKind, worker: &WorkerConfig, connector: &str, task: Option<u32>) -> Props {
    let mut props = Props::new();
    let mut set = |key: &str, value: &str| {
        props.insert(key.to_owned(), value.to_owned());
    };
    match kind.family() {
        Family::Producer => {
            set("key.serializer", BYTE_ARRAY_SERIALIZER);
            set("value.serializer", BYTE_ARRAY_SERIALIZER);
            set("max.block.ms", &i64::MAX.to_string());
            if kind != ClientKind::ExactlyOnceProducer {
                set("enable.idempotence", "false");
            }
            set("acks", "all");
            set("max.in.flight.requests.per.connection", "1");
            set("delivery.timeout.ms", &i32::MAX.to_string());
        }
        Family::Consumer => {
            set("group.id", &format!("connect-{connector}"));
            set("enable.auto.commit", "false");
            set("auto.offset.reset", "earliest");
            set("key.deserializer", BYTE_ARRAY_DESERIALIZER);
            set("value.deserializer", BYTE_ARRAY_DESERIALIZER);
        }
        Family::Admin => {
            // Only admin clients inherit the top level of the worker file (Worker.adminConfigs).
            let is_other =
                |key: &str| ["admin.", "producer.", "consumer."].iter().any(|it| key.starts_with(it));
            for (key, value) in worker.originals().iter().filter(|(key, _)| !is_other(key)) {
                set(key, value);
            }
        }
    }
    set("bootstrap.servers", &worker.bootstrap_servers.join(","));
    if let (ClientKind::SinkConsumer, Some(distributed), Some(task)) = (kind, worker.distributed(), task) {
        // A static member (KIP-345): whoever runs the task next takes its partitions over at once, and fences a task
        // that does not know yet that it lost its place.
        set("group.instance.id", &instance_id(&distributed.group_id, connector, task));
    }
    let suffix = task.map(|task| format!("-{task}")).unwrap_or_default();
    set("client.id", &format!("{}{connector}{suffix}", kind.client_id_prefix()));
    props
}

/// Returns the `group.instance.id` of a sink task: `<group.id>-<connector>-<task>`. Names that Kafka would refuse
/// there are replaced in part by a hash, the same on every worker.
fn instance_id(group: &str, connector: &str, task: u32) -> String {
    /// Longest name that brokers take.
    const MOST: usize = 249;
    let is_legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let plain = format!("{group}-{connector}-{task}");
    if plain.len() <= MOST && plain.chars().all(is_legal) {
        return plain;
    }
    // FNV-1a: fixed for ever, unlike the standard library's hashes.
    let hash = plain.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let legal = |letter: char| if is_legal(letter) { letter } else { '_' };
    let start: String = format!("{group}-{connector}").chars().map(legal).take(200).collect();
    format!("{start}-{hash:016x}-{task}")
}

/// Sets what neither worker nor connector may choose.
fn force(kind: ClientKind, worker: &WorkerConfig, connector: &str, task: Option<u32>, props: &mut Props) {
    let mut set = |key: &str, value: String| {
        let old = props.insert(key.to_owned(), value.clone());
        if old.is_some_and(|old| old != value) {
            tracing::warn!(
                connector,
                key,
                value,
                "a client setting is replaced, since the connector depends on it"
            );
        }
    };
    match kind {
        ClientKind::ExactlyOnceProducer => {
            let group =
                worker.distributed().map(|distributed| distributed.group_id.as_str()).unwrap_or_default();
            set("enable.idempotence", "true".to_owned());
            set("transactional.id", format!("{group}-{connector}-{}", task.unwrap_or_default()));
        }
        ClientKind::OffsetConsumer => {
            if worker.is_exactly_once_source_enabled() {
                set("isolation.level", "read_committed".to_owned());
            } else {
                props.entry("isolation.level".to_owned()).or_insert_with(|| "read_committed".to_owned());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker::tests::{distributed, props, standalone};

    fn get<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
        props.get(key).map(String::as_str)
    }

    fn client(kind: ClientKind, worker: &[(&str, &str)], connector: &[(&str, &str)]) -> Props {
        client_props(kind, &standalone(worker), "c", Some(3), &props(connector)).expect("allowed")
    }

    #[test]
    fn later_sources_win_over_earlier_ones() {
        let kind = ClientKind::SourceProducer;
        assert_eq!(get(&client(kind, &[], &[]), "acks"), Some("all"));
        let worker = [("producer.acks", "1"), ("consumer.acks", "x"), ("acks", "y")];
        assert_eq!(get(&client(kind, &worker, &[]), "acks"), Some("1"));
        let connector = [("producer.override.acks", "0"), ("acks", "x"), ("consumer.override.acks", "y")];
        assert_eq!(get(&client(kind, &worker, &connector), "acks"), Some("0"));
    }

    #[test]
    fn producers_and_consumers_have_the_defaults_of_connect() {
        let producer = client(ClientKind::SourceProducer, &[("security.protocol", "SSL")], &[]);
        assert_eq!(
            producer,
            props(&[
                ("key.serializer", BYTE_ARRAY_SERIALIZER),
                ("value.serializer", BYTE_ARRAY_SERIALIZER),
                ("max.block.ms", "9223372036854775807"),
                ("enable.idempotence", "false"),
                ("acks", "all"),
                ("max.in.flight.requests.per.connection", "1"),
                ("delivery.timeout.ms", "2147483647"),
                ("bootstrap.servers", "localhost:9092"),
                ("client.id", "connector-producer-c-3"),
            ])
        );
        let consumer = client(ClientKind::SinkConsumer, &[], &[]);
        assert_eq!(get(&consumer, "group.id"), Some("connect-c"));
        assert_eq!(get(&consumer, "auto.offset.reset"), Some("earliest"));
        assert_eq!(get(&consumer, "client.id"), Some("connector-consumer-c-3"));
    }

    #[test]
    fn sink_tasks_of_a_group_are_static_members_unless_the_user_says_otherwise() {
        let id = |connector: &str, task: Option<u32>, given: &[(&str, &str)]| {
            let (kind, worker) = (ClientKind::SinkConsumer, distributed(&[]));
            let client = client_props(kind, &worker, connector, task, &props(given));
            client.expect("allowed").get("group.instance.id").cloned()
        };
        assert_eq!(id("c", Some(3), &[]).as_deref(), Some("g-c-3"));
        assert_eq!(id("c", None, &[]), None);
        let own = ("consumer.override.group.instance.id", "mine");
        assert_eq!(id("c", Some(3), &[own]).as_deref(), Some("mine"));
        assert_eq!(id("c", Some(3), &[(own.0, "")]), None);
        assert_eq!(get(&client(ClientKind::SinkConsumer, &[], &[]), "group.instance.id"), None);

        let (spaced, slashed) = (id("a b", Some(0), &[]), id("a/b", Some(0), &[]));
        assert_eq!(spaced.as_deref(), Some("g-a_b-ea214c797c285903-0"));
        assert_ne!(spaced, slashed);
        let long = id(&"x".repeat(300), Some(12), &[]).expect("static");
        assert!(long.len() <= 249 && long.ends_with("-12"), "{long}");
    }

    #[test]
    fn only_admin_clients_inherit_the_top_level() {
        let worker = [("security.protocol", "SSL"), ("admin.retries", "7"), ("producer.acks", "1")];
        let admin = client(ClientKind::WorkerAdmin, &worker, &[("admin.override.retries", "8")]);
        assert_eq!(get(&admin, "security.protocol"), Some("SSL"));
        assert_eq!(get(&admin, "retries"), Some("8"));
        assert_eq!(get(&admin, "producer.acks"), None);
        assert_eq!(get(&admin, "client.id"), Some("connector-worker-adminclient-c-3"));
    }

    #[test]
    fn exactly_once_producers_are_idempotent_whatever_the_connector_says() {
        let connector = [("producer.override.enable.idempotence", "false")];
        let producer = client(ClientKind::ExactlyOnceProducer, &[], &connector);
        assert_eq!(get(&producer, "enable.idempotence"), Some("true"));
        assert_eq!(get(&producer, "transactional.id"), Some("-c-3"));
    }

    #[test]
    fn overrides_against_the_policy_are_refused() {
        let worker = standalone(&[("connector.client.config.override.policy", "None")]);
        let connector = props(&[("consumer.override.fetch.min.bytes", "2")]);
        let error =
            client_props(ClientKind::SinkConsumer, &worker, "c", Some(0), &connector).expect_err("refused");
        assert_eq!(
            error.context(),
            "Client Config Overrides not allowed: The 'None' policy does not allow 'fetch.min.bytes' \
             to be overridden in the connector configuration."
        );
        client_props(ClientKind::SourceProducer, &worker, "c", Some(0), &connector).expect("other clients");
    }

    #[test]
    fn sink_group_follows_the_override() {
        assert_eq!(sink_group("c", &props(&[])), "connect-c");
        assert_eq!(sink_group("c", &props(&[("consumer.override.group.id", "g")])), "g");
    }
}
