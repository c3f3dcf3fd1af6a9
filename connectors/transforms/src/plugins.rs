//! The list of transforms and predicates for the registry.

use connect_core::plugin::{Factory, PluginInfo};

use crate::cast::Cast;
use crate::condition_filter::ConditionFilter;
use crate::drop::Drop;
use crate::extract_field::ExtractField;
use crate::extract_topic::{ExtractTopic, Place};
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
use crate::timestamp_now::TimestampNow;
use crate::timestamp_router::TimestampRouter;
use crate::tombstone_handler::TombstoneHandler;
use crate::value_to_key::ValueToKey;

/// The version of Apache Kafka whose behaviour its transforms have.
const KAFKA: &str = "4.3.1";
/// The version of transforms that Kafka does not bring.
const OWN: &str = env!("CARGO_PKG_VERSION");

/// Lists plug-ins of one package by the rest of their class names.
macro_rules! plugins {
    ($package:literal, $version:expr; $($kind:ident $name:literal => $new:expr;)*) => {
        [$(PluginInfo {
            class: concat!($package, ".", $name),
            version: $version,
            factory: Factory::$kind(|| Box::new($new)),
        }),*]
    };
}

/// Returns all transforms and predicates.
pub fn plugins() -> Vec<PluginInfo> {
    let mut all = kafka_plugins().to_vec();
    all.extend(confluent_plugins());
    all.push(PluginInfo {
        class: "com.github.jcustenborder.kafka.connect.transform.common.TimestampNow",
        version: OWN,
        factory: Factory::Transform(|| Box::new(TimestampNow)),
    });
    all
}

fn confluent_plugins() -> impl IntoIterator<Item = PluginInfo> {
    plugins! { "io.confluent.connect.transforms", OWN;
        Transform "Drop$Key" => Drop::new(Side::Key);
        Transform "Drop$Value" => Drop::new(Side::Value);
        Transform "ExtractTopic$Header" => ExtractTopic::new(Place::Header);
        Transform "ExtractTopic$Key" => ExtractTopic::new(Place::In(Side::Key));
        Transform "ExtractTopic$Value" => ExtractTopic::new(Place::In(Side::Value));
        Transform "Filter$Key" => ConditionFilter::new(Side::Key);
        Transform "Filter$Value" => ConditionFilter::new(Side::Value);
        Transform "TombstoneHandler" => TombstoneHandler::default();
    }
}

fn kafka_plugins() -> [PluginInfo; 29] {
    plugins! { "org.apache.kafka.connect.transforms", KAFKA;
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
        let kinds = [PluginKind::Transformation, PluginKind::Predicate];
        for plugin in plugins() {
            let found = registry.find(&kinds, plugin.class).map(|found| found.class).ok();
            assert_eq!(found, Some(plugin.class));
        }
    }
}
