//! Keys of a worker file that nothing reads: the JVM's warning, and the name that was probably meant.

use connect_core::config::{ConfigDef, Props, nearest_name};

/// Prefixes whose keys belong to clients, plug-ins or topics.
const PREFIXES: &[&str] = &[
    "producer.",
    "consumer.",
    "admin.",
    "config.providers.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "metrics.context.",
    "listeners.https.",
    "admin.listeners.https.",
    "offset.storage.",
    "config.storage.",
    "status.storage.",
    "ssl.",
    "sasl.",
];

/// Client keys that a standalone worker's admin clients take from the top level of the file.
const CLIENT_KEYS: &[&str] = &[
    "client.id",
    "security.protocol",
    "security.providers",
    "request.timeout.ms",
    "retries",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "connections.max.idle.ms",
    "default.api.timeout.ms",
    "metadata.max.age.ms",
    "metadata.recovery.strategy",
    "metadata.recovery.rebootstrap.trigger.ms",
    "send.buffer.bytes",
    "receive.buffer.bytes",
    "socket.connection.setup.timeout.ms",
    "socket.connection.setup.timeout.max.ms",
    "group.id",
    "rest.port",
    "rest.host.name",
];

/// Keys that Kafka Connect once had and now ignores.
const REMOVED: &[&str] = &["internal.key.converter", "internal.value.converter"];

/// Returns what the operator should know about the keys of a worker file.
pub(super) fn warnings(props: &Props, def: &ConfigDef) -> Vec<String> {
    let is_removed = |key: &str| REMOVED.iter().any(|removed| key.starts_with(removed));
    let mut warnings: Vec<String> = props
        .keys()
        .filter(|key| is_removed(key))
        .map(|key| {
            format!("`{key}` was removed from Kafka Connect and is ignored: internal data is always JSON")
        })
        .collect();
    let unknown: Vec<&str> =
        props.keys().map(String::as_str).filter(|key| !is_removed(key) && !is_known(key, def)).collect();
    if !unknown.is_empty() {
        let names = unknown.join(", ");
        warnings.push(format!("These configurations '[{names}]' were supplied but are not used yet."));
        warnings.extend(unknown.iter().filter_map(|key| hint(key, def)));
    }
    warnings
}

/// Returns a sentence that names the key probably meant by `key`, for files of connectors and workers.
pub fn unknown_key_hint<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest_name(key, known).map(|nearest| format!("`{key}` is unknown: did you mean `{nearest}`?"))
}

fn hint(key: &str, def: &ConfigDef) -> Option<String> {
    unknown_key_hint(key, def.keys.iter().map(|known| known.name.as_ref()))
}

fn is_known(key: &str, def: &ConfigDef) -> bool {
    def.key(key).is_some()
        || CLIENT_KEYS.contains(&key)
        || PREFIXES.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use crate::config::worker::tests::standalone;

    #[test]
    fn unknown_and_removed_keys_are_told_with_the_name_probably_meant() {
        let worker = standalone(&[
            ("offset.flush.intervall.ms", "1"),
            ("zzz", "1"),
            ("producer.anything", "1"),
            ("ssl.keystore.location", "x"),
            ("internal.key.converter.schemas.enable", "false"),
        ]);
        assert_eq!(
            worker.warnings(),
            [
                "`internal.key.converter.schemas.enable` was removed from Kafka Connect and is ignored: \
                 internal data is always JSON",
                "These configurations '[offset.flush.intervall.ms, zzz]' were supplied but are not used yet.",
                "`offset.flush.intervall.ms` is unknown: did you mean `offset.flush.interval.ms`?",
            ]
        );
    }

    #[test]
    fn a_complete_worker_file_gives_no_warning() {
        assert!(standalone(&[("sluice.task.memory.bytes", "1048576")]).warnings().is_empty());
    }
}
