//! The worker's configuration as the other rooms see it: typed settings, and the properties they came from.

use std::ops::Deref;

use connect_core::config::{ConfigDef, ConfigIssue, Props};
use connect_core::converter::ConverterRole;
use connect_core::error::ConnectError;
use connect_core::plugin::Registry;

use crate::config::policy::OverridePolicy;
use crate::config::{CommonConfig, ConfigTransformer, DistributedConfig, StandaloneConfig, known};

/// How a worker works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerMode {
    /// Alone, with connectors from files and offsets in a file.
    Standalone,
    /// In a group, with everything in Kafka.
    Distributed,
}

impl WorkerMode {
    /// Returns the keys of this mode, those of every worker first.
    pub fn config_def(self) -> ConfigDef {
        let mut def = CommonConfig::config_def();
        def.keys.extend(match self {
            WorkerMode::Standalone => StandaloneConfig::config_def().keys,
            WorkerMode::Distributed => DistributedConfig::config_def().keys,
        });
        def
    }
}

/// Settings of the mode a worker runs in.
#[derive(Debug, Clone)]
pub enum ModeConfig {
    /// Of a standalone worker.
    Standalone(StandaloneConfig),
    /// Of a distributed worker.
    Distributed(Box<DistributedConfig>),
}

/// The configuration of a worker. Dereferences to the settings of every mode.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    common: Box<CommonConfig>,
    mode: ModeConfig,
    originals: Originals,
    policy: OverridePolicy,
    transformer: ConfigTransformer,
    warnings: Vec<String>,
}

/// Worker properties may hold passwords, so their values are not shown.
#[derive(Clone)]
struct Originals(Props);

impl std::fmt::Debug for Originals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl WorkerConfig {
    /// Parses the properties of a worker, after replacing `${provider:path:key}` in all of them but `plugin.path`.
    ///
    /// # Errors
    /// Fails with a config error that lists every bad key, or names the config provider at fault.
    pub fn parse(props: &Props, mode: WorkerMode, registry: &Registry) -> Result<Self, ConnectError> {
        let transformer = ConfigTransformer::from_worker_props(props, registry)?;
        let mut originals = transformer.transform(props)?.props;
        // `plugin.path` is read before config providers exist (WorkerConfig.pluginPath).
        if let Some(raw) = props.get("plugin.path") {
            originals.insert("plugin.path".to_owned(), raw.clone());
        }
        let (common, mode_config) = parse_tables(&originals, mode)?;
        let policy = OverridePolicy::of_worker(&common)?;
        let warnings = known::warnings(&originals, &mode.config_def());
        Ok(Self {
            common: Box::new(common),
            mode: mode_config,
            originals: Originals(originals),
            policy,
            transformer,
            warnings,
        })
    }

    /// Returns the properties with config provider references replaced.
    pub fn originals(&self) -> &Props {
        &self.originals.0
    }

    /// Returns the properties under a prefix, prefix removed.
    pub fn prefixed(&self, prefix: &str) -> Props {
        prefixed(self.originals(), prefix)
    }

    /// Returns the settings of the worker's converter of the given role, prefix removed.
    pub fn converter_props(&self, role: ConverterRole) -> Props {
        self.prefixed(&format!("{}.converter.", role.name()))
    }

    /// Returns the mode.
    pub fn mode(&self) -> WorkerMode {
        match self.mode {
            ModeConfig::Standalone(_) => WorkerMode::Standalone,
            ModeConfig::Distributed(_) => WorkerMode::Distributed,
        }
    }

    /// Returns the settings of standalone mode, if that is the mode.
    pub fn standalone(&self) -> Option<&StandaloneConfig> {
        match &self.mode {
            ModeConfig::Standalone(standalone) => Some(standalone),
            ModeConfig::Distributed(_) => None,
        }
    }

    /// Returns the settings of distributed mode, if that is the mode.
    pub fn distributed(&self) -> Option<&DistributedConfig> {
        match &self.mode {
            ModeConfig::Standalone(_) => None,
            ModeConfig::Distributed(distributed) => Some(distributed),
        }
    }

    /// Returns whether sources run exactly once.
    pub fn is_exactly_once_source_enabled(&self) -> bool {
        self.distributed().is_some_and(|distributed| {
            distributed.exactly_once_source_support.eq_ignore_ascii_case("enabled")
        })
    }

    /// Returns the policy on client settings of connectors.
    pub fn override_policy(&self) -> &OverridePolicy {
        &self.policy
    }

    /// Returns what replaces `${provider:path:key}` in configurations of connectors.
    pub fn transformer(&self) -> &ConfigTransformer {
        &self.transformer
    }

    /// Returns what the operator should know about the properties, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Deref for WorkerConfig {
    type Target = CommonConfig;

    fn deref(&self) -> &CommonConfig {
        &self.common
    }
}

/// Returns the properties under a prefix, prefix removed. A key that is the prefix itself is left out.
pub fn prefixed(props: &Props, prefix: &str) -> Props {
    let under = |(key, value): (&String, &String)| {
        let rest = key.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
        Some((rest.to_owned(), value.clone()))
    };
    props.iter().filter_map(under).collect()
}

