//! Keeps secrets out of what is shown: values of config providers and of keys of type PASSWORD.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connect_core::config::Secret;
use serde_json::{Map, Value as Json};

/// End of the names of members that hold bytes in base64.
pub(super) const BASE64: &str = "_base64";

/// Texts that must not be shown.
#[derive(Debug, Default)]
pub(super) struct Masks {
    // The longest first: one may be part of another.
    secrets: Vec<Secret>,
}

impl Masks {
    /// Returns masks for secrets, as they are and as they stand in JSON text.
    pub(super) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for secret in secrets.into_iter().filter(|secret| !secret.is_blank()) {
            let quoted = Json::from(secret.expose()).to_string();
            texts.extend([secret.expose().to_owned(), quoted.trim_matches('"').to_owned()]);
        }
        texts.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        texts.dedup();
        Self { secrets: texts.into_iter().map(Secret::new).collect() }
    }

    /// Replaces secrets in a text.
    pub(super) fn text(&self, text: &mut String) {
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                *text = text.replace(secret.expose(), Secret::HIDDEN);
            }
        }
    }

    /// Replaces secrets in the members of an object; members in base64 are decoded for it.
    pub(super) fn object(&self, object: &mut Map<String, Json>) {
        if self.secrets.is_empty() {
            return;
        }
        let members = std::mem::take(object);
        for (mut name, mut value) in members {
            match &mut value {
                Json::String(text) if name.ends_with(BASE64) => self.base64(text),
                value => self.json(value),
            }
            self.text(&mut name);
            object.insert(name, value);
        }
    }

    /// Replaces secrets in base64.
    pub(super) fn base64(&self, text: &mut String) {
        let Ok(mut bytes) = STANDARD.decode(&text) else { return };
        for secret in &self.secrets {
            bytes = replaced(&bytes, secret.expose().as_bytes());
        }
        *text = STANDARD.encode(bytes);
    }

    fn json(&self, value: &mut Json) {
        match value {
            Json::String(text) => self.text(text),
            Json::Number(number) if self.is_secret(&number.to_string()) => {
                *value = Json::from(Secret::HIDDEN);
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Json::Object(object) => self.object(object),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    fn is_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| secret.expose() == text)
    }
}

fn replaced(bytes: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        match rest.strip_prefix(secret) {
            Some(after) => {
                out.extend_from_slice(Secret::HIDDEN.as_bytes());
                rest = after;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_found_in_texts_names_numbers_and_bytes() {
        let masks = Masks::new(["s3cret", "s3cret-and-more", "4711", "a\"b", " "].map(Secret::new));
        let mut given = json!({
            "plain": "nothing", "s3cret": ["x s3cret-and-more y", 4711, 47110],
            "text": "{\"a\":\"a\\\"b\"}", "value_base64": STANDARD.encode(b"\xffs3cret\xff"),
        });
        masks.object(given.as_object_mut().expect("an object"));
        let expected = json!({
            "plain": "nothing", "[hidden]": ["x [hidden] y", "[hidden]", 47110],
            "text": "{\"a\":\"[hidden]\"}", "value_base64": STANDARD.encode(b"\xff[hidden]\xff"),
        });
        assert_eq!(given, expected);
    }
}
