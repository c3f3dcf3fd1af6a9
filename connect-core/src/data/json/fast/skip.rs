//! Finds the end of a value in text that has been scanned before.

use crate::data::json::envelope::string_len;
use crate::data::json::fast::strings::string_end;

/// Returns where the value ends that begins at a place. The text is one that the fast way has accepted: of any other
/// the result is unspecified.
#[inline]
pub(in crate::data::json) fn value_end(text: &[u8], start: usize) -> usize {
    match text.get(start) {
        Some(b'"') => text_end(text, start),
        Some(b'{' | b'[') => container_end(text, start),
        _ => {
            let rest = text.get(start..).unwrap_or_default();
            let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            start + rest.iter().position(is_end).unwrap_or(rest.len())
        }
    }
}

#[inline]
fn text_end(text: &[u8], start: usize) -> usize {
    match string_end(text, start + 1) {
        Some(found) => found.end,
        // Characters outside the BMP are written as escapes.
        None => text.get(start..).and_then(string_len).map_or(text.len(), |len| start + len),
    }
}

fn container_end(text: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = text_end(text, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_ends_where_it_ends() {
        let values = [
            r#""a\"],}b""#,
            r#""\uD83D\uDE00\"}""#,
            "-12.5",
            "1.0E-7",
            "true",
            "null",
            "[]",
            r#"[1,"]",{"a":[]}]"#,
            r#"{"a":"}","b":{"c":[{}]}}"#,
        ];
        for value in values {
            for follower in ["", ",", "}", "]", " ", "\n"] {
                let text = format!("x{value}{follower}");
                assert_eq!(value_end(text.as_bytes(), 1), 1 + value.len(), "{text}");
            }
        }
    }
}
