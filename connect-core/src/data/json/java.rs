//! Canonical JSON text as Java prints the map it stands for, without building the map.

use crate::data::json::text::{Units, for_each_run};
use crate::data::json::to_utf8;

/// Appends `toString` of the value of a canonical JSON text: `{k=v, z=[1, 2]}`, strings without quotes.
///
/// The text must be canonical; of any other text the result is unspecified.
pub fn write_java_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b',' | b':')) {
        out.extend_from_slice(&rest[..at]);
        let mark = rest[at];
        rest = &rest[at + 1..];
        match mark {
            b',' => out.extend_from_slice(b", "),
            b':' => out.push(b'='),
            _ => rest = write_string(out, rest),
        }
    }
    out.extend_from_slice(rest);
}

/// Appends a string, given the text after its opening quote, and returns the text after the closing one.
fn write_string<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> &'a [u8] {
    let Some(at) = memchr::memchr2(b'"', b'\\', text) else { return &[] };
    if text[at] == b'"' {
        out.extend_from_slice(&text[..at]);
        return &text[at + 1..];
    }
    let mut units = Units::default();
    let len = for_each_run(text, &mut units);
    out.extend_from_slice(to_utf8(&units.finish()).as_bytes());
    text.get(len..).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = Vec::new();
        write_java_text(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn canonical_text_prints_as_a_java_map() {
        let table = [
            (r#"{"k":"v","z":[1,2.5,null,true,"a, b"],"m":{}}"#, "{k=v, z=[1, 2.5, null, true, a, b], m={}}"),
            (r#"{"a\"b":"c:\\d\n","u":"é\uD83D\uDE00\u0001"}"#, "{a\"b=c:\\d\n, u=é\u{1F600}\u{1}}"),
            (r#""x""#, "x"),
            ("[]", "[]"),
            (r#""\uD83D""#, "?"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
    }
}
