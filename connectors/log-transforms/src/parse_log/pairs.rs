//! Lines of keys and values.

use connect_core::data::{Map, Value};

use crate::fields::put;

/// Returns the pairs of a line such as `level=info msg="it went well" cached`. A key alone is true.
pub(super) fn logfmt(line: &str) -> Option<Map> {
    let mut map = Map::default();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..end];
        if key.is_empty() || key.contains('"') {
            return None;
        }
        rest = &rest[end..];
        let value = match rest.strip_prefix('=') {
            None => Value::Boolean(true),
            Some(after) => {
                let (text, left) = match after.strip_prefix('"') {
                    Some(quoted) => unquoted(quoted)?,
                    None => {
                        let end = after.find(char::is_whitespace).unwrap_or(after.len());
                        (after[..end].to_owned(), &after[end..])
                    }
                };
                rest = left;
                Value::string(text)
            }
        };
        put(&mut map, key, value);
        rest = rest.trim_start();
    }
    (!map.entries.is_empty()).then_some(map)
}

/// Returns the text up to the closing quote, escapes resolved, and what follows. The quote must end the word.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut found = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => {
                let rest = &text[index + 1..];
                return (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((found, rest));
            }
            '\\' => found.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            other => found.push(other),
        }
    }
    None
}

/// Returns the pairs of a line with separators of one's own. Every item must be a pair; quotes around a value go.
pub(super) fn key_value(line: &str, pair_separator: &str, value_separator: &str) -> Option<Map> {
    let mut map = Map::default();
    let items: Vec<&str> = match pair_separator {
        "" => line.split_whitespace().collect(),
        separator => line.split(separator).map(str::trim).filter(|item| !item.is_empty()).collect(),
    };
    for item in items {
        let (key, value) = item.split_once(value_separator)?;
        let value = value.trim();
        let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        put(&mut map, key.trim(), Value::string(inner));
    }
    (!map.entries.is_empty()).then_some(map)
}
