//! The worker's keys: one table for both modes, one for each mode. Names and defaults are those of
//! `WorkerConfig`, `StandaloneConfig` and `DistributedConfig`.

use std::time::Duration;

use connect_core::config;
use connect_core::config::{Class, Validator};

use crate::config::validators;

const JMX_REPORTER: &str = "org.apache.kafka.common.metrics.JmxReporter";
const SIMPLE_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

config! {
    /// Settings of every worker, standalone or distributed.
    pub struct CommonConfig {
        /// Brokers to begin with, as `host:port`: the cluster of the internal topics, and the default of all clients.
        bootstrap_servers: Vec<String> = "bootstrap.servers", High, valid Validator::Custom(validators::non_empty_unique_list);
        /// How host names of brokers are resolved.
        client_dns_lookup: String = "client.dns.lookup", Medium, default "use_all_dns_ips", valid Validator::OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]);
        /// Converter of record keys for connectors that name none. Its settings follow under `key.converter.`.
        key_converter: Class = "key.converter", High;
        /// Converter of record values for connectors that name none. Its settings follow under `value.converter.`.
        value_converter: Class = "value.converter", High;
        /// Version of the key converter; only the built-in version exists.
        key_converter_plugin_version: Option<String> = "key.converter.plugin.version", Low, default None;
        /// Version of the value converter; only the built-in version exists.
        value_converter_plugin_version: Option<String> = "value.converter.plugin.version", Low, default None;
        /// Time shared by all tasks that are stopped together, before they are cancelled.
        task_shutdown_graceful_timeout: Duration = "task.shutdown.graceful.timeout.ms", Low, default "5000";
        /// Period of offset commits, of sinks and of sources.
        offset_flush_interval: Duration = "offset.flush.interval.ms", Low, default "60000";
        /// Longest time one offset commit may take.
        offset_flush_timeout: Duration = "offset.flush.timeout.ms", Low, default "5000";
        /// Folders of JVM plug-ins. Accepted so that existing files work; Sluice's plug-ins are built in.
        plugin_path: Option<Vec<String>> = "plugin.path", Low, default None;
        /// How JVM plug-ins are discovered. Accepted so that existing files work.
        plugin_discovery: String = "plugin.discovery", Low, default "hybrid_warn", valid Validator::OneOfIgnoringCase(&["only_scan", "service_load", "hybrid_warn", "hybrid_fail"]);
        /// Window over which a metric is sampled.
        metrics_sample_window: Duration = "metrics.sample.window.ms", Low, default "30000", valid Validator::AtLeast(0);
        /// Samples kept a metric.
        metrics_num_samples: u32 = "metrics.num.samples", Low, default "2", valid Validator::AtLeast(1);
        /// Lowest level of the metrics that are recorded.
        metrics_recording_level: String = "metrics.recording.level", Low, default "INFO", valid Validator::OneOf(&["INFO", "DEBUG"]);
        /// JVM metrics reporters. Accepted so that existing files work; metrics are served for Prometheus.
        metric_reporters: Vec<String> = "metric.reporters", Low, default JMX_REPORTER, valid Validator::Custom(validators::unique_list);
        /// Converter of header values for connectors that name none. Its settings follow under `header.converter.`.
        header_converter: Class = "header.converter", Low, default SIMPLE_HEADER_CONVERTER;
        /// Version of the header converter; only the built-in version exists.
        header_converter_plugin_version: Option<String> = "header.converter.plugin.version", Low, default None;
        /// Names of the config providers, each set up under `config.providers.<name>.`.
        config_providers: Vec<String> = "config.providers", Low, default "", valid Validator::Custom(validators::unique_list);
        /// Which client settings connectors may override: `All`, `None`, `Principal` or `Allowlist`.
        connector_client_config_override_policy: String = "connector.client.config.override.policy", Medium, default "All";
        /// Client settings that the `Allowlist` policy lets connectors override.
        connector_client_config_override_allowlist: Vec<String> = "connector.client.config.override.allowlist", Medium, default "", valid Validator::Custom(validators::unique_list);
        /// Whether topics of sources are created by the `topic.creation.` settings of their connector.
        topic_creation_enable: bool = "topic.creation.enable", Low, default "true";
        /// Whether the topics used by each connector are tracked.
        topic_tracking_enable: bool = "topic.tracking.enable", Low, default "true";
        /// Whether the set of tracked topics may be reset through REST.
        topic_tracking_allow_reset: bool = "topic.tracking.allow.reset", Low, default "true";
        /// Addresses of the REST server, as `http://host:port`.
        listeners: Vec<String> = "listeners", Low, default "http://:8083", valid Validator::Custom(validators::listeners);
        /// Host name given to other workers.
        rest_advertised_host_name: Option<String> = "rest.advertised.host.name", Low, default None;
        /// Port given to other workers.
        rest_advertised_port: Option<i32> = "rest.advertised.port", Low, default None;
        /// Scheme of the listener given to other workers.
        rest_advertised_listener: Option<String> = "rest.advertised.listener", Low, default None;
        /// Value of `Access-Control-Allow-Origin`; empty allows requests of the same origin only.
        access_control_allow_origin: String = "access.control.allow.origin", Low, default "";
        /// Methods allowed across origins; empty allows GET, POST and HEAD.
        access_control_allow_methods: String = "access.control.allow.methods", Low, default "";
        /// Headers added to every response, as `set X-Frame-Options: DENY, …`.
        response_http_headers_config: String = "response.http.headers.config", Low, default "";
        /// Addresses of the administrative resources; null serves them on `listeners`, empty switches them off.
        admin_listeners: Option<Vec<String>> = "admin.listeners", Low, default None, valid Validator::Custom(validators::admin_listeners);
        /// JVM REST extensions. There are none to load, so a worker that names some is refused at start.
        rest_extension_classes: Vec<String> = "rest.extension.classes", Low, default "", valid Validator::Custom(validators::unique_list);
        /// Whether REST clients must show a certificate.
        ssl_client_auth: String = "ssl.client.auth", Low, default "none", valid Validator::OneOf(&["required", "requested", "none"]);
        /// Bytes of records one task may hold, from Kafka's answers to the destination's acknowledgement. Sluice's own.
        sluice_task_memory_bytes: u64 = "sluice.task.memory.bytes", Medium, default "67108864", valid Validator::AtLeast(1_048_576);
    }
}

