//! TLS and SASL settings: stores, PEM texts and JAAS lines of the Java client.

use connect_core::config::Props;
use rdkafka::ClientConfig;
use regex::Regex;
use std::sync::LazyLock;

use crate::kafka::port::KafkaError;

/// Returns whether a key is translated here.
pub(super) fn owns(key: &str) -> bool {
    key.starts_with("ssl.truststore.")
        || key.starts_with("ssl.keystore.")
        || key.starts_with("sasl.oauthbearer.")
        || matches!(
            key,
            "security.protocol"
                | "sasl.mechanism"
                | "sasl.jaas.config"
                | "ssl.key.password"
                | "ssl.endpoint.identification.algorithm"
                | "ssl.cipher.suites"
        )
}

/// Translates the security settings among `props`.
pub(super) fn translate(props: &Props, config: &mut ClientConfig) -> Result<(), KafkaError> {
    if let Some(protocol) = props.get("security.protocol") {
        config.set("security.protocol", protocol.trim().to_lowercase());
    }
    trust(props, config)?;
    identity(props, config)?;
    if let Some(algorithm) = props.get("ssl.endpoint.identification.algorithm") {
        let algorithm = algorithm.trim();
        config.set(
            "ssl.endpoint.identification.algorithm",
            if algorithm.is_empty() { "none" } else { algorithm },
        );
    }
    if let Some(mechanism) = props.get("sasl.mechanism") {
        config.set("sasl.mechanism", mechanism.trim());
        sasl(mechanism.trim(), props, config)?;
    }
    Ok(())
}

fn trust(props: &Props, config: &mut ClientConfig) -> Result<(), KafkaError> {
    if let Some(pem) = props.get("ssl.truststore.certificates") {
        config.set("ssl.ca.pem", pem);
        return Ok(());
    }
    let Some(location) = props.get("ssl.truststore.location") else { return Ok(()) };
    match store_type(props, "ssl.truststore.type") {
        "PEM" => {
            config.set("ssl.ca.location", location);
            Ok(())
        }
        // librdkafka reads no trust store but PEM.
        "PKCS12" => {
            let pem = connect_cluster::connection::trusted_pem(props)
                .map_err(|error| KafkaError::Config(error.to_string()))?;
            config.set("ssl.ca.pem", pem.unwrap_or_default());
            Ok(())
        }
        other => Err(store_error("ssl.truststore", other)),
    }
}

fn identity(props: &Props, config: &mut ClientConfig) -> Result<(), KafkaError> {
    if let Some(password) = props.get("ssl.key.password") {
        config.set("ssl.key.password", password);
    }
    if let (Some(key), Some(chain)) =
        (props.get("ssl.keystore.key"), props.get("ssl.keystore.certificate.chain"))
    {
        config.set("ssl.key.pem", key).set("ssl.certificate.pem", chain);
        return Ok(());
    }
    let Some(location) = props.get("ssl.keystore.location") else { return Ok(()) };
    match store_type(props, "ssl.keystore.type") {
        "PEM" => {
            config.set("ssl.key.location", location).set("ssl.certificate.location", location);
            Ok(())
        }
        "PKCS12" => {
            config.set("ssl.keystore.location", location);
            if let Some(password) = props.get("ssl.keystore.password") {
                config.set("ssl.keystore.password", password);
            }
            Ok(())
        }
        other => Err(store_error("ssl.keystore", other)),
    }
}

fn store_type<'a>(props: &'a Props, key: &str) -> &'a str {
    props.get(key).map_or("JKS", |ty| ty.trim())
}

fn store_error(prefix: &str, ty: &str) -> KafkaError {
    KafkaError::Config(format!(
        "`{prefix}.location` is a {ty} store by its `{prefix}.type`, which only the JVM reads; export it as PEM \
         (`keytool -exportcert -rfc`, `openssl pkcs12`) and set `{prefix}.type=PEM`, or `ssl.keystore.type=PKCS12` if \
         the keystore is one"
    ))
}

