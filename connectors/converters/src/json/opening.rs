//! The beginning that envelopes of one schema share: all that stands before the payload.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::layout::Known;

/// Longest beginning that is kept, so that a huge schema is not held a second time.
const LIMIT: usize = 64 << 10;

/// The last beginning and its schema. Comparing it costs less than finding the end of a schema's text and its hash.
#[derive(Debug, Default)]
pub(super) struct Opening(Mutex<Option<(Bytes, Arc<Known>)>>);

impl Opening {
    /// Returns the schema, and the text of the payload, of an envelope that begins like the last one and ends with
    /// its payload. The payload is not checked: what follows it inside the envelope, if anything does, makes it
    /// unreadable.
    pub(super) fn split<'a>(&self, text: &'a [u8]) -> Option<(Arc<Known>, &'a [u8])> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (opening, known) = guard.as_ref()?;
        let payload = text.strip_prefix(opening.as_ref())?.trim_ascii_end().strip_suffix(b"}")?;
        Some((Arc::clone(known), payload))
    }

    /// Keeps the beginning of an envelope whose `payload` is part of its `text`.
    pub(super) fn remember(&self, text: &[u8], payload: &[u8], known: &Arc<Known>) {
        let len = payload.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        // What precedes a payload that comes first says nothing about the schema.
        let is_last = text[len + payload.len()..].trim_ascii() == b"}";
        if is_last && len <= LIMIT {
            let opening = Bytes::copy_from_slice(&text[..len]);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((opening, Arc::clone(known)));
        }
    }
}

#[cfg(test)]
mod tests {
    use connect_core::data::json;

    use super::*;

    #[test]
    fn envelope_that_begins_like_the_last_one_is_split_without_its_schema_being_read() {
        let opening = Opening::default();
        let split = |text: &'static str| opening.split(text.as_bytes()).map(|(_, payload)| payload);
        let envelope = br#"{"schema": {"a":1} ,"payload": 1 } "#;
        assert_eq!(split(r#"{"schema": {"a":1} ,"payload": 2}"#), None);
        opening.remember(envelope, &envelope[31..32], &Arc::new(Known::new(None)));
        assert_eq!(split(r#"{"schema": {"a":1} ,"payload": {"x":{}}}"#), Some(br#"{"x":{}}"# as &[u8]));
        assert_eq!(split(r#"{"schema": {"a":2} ,"payload": 1}"#), None);
        assert_eq!(split(r#"{"schema": {"a":1} ,"payload": 1"#), None);
        for more in [r#"1,"x":2}"#, "1} {}", r#"1}, "payload":2}"#, "}"] {
            let text = format!(r#"{{"schema": {{"a":1}} ,"payload": {more}"#);
            let (_, payload) = opening.split(text.as_bytes()).expect("begins alike");
            assert!(json::read_whole(payload, 1).is_err(), "{more}");
        }
    }

    #[test]
    fn payload_before_the_schema_is_not_kept() {
        let opening = Opening::default();
        let envelope = br#"{"payload":1,"schema":null}"#;
        opening.remember(envelope, &envelope[11..12], &Arc::new(Known::new(None)));
        assert!(opening.split(envelope).is_none());
    }
}
