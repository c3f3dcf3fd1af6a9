//! Validation of a configuration against a definition: every error of every key at once, with Kafka's texts.

use crate::config::{ConfigDef, ConfigKey, Parsed, Props};

/// The outcome for one key.
#[derive(Debug, Clone)]
pub struct ConfigValue {
    /// Key.
    pub name: String,
    /// Parsed value; null when parsing failed or nothing was given.
    pub parsed: Parsed,
    /// Values to offer.
    pub recommended: Vec<String>,
    /// Errors, in the order found.
    pub errors: Vec<String>,
    /// Whether the key applies.
    pub is_visible: bool,
}

/// The outcome for all keys of a definition, in definition order.
#[derive(Debug, Clone, Default)]
pub struct ConfigReport {
    /// One entry a key.
    pub values: Vec<ConfigValue>,
}

impl ConfigReport {
    /// Returns the entry of a key.
    pub fn value(&self, name: &str) -> Option<&ConfigValue> {
        self.values.iter().find(|value| value.name == name)
    }

    /// Adds an error to a key; a key outside the definition gets an entry of its own.
    pub fn add_error(&mut self, name: &str, message: impl Into<String>) {
        if let Some(value) = self.values.iter_mut().find(|value| value.name == name) {
            value.errors.push(message.into());
            return;
        }
        self.values.push(ConfigValue {
            name: name.to_owned(),
            parsed: Parsed::Null,
            recommended: Vec::new(),
            errors: vec![message.into()],
            is_visible: true,
        });
    }

    /// Returns the number of errors.
    pub fn error_count(&self) -> usize {
        self.values.iter().map(|value| value.errors.len()).sum()
    }
}

impl ConfigDef {
    /// Checks a configuration: parse, default and validate every key, as `ConfigDef.validate` does. Keys outside
    /// the definition are not looked at.
    pub fn validate(&self, props: &Props) -> ConfigReport {
        ConfigReport { values: self.keys.iter().map(|key| key.validate(props)).collect() }
    }
}

impl ConfigKey {
    /// Checks the value of this key.
    pub fn validate(&self, props: &Props) -> ConfigValue {
        let mut errors = Vec::new();
        let parsed = self.parse(props, &mut errors);
        // The check sees null where nothing could be parsed, as in `ConfigDef.parseForValidate`.
        errors.extend(self.validator.check(&self.name, &parsed).err());
        ConfigValue {
            name: self.name.clone().into_owned(),
            parsed,
            recommended: self.recommended.clone(),
            errors,
            is_visible: true,
        }
    }

    fn parse(&self, props: &Props, errors: &mut Vec<String>) -> Parsed {
        let text = match (props.get(self.name.as_ref()), &self.default) {
            (Some(given), _) => given.as_str(),
            (None, Some(default)) => default.as_ref(),
            (None, None) => {
                if self.is_required {
                    let name = &self.name;
                    errors.push(format!(
                        "Missing required configuration \"{name}\" which has no default value."
                    ));
                }
                return Parsed::Null;
            }
        };
        Parsed::parse(&self.name, self.ty, text).unwrap_or_else(|error| {
            errors.push(error);
            Parsed::Null
        })
    }
}

/// Returns the candidate most like `name`, for "did you mean" hints; `None` when none is near.
pub fn nearest_name<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.len() / 4).clamp(1, 4);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigIssue, Secret};

    crate::config! {
        /// Settings for the tests of this module.
        struct Sample {
            /// Bucket that receives the objects.
            bucket: String = "bucket", High;
            /// Records an object.
            flush: i32 = "flush", High, default "1000", valid crate::config::Validator::AtLeast(1);
            /// Secret.
            secret: Option<Secret> = "secret", Medium, default None;
            /// Items.
            items: Vec<String> = "items", Low, default "a, b";
        }
    }

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn table_parses_values_and_defaults() {
        let sample = Sample::parse(&props(&[("bucket", " b "), ("secret", "s")])).expect("valid");
        assert_eq!((sample.bucket.as_str(), sample.flush, sample.items.len()), ("b", 1000, 2));
        assert_eq!(format!("{:?}", sample.secret), "Some([hidden])");
    }

    #[test]
    fn every_issue_is_reported_with_kafkas_text() {
        let issues = Sample::parse(&props(&[("flush", "0")])).expect_err("two issues");
        let texts: Vec<&str> = issues.iter().map(|issue| issue.message.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Missing required configuration \"bucket\" which has no default value.",
                "Invalid value 0 for configuration flush: Value must be at least 1",
            ]
        );
        let given = props(&[("bucket", "b"), ("flush", "x")]);
        let unparsed = "Invalid value x for configuration flush: Not a number of type INT".to_owned();
        let null = "Invalid value null for configuration flush: Value must be non-null".to_owned();
        let issues = Sample::parse(&given).expect_err("one issue");
        assert_eq!(issues, [ConfigIssue { name: "flush".to_owned(), message: unparsed.clone() }]);
        let report = Sample::config_def().validate(&given);
        assert_eq!(report.value("flush").map(|value| value.errors.clone()), Some(vec![unparsed, null]));
    }

    #[test]
    fn hint_names_the_nearest_key() {
        assert_eq!(nearest_name("flush.sise", ["flush.size", "file.delim"].into_iter()), Some("flush.size"));
        assert_eq!(nearest_name("zzz", ["flush.size"].into_iter()), None);
    }
}
