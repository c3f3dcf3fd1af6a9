//! The list of converters for the registry.

use connect_core::converter::{Converter, HeaderConverter};
use connect_core::plugin::{Factory, PluginInfo};

use crate::{
    AsHeaderConverter, BooleanConverter, ByteArrayConverter, DoubleConverter, FloatConverter,
    IntegerConverter, JsonConverter, LongConverter, ShortConverter, SimpleHeaderConverter, StringConverter,
};

/// The version of Apache Kafka whose behaviour the converters have.
const VERSION: &str = "4.3.1";

fn converter<C: Converter + Default + 'static>() -> Box<dyn Converter> {
    Box::new(C::default())
}

fn header_converter<C: Converter + Default + 'static>() -> Box<dyn HeaderConverter> {
    Box::new(AsHeaderConverter::<C>::default())
}

fn both<C: Converter + Default + 'static>(class: &'static str) -> [PluginInfo; 2] {
    [
        PluginInfo { class, version: VERSION, factory: Factory::Converter(converter::<C>) },
        PluginInfo { class, version: VERSION, factory: Factory::HeaderConverter(header_converter::<C>) },
    ]
}

/// Returns all converters and header converters.
pub fn plugins() -> Vec<PluginInfo> {
    let mut plugins: Vec<PluginInfo> = [
        both::<StringConverter>("org.apache.kafka.connect.storage.StringConverter"),
        both::<JsonConverter>("org.apache.kafka.connect.json.JsonConverter"),
        both::<ByteArrayConverter>("org.apache.kafka.connect.converters.ByteArrayConverter"),
        both::<BooleanConverter>("org.apache.kafka.connect.converters.BooleanConverter"),
        both::<ShortConverter>("org.apache.kafka.connect.converters.ShortConverter"),
        both::<IntegerConverter>("org.apache.kafka.connect.converters.IntegerConverter"),
        both::<LongConverter>("org.apache.kafka.connect.converters.LongConverter"),
        both::<FloatConverter>("org.apache.kafka.connect.converters.FloatConverter"),
        both::<DoubleConverter>("org.apache.kafka.connect.converters.DoubleConverter"),
    ]
    .into_iter()
    .flatten()
    .collect();
    plugins.push(PluginInfo {
        class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        version: VERSION,
        factory: Factory::HeaderConverter(|| Box::new(SimpleHeaderConverter)),
    });
    plugins
}

#[cfg(test)]
mod tests {
    use connect_core::plugin::{PluginKind, Registry};

    use super::*;

    #[test]
    fn every_converter_answers_to_its_names() {
        let registry = Registry::new(plugins());
        for name in ["org.apache.kafka.connect.json.JsonConverter", "JsonConverter", "Json"] {
            assert!(registry.find(&[PluginKind::Converter], name).is_ok(), "{name}");
        }
        assert!(registry.find(&[PluginKind::HeaderConverter], "Simple").is_ok());
        assert_eq!(registry.plugins().len(), 19);
    }
}
