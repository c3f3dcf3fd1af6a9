//! `Redact`: secrets inside texts replaced.

use std::borrow::Cow;

use connect_core::config;
use connect_core::config::{ConfigDef, Props};
use connect_core::data::Value;
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};
use regex::{Captures, Regex};

use crate::fields::{at, each_text, first_issue, path};

/// What is known by name, and how it looks.
const KNOWN: &[(&str, &str)] = &[
    ("email", r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b"),
    ("ipv4", r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    ("ipv6", r"\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b"),
    ("credit_card", r"\b\d(?:[ -]?\d){12,18}\b"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    ("bearer", r"(?i)\bbearer\s+[A-Za-z0-9._~+/-]+=*"),
    ("aws_key", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("password", r#"(?i)\b(?:password|passwd|pwd|secret|token|api[_-]?key)["']?\s*[=:]\s*["']?[^\s"',;&}]+"#),
];
const NAMES: &[&str] = &["email", "ipv4", "ipv6", "credit_card", "jwt", "bearer", "aws_key", "password"];

config! {
    /// Settings.
    struct Settings {
        /// What is looked for: `email`, `ipv4`, `ipv6`, `credit_card` (with a right check digit), `jwt`, `bearer`,
        /// `aws_key`, `password` (`password=…` and the like).
        patterns: Vec<String> = "patterns", High, default "email,credit_card,jwt,bearer,aws_key,password";
        /// A regular expression of one's own, looked for as well.
        regex: String = "regex", Medium, default "";
        /// Fields to look in, nested ones with dots; empty for all texts of the value.
        fields: Vec<String> = "fields", Medium, default "";
        /// What stands in place of what was found.
        replacement: String = "replacement", Medium, default "[REDACTED]";
    }
}

/// `io.sluice.connect.transforms.Redact`.
#[derive(Default)]
pub(crate) struct Redact {
    patterns: Vec<(Regex, bool)>,
    fields: Vec<Vec<String>>,
    replacement: String,
}

impl Transform for Redact {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        let compiled = |key: &str, pattern: &str| {
            Regex::new(pattern).map_err(|error| {
                ConnectError::config(format!("Invalid value {pattern} for configuration {key}: {error}"))
            })
        };
        for name in settings.patterns.iter().filter(|name| !name.is_empty()) {
            let Some((_, pattern)) = KNOWN.iter().find(|(known, _)| known == name) else {
                return Err(ConnectError::config(format!(
                    "Invalid value {name} for configuration patterns: one of {} is needed",
                    NAMES.join(", ")
                )));
            };
            self.patterns.push((compiled("patterns", pattern)?, name == "credit_card"));
        }
        if !settings.regex.is_empty() {
            self.patterns.push((compiled("regex", &settings.regex)?, false));
        }
        self.fields =
            settings.fields.iter().filter(|field| !field.is_empty()).map(|field| path(field)).collect();
        self.replacement = settings.replacement;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        // Most records hold no secret: those are not unpacked for change.
        if !self.is_found(&record.value.value()) {
            return Ok(Outcome::Keep);
        }
        if record.value.schema().is_some() && !matches!(&*record.value.value(), Value::String(_)) {
            return Err(ConnectError::data(
                "redacting needs a text or a value without a schema; `value.converter.schemas.enable` may be `false`",
            ));
        }
        let value = record.value.value_mut();
        if self.fields.is_empty() {
            each_text(value, &mut |text| self.redact(text));
        }
        for field in &self.fields {
            if let Some(member) = member_mut(value, field) {
                each_text(member, &mut |text| self.redact(text));
            }
        }
        Ok(Outcome::Keep)
    }
}

impl Redact {
    fn is_found(&self, value: &Value) -> bool {
        match self.fields.as_slice() {
            [] => self.is_inside(value),
            fields => fields.iter().filter_map(|field| at(value, field)).any(|member| self.is_inside(member)),
        }
    }

    fn is_inside(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.patterns.iter().any(|(pattern, _)| pattern.is_match(text)),
            Value::Array(items) => items.iter().any(|item| self.is_inside(item)),
            Value::Map(map) => map.entries.iter().any(|(_, member)| self.is_inside(member)),
            Value::Struct(structure) => structure.values().iter().any(|member| self.is_inside(member)),
            _ => false,
        }
    }

    fn redact(&self, value: &mut Value) {
        let Some(text) = value.as_str() else { return };
        let mut text = Cow::Borrowed(text);
        for (pattern, needs_check) in &self.patterns {
            let replaced = pattern.replace_all(&text, |found: &Captures<'_>| match needs_check {
                true if !has_check_digit(&found[0]) => found[0].to_owned(),
                _ => self.replacement.clone(),
            });
            if let Cow::Owned(replaced) = replaced {
                text = Cow::Owned(replaced);
            }
        }
        if let Cow::Owned(text) = text {
            *value = Value::string(text);
        }
    }
}

fn member_mut<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Map(map) => map.get_mut(name),
        _ => None,
    })
}

/// Returns whether the last digit is the check digit of the others (Luhn).
fn has_check_digit(text: &str) -> bool {
    let digits = text.chars().rev().filter_map(|c| c.to_digit(10));
    let sum: u32 = digits
        .enumerate()
        .map(|(index, digit)| match index % 2 {
            0 => digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_are_found_and_lookalikes_left() {
        let redact = |name: &str, text: &str| {
            let mut transform = Redact::default();
            let props = [("patterns".to_owned(), name.to_owned())].into_iter().collect();
            transform.configure(&props).expect("configured");
            let mut value = Value::string(text);
            transform.redact(&mut value);
            value.as_str().unwrap_or_default().to_owned()
        };
        let cases = [
            ("email", "from a.b+c@example.org to x@y", "from [REDACTED] to x@y"),
            ("ipv4", "10.0.0.255 and 10.0.0.256", "[REDACTED] and 10.0.0.256"),
            ("ipv6", "at 2001:0db8:0000:0000:0000:ff00:0042:8329!", "at [REDACTED]!"),
            ("credit_card", "4111 1111 1111 1111, 4111 1111 1111 1112", "[REDACTED], 4111 1111 1111 1112"),
            ("jwt", "t=eyJhbGciOi.eyJzdWIi.c2ln end", "t=[REDACTED] end"),
            ("bearer", "Authorization: Bearer abc.def==", "Authorization: [REDACTED]"),
            ("aws_key", "AKIAIOSFODNN7EXAMPLE", "[REDACTED]"),
            ("password", "user=a password=hunter2&x=1", "user=a [REDACTED]&x=1"),
        ];
        assert_eq!(cases.map(|(name, _, _)| name), *NAMES, "every pattern has a case");
        for (name, text, expected) in cases {
            assert_eq!(redact(name, text), expected, "{name}");
        }
    }
}
