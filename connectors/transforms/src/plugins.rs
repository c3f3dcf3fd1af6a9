//! The list of transforms and predicates for the registry.

use connect_core::plugin::{Factory, PluginInfo};

use crate::cast::Cast;
use crate::extract_field::ExtractField;
use crate::flatten::Flatten;
use crate::header_from::HeaderFrom;
use crate::headers::{DropHeaders, InsertHeader};
use crate::hoist_field::HoistField;
use crate::insert_field::InsertField;
use crate::mask_field::MaskField;
use crate::predicates::{Filter, HasHeaderKey, RecordIsTombstone, TopicNameMatches};
use crate::regex_router::RegexRouter;
use crate::replace_field::ReplaceField;
use crate::set_schema_metadata::SetSchemaMetadata;
use crate::side::Side;
use crate::timestamp_converter::TimestampConverter;
use crate::timestamp_router::TimestampRouter;
use crate::value_to_key::ValueToKey;

/// The version of Apache Kafka whose behaviour the transforms have.
const VERSION: &str = "4.3.1";

/// Lists plug-ins of Kafka's package for transforms by the rest of their class names.
macro_rules! plugins {
    ($($kind:ident $name:literal => $new:expr;)*) => {
        vec![$(PluginInfo {
            class: concat!("org.apache.kafka.connect.transforms.", $name),
            version: VERSION,
            factory: Factory::$kind(|| Box::new($new)),
        }),*]
    };
}

/// Returns all transforms and predicates.
pub fn plugins() -> Vec<PluginInfo> {
    plugins! {
        Transform "Cast$Key" => Cast::new(Side::Key);
        Transform "Cast$Value" => Cast::new(Side::Value);
        Transform "DropHeaders" => DropHeaders::default();
        Transform "ExtractField$Key" => ExtractField::new(Side::Key);
        Transform "ExtractField$Value" => ExtractField::new(Side::Value);
        Transform "Filter" => Filter;
        Transform "Flatten$Key" => Flatten::new(Side::Key);
        Transform "Flatten$Value" => Flatten::new(Side::Value);
        Transform "HeaderFrom$Key" => HeaderFrom::new(Side::Key);
        Transform "HeaderFrom$Value" => HeaderFrom::new(Side::Value);
        Transform "HoistField$Key" => HoistField::new(Side::Key);
        Transform "HoistField$Value" => HoistField::new(Side::Value);
        Transform "InsertField$Key" => InsertField::new(Side::Key);
        Transform "InsertField$Value" => InsertField::new(Side::Value);
        Transform "InsertHeader" => InsertHeader::default();
        Transform "MaskField$Key" => MaskField::new(Side::Key);
        Transform "MaskField$Value" => MaskField::new(Side::Value);
        Transform "RegexRouter" => RegexRouter::default();
        Transform "ReplaceField$Key" => ReplaceField::new(Side::Key);
        Transform "ReplaceField$Value" => ReplaceField::new(Side::Value);
        Transform "SetSchemaMetadata$Key" => SetSchemaMetadata::new(Side::Key);
        Transform "SetSchemaMetadata$Value" => SetSchemaMetadata::new(Side::Value);
        Transform "TimestampConverter$Key" => TimestampConverter::new(Side::Key);
        Transform "TimestampConverter$Value" => TimestampConverter::new(Side::Value);
        Transform "TimestampRouter" => TimestampRouter::default();
        Transform "ValueToKey" => ValueToKey::default();
        Predicate "predicates.HasHeaderKey" => HasHeaderKey::default();
        Predicate "predicates.RecordIsTombstone" => RecordIsTombstone;
        Predicate "predicates.TopicNameMatches" => TopicNameMatches::default();
    }
}

#[cfg(test)]
mod tests {
    use connect_core::plugin::{PluginKind, Registry};

    use super::*;

    #[test]
    fn every_plugin_answers_to_its_class() {
        let registry = Registry::new(plugins());
        assert_eq!(registry.plugins().len(), 29);
        let kinds = [PluginKind::Transformation, PluginKind::Predicate];
        for plugin in plugins() {
            let found = registry.find(&kinds, plugin.class).map(|found| found.class).ok();
            assert_eq!(found, Some(plugin.class));
        }
    }
}
