//! Plug-ins for the tests of this room, with the definitions Apache Kafka 4.3.1 gives theirs.

use bytes::Bytes;
use connect_core::async_trait;
use connect_core::config::{ConfigDef, ConfigKey, ConfigType, Importance, Props, Validator, Width};
use connect_core::connector::{Connector, ConnectorContext, SinkConnector, SourceConnector};
use connect_core::converter::{Converter, ConverterRole, HeaderConverter};
use connect_core::data::{Datum, SchemaRef, Value};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo, Registry};
use connect_core::record::{ConnectRecord, RawHeaders};
use connect_core::task::{SinkTask, SourceTask};
use connect_core::transform::{Outcome, Position, Transform};

const TRANSFORMS: &[&str] = &[
    "Cast$Key",
    "Cast$Value",
    "DropHeaders",
    "ExtractField$Key",
    "ExtractField$Value",
    "Filter",
    "Flatten$Key",
    "Flatten$Value",
    "HeaderFrom$Key",
    "HeaderFrom$Value",
    "HoistField$Key",
    "HoistField$Value",
    "InsertField$Key",
    "InsertField$Value",
    "InsertHeader",
    "MaskField$Key",
    "MaskField$Value",
    "RegexRouter",
    "ReplaceField$Key",
    "ReplaceField$Value",
    "SetSchemaMetadata$Key",
    "SetSchemaMetadata$Value",
    "TimestampConverter$Key",
    "TimestampConverter$Value",
    "TimestampRouter",
    "ValueToKey",
];
const CONVERTERS: &[&str] = &[
    "converters.BooleanConverter",
    "converters.ByteArrayConverter",
    "converters.DoubleConverter",
    "converters.FloatConverter",
    "converters.IntegerConverter",
    "converters.LongConverter",
    "converters.ShortConverter",
    "storage.StringConverter",
];

/// Returns the plug-ins of a JVM worker without further plug-ins, and the config providers.
pub(crate) fn registry() -> Registry {
    let full = |name: &str| -> &'static str { format!("org.apache.kafka.connect.{name}").leak() };
    let plugin = |class, factory| PluginInfo { class, version: "4.3.1", factory };
    let mut plugins = crate::config::providers::plugins();
    plugins.push(plugin(
        full("file.FileStreamSinkConnector"),
        Factory::Sink(|| Box::new(File { is_sink: true })),
    ));
    plugins.push(plugin(
        full("file.FileStreamSourceConnector"),
        Factory::Source(|| Box::new(File { is_sink: false })),
    ));
    for name in TRANSFORMS {
        plugins
            .push(plugin(full(&format!("transforms.{name}")), Factory::Transform(|| Box::new(InsertField))));
    }
    for name in CONVERTERS {
        plugins.push(plugin(full(name), Factory::Converter(|| Box::new(Plain))));
        plugins.push(plugin(full(name), Factory::HeaderConverter(|| Box::new(Plain))));
    }
    plugins.push(plugin(full("json.JsonConverter"), Factory::Converter(|| Box::new(Json))));
    plugins.push(plugin(full("json.JsonConverter"), Factory::HeaderConverter(|| Box::new(Plain))));
    plugins.push(plugin(full("storage.SimpleHeaderConverter"), Factory::HeaderConverter(|| Box::new(Plain))));
    Registry::new(plugins)
}

fn key(name: &'static str, ty: ConfigType, importance: Importance) -> ConfigKey {
    ConfigKey::new(name, ty, importance, "")
}

struct File {
    is_sink: bool,
}

#[async_trait]
impl Connector for File {
    fn version(&self) -> &'static str {
        "4.3.1"
    }

    fn config_def(&self) -> ConfigDef {
        let file = key("file", ConfigType::String, Importance::High).default(None);
        if self.is_sink {
            return ConfigDef::new(vec![file]);
        }
        let topic = key("topic", ConfigType::String, Importance::High).valid(Validator::NonEmpty);
        let size = key("batch.size", ConfigType::Int, Importance::Low).default("2000");
        ConfigDef::new(vec![file, topic, size])
    }

    fn task_class(&self) -> &'static str {
        match self.is_sink {
            true => "org.apache.kafka.connect.file.FileStreamSinkTask",
            false => "org.apache.kafka.connect.file.FileStreamSourceTask",
        }
    }

    async fn start(&mut self, _context: ConnectorContext, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn task_configs(&self, _max_tasks: usize) -> Result<Vec<Props>, ConnectError> {
        Ok(Vec::new())
    }
}

