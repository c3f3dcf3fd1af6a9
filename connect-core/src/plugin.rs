//! The registry of plug-ins: the only list of what exists, with the names Kafka Connect knows it by.

use std::sync::Arc;

use crate::config_provider::ConfigProvider;
use crate::connector::{SinkConnector, SourceConnector};
use crate::converter::{Converter, HeaderConverter};
use crate::transform::{Predicate, Transform};

/// Makes new instances of one plug-in.
#[derive(Clone)]
pub enum Factory {
    /// A sink connector.
    Sink(fn() -> Box<dyn SinkConnector>),
    /// A source connector.
    Source(fn() -> Box<dyn SourceConnector>),
    /// A key or value converter.
    Converter(fn() -> Box<dyn Converter>),
    /// A header converter.
    HeaderConverter(fn() -> Box<dyn HeaderConverter>),
    /// A transform.
    Transform(fn() -> Box<dyn Transform>),
    /// A predicate.
    Predicate(fn() -> Box<dyn Predicate>),
    /// A config provider.
    ConfigProvider(fn() -> Box<dyn ConfigProvider>),
}

/// The kind of a plug-in, in the order `/connector-plugins` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginKind {
    /// Sink connector.
    Sink,
    /// Source connector.
    Source,
    /// Transform.
    Transformation,
    /// Predicate.
    Predicate,
    /// Key or value converter.
    Converter,
    /// Header converter.
    HeaderConverter,
    /// Config provider; not listed by REST.
    ConfigProvider,
}

impl PluginKind {
    /// Returns the `type` shown by `/connector-plugins`.
    pub fn name(self) -> &'static str {
        match self {
            PluginKind::Sink => "sink",
            PluginKind::Source => "source",
            PluginKind::Transformation => "transformation",
            PluginKind::Predicate => "predicate",
            PluginKind::Converter => "converter",
            PluginKind::HeaderConverter => "header_converter",
            PluginKind::ConfigProvider => "configprovider",
        }
    }

    /// Returns the interface word that the pruned alias leaves out of the simple class name.
    fn type_word(self) -> &'static str {
        match self {
            PluginKind::Sink | PluginKind::Source => "Connector",
            PluginKind::Transformation => "Transformation",
            PluginKind::Predicate => "Predicate",
            PluginKind::Converter => "Converter",
            PluginKind::HeaderConverter => "HeaderConverter",
            PluginKind::ConfigProvider => "ConfigProvider",
        }
    }
}

/// One plug-in.
#[derive(Clone)]
pub struct PluginInfo {
    /// Full JVM class name, by which configurations and REST know it.
    pub class: &'static str,
    /// Version shown by `/connector-plugins`.
    pub version: &'static str,
    /// How to make one.
    pub factory: Factory,
}

impl PluginInfo {
    /// Returns the kind.
    pub fn kind(&self) -> PluginKind {
        match self.factory {
            Factory::Sink(_) => PluginKind::Sink,
            Factory::Source(_) => PluginKind::Source,
            Factory::Converter(_) => PluginKind::Converter,
            Factory::HeaderConverter(_) => PluginKind::HeaderConverter,
            Factory::Transform(_) => PluginKind::Transformation,
            Factory::Predicate(_) => PluginKind::Predicate,
            Factory::ConfigProvider(_) => PluginKind::ConfigProvider,
        }
    }

    /// Returns the class name after the last dot; for a nested class, the inner name.
    pub fn simple_name(&self) -> &'static str {
        let outer = self.class.rsplit('.').next().unwrap_or(self.class);
        outer.rsplit('$').next().unwrap_or(outer)
    }

    /// Returns the simple name cut at the last occurrence of the type word, unless it begins with it.
    fn pruned_name(&self) -> &'static str {
        let simple = self.simple_name();
        match simple.rfind(self.kind().type_word()) {
            Some(position) if position > 0 => simple.get(..position).unwrap_or(simple),
            _ => simple,
        }
    }

    fn answers_to(&self, alias: &str) -> bool {
        self.simple_name() == alias || self.pruned_name() == alias
    }
}

/// Why a name does not lead to a plug-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupError {
    /// No plug-in has this name.
    Unknown,
    /// Several plug-ins answer to this alias; holds their classes.
    Ambiguous(Vec<&'static str>),
}

/// All plug-ins of a worker.
#[derive(Clone, Default)]
pub struct Registry {
    plugins: Arc<Vec<PluginInfo>>,
}

impl Registry {
    /// Returns a registry of the given plug-ins, sorted as `/connector-plugins` lists them.
    pub fn new(mut plugins: Vec<PluginInfo>) -> Self {
        plugins.sort_by_key(|plugin| (plugin.kind(), plugin.class));
        Self { plugins: Arc::new(plugins) }
    }

    /// Returns all plug-ins, by kind and class name.
    pub fn plugins(&self) -> &[PluginInfo] {
        &self.plugins
    }

    /// Returns the plug-in of one of the kinds with the given full class name or alias. A full name always wins.
    ///
    /// # Errors
    /// Fails when no plug-in, or more than one class, answers to the name.
    pub fn find(&self, kinds: &[PluginKind], name: &str) -> Result<&PluginInfo, LookupError> {
        let candidates = || self.plugins.iter().filter(|plugin| kinds.contains(&plugin.kind()));
        if let Some(plugin) = candidates().find(|plugin| plugin.class == name) {
            return Ok(plugin);
        }
        let matches: Vec<&PluginInfo> = candidates().filter(|plugin| plugin.answers_to(name)).collect();
        let mut classes: Vec<&'static str> = matches.iter().map(|plugin| plugin.class).collect();
        classes.dedup();
        match (matches.first(), classes.len()) {
            (Some(plugin), 1) => Ok(plugin),
            (Some(_), _) => Err(LookupError::Ambiguous(classes)),
            (None, _) => Err(LookupError::Unknown),
        }
    }

    /// Returns the connector, sink or source, with the given full class name or alias.
    ///
    /// # Errors
    /// As [`Registry::find`].
    pub fn connector(&self, name: &str) -> Result<&PluginInfo, LookupError> {
        self.find(&[PluginKind::Sink, PluginKind::Source], name)
    }
}