fn sasl(mechanism: &str, props: &Props, config: &mut ClientConfig) -> Result<(), KafkaError> {
    match mechanism {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            let jaas = props.get("sasl.jaas.config").map_or("", String::as_str);
            let read = |option| {
                jaas_option(jaas, option).ok_or_else(|| {
                    KafkaError::Config(format!(
                        "`sasl.jaas.config` lacks `{option}`, which {mechanism} needs"
                    ))
                })
            };
            config.set("sasl.username", read("username")?).set("sasl.password", read("password")?);
            Ok(())
        }
        "OAUTHBEARER" => unsecured_token(props, config),
        other => Err(KafkaError::Config(format!(
            "`sasl.mechanism` is `{other}`; use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        ))),
    }
}

/// Has librdkafka make tokens by itself, which it can for tests and development only; fetching them needs libcurl,
/// which this build is without.
fn unsecured_token(props: &Props, config: &mut ClientConfig) -> Result<(), KafkaError> {
    const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
    let jaas = props.get("sasl.jaas.config").map_or("", String::as_str);
    let user = jaas_option(jaas, "unsecuredLoginStringClaim_sub");
    match (props.get(ENDPOINT), user) {
        (None, Some(user)) => {
            config.set("enable.sasl.oauthbearer.unsecure.jwt", "true");
            config.set("sasl.oauthbearer.config", format!("principal={user}"));
            Ok(())
        }
        _ => Err(KafkaError::Config(format!(
            "`sasl.mechanism` is `OAUTHBEARER` with tokens of `{ENDPOINT}`, which consumers and producers cannot fetch; use \
             SCRAM-SHA-512, PLAIN or a client certificate"
        ))),
    }
}

/// Reads `option="value"` from a JAAS line; quotes may be escaped by a backslash.
fn jaas_option(jaas: &str, option: &str) -> Option<String> {
    static OPTION: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s;]+))"#).ok());
    let found = OPTION.as_ref()?.captures_iter(jaas).find(|captures| &captures[1] == option)?;
    let value = found.get(2).or_else(|| found.get(3)).or_else(|| found.get(4))?;
    Some(value.as_str().replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pairs: &[(&str, &str)]) -> Result<ClientConfig, KafkaError> {
        let props: Props =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut config = ClientConfig::new();
        translate(&props, &mut config).map(|()| config)
    }

    #[test]
    fn jaas_line_gives_user_and_password() {
        let line = "org.apache.kafka.common.security.scram.ScramLoginModule required \
                    username=\"al\\\"ice\" password='p w';";
        let config =
            translated(&[("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.jaas.config", line)]).expect("valid");
        assert_eq!(
            (config.get("sasl.username"), config.get("sasl.password")),
            (Some("al\"ice"), Some("p w"))
        );
    }

    #[test]
    fn missing_password_names_the_option_and_not_the_line() {
        let error =
            translated(&[("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", "x required username=\"u\";")]);
        assert_eq!(
            error.expect_err("refused").to_string(),
            "creating Kafka client: `sasl.jaas.config` lacks `password`, which PLAIN needs"
        );
    }

    #[test]
    fn unsecured_token_is_made_and_one_that_must_be_fetched_is_refused() {
        let line = "x required unsecuredLoginStringClaim_sub=\"alice\";";
        let bearer = ("sasl.mechanism", "OAUTHBEARER");
        let config = translated(&[bearer, ("sasl.jaas.config", line)]).expect("valid");
        assert_eq!(config.get("sasl.oauthbearer.config"), Some("principal=alice"));
        let endpoint = ("sasl.oauthbearer.token.endpoint.url", "https://t/");
        let error = translated(&[bearer, ("sasl.jaas.config", line), endpoint]).expect_err("refused");
        assert!(error.to_string().contains("which consumers and producers cannot fetch"), "{error}");
    }

    #[test]
    fn jks_store_is_refused_with_a_way_out() {
        let error = translated(&[("ssl.truststore.location", "/t.jks")]).expect_err("refused").to_string();
        assert!(error.contains("JKS") && error.contains("ssl.truststore.type=PEM"), "{error}");
    }
}
