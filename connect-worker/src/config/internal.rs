//! The settings of the Kafka clients of the worker's internal topics, by Java's names.
//!
//! Unlike the clients of connectors they take the worker's keys as they are, without a prefix
//! (`KafkaConfigBackingStore`, `KafkaOffsetBackingStore`, `KafkaStatusBackingStore`). Pure.

use connect_core::config::Props;

use crate::config::WorkerConfig;

/// Keys of the worker that concern its group and not its clients; librdkafka checks them against each other.
const OF_THE_GROUP: &[&str] = &[
    "group.id",
    "group.instance.id",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "rebalance.timeout.ms",
    "transactional.id",
];

/// A topic in which distributed workers keep what must outlive them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalTopic {
    /// Configurations.
    Configs,
    /// Offsets of sources.
    Offsets,
    /// Statuses.
    Statuses,
}

impl InternalTopic {
    /// Returns the worker's key that names the topic.
    pub fn property(self) -> &'static str {
        match self {
            InternalTopic::Configs => "config.storage.topic",
            InternalTopic::Offsets => "offset.storage.topic",
            InternalTopic::Statuses => "status.storage.topic",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            InternalTopic::Configs => "config.storage.",
            InternalTopic::Offsets => "offset.storage.",
            InternalTopic::Statuses => "status.storage.",
        }
    }

    /// Returns what the topic holds, in Kafka Connect's words.
    pub fn purpose(self) -> &'static str {
        match self {
            InternalTopic::Configs => "connector configurations",
            InternalTopic::Offsets => "source connector offsets",
            InternalTopic::Statuses => "connector and task statuses",
        }
    }

    fn client_suffix(self) -> &'static str {
        match self {
            InternalTopic::Configs => "configs",
            InternalTopic::Offsets => "offsets",
            InternalTopic::Statuses => "statuses",
        }
    }

    /// Returns the client id of the topic's clients (`ConnectUtils.clientIdBase`).
    pub fn client_id(self, worker: &WorkerConfig) -> String {
        let Some(mode) = worker.distributed() else { return format!("connect-{}", self.client_suffix()) };
        match mode.client_id.trim() {
            "" => format!("{}-{}", mode.group_id, self.client_suffix()),
            _ => format!("{}-{}-{}", mode.group_id, mode.client_id, self.client_suffix()),
        }
    }

    /// Returns the settings the topic is created with, beside its policy and size
    /// (`DistributedConfig.topicSettings`).
    pub fn topic_settings(self, worker: &WorkerConfig) -> Props {
        let mut settings = worker.prefixed(self.prefix());
        if self == InternalTopic::Configs && settings.contains_key("partitions") {
            tracing::warn!("ignoring `config.storage.partitions`: the config topic has one partition");
        }
        if settings.contains_key("cleanup.policy") {
            let prefix = self.prefix();
            tracing::warn!("ignoring `{prefix}cleanup.policy`: internal topics are always compacted");
        }
        settings.retain(|key, _| {
            !matches!(key.as_str(), "cleanup.policy" | "topic" | "partitions" | "replication.factor")
        });
        settings
    }

    /// Returns the settings of the topic's consumer.
    pub fn consumer_props(self, worker: &WorkerConfig) -> Props {
        let mut props = self.base(worker);
        set(&mut props, "auto.offset.reset", "earliest");
        set(&mut props, "enable.auto.commit", "false");
        // Statuses are never written in transactions (`KafkaStatusBackingStore`).
        if worker.is_exactly_once_source_enabled() && self != InternalTopic::Statuses {
            set(&mut props, "isolation.level", "read_committed");
        }
        props
    }

    /// Returns the settings of the topic's producer (`KafkaBasedLog.createProducer`).
    pub fn producer_props(self, worker: &WorkerConfig) -> Props {
        let mut props = self.base(worker);
        set(&mut props, "acks", "all");
        set(&mut props, "max.in.flight.requests.per.connection", "1");
        set(&mut props, "enable.idempotence", "false");
        set(&mut props, "delivery.timeout.ms", &i32::MAX.to_string());
        if self == InternalTopic::Statuses {
            set(&mut props, "retries", "0");
        }
        props
    }

    /// Returns the settings of the topic's admin client.
    pub fn admin_props(self, worker: &WorkerConfig) -> Props {
        self.base(worker)
    }

    fn base(self, worker: &WorkerConfig) -> Props {
        let mut props = worker.originals().clone();
        props.retain(|key, _| !OF_THE_GROUP.contains(&key.as_str()));
        set(&mut props, "bootstrap.servers", &worker.bootstrap_servers.join(","));
        set(&mut props, "client.id", &self.client_id(worker));
        props
    }
}

