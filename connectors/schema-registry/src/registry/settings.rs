//! Settings of the registry's client, as Confluent's clients name them; each also under `schema.registry.`.

use std::time::Duration;

use connect_core::config::{ConfigDef, Props, Secret, Validator};
use connect_core::error::ConnectError;

connect_core::config! {
    /// Settings of the connection to a schema registry.
    pub(crate) struct RegistryConfig {
        /// Comma-separated list of URLs of schema registry instances; the next one is tried when one does not
        /// answer.
        urls: Vec<String> = "schema.registry.url", High, valid Validator::NonEmptyList;
        /// Where the user and password of basic authentication come from: URL (the user information of the
        /// registry's address), USER_INFO (`basic.auth.user.info`) or SASL_INHERIT (`sasl.jaas.config`).
        basic_source: String = "basic.auth.credentials.source", Medium, default "URL",
            valid Validator::OneOf(&["URL", "USER_INFO", "SASL_INHERIT"]);
        /// User and password of basic authentication, joined by a colon.
        user_info: Option<Secret> = "basic.auth.user.info", Medium, default None;
        /// The JAAS login line whose user and password SASL_INHERIT takes.
        jaas: Option<Secret> = "sasl.jaas.config", Medium, default None;
        /// Where the bearer token comes from; only STATIC_TOKEN is supported.
        bearer_source: Option<String> = "bearer.auth.credentials.source", Medium, default None;
        /// The bearer token.
        bearer_token: Option<Secret> = "bearer.auth.token", Medium, default None;
        /// How long a connection may take to open, in milliseconds.
        connect_timeout_ms: u32 = "http.connect.timeout.ms", Low, default "60000";
        /// How long an answer may take, in milliseconds.
        read_timeout_ms: u32 = "http.read.timeout.ms", Low, default "60000";
        /// How often a request is sent again after a failure that may pass.
        max_retries: u32 = "max.retries", Low, default "3";
        /// The longest wait before the first retry, in milliseconds; doubles with each further one.
        retries_wait_ms: u32 = "retries.wait.ms", Low, default "1000";
        /// The longest wait before any retry, in milliseconds.
        retries_max_wait_ms: u32 = "retries.max.wait.ms", Low, default "20000";
        /// Whether to begin with a random one of the registry's URLs.
        randomize: bool = "url.randomize", Low, default "false";
        /// Type of the store with trusted certificates; only PEM is supported.
        truststore_type: Option<String> = "ssl.truststore.type", Medium, default None;
        /// File with trusted certificates in PEM; without it, the system's are trusted.
        truststore_location: Option<String> = "ssl.truststore.location", High, default None;
        /// Trusted certificates in PEM.
        truststore_certificates: Option<Secret> = "ssl.truststore.certificates", High, default None;
        /// Type of the store with the client's key; only PEM is supported.
        keystore_type: Option<String> = "ssl.keystore.type", Medium, default None;
        /// File with the client's private key and certificate chain in PEM.
        keystore_location: Option<String> = "ssl.keystore.location", High, default None;
        /// The client's private key in PEM.
        keystore_key: Option<Secret> = "ssl.keystore.key", High, default None;
        /// The client's certificate chain in PEM.
        keystore_chain: Option<Secret> = "ssl.keystore.certificate.chain", High, default None;
    }
}

const NAMESPACE: &str = "schema.registry.";

/// Keys of Confluent's clients that are refused, because ignoring them would change who may see what.
const REFUSED: &[(&str, &str)] = &[
    ("proxy.host", "proxies are not supported"),
    ("bearer.auth.issuer.endpoint.url", "only static bearer tokens are supported"),
    ("bearer.auth.custom.provider.class", "Java classes cannot be loaded"),
    ("ssl.key.password", "encrypted keys are not supported"),
    ("ssl.keystore.password", "only PEM without a password is supported"),
    ("rule.executors", "data contract rules are not supported"),
    ("context.name.strategy", "Java classes cannot be loaded"),
    ("use.latest.with.metadata", "only the newest version, or one by its id, can be chosen"),
    ("use.schema.guid", "only ids in front of the payload are supported"),
    ("reference.subject.name.strategy", "schemas that are written refer to no other"),
];

/// Keys that may be given with the value that says that nothing is asked for.
const REFUSED_UNLESS: &[(&str, &str, &str)] = &[
    ("propagate.schema.tags", "false", "tags are not registered"),
    ("schema.reflection", "false", "there are no Java classes to look at"),
    ("fail.invalid.schema", "false", "payloads are not checked against their JSON schema beyond their types"),
    ("schema.backup.enabled", "false", "schema backups are not supported"),
    ("key.schema.id.serializer", PREFIX_WRITER, "ids are written in front of the payload only"),
    ("value.schema.id.serializer", PREFIX_WRITER, "ids are written in front of the payload only"),
];
const PREFIX_WRITER: &str = "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer";
/// Headers of requests, by prefix of the key.
const REQUEST_HEADERS: &str = "request.header.";

