//! Confluent's `Filter`: records for which a JSONPath condition holds go on or are dropped.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::json_path::{JsonPath, Truth};
use crate::settings::first_issue;
use crate::side::Side;

config! {
    /// Settings.
    struct Settings {
        /// JSONPath predicate, such as `$[?(@.level == 'ERROR')]`, tested on the key or value.
        condition: String = "filter.condition", High, valid Validator::NonEmpty;
        /// Whether records that meet the condition go on (`include`) or are dropped (`exclude`).
        ty: String = "filter.type", High, valid Validator::OneOf(&["include", "exclude"]);
        /// What becomes of a record for which the condition hangs on a field that is missing or null.
        missing: String = "missing.or.null.behavior", Medium, default "fail",
            valid Validator::OneOf(&["fail", "include", "exclude"]);
    }
}

/// What becomes of a record whose condition is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Fail,
    Keep,
    Drop,
}

/// `io.confluent.connect.transforms.Filter`.
pub(crate) struct ConditionFilter {
    side: Side,
    condition: String,
    path: Option<JsonPath>,
    includes: bool,
    missing: Missing,
}

impl ConditionFilter {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, condition: String::new(), path: None, includes: true, missing: Missing::Fail }
    }
}

impl Transform for ConditionFilter {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let path = JsonPath::parse(&settings.condition).map_err(|cause| {
            let condition = &settings.condition;
            ConnectError::config(format!(
                "Invalid value {condition} for configuration filter.condition: {cause}"
            ))
        })?;
        self.path = Some(path);
        self.includes = settings.ty == "include";
        self.missing = match settings.missing.as_str() {
            "include" => Missing::Keep,
            "exclude" => Missing::Drop,
            _ => Missing::Fail,
        };
        self.condition = settings.condition;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        let value = self.side.of(record).value();
        let truth = match &self.path {
            Some(path) if !value.is_null() => path.test(&value),
            _ => Truth::Unknown,
        };
        let keeps = match (truth, self.missing) {
            (Truth::Yes, _) => self.includes,
            (Truth::No, _) => !self.includes,
            (Truth::Unknown, Missing::Keep) => true,
            (Truth::Unknown, Missing::Drop) => false,
            (Truth::Unknown, Missing::Fail) => {
                let condition = &self.condition;
                return Err(ConnectError::data(format!(
                    "testing the condition `{condition}` found a field that is missing or null; \
                     `missing.or.null.behavior` may be `include` or `exclude`"
                )));
            }
        };
        Ok(if keeps { Outcome::Keep } else { Outcome::Drop })
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::{Datum, Map, Value};

    use super::*;

    fn filter(ty: &str, missing: &str) -> ConditionFilter {
        let pairs = [
            ("filter.condition", "$[?(@.level == 'ERROR')]"),
            ("filter.type", ty),
            ("missing.or.null.behavior", missing),
        ];
        let mut filter = ConditionFilter::new(Side::Value);
        let props = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        filter.configure(&props).expect("configured");
        filter
    }

    fn outcome(filter: &ConditionFilter, level: Option<&str>) -> Result<Outcome, String> {
        let entries = level.map(|level| (Value::string("level"), Value::string(level))).into_iter().collect();
        let mut record = ConnectRecord {
            topic: "t".into(),
            partition: None,
            key: Datum::NULL,
            value: Datum::schemaless(Value::Map(Map { entries })),
            timestamp: None,
            headers: connect_core::headers::Headers::new(),
        };
        filter.apply(&mut record, Position { kafka_offset: None }).map_err(|error| error.to_string())
    }

    #[test]
    fn what_meets_the_condition_is_kept_or_dropped() {
        let (include, exclude) = (filter("include", "fail"), filter("exclude", "fail"));
        assert_eq!(outcome(&include, Some("ERROR")), Ok(Outcome::Keep));
        assert_eq!(outcome(&include, Some("INFO")), Ok(Outcome::Drop));
        assert_eq!(outcome(&exclude, Some("ERROR")), Ok(Outcome::Drop));
        assert_eq!(outcome(&exclude, Some("INFO")), Ok(Outcome::Keep));
    }

    #[test]
    fn records_without_the_field_go_the_configured_way() {
        for ty in ["include", "exclude"] {
            assert_eq!(outcome(&filter(ty, "include"), None), Ok(Outcome::Keep));
            assert_eq!(outcome(&filter(ty, "exclude"), None), Ok(Outcome::Drop));
            let error = outcome(&filter(ty, "fail"), None).expect_err("missing");
            assert!(error.contains("`$[?(@.level == 'ERROR')]`"), "{error}");
        }
    }

    #[test]
    fn wrong_conditions_are_refused_by_name() {
        let pairs = [("filter.condition", "$[?(@.level = 1)]"), ("filter.type", "include")];
        let props = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let error = ConditionFilter::new(Side::Key).configure(&props).expect_err("one equals sign");
        assert_eq!(
            error.to_string(),
            "Invalid value $[?(@.level = 1)] for configuration filter.condition: `=` at position 12 means nothing"
        );
    }
}
