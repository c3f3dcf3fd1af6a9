//! JSON in other encodings than UTF-8, told apart as Jackson does: by a byte order mark, or by where zeros stand.

use bytes::Bytes;

/// Returns the text in UTF-8, which is the input itself unless it is UTF-16 or UTF-32.
pub fn in_utf8(input: &Bytes) -> Bytes {
    match decode(input) {
        Some(text) => Bytes::from(text),
        None => input.clone(),
    }
}

fn decode(input: &[u8]) -> Option<String> {
    match *input {
        [0xEF, 0xBB, 0xBF, _, ..] => None,
        [0, 0, 0xFE, 0xFF, ref rest @ ..] => Some(utf32(rest, u32::from_be_bytes)),
        [0xFF, 0xFE, 0, 0, ref rest @ ..] => Some(utf32(rest, u32::from_le_bytes)),
        [0xFE, 0xFF, ref rest @ ..] if input.len() >= 4 => Some(utf16(rest, u16::from_be_bytes)),
        [0xFF, 0xFE, ref rest @ ..] if input.len() >= 4 => Some(utf16(rest, u16::from_le_bytes)),
        [0, 0, 0, _, ..] => Some(utf32(input, u32::from_be_bytes)),
        [_, 0, 0, 0, ..] => Some(utf32(input, u32::from_le_bytes)),
        [0, _, ..] => Some(utf16(input, u16::from_be_bytes)),
        [_, 0, ..] => Some(utf16(input, u16::from_le_bytes)),
        _ => None,
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = bytes.chunks_exact(2);
    let is_cut = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let text = char::decode_utf16(units).map(|item| item.unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain(is_cut.then_some(char::REPLACEMENT_CHARACTER)).collect()
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let parts = bytes.chunks_exact(4);
    let is_cut = !parts.remainder().is_empty();
    let units = parts.map(|part| unit([part[0], part[1], part[2], part[3]]));
    let text = units.map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    text.chain(is_cut.then_some(char::REPLACEMENT_CHARACTER)).collect()
}
