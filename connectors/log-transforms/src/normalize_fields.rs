//! `NormalizeFields`: field names brought to one way of writing.

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::{Map, Value};
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::fields::{first_issue, map_of};

config! {
    /// Settings.
    struct Settings {
        /// How names are written: `snake` (`user_agent`), `camel` (`userAgent`), `lower` (`user-agent`, letters only), or
        /// `none`.
        case: String = "case", High, default "snake", valid Validator::OneOf(&["snake", "camel", "lower", "none"]);
        /// What stands in place of characters that are no letter, digit, `_`, `-`, `.` or `@`; empty takes them out.
        replacement: String = "replacement", Medium, default "_";
        /// Whether names inside nested maps are changed too.
        is_deep: bool = "deep", Medium, default "true";
    }
}

/// `io.sluice.connect.transforms.NormalizeFields`. Of two fields that come to the same name the first is kept.
#[derive(Default)]
pub(crate) struct NormalizeFields {
    case: String,
    replacement: String,
    is_deep: bool,
}

impl Transform for NormalizeFields {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.case = settings.case;
        self.replacement = settings.replacement;
        self.is_deep = settings.is_deep;
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, _position: Position) -> Result<Outcome, ConnectError> {
        if !record.value.is_null() {
            self.rename(map_of(record, "normalising field names")?);
        }
        Ok(Outcome::Keep)
    }
}

impl NormalizeFields {
    fn rename(&self, map: &mut Map) {
        let entries = std::mem::take(&mut map.entries);
        for (name, mut value) in entries {
            if self.is_deep {
                self.rename_inside(&mut value);
            }
            let name = match name.as_str() {
                Some(text) => Value::string(self.renamed(text)),
                None => name,
            };
            if map.entries.iter().all(|(other, _)| *other != name) {
                map.entries.push((name, value));
            }
        }
    }

    fn rename_inside(&self, value: &mut Value) {
        match value {
            Value::Map(map) => self.rename(map),
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename_inside(item)),
            _ => {}
        }
    }

    fn renamed(&self, name: &str) -> String {
        let mut clean = String::with_capacity(name.len());
        for c in name.trim().chars() {
            if c.is_alphanumeric() || "_-.@".contains(c) {
                clean.push(c);
            } else {
                clean.push_str(&self.replacement);
            }
        }
        match self.case.as_str() {
            "snake" => snake(&clean),
            "camel" => camel(&clean),
            "lower" => clean.to_lowercase(),
            _ => clean,
        }
    }
}

/// Returns the name in lower case with `_` where a word begins: `HTTPStatus` becomes `http_status`.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut text = String::with_capacity(name.len() + 4);
    for (index, c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before));
        let after = chars.get(index + 1);
        let begins_word = c.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_uppercase() && after.is_some_and(|after| after.is_lowercase()))
            });
        if begins_word {
            text.push('_');
        }
        match c {
            '-' => text.push('_'),
            c => text.extend(c.to_lowercase()),
        }
    }
    text
}

/// Returns the name with a capital where a word begins but the first: `http_status` becomes `httpStatus`.
fn camel(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let words = snake(name);
    for word in words.split('_').filter(|word| !word.is_empty()) {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if !text.is_empty() => text.extend(first.to_uppercase()),
            Some(first) => text.push(first),
            None => {}
        }
        text.extend(chars);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_to_one_way_of_writing() {
        let cases = [
            ("UserAgent", "user_agent", "userAgent"),
            ("HTTPStatus", "http_status", "httpStatus"),
            ("user-agent", "user_agent", "userAgent"),
            ("took (ms)", "took__ms_", "tookMs"),
            ("@timestamp", "@timestamp", "@timestamp"),
            ("ipV4", "ip_v4", "ipV4"),
            ("größeKB", "größe_kb", "größeKb"),
        ];
        let renamed = |case: &str, name: &str| {
            let transform =
                NormalizeFields { case: case.to_owned(), replacement: "_".to_owned(), is_deep: true };
            transform.renamed(name)
        };
        for (name, snake, camel) in cases {
            assert_eq!((renamed("snake", name).as_str(), renamed("camel", name).as_str()), (snake, camel));
        }
    }

    #[test]
    fn nested_names_are_changed_and_the_first_of_two_alike_stays() {
        let inner = Map { entries: vec![(Value::string("innerName"), Value::Int64(1))] };
        let mut map = Map {
            entries: vec![
                (Value::string("someName"), Value::Array(vec![Value::Map(inner)])),
                (Value::string("some_name"), Value::Null),
            ],
        };
        NormalizeFields { case: "snake".to_owned(), replacement: "_".to_owned(), is_deep: true }
            .rename(&mut map);
        let inner = Map { entries: vec![(Value::string("inner_name"), Value::Int64(1))] };
        let expected = vec![(Value::string("some_name"), Value::Array(vec![Value::Map(inner)]))];
        assert_eq!(map.entries, expected);
    }
}