fn parse_tables(props: &Props, mode: WorkerMode) -> Result<(CommonConfig, ModeConfig), ConnectError> {
    let mut issues: Vec<ConfigIssue> = Vec::new();
    let common = CommonConfig::parse(props).map_err(|found| issues.extend(found)).ok();
    let mode_config = match mode {
        WorkerMode::Standalone => StandaloneConfig::parse(props).map(ModeConfig::Standalone),
        WorkerMode::Distributed => {
            DistributedConfig::parse(props).map(|parsed| ModeConfig::Distributed(Box::new(parsed)))
        }
    };
    let mode_config = mode_config.map_err(|found| issues.extend(found)).ok();
    match (common, mode_config) {
        (Some(common), Some(mode_config)) => Ok((common, mode_config)),
        _ => Err(issues.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    pub(crate) fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Returns a standalone worker with the given settings beside the required ones.
    pub(crate) fn standalone(pairs: &[(&str, &str)]) -> WorkerConfig {
        let registry = Registry::new(crate::config::providers::plugins());
        let mut all = props(&[
            ("bootstrap.servers", "localhost:9092"),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("offset.storage.file.filename", "/tmp/offsets"),
        ]);
        all.extend(props(pairs));
        WorkerConfig::parse(&all, WorkerMode::Standalone, &registry).expect("valid worker")
    }

    /// Returns a worker of a group with the given settings beside the required ones.
    pub(crate) fn distributed(pairs: &[(&str, &str)]) -> WorkerConfig {
        let registry = Registry::new(crate::config::providers::plugins());
        let mut all = props(&[
            ("bootstrap.servers", "localhost:9092"),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("group.id", "g"),
            ("offset.storage.topic", "o"),
            ("config.storage.topic", "c"),
            ("status.storage.topic", "s"),
        ]);
        all.extend(props(pairs));
        WorkerConfig::parse(&all, WorkerMode::Distributed, &registry).expect("valid worker")
    }

    #[test]
    fn settings_are_typed_and_have_the_defaults_of_the_jvm() {
        let worker =
            standalone(&[("offset.flush.interval.ms", "1500"), ("listeners", "http://a:1, http://b:2")]);
        assert_eq!(worker.offset_flush_interval, Duration::from_millis(1500));
        assert_eq!(worker.offset_flush_timeout, Duration::from_secs(5));
        assert_eq!(worker.task_shutdown_graceful_timeout, Duration::from_secs(5));
        assert_eq!(worker.listeners, ["http://a:1", "http://b:2"]);
        assert_eq!(worker.header_converter.simple_name(), "SimpleHeaderConverter");
        assert!(worker.topic_tracking_enable && worker.admin_listeners.is_none());
        assert_eq!(worker.mode(), WorkerMode::Standalone);
    }

    #[test]
    fn every_bad_key_is_named_at_once() {
        let registry = Registry::default();
        let given = props(&[("bootstrap.servers", "a:1,a:1"), ("offset.flush.interval.ms", "soon")]);
        let error = WorkerConfig::parse(&given, WorkerMode::Standalone, &registry).expect_err("invalid");
        let texts: Vec<&str> = error.context().lines().collect();
        assert_eq!(
            texts,
            [
                "Configuration 'bootstrap.servers' values must not be duplicated.",
                "Missing required configuration \"key.converter\" which has no default value.",
                "Missing required configuration \"value.converter\" which has no default value.",
                "Invalid value soon for configuration offset.flush.interval.ms: Not a number of type LONG",
                "Missing required configuration \"offset.storage.file.filename\" which has no default value.",
            ]
        );
    }

    #[test]
    fn prefixes_are_removed() {
        let worker = standalone(&[("producer.acks", "1"), ("key.converter.schemas.enable", "false")]);
        assert_eq!(worker.prefixed("producer."), props(&[("acks", "1")]));
        assert_eq!(worker.converter_props(ConverterRole::Key), props(&[("schemas.enable", "false")]));
    }

    #[test]
    fn variables_are_replaced_except_in_the_plugin_path() {
        let folder = tempfile::tempdir().expect("folder");
        let secrets = folder.path().join("secrets.properties");
        std::fs::write(&secrets, "password=pw\n").expect("written");
        let text = format!("${{f:{}:password}}", secrets.display());
        let worker = standalone(&[
            ("config.providers", "f"),
            ("config.providers.f.class", "File"),
            ("producer.sasl.jaas.config", &text),
            ("plugin.path", &text),
        ]);
        assert_eq!(worker.originals().get("producer.sasl.jaas.config").map(String::as_str), Some("pw"));
        assert_eq!(worker.originals().get("plugin.path"), Some(&text));
        assert!(!format!("{worker:?}").contains("pw\""), "secrets are not shown");
    }

    #[test]
    fn distributed_mode_needs_its_own_keys() {
        let registry = Registry::default();
        let mut given = standalone(&[]).originals().clone();
        let error = WorkerConfig::parse(&given, WorkerMode::Distributed, &registry).expect_err("invalid");
        assert_eq!(error.context().lines().count(), 4, "group.id and three topics: {error}");
        given.extend(props(&[
            ("group.id", "g"),
            ("offset.storage.topic", "o"),
            ("config.storage.topic", "c"),
            ("status.storage.topic", "s"),
            ("exactly.once.source.support", "ENABLED"),
        ]));
        let worker = WorkerConfig::parse(&given, WorkerMode::Distributed, &registry).expect("valid");
        assert!(worker.is_exactly_once_source_enabled());
        assert_eq!(worker.distributed().map(|mode| mode.offset_storage_partitions), Some(25));
    }
}
