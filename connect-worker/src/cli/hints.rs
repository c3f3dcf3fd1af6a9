//! Names of plug-ins that were probably meant.

use std::error::Error;

use anyhow::anyhow;
use connect_core::config::nearest_name;
use connect_core::plugin::Registry;

use crate::config::files::RawConfig;

/// Returns the alias or class most like a name, unless it is the name itself.
pub(super) fn nearest_class(registry: &Registry, name: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for plugin in registry.plugins() {
        let simple = plugin.simple_name();
        names.push(plugin.class);
        names.push(simple);
        names.extend(simple.strip_suffix("Connector").filter(|short| !short.is_empty()));
    }
    nearest_name(name, names.into_iter()).filter(|nearest| *nearest != name).map(str::to_owned)
}

/// Returns an error of a connector's configuration, with the class that was probably meant.
pub(super) fn hinting_class(
    registry: &Registry,
    config: &RawConfig,
    error: impl Error + Send + Sync + 'static,
) -> anyhow::Error {
    let class = config.get("connector.class").and_then(Option::as_deref).unwrap_or_default();
    match nearest_class(registry, class) {
        Some(nearest) => anyhow!("{error}\nDid you mean `{nearest}`?"),
        None => anyhow!(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::test_plugins::registry;

    #[test]
    fn a_name_that_is_right_was_not_meant_to_be_another() {
        let nearest = |name| nearest_class(&registry(), name);
        assert_eq!(nearest("FileStreamSinq").as_deref(), Some("FileStreamSink"));
        assert_eq!(nearest("FileStreamSink"), None);
    }
}
