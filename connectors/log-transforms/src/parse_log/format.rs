//! The formats, compiled once and tried on every line.

use bytes::Bytes;
use connect_core::data::json::{read_whole, to_value};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use grok::Grok;

use crate::parse_log::{access, pairs};

/// The names of the formats.
pub(super) const FORMATS: &[&str] =
    &["apache_common", "apache_combined", "nginx", "logfmt", "key_value", "json", "regex", "grok"];

/// A format of lines.
pub(super) enum Format {
    Access { name: &'static str, regex: regex::Regex },
    Logfmt,
    KeyValue { pair: String, value: String },
    Json,
    Regex(Box<fancy_regex::Regex>),
    Grok(Box<grok::Pattern>, Vec<(String, Kind)>),
}

/// What a grok field is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Float,
}

impl Format {
    /// Returns the format of a checked name.
    ///
    /// # Errors
    /// Fails with a config error when the format needs a pattern, or it is wrong.
    pub(super) fn new(name: &str, pattern: &str, separators: (&str, &str)) -> Result<Self, ConnectError> {
        let needs_pattern = matches!(name, "regex" | "grok");
        if needs_pattern == pattern.is_empty() {
            let text = if needs_pattern { "needs a" } else { "has no" };
            return Err(ConnectError::config(format!(
                "Invalid value {pattern} for configuration pattern: the format `{name}` {text} pattern"
            )));
        }
        let wrong = |cause: &dyn std::fmt::Display| {
            ConnectError::config(format!("Invalid value {pattern} for configuration pattern: {cause}"))
        };
        Ok(match name {
            "apache_common" => Format::Access { name: "apache_common", regex: access::common() },
            "apache_combined" => Format::Access { name: "apache_combined", regex: access::combined() },
            "nginx" => Format::Access { name: "nginx", regex: access::combined() },
            "logfmt" => Format::Logfmt,
            "key_value" => Format::KeyValue { pair: separators.0.to_owned(), value: separators.1.to_owned() },
            "json" => Format::Json,
            "regex" => {
                let regex = fancy_regex::Regex::new(pattern).map_err(|error| wrong(&error))?;
                if regex.capture_names().flatten().next().is_none() {
                    return Err(wrong(&"a named group such as `(?<status>\\d+)` is needed for each field"));
                }
                Format::Regex(Box::new(regex))
            }
            _ => {
                let (pattern, kinds) = typed_grok(pattern);
                let compiled =
                    Grok::with_default_patterns().compile(&pattern, true).map_err(|error| wrong(&error))?;
                Format::Grok(Box::new(compiled), kinds)
            }
        })
    }

    /// Returns the name, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Format::Access { name, .. } => name,
            Format::Logfmt => "logfmt",
            Format::KeyValue { .. } => "a list of keys and values",
            Format::Json => "a JSON object",
            Format::Regex(_) => "as the regular expression wants it",
            Format::Grok(..) => "as the grok pattern wants it",
        }
    }

    /// Returns the parts of a line, `None` when it is written otherwise.
    pub(super) fn parse(&self, line: &Value) -> Option<Map> {
        let text = line.as_str()?.trim_end_matches(['\r', '\n']);
        match self {
            Format::Access { regex, .. } => access::parse(regex, text),
            Format::Logfmt => pairs::logfmt(text),
            Format::KeyValue { pair, value } => pairs::key_value(text, pair, value),
            Format::Json => json(text),
            // A pattern that takes too many steps for a line does not match it.
            Format::Regex(regex) => {
                let captures = regex.captures(text).ok().flatten()?;
                let group =
                    |name| (Value::string(name), captured(captures.name(name).map(|found| found.as_str())));
                Some(Map { entries: regex.capture_names().flatten().map(group).collect() })
            }
            Format::Grok(pattern, kinds) => {
                let matches = pattern.match_against(text)?;
                let part = |(name, text): (&str, &str)| {
                    let kind =
                        kinds.iter().find(|(typed, _)| typed == name).map_or(Kind::Text, |(_, kind)| *kind);
                    (Value::string(name), kind.convert(text))
                };
                Some(Map { entries: matches.iter().map(part).collect() })
            }
        }
    }
}

impl Kind {
    /// Returns the value of a text; a text that is no number stays a text.
    fn convert(self, text: &str) -> Value {
        let number = match self {
            Kind::Text => None,
            Kind::Integer => text.parse().ok().map(Value::Int64),
            Kind::Float => text.parse().ok().map(Value::Float64),
        };
        number.unwrap_or_else(|| Value::string(text))
    }
}

/// Takes the types out of a grok pattern: `%{NUMBER:took:float}` becomes `%{NUMBER:took}`.
fn typed_grok(pattern: &str) -> (String, Vec<(String, Kind)>) {
    let mut kinds = Vec::new();
    let mut untyped = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, inside)) = rest.split_once("%{") {
        untyped.push_str(before);
        let Some((reference, after)) = inside.split_once('}') else {
            untyped.push_str("%{");
            rest = inside;
            continue;
        };
        let mut parts = reference.splitn(3, ':');
        let (syntax, name, ty) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let kind = match ty {
            Some("int" | "integer" | "long") => Kind::Integer,
            Some("float" | "double") => Kind::Float,
            _ => Kind::Text,
        };
        kinds.extend(name.map(|name| (name.to_owned(), kind)));
        match name {
            Some(name) => untyped.push_str(&format!("%{{{syntax}:{name}}}")),
            None => untyped.push_str(&format!("%{{{syntax}}}")),
        }
        rest = after;
    }
    untyped.push_str(rest);
    (untyped, kinds)
}

fn json(text: &str) -> Option<Map> {
    let source = Bytes::copy_from_slice(text.as_bytes());
    let node = read_whole(&source, 0).ok()?;
    match to_value(&source, &node) {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn captured(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::string)
}