impl SinkConnector for File {
    fn task(&self) -> Box<dyn SinkTask> {
        unreachable!("no task is started here")
    }
}

impl SourceConnector for File {
    fn task(&self) -> Box<dyn SourceTask> {
        unreachable!("no task is started here")
    }
}

struct Plain;

#[async_trait]
impl Converter for Plain {
    fn configure(&mut self, _props: &Props, _role: ConverterRole) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn to_connect_data(
        &self,
        _topic: &str,
        _headers: Option<&RawHeaders>,
        _value: Option<&Bytes>,
        _scratch: &mut bytes::BytesMut,
    ) -> Result<Datum, ConnectError> {
        unreachable!("nothing is converted here")
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        _schema: Option<&SchemaRef>,
        _value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        unreachable!("nothing is converted here")
    }
}

impl HeaderConverter for Plain {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        ConfigDef::default()
    }

    fn to_connect_header(
        &self,
        _topic: &str,
        _key: &str,
        _value: Option<&Bytes>,
    ) -> Result<Datum, ConnectError> {
        unreachable!("nothing is converted here")
    }

    fn from_connect_header(
        &self,
        _topic: &str,
        _key: &str,
        _value: &Datum,
    ) -> Result<Option<Bytes>, ConnectError> {
        unreachable!("nothing is converted here")
    }
}

struct Json;

#[async_trait]
impl Converter for Json {
    fn configure(&mut self, _props: &Props, _role: ConverterRole) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        use ConfigType::{Boolean, Int, String as Text};
        use Importance::{High, Low};
        let grouped = |key: ConfigKey, group: &'static str, order: i32, display: &'static str| {
            key.group(group).order(order).width(Width::Medium).display(display)
        };
        ConfigDef::new(vec![
            key("converter.type", Text, Low),
            grouped(key("schemas.enable", Boolean, High).default("true"), "Schemas", 0, "Enable Schemas"),
            grouped(key("schemas.cache.size", Int, High).default("1000"), "Schemas", 1, "Schema Cache Size"),
            grouped(key("schema.content", Text, High).default(None), "Schemas", 2, "Schema Content"),
            grouped(key("decimal.format", Text, Low).default("BASE64"), "Serialization", 0, "Decimal Format"),
            grouped(
                key("replace.null.with.default", Boolean, Low).default("true"),
                "Serialization",
                1,
                "Replace null with default",
            ),
        ])
    }

    fn to_connect_data(
        &self,
        _topic: &str,
        _headers: Option<&RawHeaders>,
        _value: Option<&Bytes>,
        _scratch: &mut bytes::BytesMut,
    ) -> Result<Datum, ConnectError> {
        unreachable!("nothing is converted here")
    }

    fn from_connect_data(
        &self,
        _topic: &str,
        _schema: Option<&SchemaRef>,
        _value: &Value,
    ) -> Result<Option<Bytes>, ConnectError> {
        unreachable!("nothing is converted here")
    }
}

struct InsertField;

impl Transform for InsertField {
    fn configure(&mut self, _props: &Props) -> Result<(), ConnectError> {
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        let text = |name: &'static str| key(name, ConfigType::String, Importance::Medium).default(None);
        ConfigDef::new(vec![
            text("topic.field"),
            text("partition.field"),
            text("offset.field"),
            text("timestamp.field"),
            text("static.field"),
            text("static.value"),
            key("replace.null.with.default", ConfigType::Boolean, Importance::Medium).default("true"),
        ])
    }

    fn apply(&self, _record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        unreachable!("nothing is transformed here")
    }
}
