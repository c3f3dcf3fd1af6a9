//! Which client settings connectors may override (`connector.client.config.override.policy`).

use connect_core::error::ConnectError;

use crate::config::CommonConfig;

const PACKAGE: &str = "org.apache.kafka.connect.connector.policy.";
const TYPE_WORD: &str = "ConnectorClientConfigOverridePolicy";
const PRINCIPAL_KEYS: &[&str] = &["sasl.jaas.config", "sasl.mechanism", "security.protocol"];

/// A policy on client settings of connectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Everything may be overridden.
    All,
    /// Nothing may be overridden.
    None,
    /// Only who the connector is for the brokers.
    Principal,
    /// Only the listed keys.
    Allowlist(Vec<String>),
}

impl OverridePolicy {
    /// Returns the policy a worker names by class or alias.
    ///
    /// # Errors
    /// Fails with a config error when no policy has this name.
    pub fn of_worker(worker: &CommonConfig) -> Result<Self, ConnectError> {
        let given = worker.connector_client_config_override_policy.as_str();
        let simple = given.strip_prefix(PACKAGE).unwrap_or(given);
        match simple.strip_suffix(TYPE_WORD).unwrap_or(simple) {
            "All" => Ok(Self::All),
            "None" => Ok(Self::None),
            "Principal" => Ok(Self::Principal),
            "Allowlist" => Ok(Self::Allowlist(worker.connector_client_config_override_allowlist.clone())),
            _ => Err(ConnectError::config(format!(
                "Invalid value {given} for configuration connector.client.config.override.policy: \
                 must be one of: All, None, Principal, Allowlist"
            ))),
        }
    }

    /// Returns why a client key (without `producer.override.` and the like) may not be set, or `None` if it may.
    pub fn refusal(&self, key: &str) -> Option<String> {
        let (name, is_allowed) = match self {
            Self::All => ("All", true),
            Self::None => ("None", false),
            Self::Principal => ("Principal", PRINCIPAL_KEYS.contains(&key)),
            Self::Allowlist(keys) => ("Allowlist", keys.iter().any(|allowed| allowed == key)),
        };
        (!is_allowed).then(|| {
            format!(
                "The '{name}' policy does not allow '{key}' to be overridden in the connector configuration."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker::tests::standalone;

    #[test]
    fn policies_are_known_by_class_and_alias() {
        let allowlist = OverridePolicy::Allowlist(vec!["acks".to_owned()]);
        let cases = [
            ("All", OverridePolicy::All),
            ("NoneConnectorClientConfigOverridePolicy", OverridePolicy::None),
            (
                "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy",
                OverridePolicy::Principal,
            ),
            ("Allowlist", allowlist),
        ];
        for (name, expected) in cases {
            let worker = standalone(&[
                ("connector.client.config.override.policy", name),
                ("connector.client.config.override.allowlist", "acks"),
            ]);
            assert_eq!(*worker.override_policy(), expected, "{name}");
        }
    }

    #[test]
    fn each_policy_refuses_what_it_must() {
        let allowlist = OverridePolicy::Allowlist(vec!["acks".to_owned()]);
        let cases = [
            (OverridePolicy::All, "acks", true),
            (OverridePolicy::None, "acks", false),
            (OverridePolicy::Principal, "sasl.mechanism", true),
            (OverridePolicy::Principal, "acks", false),
            (allowlist.clone(), "acks", true),
            (allowlist, "linger.ms", false),
        ];
        for (policy, key, is_allowed) in cases {
            assert_eq!(policy.refusal(key).is_none(), is_allowed, "{policy:?} {key}");
        }
        assert_eq!(
            OverridePolicy::None.refusal("x").as_deref(),
            Some("The 'None' policy does not allow 'x' to be overridden in the connector configuration.")
        );
    }
}
