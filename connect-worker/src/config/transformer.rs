//! Replaces `${provider:path:key}` by what config providers know, as `ConfigTransformer` does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use connect_core::config::{Props, Secret};
use connect_core::config_provider::ConfigProvider;
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginKind, Registry};
use regex::{Captures, Regex};

use crate::config::worker::prefixed;

static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}").expect("the pattern is a constant"));

/// A configuration without references.
#[derive(Debug, Default)]
pub struct Transformed {
    /// The configuration.
    pub props: Props,
    /// Time after which the values of a path must be read again, by path.
    pub ttls: Vec<(String, Duration)>,
    /// Everything that was put in place of a reference.
    pub secrets: Vec<Secret>,
}

/// The config providers of a worker.
#[derive(Clone, Default)]
pub struct ConfigTransformer {
    providers: Arc<BTreeMap<String, Box<dyn ConfigProvider>>>,
}

impl fmt::Debug for ConfigTransformer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.providers.keys()).finish()
    }
}

/// Values by provider, path and key.
type Found = BTreeMap<(String, String, String), Secret>;

impl ConfigTransformer {
    /// Makes the providers that `config.providers` names.
    ///
    /// # Errors
    /// Fails with a config error when a provider has no class, an unknown class, or a bad parameter.
    pub fn from_worker_props(props: &Props, registry: &Registry) -> Result<Self, ConnectError> {
        let names = props.get("config.providers").map(String::as_str).unwrap_or_default();
        let mut providers = BTreeMap::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let class = props.get(&format!("config.providers.{name}.class")).ok_or_else(|| {
                ConnectError::config(format!(
                    "config provider `{name}` has no class: set `config.providers.{name}.class`"
                ))
            })?;
            let mut provider = new_provider(class.trim(), registry)?;
            provider.configure(&prefixed(props, &format!("config.providers.{name}.param.")))?;
            providers.insert(name.to_owned(), provider);
        }
        Ok(Self { providers: Arc::new(providers) })
    }

    /// Replaces every reference once; what is found is not searched again. References to unknown providers or
    /// keys stay as they are. Reads files: call it outside loops that must not block.
    ///
    /// # Errors
    /// Fails with the provider's config error.
    pub fn transform(&self, props: &Props) -> Result<Transformed, ConnectError> {
        let mut ttls = Vec::new();
        let found = self.look_up(props, &mut ttls)?;
        let replaced = props.iter().map(|(name, text)| (name.clone(), replace(text, &found)));
        let props = replaced.collect();
        Ok(Transformed { props, ttls, secrets: found.into_values().collect() })
    }

    fn look_up(&self, props: &Props, ttls: &mut Vec<(String, Duration)>) -> Result<Found, ConnectError> {
        let mut wanted: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for reference in props.values().flat_map(|text| REFERENCE.captures_iter(text)) {
            let (provider, path, key) = parts(&reference);
            if self.providers.contains_key(&provider) {
                wanted.entry((provider, path)).or_default().push(key);
            }
        }
        let mut found = Found::new();
        for ((name, path), keys) in wanted {
            let Some(provider) = self.providers.get(&name) else { continue };
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let data = provider.get(&path, &keys)?;
            ttls.extend(data.ttl.map(|ttl| (path.clone(), ttl)));
            let entry = |(key, value)| ((name.clone(), path.clone(), key), value);
            found.extend(data.values.into_iter().map(entry));
        }
        Ok(found)
    }
}

/// Returns whether a text holds a reference.
pub fn has_reference(text: &str) -> bool {
    REFERENCE.is_match(text)
}

/// Puts the references of a connector's raw configuration back into a task configuration made from resolved
/// values, so that secrets are never stored (`AbstractHerder.reverseTransform`).
pub fn restore_references(raw: &Props, mut task: Props) -> Props {
    for (name, text) in raw.iter().filter(|(_, text)| has_reference(text)) {
        if let Some(value) = task.get_mut(name) {
            value.clone_from(text);
        }
    }
    task
}

