//! The list of converters for the registry of plug-ins.

use connect_core::converter::Converter;
use connect_core::plugin::{Factory, PluginInfo};

use crate::{AvroConverter, JsonSchemaConverter, ProtobufConverter};

/// The version of Confluent's converters whose behaviour these have.
const VERSION: &str = "8.1.0";

fn converter<C: Converter + Default + 'static>() -> Box<dyn Converter> {
    Box::new(C::default())
}

/// Returns all converters of this crate.
pub fn plugins() -> Vec<PluginInfo> {
    let plugin = |class, make| PluginInfo { class, version: VERSION, factory: Factory::Converter(make) };
    vec![
        plugin("io.confluent.connect.avro.AvroConverter", converter::<AvroConverter>),
        plugin("io.confluent.connect.json.JsonSchemaConverter", converter::<JsonSchemaConverter>),
        plugin("io.confluent.connect.protobuf.ProtobufConverter", converter::<ProtobufConverter>),
    ]
}