/// Returns the settings of the leader's transactional producer of the config topic, if config records are written
/// in transactions (`KafkaConfigBackingStore.fencableProducerProps`).
pub fn leader_producer_props(worker: &WorkerConfig) -> Option<Props> {
    let mode = worker.distributed()?;
    if mode.exactly_once_source_support.eq_ignore_ascii_case("disabled") {
        return None;
    }
    let topic = InternalTopic::Configs;
    let mut props = topic.producer_props(worker);
    set(&mut props, "client.id", &format!("{}-leader", topic.client_id(worker)));
    set(&mut props, "enable.idempotence", "true");
    set(&mut props, "max.in.flight.requests.per.connection", "5");
    set(&mut props, "transactional.id", &format!("connect-cluster-{}", mode.group_id));
    Some(props)
}

fn set(props: &mut Props, key: &str, value: &str) {
    props.insert(key.to_owned(), value.to_owned());
}

#[cfg(test)]
mod tests {
    use connect_core::plugin::Registry;

    use super::*;
    use crate::config::WorkerMode;
    use crate::config::worker::tests::{props, standalone};

    fn distributed(pairs: &[(&str, &str)]) -> WorkerConfig {
        let mut all = standalone(&[]).originals().clone();
        all.shift_remove("offset.storage.file.filename");
        all.extend(props(&[
            ("group.id", "g"),
            ("offset.storage.topic", "o"),
            ("config.storage.topic", "c"),
            ("status.storage.topic", "s"),
        ]));
        all.extend(props(pairs));
        let registry = Registry::new(crate::config::providers::plugins());
        WorkerConfig::parse(&all, WorkerMode::Distributed, &registry).expect("valid worker")
    }

    fn get<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
        props.get(key).map(String::as_str)
    }

    #[test]
    fn clients_take_the_keys_of_the_worker_except_those_of_its_group() {
        let worker = distributed(&[("session.timeout.ms", "9000"), ("compression.type", "zstd")]);
        let consumer = InternalTopic::Configs.consumer_props(&worker);
        assert_eq!(get(&consumer, "group.id"), None);
        assert_eq!(get(&consumer, "session.timeout.ms"), None);
        assert_eq!(get(&consumer, "isolation.level"), None);
        let producer = InternalTopic::Statuses.producer_props(&worker);
        assert_eq!(get(&producer, "compression.type"), Some("zstd"));
        assert_eq!(get(&producer, "retries"), Some("0"));
        assert_eq!(get(&producer, "client.id"), Some("g-statuses"));
        let worker = distributed(&[("client.id", "w")]);
        assert_eq!(InternalTopic::Offsets.client_id(&worker), "g-w-offsets");
    }

    #[test]
    fn only_enabled_reads_committed_and_preparing_writes_transactions_too() {
        let isolation = |topic: InternalTopic, support| {
            let worker = distributed(&[("exactly.once.source.support", support)]);
            get(&topic.consumer_props(&worker), "isolation.level").map(str::to_owned)
        };
        assert_eq!(isolation(InternalTopic::Configs, "preparing"), None);
        assert_eq!(isolation(InternalTopic::Configs, "Enabled").as_deref(), Some("read_committed"));
        assert_eq!(isolation(InternalTopic::Offsets, "enabled").as_deref(), Some("read_committed"));
        assert_eq!(isolation(InternalTopic::Statuses, "enabled"), None);
        assert!(leader_producer_props(&distributed(&[])).is_none());
        let worker = distributed(&[("exactly.once.source.support", "PREPARING")]);
        let leader = leader_producer_props(&worker).expect("transactional");
        assert_eq!(get(&leader, "transactional.id"), Some("connect-cluster-g"));
        assert_eq!(get(&leader, "client.id"), Some("g-configs-leader"));
    }

    #[test]
    fn topic_settings_pass_through_except_those_of_the_store() {
        let worker = distributed(&[
            ("config.storage.min.insync.replicas", "2"),
            ("config.storage.cleanup.policy", "delete"),
            ("config.storage.partitions", "7"),
            ("offset.storage.segment.bytes", "1048576"),
        ]);
        assert_eq!(InternalTopic::Configs.topic_settings(&worker), props(&[("min.insync.replicas", "2")]));
        assert_eq!(InternalTopic::Offsets.topic_settings(&worker), props(&[("segment.bytes", "1048576")]));
    }
}