config! {
    /// Settings of a standalone worker.
    pub struct StandaloneConfig {
        /// File that keeps the offsets of sources.
        offset_storage_file_filename: String = "offset.storage.file.filename", High;
    }
}

config! {
    /// Settings of a distributed worker. Times named `_ms` are INT keys.
    pub struct DistributedConfig {
        /// Name of the group of workers.
        group_id: String = "group.id", High;
        /// Time without a heartbeat after which the coordinator gives a worker up.
        session_timeout_ms: u32 = "session.timeout.ms", High, default "10000";
        /// Longest time a worker may take to join after a rebalance began.
        rebalance_timeout_ms: u32 = "rebalance.timeout.ms", High, default "60000";
        /// Period of heartbeats.
        heartbeat_interval_ms: u32 = "heartbeat.interval.ms", High, default "3000";
        /// Whether sources write exactly once.
        exactly_once_source_support: String = "exactly.once.source.support", High, default "disabled", valid Validator::OneOfIgnoringCase(&["disabled", "preparing", "enabled"]);
        /// Age after which metadata is fetched again.
        metadata_max_age: Duration = "metadata.max.age.ms", Low, default "300000", valid Validator::AtLeast(0);
        /// Name of the worker's clients in broker logs.
        client_id: String = "client.id", Low, default "";
        /// Size of the TCP send buffer; -1 leaves it to the system.
        send_buffer_bytes: i32 = "send.buffer.bytes", Medium, default "131072", valid Validator::AtLeast(-1);
        /// Size of the TCP receive buffer; -1 leaves it to the system.
        receive_buffer_bytes: i32 = "receive.buffer.bytes", Medium, default "32768", valid Validator::AtLeast(-1);
        /// First pause before connecting to a broker again.
        reconnect_backoff: Duration = "reconnect.backoff.ms", Low, default "50", valid Validator::AtLeast(0);
        /// Longest pause before connecting to a broker again.
        reconnect_backoff_max: Duration = "reconnect.backoff.max.ms", Low, default "1000", valid Validator::AtLeast(0);
        /// First time limit for setting up a connection.
        socket_connection_setup_timeout: Duration = "socket.connection.setup.timeout.ms", Low, default "10000", valid Validator::AtLeast(0);
        /// Longest time limit for setting up a connection.
        socket_connection_setup_timeout_max: Duration = "socket.connection.setup.timeout.max.ms", Low, default "30000", valid Validator::AtLeast(0);
        /// First pause before a request is sent again.
        retry_backoff: Duration = "retry.backoff.ms", Low, default "100", valid Validator::AtLeast(0);
        /// Longest pause before a request is sent again.
        retry_backoff_max: Duration = "retry.backoff.max.ms", Low, default "1000", valid Validator::AtLeast(0);
        /// Longest time a broker may take to answer.
        request_timeout_ms: u32 = "request.timeout.ms", Medium, default "40000", valid Validator::AtLeast(0);
        /// Time after which an idle connection is closed.
        connections_max_idle: Duration = "connections.max.idle.ms", Medium, default "540000";
        /// What to do when no known broker answers.
        metadata_recovery_strategy: String = "metadata.recovery.strategy", Low, default "rebootstrap", valid Validator::OneOfIgnoringCase(&["rebootstrap", "none"]);
        /// Time without metadata after which the bootstrap servers are asked again.
        metadata_recovery_rebootstrap_trigger: Duration = "metadata.recovery.rebootstrap.trigger.ms", Low, default "300000", valid Validator::AtLeast(0);
        /// How connections to brokers are secured.
        security_protocol: String = "security.protocol", Medium, default "PLAINTEXT", valid Validator::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);
        /// Longest time for catching up with the config topic after a rebalance.
        worker_sync_timeout_ms: u32 = "worker.sync.timeout.ms", Medium, default "3000";
        /// Pause after a failed catch-up, with the eager protocol.
        worker_unsync_backoff_ms: u32 = "worker.unsync.backoff.ms", Medium, default "300000";
        /// Topic that keeps the offsets of sources.
        offset_storage_topic: String = "offset.storage.topic", High;
        /// Partitions of the offset topic when it is created.
        offset_storage_partitions: i32 = "offset.storage.partitions", Low, default "25", valid Validator::Custom(validators::positive_or_broker_default);
        /// Replicas of the offset topic when it is created.
        offset_storage_replication_factor: i16 = "offset.storage.replication.factor", Low, default "3", valid Validator::Custom(validators::positive_or_broker_default);
        /// Topic that keeps the configurations.
        config_storage_topic: String = "config.storage.topic", High;
        /// Replicas of the config topic when it is created.
        config_storage_replication_factor: i16 = "config.storage.replication.factor", Low, default "3", valid Validator::Custom(validators::positive_or_broker_default);
        /// Topic that keeps the statuses.
        status_storage_topic: String = "status.storage.topic", High;
        /// Partitions of the status topic when it is created.
        status_storage_partitions: i32 = "status.storage.partitions", Low, default "5", valid Validator::Custom(validators::positive_or_broker_default);
        /// Replicas of the status topic when it is created.
        status_storage_replication_factor: i16 = "status.storage.replication.factor", Low, default "3", valid Validator::Custom(validators::positive_or_broker_default);
        /// Protocols offered to the group.
        connect_protocol: String = "connect.protocol", Low, default "sessioned", valid Validator::OneOfIgnoringCase(&["eager", "compatible", "sessioned"]);
        /// Longest time the tasks of a lost worker wait for its return.
        scheduled_rebalance_max_delay_ms: u32 = "scheduled.rebalance.max.delay.ms", Low, default "300000", valid Validator::Between(0, 2_147_483_647);
        /// Time after which a new session key is made.
        inter_worker_key_ttl_ms: u32 = "inter.worker.key.ttl.ms", Low, default "3600000", valid Validator::Between(0, 2_147_483_647);
        /// Algorithm that makes session keys.
        inter_worker_key_generation_algorithm: String = "inter.worker.key.generation.algorithm", Low, default "HmacSHA256";
        /// Bits of a session key; null is the algorithm's own size.
        inter_worker_key_size: Option<u32> = "inter.worker.key.size", Low, default None;
        /// Algorithm that signs requests between workers.
        inter_worker_signature_algorithm: String = "inter.worker.signature.algorithm", Low, default "HmacSHA256";
        /// Algorithms accepted in signed requests.
        inter_worker_verification_algorithms: Vec<String> = "inter.worker.verification.algorithms", Low, default "HmacSHA256", valid Validator::Custom(validators::non_empty_unique_list);
    }
}
