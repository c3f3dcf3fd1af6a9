//! Makes the converters, transforms and predicates of one task from its connector's configuration.

use connect_core::config::Props;
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, LookupError, PluginInfo, PluginKind, Registry};
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Predicate, Transform};

use crate::config::WorkerConfig;
use crate::config::worker::prefixed;

/// A configured converter and the class it is known by.
pub(crate) struct NamedConverter {
    pub(crate) class: &'static str,
    pub(crate) converter: Box<dyn Converter>,
}

/// A configured header converter and the class it is known by.
pub(crate) struct NamedHeaderConverter {
    pub(crate) class: &'static str,
    pub(crate) converter: Box<dyn HeaderConverter>,
}

/// The transforms of a task, in order.
pub(crate) struct Chain {
    links: Vec<Link>,
}

/// A transform of a chain with its predicate.
pub(crate) struct Link {
    alias: String,
    class: &'static str,
    transform: Box<dyn Transform>,
    condition: Option<Condition>,
}

struct Condition {
    predicate: Box<dyn Predicate>,
    is_negated: bool,
}

/// Returns the converter of keys or values: the connector's if it names one, else the worker's.
///
/// # Errors
/// Fails (fatal) when the class is unknown or refuses its settings.
pub(crate) fn converter(
    role: ConverterRole,
    worker: &WorkerConfig,
    connector_props: &Props,
    registry: &Registry,
) -> Result<NamedConverter, ConnectError> {
    let key = format!("{}.converter", role.name());
    let worker_class = match role {
        ConverterRole::Key => &worker.key_converter,
        _ => &worker.value_converter,
    };
    let (name, mut props) = chosen(&key, connector_props, &worker_class.0, || worker.converter_props(role));
    let plugin = find(registry, PluginKind::Converter, &key, &name)?;
    let Factory::Converter(make) = plugin.factory else { unreachable!("looked up by kind") };
    props.insert("converter.type".to_owned(), role.name().to_owned());
    let mut converter = make();
    converter.configure(&props, role)?;
    Ok(NamedConverter { class: plugin.class, converter })
}

/// Returns the header converter: the connector's if it names one, else the worker's.
///
/// # Errors
/// As [`converter`].
pub(crate) fn header_converter(
    worker: &WorkerConfig,
    connector_props: &Props,
    registry: &Registry,
) -> Result<NamedHeaderConverter, ConnectError> {
    let key = "header.converter";
    let worker_props = || worker.converter_props(ConverterRole::Header);
    let (name, mut props) = chosen(key, connector_props, &worker.header_converter.0, worker_props);
    let plugin = find(registry, PluginKind::HeaderConverter, key, &name)?;
    let Factory::HeaderConverter(make) = plugin.factory else { unreachable!("looked up by kind") };
    props.insert("converter.type".to_owned(), ConverterRole::Header.name().to_owned());
    let mut converter = make();
    converter.configure(&props)?;
    Ok(NamedHeaderConverter { class: plugin.class, converter })
}

// A converter named by the connector gets the connector's settings only, as in `Worker.newConverter`.
fn chosen(
    key: &str,
    connector_props: &Props,
    worker_class: &str,
    worker_props: impl FnOnce() -> Props,
) -> (String, Props) {
    match connector_props.get(key) {
        Some(class) => (class.trim().to_owned(), prefixed(connector_props, &format!("{key}."))),
        None => (worker_class.to_owned(), worker_props()),
    }
}

fn find<'a>(
    registry: &'a Registry,
    kind: PluginKind,
    key: &str,
    class: &str,
) -> Result<&'a PluginInfo, ConnectError> {
    registry.find(&[kind], class).map_err(|error| match error {
        LookupError::Unknown => ConnectError::config(format!(
            "Invalid value {class} for configuration {key}: Class {class} could not be found."
        )),
        LookupError::Ambiguous(classes) => ConnectError::config(format!(
            "Invalid value {class} for configuration {key}: More than one plugin matches: {}",
            classes.join(", ")
        )),
    })
}