fn new_provider(class: &str, registry: &Registry) -> Result<Box<dyn ConfigProvider>, ConnectError> {
    let plugin = registry
        .find(&[PluginKind::ConfigProvider], class)
        .map_err(|_| ConnectError::config(format!("config provider class `{class}` could not be found")))?;
    match plugin.factory {
        Factory::ConfigProvider(new) => Ok(new()),
        _ => Err(ConnectError::config(format!("`{class}` is not a config provider"))),
    }
}

fn parts(reference: &Captures<'_>) -> (String, String, String) {
    let part = |index: usize| reference.get(index).map_or(String::new(), |part| part.as_str().to_owned());
    (part(1), part(3), part(4))
}

fn replace(text: &str, found: &Found) -> String {
    let value = |reference: &Captures<'_>| match found.get(&parts(reference)) {
        Some(secret) => secret.expose().to_owned(),
        None => reference.get(0).map_or(String::new(), |whole| whole.as_str().to_owned()),
    };
    REFERENCE.replace_all(text, value).into_owned()
}

#[cfg(test)]
mod tests {
    use connect_core::config_provider::ConfigData;

    use super::*;
    use crate::config::worker::tests::props;

    /// Answers every key but `none` with `path/key`, which looks like a reference itself for `again`.
    struct Echo;

    impl ConfigProvider for Echo {
        fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
            Ok(())
        }

        fn get(&self, path: &str, keys: &[&str]) -> Result<ConfigData, ConnectError> {
            if path == "bad" {
                return Err(ConnectError::config("no such path"));
            }
            let known = keys.iter().filter(|key| **key != "none");
            let text =
                |key: &str| if key == "again" { "${e:p:k}".to_owned() } else { format!("{path}/{key}") };
            let values = known.map(|key| ((*key).to_owned(), Secret::new(text(key)))).collect();
            Ok(ConfigData { values, ttl: (path == "brief").then_some(Duration::from_secs(1)) })
        }
    }

    fn transformer() -> ConfigTransformer {
        let echo: Box<dyn ConfigProvider> = Box::new(Echo);
        ConfigTransformer { providers: Arc::new(BTreeMap::from([("e".to_owned(), echo)])) }
    }

    #[test]
    fn references_are_replaced_once() {
        let cases = [
            ("plain", "plain"),
            ("${e:p:k}", "p/k"),
            ("${e:k}", "/k"),
            ("a ${e:p:k} b ${e:q:l}", "a p/k b q/l"),
            ("${e:p:k:rest}", "p/k:rest"),
            ("${other:p:k}", "${other:p:k}"),
            ("${e:p:none}", "${e:p:none}"),
            ("${e:p:again}", "${e:p:k}"),
            ("${noprovider}", "${noprovider}"),
        ];
        for (text, expected) in cases {
            let transformed = transformer().transform(&props(&[("x", text)])).expect("no error");
            assert_eq!(transformed.props, props(&[("x", expected)]), "{text}");
            let is_replaced = text != expected;
            assert_eq!(!transformed.secrets.is_empty(), is_replaced, "{text}");
        }
    }

    #[test]
    fn times_to_live_and_errors_come_from_the_provider() {
        let transformed = transformer().transform(&props(&[("x", "${e:brief:k}")])).expect("no error");
        assert_eq!(transformed.ttls, [("brief".to_owned(), Duration::from_secs(1))]);
        let error = transformer().transform(&props(&[("x", "${e:bad:k}")])).expect_err("bad path");
        assert_eq!(error.context(), "no such path");
    }

    #[test]
    fn task_configurations_get_their_references_back() {
        let raw = props(&[("password", "${e:p:k}"), ("absent", "${e:p:k}"), ("plain", "1")]);
        let task = props(&[("password", "secret"), ("plain", "2"), ("own", "3")]);
        let expected = props(&[("password", "${e:p:k}"), ("plain", "2"), ("own", "3")]);
        assert_eq!(restore_references(&raw, task), expected);
    }

    #[test]
    fn providers_without_a_known_class_are_refused() {
        for given in [
            props(&[("config.providers", "a")]),
            props(&[("config.providers", "a"), ("config.providers.a.class", "no.Such")]),
        ] {
            ConfigTransformer::from_worker_props(&given, &Registry::default()).expect_err("no provider");
        }
    }
}
