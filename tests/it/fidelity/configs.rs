//! Random valid configurations of Kafka's transforms and predicates.

use serde_json::{Map, Value as Json, json};

use super::random::Maker;

const SIDED: [&str; 10] = [
    "Cast",
    "ExtractField",
    "Flatten",
    "HeaderFrom",
    "HoistField",
    "InsertField",
    "MaskField",
    "ReplaceField",
    "SetSchemaMetadata",
    "TimestampConverter",
];
const PLAIN: [&str; 9] = [
    "DropHeaders",
    "Filter",
    "InsertHeader",
    "RegexRouter",
    "TimestampRouter",
    "ValueToKey",
    "predicates.HasHeaderKey",
    "predicates.RecordIsTombstone",
    "predicates.TopicNameMatches",
];
const TYPES: [&str; 8] = ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"];
/// Patterns whose texts are the same on every machine.
const DATES: [&str; 6] = [
    "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",
    "yyyyMMddHHmmss",
    "EEE, d MMM yyyy HH:mm:ss z",
    "yy/M/d hh:mm a",
    "yyyy-MM-dd",
    "yyyy D k",
];

impl Maker {
    /// Returns a case: a class, its configuration, and a record.
    pub(super) fn transform(&mut self) -> Json {
        let index = self.rng.usize(0..SIDED.len() * 2 + PLAIN.len());
        let class = match index.checked_sub(SIDED.len() * 2) {
            Some(plain) => PLAIN[plain].to_owned(),
            None => format!("{}${}", SIDED[index / 2], if index.is_multiple_of(2) { "Key" } else { "Value" }),
        };
        let whole = self.chance(25);
        let mut config = self.config(class.split('$').next().unwrap_or_default(), whole);
        if self.chance(25) && !["Flatten", "HoistField", "SetSchemaMetadata"].contains(&class.as_str()) {
            config["replace.null.with.default"] = json!("false");
        }
        json!({"class": class, "config": config, "record": self.record(whole)})
    }

    fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for _ in 0..self.rng.u32(1..4) {
            let name = self.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn path(&mut self) -> String {
        let names: Vec<String> = (0..self.rng.u32(1..3)).map(|_| self.name()).collect();
        names.join(".")
    }

    fn config(&mut self, class: &str, whole: bool) -> Json {
        match class {
            "Cast" if whole => json!({"spec": self.pick(&TYPES)}),
            "Cast" => {
                let names = self.names();
                let specs: Vec<String> =
                    names.iter().map(|name| format!("{name}:{}", self.pick(&TYPES))).collect();
                json!({"spec": specs.join(",")})
            }
            "ExtractField" => json!({"field": self.path(), "field.syntax.version": self.pick(&["V1", "V2"])}),
            "Flatten" => json!({"delimiter": self.pick(&[".", "_", "::", ""])}),
            "HeaderFrom" => {
                let fields = self.names().join(",");
                json!({"fields": fields, "headers": fields, "operation": self.pick(&["move", "copy"])})
            }
            "HoistField" => json!({"field": self.name()}),
            "InsertField" => self.insert_field(),
            "MaskField" => {
                let mut config = json!({"fields": self.names().join(",")});
                if self.chance(40) {
                    config["replacement"] = json!(self.pick(&["12", "x", "-1.5", "300"]));
                }
                config
            }
            "ReplaceField" => self.replace_field(),
            "SetSchemaMetadata" => {
                json!({"schema.name": self.name(), "schema.version": self.rng.u32(0..9).to_string()})
            }
            "TimestampConverter" => self.timestamp_converter(whole),
            "DropHeaders" => json!({"headers": self.pick(&["h", "k,h", "zz", "a,b"])}),
            "InsertHeader" => json!({"header": self.pick(&["h", "new"]), "value.literal": self.text()}),
            "RegexRouter" => {
                let regex =
                    self.pick(&["(.*)", "db\\.(.*)-(\\d+)", "[a-z]+_?\\d*", "(?i)DB.*", "(\\w)(.*)", "t"]);
                json!({"regex": regex, "replacement": self.pick(&["x-$1", "$0_", "plain", "é"])})
            }
            "TimestampRouter" => json!({
                "topic.format": self.pick(&["${topic}-${timestamp}", "${timestamp}", "x"]),
                "timestamp.format": self.pick(&DATES),
            }),
            "ValueToKey" => json!({"fields": self.names().join(",")}),
            "predicates.HasHeaderKey" => json!({"name": self.pick(&["h", "a", "zz"])}),
            "predicates.TopicNameMatches" => {
                json!({"pattern": self.pick(&["t", "db.*", ".*\\d+", "[^a-z]*"])})
            }
            _ => json!({}),
        }
    }

    fn insert_field(&mut self) -> Json {
        let mut config = Map::new();
        for key in ["topic.field", "partition.field", "offset.field", "timestamp.field", "static.field"] {
            if self.chance(40) {
                let field = self.name() + self.pick(&["", "", "!", "?"]);
                config.insert(key.to_owned(), json!(field));
            }
        }
        if config.is_empty() || config.contains_key("static.field") {
            config.insert("static.field".to_owned(), json!(self.name()));
            config.insert("static.value".to_owned(), json!(self.text()));
        }
        Json::Object(config)
    }

    fn replace_field(&mut self) -> Json {
        let mut config = Map::new();
        for key in ["include", "exclude"] {
            if self.chance(40) {
                config.insert(key.to_owned(), json!(self.names().join(",")));
            }
        }
        if self.chance(60) {
            let pairs: Vec<String> =
                self.names().into_iter().map(|name| format!("{name}:{}", self.name())).collect();
            config.insert("renames".to_owned(), json!(pairs.join(",")));
        }
        Json::Object(config)
    }

    fn timestamp_converter(&mut self, whole: bool) -> Json {
        let mut config = json!({
            "target.type": self.pick(&["string", "unix", "Date", "Time", "Timestamp"]),
            "format": self.pick(&DATES),
            "unix.precision": self.pick(&["seconds", "milliseconds", "microseconds", "nanoseconds"]),
        });
        if !whole {
            config["field"] = json!(self.name());
        }
        config
    }
}
