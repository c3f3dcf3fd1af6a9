//! Canonical text straight into values, without a tree between. Where something unusual stands the caller goes the
//! long way by the tree, which also is the measure of this one.

use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use crate::data::json::decode::{decode_canonical_by_tree, shared_text};
use crate::data::json::envelope::{numeral_len, string_len};
use crate::data::json::{Node, Number, read};
use crate::data::{Map, Value};

/// Containers within each other that are read here, so that the stack is bounded.
const MAX_DEPTH: usize = 32;
/// Entries that a map has room for at once.
const ENTRIES: usize = 8;

/// Returns the value of canonical text that is the whole of another text or a part of it.
pub(super) fn value_at(text: &Bytes, span: Range<usize>) -> Value {
    shallow_value(text, &span).unwrap_or_else(|| decode_canonical_by_tree(&text.slice(span)))
}

/// `None` where the value nests deeply or is not canonical.
fn shallow_value(text: &Bytes, span: &Range<usize>) -> Option<Value> {
    let mut cursor = Cursor { text, position: span.start };
    let value = cursor.value(0)?;
    (cursor.position == span.end).then_some(value)
}

struct Cursor<'a> {
    text: &'a Bytes,
    position: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Passes a byte if it is the next one.
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'"' => self.string().map(Value::String),
            b'{' if depth < MAX_DEPTH => self.object(depth + 1),
            b'[' if depth < MAX_DEPTH => self.array(depth + 1),
            b't' => self.word("true", Value::Boolean(true)),
            b'f' => self.word("false", Value::Boolean(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.position += 1;
        if self.passes(b'}') {
            return Some(Value::Map(Map { entries: Vec::new() }));
        }
        let mut entries = Vec::with_capacity(ENTRIES);
        loop {
            let key = self.string()?;
            if !self.passes(b':') {
                return None;
            }
            entries.push((Value::String(key), self.value(depth)?));
            if !self.passes(b',') {
                return self.passes(b'}').then(|| Value::Map(Map { entries }));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.position += 1;
        let mut items = Vec::new();
        if self.passes(b']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if !self.passes(b',') {
                return self.passes(b']').then_some(Value::Array(items));
            }
        }
    }

    fn string(&mut self) -> Option<ByteString> {
        let rest = self.text.get(self.position..)?.strip_prefix(b"\"")?;
        let start = self.position + 1;
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        if rest[end] == b'"' {
            self.position = start + end + 1;
            return Some(shared_text(self.text, &rest[..end]));
        }
        let quoted = &self.text[self.position..];
        let quoted = &quoted[..string_len(quoted)?];
        self.position += quoted.len();
        match read(quoted) {
            Ok(Node::String(unescaped)) => Some(shared_text(self.text, &unescaped)),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        let is_next = self.text[self.position..].starts_with(word.as_bytes());
        self.position += word.len();
        is_next.then_some(value)
    }

    fn number(&mut self) -> Option<Value> {
        let rest = &self.text[self.position..];
        let len = numeral_len(rest);
        self.position += len;
        let text = std::str::from_utf8(&rest[..len]).ok()?;
        if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            // The text has been through `double` once, so that its `-0.0` is a real negative zero.
            return text.parse().ok().map(Value::Float64);
        }
        if let Ok(number) = text.parse() {
            return Some(Value::Int64(number));
        }
        // Too long for 64 bits: wraps, as in the tree.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Value::Int64(Number::new(text, false).as_i64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shallow_text_is_read_as_by_the_tree() {
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"a":{"b":[1,-2,true,false,null]},"":"","ä\u0000\"\\":"\n"}"#,
            "[1.5,-0.0,1.0E10,-1.0E-7,9223372036854775807,-9223372036854775808,9223372036854775808]",
            r#"["\ud800","x\ud83d\ude00y"]"#,
        ] {
            let bytes = Bytes::from(text);
            let value = shallow_value(&bytes, &(0..bytes.len())).expect(text);
            // Printed, so that negative zero counts.
            assert_eq!(format!("{value:?}"), format!("{:?}", decode_canonical_by_tree(&bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_left_to_the_tree() {
        let deep = "[".repeat(MAX_DEPTH + 1) + &"]".repeat(MAX_DEPTH + 1);
        let odd = [
            "", "{", "[1", "[1,", "{\"a\"}", "{\"a\":1", "tru", "-", "+", "1-2", "1 ", "[1, 2]", "\"a",
            "{1:2}", "x",
        ];
        for text in odd.into_iter().chain([deep.as_str()]) {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            assert_eq!(shallow_value(&bytes, &(0..bytes.len())), None, "{text}");
        }
    }
}
