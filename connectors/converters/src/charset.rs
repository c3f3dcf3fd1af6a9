//! The character sets of `converter.encoding`, by their Java names.

use bytes::Bytes;
use bytestring::ByteString;

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charset {
    #[default]
    Utf8,
    Latin1,
    Ascii,
    /// Byte order mark decides; big-endian without one, and written with one.
    Utf16,
    Utf16Be,
    Utf16Le,
}

impl Charset {
    /// Returns the character set of a Java name or alias, in any case.
    pub(crate) fn by_name(name: &str) -> Option<Charset> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "unicode-1-1-utf-8" => Charset::Utf8,
            "iso-8859-1" | "iso8859_1" | "iso8859-1" | "iso_8859-1" | "iso_8859_1" | "8859_1" | "latin1"
            | "l1" | "ibm819" | "cp819" | "819" | "csisolatin1" | "ibm-819" | "iso-ir-100" => Charset::Latin1,
            "us-ascii" | "ascii" | "ascii7" | "iso646-us" | "646" | "cp367" | "ibm367" | "us" | "csascii"
            | "iso-ir-6" | "iso_646.irv:1991" | "ansi_x3.4-1968" | "ansi_x3.4-1986" | "default" => {
                Charset::Ascii
            }
            "utf-16" | "utf16" | "utf_16" | "unicode" | "unicodebig" => Charset::Utf16,
            "utf-16be" | "utf_16be" | "x-utf-16be" | "iso-10646-ucs-2" | "unicodebigunmarked" => {
                Charset::Utf16Be
            }
            "utf-16le" | "utf_16le" | "x-utf-16le" | "unicodelittleunmarked" => Charset::Utf16Le,
            _ => return None,
        })
    }

    /// Decodes bytes; what is invalid becomes U+FFFD. Valid UTF-8 shares the bytes.
    pub(crate) fn decode(self, bytes: &Bytes) -> ByteString {
        let text = match self {
            Charset::Utf8 => match ByteString::try_from(bytes.clone()) {
                Ok(text) => return text,
                Err(_) => lossy_utf8(bytes),
            },
            Charset::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Charset::Ascii => {
                let character = |byte: &u8| {
                    if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER }
                };
                bytes.iter().map(character).collect()
            }
            Charset::Utf16 => match bytes.as_ref() {
                [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
                [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
                rest => decode_utf16(rest, u16::from_be_bytes),
            },
            Charset::Utf16Be => decode_utf16(bytes, u16::from_be_bytes),
            Charset::Utf16Le => decode_utf16(bytes, u16::from_le_bytes),
        };
        ByteString::from(text)
    }

    /// Encodes text; what the character set lacks becomes `?`.
    pub(crate) fn encode(self, text: &str) -> Bytes {
        let narrow = |limit: u32| -> Vec<u8> {
            let byte = |character: char| match u8::try_from(u32::from(character)) {
                Ok(byte) if u32::from(byte) < limit => byte,
                _ => b'?',
            };
            text.chars().map(byte).collect()
        };
        let wide = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes);
        Bytes::from(match self {
            Charset::Utf8 => text.as_bytes().to_vec(),
            Charset::Latin1 => narrow(256),
            Charset::Ascii => narrow(128),
            Charset::Utf16 if text.is_empty() => Vec::new(),
            Charset::Utf16 => [0xFE, 0xFF].into_iter().chain(wide(u16::to_be_bytes)).collect(),
            Charset::Utf16Be => wide(u16::to_be_bytes).collect(),
            Charset::Utf16Le => wide(u16::to_le_bytes).collect(),
        })
    }
}

/// Decodes UTF-8 as `new String(bytes, UTF_8)` does: one U+FFFD for each malformed sequence, and also one for a whole
/// encoded surrogate, which Rust counts byte by byte.
fn lossy_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    // Bytes that may still belong to a surrogate.
    let mut left = 0;
    for chunk in bytes.utf8_chunks() {
        let is_rest = left > 0
            && chunk.valid().is_empty()
            && matches!((left, chunk.invalid()), (2, [0xA0..=0xBF]) | (1, [0x80..=0xBF]));
        if is_rest {
            left -= 1;
            continue;
        }
        text.push_str(chunk.valid());
        left = if chunk.invalid() == [0xED] { 2 } else { 0 };
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = bytes.chunks_exact(2);
    let is_odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let mut text: String =
        char::decode_utf16(units).map(|item| item.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if is_odd {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_where_the_set_has_it() {
        for (name, text, bytes) in [
            ("UTF-8", "é€", "é€".as_bytes()),
            ("ISO-8859-1", "é€", b"\xe9?"),
            ("US-ASCII", "aé", b"a?"),
            ("UTF-16", "aé", b"\xfe\xff\0a\0\xe9"),
            ("UTF-16LE", "a\u{1F600}", b"a\0\x3d\xd8\x00\xde"),
        ] {
            assert_eq!(Charset::by_name(name).unwrap().encode(text).as_ref(), bytes);
        }
        assert_eq!(Charset::by_name("nope"), None);
    }

    #[test]
    fn invalid_bytes_decode_to_replacement_characters() {
        let table: [(Charset, &'static [u8], &str); 8] = [
            (Charset::Utf8, b"a\xffb\xe2\x82", "a\u{FFFD}b\u{FFFD}"),
            (Charset::Utf8, b"\xed\xa0\x80\x80", "\u{FFFD}\u{FFFD}"),
            (Charset::Utf8, b"\xed\xaa", "\u{FFFD}"),
            (Charset::Utf8, b"\xed\xbe\xbf9\x9b8", "\u{FFFD}9\u{FFFD}8"),
            (Charset::Ascii, b"a\x80", "a\u{FFFD}"),
            (Charset::Latin1, b"\xe9", "é"),
            (Charset::Utf16, b"\xff\xfea\0", "a"),
            (Charset::Utf16Be, b"\0a\xd8", "a\u{FFFD}"),
        ];
        for (charset, bytes, text) in table {
            assert_eq!(charset.decode(&Bytes::from_static(bytes)), text);
        }
    }
}
