//! Validation of a configuration against a definition: every error of every key at once, with Kafka's texts.

use crate::config::{ConfigDef, ConfigIssue, ConfigKey, Parsed, Props};

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

    /// Checks a configuration as [`Self::validate`] does, then across keys with `parse`. Keys that are wrong by
    /// themselves do not hide what is wrong between the others: `parse` sees them with their value of `placeholders`,
    /// or not at all. Returns what was parsed as well, if nothing is wrong.
    pub fn validate_across<T>(
        &self,
        props: &Props,
        placeholders: &[(&str, &str)],
        parse: impl FnOnce(&Props) -> Result<T, Vec<ConfigIssue>>,
    ) -> (ConfigReport, Option<T>) {
        let mut report = self.validate(props);
        let mut checked = props.clone();
        for wrong in report.values.iter().filter(|value| !value.errors.is_empty()) {
            checked.shift_remove(&wrong.name);
            if let Some((key, value)) = placeholders.iter().find(|(key, _)| *key == wrong.name) {
                checked.insert((*key).to_owned(), (*value).to_owned());
            }
        }
        match parse(&checked) {
            Ok(parsed) => {
                let parsed = (report.error_count() == 0).then_some(parsed);
                (report, parsed)
            }
            Err(issues) => {
                for issue in issues {
                    report.add_error(&issue.name, issue.message);
                }
                (report, None)
            }
        }
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
    fn a_key_wrong_by_itself_hides_nothing_that_is_wrong_between_the_others() {
        let parse = |props: &Props| {
            let sample = Sample::parse(props)?;
            let message = format!("{} of {}", sample.bucket, sample.flush);
            let is_wrong = sample.items.is_empty();
            if is_wrong { Err(vec![ConfigIssue { name: "items".to_owned(), message }]) } else { Ok(message) }
        };
        for (given, wanted_errors, wanted) in [
            (props(&[("bucket", "b")]), vec![], Some("b of 1000")),
            (props(&[("bucket", "b"), ("items", "")]), vec![("items", "b of 1000")], None),
            (props(&[]), vec![("bucket", "Missing")], None),
            (props(&[("items", "")]), vec![("bucket", "Missing"), ("items", "placeholder of 1000")], None),
            (
                props(&[("bucket", "b"), ("flush", "0"), ("items", "")]),
                vec![("flush", "Invalid value 0"), ("items", "b of 1000")],
                None,
            ),
        ] {
            let (report, parsed) =
                Sample::config_def().validate_across(&given, &[("bucket", "placeholder")], parse);
            let errors: Vec<(&str, &str)> = report
                .values
                .iter()
                .flat_map(|value| value.errors.iter().map(|error| (value.name.as_str(), error.as_str())))
                .collect();
            assert_eq!(errors.len(), wanted_errors.len(), "{given:?}: {errors:?}");
            for ((key, error), (wanted_key, start)) in errors.into_iter().zip(wanted_errors) {
                assert!(key == wanted_key && error.starts_with(start), "{given:?}: {key}: {error}");
            }
            assert_eq!(parsed.as_deref(), wanted, "{given:?}");
        }
    }

    #[test]
    fn hint_names_the_nearest_key() {
        assert_eq!(nearest_name("flush.sise", ["flush.size", "file.delim"].into_iter()), Some("flush.size"));
        assert_eq!(nearest_name("zzz", ["flush.size"].into_iter()), None);
    }
}