impl Chain {
    /// Returns the transforms named by `transforms`, with their predicates.
    ///
    /// # Errors
    /// Fails (fatal) when a class is unknown or refuses its settings.
    pub(crate) fn new(connector_props: &Props, registry: &Registry) -> Result<Self, ConnectError> {
        let aliases = connector_props.get("transforms").map_or("", String::as_str);
        let aliases = aliases.split(',').map(str::trim).filter(|alias| !alias.is_empty());
        let links =
            aliases.map(|alias| Link::new(alias, connector_props, registry)).collect::<Result<_, _>>()?;
        Ok(Self { links })
    }

    /// Returns the transforms in order.
    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Returns whether there is nothing to apply.
    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Returns whether a transform changes fields of maps that are still text.
    pub(crate) fn keeps_maps_as_text(&self) -> bool {
        self.links.iter().any(|link| link.transform.keeps_maps_as_text())
    }

    /// Applies the transforms in order until one drops the record.
    ///
    /// # Errors
    /// Returns the failed transform's class and error.
    pub(crate) fn apply(
        &self,
        record: &mut ConnectRecord,
        position: Position,
    ) -> Result<Outcome, (&'static str, ConnectError)> {
        for link in &self.links {
            let outcome = link.step(record, position).map_err(|error| (link.class, error))?;
            if outcome == Some(Outcome::Drop) {
                return Ok(Outcome::Drop);
            }
        }
        Ok(Outcome::Keep)
    }
}

impl Link {
    fn new(alias: &str, props: &Props, registry: &Registry) -> Result<Self, ConnectError> {
        let prefix = format!("transforms.{alias}.");
        let mut own = prefixed(props, &prefix);
        let class = take(&mut own, "type");
        let plugin = find(registry, PluginKind::Transformation, &format!("{prefix}type"), &class)?;
        let Factory::Transform(make) = plugin.factory else { unreachable!("looked up by kind") };
        let predicate = take(&mut own, "predicate");
        let is_negated = take(&mut own, "negate").eq_ignore_ascii_case("true");
        let condition = match predicate.as_str() {
            "" => None,
            name => Some(Condition { predicate: self::predicate(name, props, registry)?, is_negated }),
        };
        let mut transform = make();
        transform.configure(&own)?;
        Ok(Self { alias: alias.to_owned(), class: plugin.class, transform, condition })
    }

    /// Returns the name of the transform in the configuration.
    pub(crate) fn alias(&self) -> &str {
        &self.alias
    }

    /// Returns the JVM class of the transform.
    pub(crate) fn class(&self) -> &'static str {
        self.class
    }

    /// Applies the transform; `None` when its predicate keeps the record away from it.
    ///
    /// # Errors
    /// Fails as the predicate or the transform does.
    pub(crate) fn step(
        &self,
        record: &mut ConnectRecord,
        position: Position,
    ) -> Result<Option<Outcome>, ConnectError> {
        if let Some(condition) = &self.condition
            && condition.predicate.test(record)? == condition.is_negated
        {
            return Ok(None);
        }
        self.transform.apply(record, position).map(Some)
    }
}

fn predicate(alias: &str, props: &Props, registry: &Registry) -> Result<Box<dyn Predicate>, ConnectError> {
    let prefix = format!("predicates.{alias}.");
    let mut own = prefixed(props, &prefix);
    let class = take(&mut own, "type");
    let plugin = find(registry, PluginKind::Predicate, &format!("{prefix}type"), &class)?;
    let Factory::Predicate(make) = plugin.factory else { unreachable!("looked up by kind") };
    let mut predicate = make();
    predicate.configure(&own)?;
    Ok(predicate)
}

fn take(props: &mut Props, key: &str) -> String {
    props.shift_remove(key).map(|value| value.trim().to_owned()).unwrap_or_default()
}
