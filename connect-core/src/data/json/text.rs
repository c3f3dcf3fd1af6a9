//! JSON strings: decoding of Jackson's lenient UTF-8 and escapes, and encoding as its UTF-8 generator does.

use std::borrow::Cow;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Builds a string from UTF-16 code units, pairing surrogates; an unpaired one is kept as three bytes.
#[derive(Default)]
pub(super) struct Units {
    bytes: Vec<u8>,
    high: Option<u16>,
}

impl Units {
    pub(super) fn with_prefix(prefix: &[u8]) -> Self {
        Self { bytes: prefix.to_vec(), high: None }
    }

    pub(super) fn push(&mut self, unit: u16) {
        if let Some(high) = self.high.take() {
            if (0xDC00..=0xDFFF).contains(&unit) {
                let code = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
                self.push_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return;
            }
            self.push_three(high);
        }
        match unit {
            0xD800..=0xDBFF => self.high = Some(unit),
            0xDC00..=0xDFFF => self.push_three(unit),
            _ => self.push_char(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    /// Appends bytes that are valid UTF-8.
    pub(super) fn push_valid(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(high) = self.high.take() {
            self.push_three(high);
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if let Some(high) = self.high.take() {
            self.push_three(high);
        }
        self.bytes
    }

    fn push_char(&mut self, character: char) {
        self.bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn push_three(&mut self, unit: u16) {
        let [high, low] = unit.to_be_bytes();
        self.bytes.extend([0xE0 | high >> 4, 0x80 | (high << 2 | low >> 6) & 0x3F, 0x80 | low & 0x3F]);
    }
}

/// Returns a string as UTF-8; an unpaired surrogate becomes `?`, as Java's encoder writes it.
pub fn to_utf8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut fixed = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        if is_surrogate(rest) {
            fixed.push(b'?');
            rest = &rest[3..];
        } else {
            fixed.push(first);
            rest = tail;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&fixed).into_owned())
}

/// Appends a valid string's characters to `units`, given the text after its opening quote, and returns the length up
/// to and with the closing quote.
pub(super) fn for_each_run(text: &[u8], units: &mut Units) -> usize {
    let mut position = 0;
    while let Some(at) = memchr::memchr2(b'"', b'\\', &text[position..]) {
        units.push_valid(&text[position..position + at]);
        position += at + 1;
        if text[position - 1] == b'"' {
            return position;
        }
        let escaped = text.get(position).copied().unwrap_or(b'"');
        position += 1;
        units.push(match escaped {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            b'u' => {
                let digits = text.get(position..position + 4).unwrap_or(b"");
                position += digits.len();
                let value = |unit: u16, byte: &u8| {
                    let digit = char::from(*byte).to_digit(16).unwrap_or(0);
                    unit << 4 | u16::try_from(digit).unwrap_or(0)
                };
                digits.iter().fold(0, value)
            }
            other => u16::from(other),
        });
    }
    text.len()
}

fn is_surrogate(bytes: &[u8]) -> bool {
    matches!(bytes, [0xED, second, _, ..] if *second >= 0xA0)
}

/// Returns Java's `String.hashCode` of a string that may hold unpaired surrogates.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    let step = |hash: u32, unit: u32| hash.wrapping_mul(31).wrapping_add(unit);
    if bytes.is_ascii() {
        return bytes.iter().fold(0, |hash, byte| step(hash, u32::from(*byte)));
    }
    let mut units = 0u32;
    for_each_unit(bytes, |unit| units = step(units, u32::from(unit)));
    units
}

/// Calls `each` with the UTF-16 code units of a string.
fn for_each_unit(bytes: &[u8], mut each: impl FnMut(u16)) {
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        let part = |index: usize| u32::from(rest.get(index).copied().unwrap_or(0) & 0x3F);
        let (code, len) = match first {
            0..0x80 => (u32::from(first), 1),
            0x80..0xE0 => (u32::from(first & 0x1F) << 6 | part(1), 2),
            0xE0..0xF0 => (u32::from(first & 0x0F) << 12 | part(1) << 6 | part(2), 3),
            _ => (u32::from(first & 0x07) << 18 | part(1) << 12 | part(2) << 6 | part(3), 4),
        };
        match u16::try_from(code) {
            Ok(unit) => each(unit),
            Err(_) => {
                let (high, low) = surrogates(code);
                each(high);
                each(low);
            }
        }
        rest = rest.get(len..).unwrap_or(&[]);
    }
}

fn surrogates(code: u32) -> (u16, u16) {
    let offset = code.wrapping_sub(0x10000);
    let unit = |base: u32, bits: u32| u16::try_from(base | bits & 0x3FF).unwrap_or(0xFFFD);
    (unit(0xD800, offset >> 10), unit(0xDC00, offset))
}

/// Appends a string in quotes as Jackson's UTF-8 generator writes it: non-ASCII raw, but characters outside the
/// BMP as two upper-case `\u` escapes.
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    write_bytes(out, text.as_bytes());
}

/// As [`write_str`], for a string that may hold unpaired surrogates.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let mut copied = 0;
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let len = match byte {
            0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7F => {
                position += 1;
                continue;
            }
            0x80..0xE0 => 2,
            0xE0..0xF0 if !is_surrogate(&bytes[position..]) => 3,
            _ => 0,
        };
        if len > 0 {
            position += len;
            continue;
        }
        out.extend_from_slice(&bytes[copied..position]);
        position += write_escape(out, &bytes[position..]);
        copied = position;
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Appends the escape of the first character and returns how many bytes it took.
fn write_escape(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let short = match bytes[0] {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        first => {
            let len = if first < 0x20 { 1 } else { 3 + usize::from(first >= 0xF0) };
            for_each_unit(&bytes[..len.min(bytes.len())], |unit| write_unit(out, unit));
            return len;
        }
    };
    out.extend([b'\\', short]);
    1
}

fn write_unit(out: &mut Vec<u8>, unit: u16) {
    let digit = |shift: u32| HEX[usize::from(unit >> shift & 0xF)];
    out.extend([b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_str(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_are_jacksons() {
        assert_eq!(
            written("a\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}"),
            "\"a\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001F\u{7f}\""
        );
        assert_eq!(written("é日\u{1F600}x"), "\"é日\\uD83D\\uDE00x\"");
    }

    #[test]
    fn unpaired_surrogates_survive_and_become_question_marks() {
        let mut units = Units::default();
        [0x61, 0xD83D, 0xD83D, 0xDE00, 0xDE00].into_iter().for_each(|unit| units.push(unit));
        let bytes = units.finish();
        assert_eq!(to_utf8(&bytes), "a?\u{1F600}?");
        let mut out = Vec::new();
        write_bytes(&mut out, &bytes);
        assert_eq!(out, br#""a\uD83D\uD83D\uDE00\uDE00""#);
    }

    #[test]
    fn hash_counts_code_units() {
        for text in ["", "timestamp", "日本", "x\u{1F600}y"] {
            assert_eq!(hash(text.as_bytes()).cast_signed(), crate::data::java_map::string_hash(text));
        }
    }
}
