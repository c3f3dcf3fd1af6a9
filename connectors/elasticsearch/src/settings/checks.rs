//! Issues, and the checks that both products share.

use connect_core::config::{ConfigIssue, Secret};

/// Issues found so far.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    pub(super) found: Vec<ConfigIssue>,
}

impl Issues {
    /// Adds an issue in Kafka's form.
    pub(crate) fn invalid(&mut self, name: &str, value: impl std::fmt::Display, reason: &str) {
        self.text(name, format!("Invalid value {value} for configuration {name}: {reason}"));
    }

    /// Adds an issue with a text of its own.
    pub(crate) fn text(&mut self, name: &str, message: impl Into<String>) {
        self.found.push(ConfigIssue { name: name.to_owned(), message: message.into() });
    }

    /// Adds an issue to each of two keys that must be set together.
    pub(crate) fn both(&mut self, keys: [&str; 2], message: &str) {
        for key in keys {
            self.text(key, message);
        }
    }
}

/// Returns whether a text is given.
pub(super) fn is_set(text: &Option<String>) -> bool {
    text.as_ref().is_some_and(|text| !text.trim().is_empty())
}

/// Returns whether a secret is given.
pub(super) fn has_secret(secret: &Option<Secret>) -> bool {
    secret.as_ref().is_some_and(|secret| !secret.is_blank())
}

/// The TLS keys of one product, by their names.
pub(super) struct TlsGiven<'a> {
    pub(super) prefix: &'a str,
    pub(super) truststore_type: &'a str,
    pub(super) keystore_type: &'a str,
    pub(super) secrets: [(&'a str, &'a Option<Secret>); 3],
    pub(super) ciphers: &'a [String],
    pub(super) enabled: &'a [String],
}

/// Refuses stores in Java's formats, passwords, and lists of ciphers; returns the versions of TLS that may be used.
pub(super) fn tls_versions(given: &TlsGiven<'_>, issues: &mut Issues) -> (bool, bool) {
    let key = |end: &str| format!("{}{end}", given.prefix);
    for (name, ty) in [("truststore.type", given.truststore_type), ("keystore.type", given.keystore_type)] {
        if !ty.eq_ignore_ascii_case("PEM") {
            let reason = "only PEM is supported; convert the store, for example with `openssl pkcs12 -nodes`";
            issues.invalid(&key(name), ty, reason);
        }
    }
    for (name, secret) in given.secrets {
        if has_secret(secret) {
            let reason = "stores with a password are not supported; give certificates and keys in plain PEM";
            issues.invalid(&key(name), Secret::HIDDEN, reason);
        }
    }
    if !given.ciphers.is_empty() {
        let reason = "choosing cipher suites is not supported; only strong ones are offered";
        issues.invalid(&key("cipher.suites"), given.ciphers.join(","), reason);
    }
    let has = |version: &str| given.enabled.iter().any(|enabled| enabled == version);
    let versions = (has("TLSv1.2"), has("TLSv1.3"));
    if versions == (false, false) {
        let reason = "at least one of TLSv1.2 and TLSv1.3 is needed";
        issues.invalid(&key("enabled.protocols"), given.enabled.join(","), reason);
    }
    versions
}