impl RegistryConfig {
    /// Returns the keys with those of a converter.
    pub(crate) fn with(own: ConfigDef) -> ConfigDef {
        let mut keys = Self::config_def().keys;
        keys.extend(own.keys);
        ConfigDef::new(keys)
    }

    /// Reads the settings. A key under `schema.registry.` wins over the bare one.
    ///
    /// # Errors
    /// Fails with a config error that lists every bad key.
    pub(crate) fn read(props: &Props) -> Result<Self, ConnectError> {
        let mut all = props.clone();
        for (key, value) in props {
            if let Some(bare) = key.strip_prefix(NAMESPACE)
                && bare != "url"
            {
                all.insert(bare.to_owned(), value.clone());
            }
        }
        for (key, reason) in REFUSED {
            if all.get(*key).is_some_and(|value| !value.trim().is_empty()) {
                return Err(ConnectError::config(format!("setting `{key}`: {reason}")));
            }
        }
        for (key, harmless, reason) in REFUSED_UNLESS {
            if let Some(value) = all.get(*key).filter(|value| !value.trim().eq_ignore_ascii_case(harmless)) {
                return Err(ConnectError::config(format!("setting `{key}` to `{value}`: {reason}")));
            }
        }
        if let Some(key) = all.keys().find(|key| key.starts_with(REQUEST_HEADERS)) {
            return Err(ConnectError::config(format!(
                "setting `{key}`: headers of requests are not supported"
            )));
        }
        let config = Self::parse(&all)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConnectError> {
        let stores =
            [("ssl.truststore.type", &self.truststore_type), ("ssl.keystore.type", &self.keystore_type)];
        for (key, kind) in stores {
            if let Some(kind) = kind.as_deref().filter(|kind| !kind.eq_ignore_ascii_case("PEM")) {
                return Err(ConnectError::config(format!(
                    "setting `{key}` to `{kind}`: only `PEM` is supported"
                )));
            }
        }
        if let Some(source) = self.bearer_source.as_deref()
            && source != "STATIC_TOKEN"
        {
            return Err(ConnectError::config(format!(
                "setting `bearer.auth.credentials.source` to `{source}`: only `STATIC_TOKEN` is supported"
            )));
        }
        if self.bearer_source.is_some() && self.bearer_token.as_ref().is_none_or(Secret::is_blank) {
            return Err(ConnectError::config(
                "`bearer.auth.token` must be set when `bearer.auth.credentials.source` is `STATIC_TOKEN`",
            ));
        }
        if self.basic_source == "USER_INFO" && self.user_info.as_ref().is_none_or(Secret::is_blank) {
            return Err(ConnectError::config(
                "`basic.auth.user.info` must be set when `basic.auth.credentials.source` is `USER_INFO`",
            ));
        }
        Ok(())
    }

    /// Returns the time one request may take.
    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.connect_timeout_ms) + u64::from(self.read_timeout_ms))
    }
}

#[cfg(test)]
mod tests {
    use connect_core::testkit::props;

    use super::*;

    #[test]
    fn keys_under_the_registrys_name_win_over_bare_ones() {
        let config = RegistryConfig::read(&props(&[
            ("schema.registry.url", "http://a,http://b"),
            ("basic.auth.user.info", "x:y"),
            ("schema.registry.basic.auth.user.info", "user:pass"),
            ("schema.registry.basic.auth.credentials.source", "USER_INFO"),
        ]))
        .expect("valid");
        assert_eq!(config.urls, ["http://a", "http://b"]);
        assert_eq!(config.user_info, Some(Secret::new("user:pass")));
        assert!(!format!("{config:?}").contains("pass"), "a secret is shown");
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let refused = [
            ("proxy.host", "p"),
            ("schema.registry.ssl.truststore.type", "JKS"),
            ("bearer.auth.credentials.source", "OAUTHBEARER"),
            ("basic.auth.credentials.source", "USER_INFO"),
            ("ssl.key.password", "secret-word"),
            ("request.header.x-token", "secret-word"),
            ("use.latest.with.metadata", "a=b"),
            ("propagate.schema.tags", "true"),
            (
                "value.schema.id.serializer",
                "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer",
            ),
        ];
        for (key, value) in refused {
            let error = RegistryConfig::read(&props(&[("schema.registry.url", "http://a"), (key, value)]));
            let error = error.expect_err(key);
            assert!(error.context().contains(key.trim_start_matches("schema.registry.")), "{error}");
            assert!(!error.context().contains("secret-word"));
        }
    }
}
