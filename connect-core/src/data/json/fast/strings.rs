//! Finds the end of a string, eight bytes at a time.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Returns a word whose lowest set bit is in the first byte that is a quote, a backslash or a control character.
/// Bits above it may be set for no reason.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ each(b'"');
    let backslash = word ^ each(b'\\');
    let below = (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash)
        | (word.wrapping_sub(each(0x20)) & !word);
    below & HIGHS
}

/// As [`special`], and also for bytes that are not ASCII.
#[inline]
fn special_or_wide(word: u64) -> u64 {
    special(word) | word & HIGHS
}

/// The end of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringEnd {
    /// Position after the closing quote.
    pub(super) end: usize,
    /// Whether the string has escapes.
    pub(super) has_escapes: bool,
}

/// Scans a string whose characters follow `start`. `None` when it is invalid or would be written otherwise: escapes
/// but the short ones, characters outside the BMP.
#[inline]
pub(super) fn string_end(input: &[u8], start: usize) -> Option<StringEnd> {
    let mut at = start;
    let mut has_escapes = false;
    loop {
        while let Some(chunk) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let found = special_or_wide(u64::from_le_bytes(*chunk));
            if found != 0 {
                at += (found.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match *input.get(at)? {
            b'"' => return Some(StringEnd { end: at + 1, has_escapes }),
            b'\\' => {
                if !matches!(input.get(at + 1)?, b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r') {
                    return None;
                }
                has_escapes = true;
                at += 2;
            }
            0..0x20 => return None,
            0x80.. => at = after_wide_characters(input, at)?,
            _ => at += 1,
        }
    }
}

/// Returns the length of a string's characters up to its closing quote; `None` when it has escapes, is invalid or
/// does not end. That it is UTF-8 is not checked.
#[inline]
pub fn plain_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let found = special(u64::from_le_bytes(*chunk));
        if found != 0 {
            at += (found.trailing_zeros() / 8) as usize;
            return (text[at] == b'"').then_some(at);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    (rest[end] == b'"').then_some(at + end)
}

/// Skips characters of two and three bytes that are valid UTF-8.
fn after_wide_characters(input: &[u8], mut at: usize) -> Option<usize> {
    let is_tail = |byte: u8| byte & 0xC0 == 0x80;
    loop {
        let rest = input.get(at..)?;
        at += match *rest {
            [0xC2..=0xDF, second, ..] if is_tail(second) => 2,
            [0xE0, 0xA0..=0xBF, third, ..] | [0xED, 0x80..=0x9F, third, ..] if is_tail(third) => 3,
            [0xE1..=0xEC | 0xEE | 0xEF, second, third, ..] if is_tail(second) && is_tail(third) => 3,
            [0..0x80, ..] => return Some(at),
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_at_every_distance() {
        for len in 0..40 {
            for wide in ["", "é", "日"] {
                let text = format!("{}{wide}{}\" tail", "x".repeat(len), "y".repeat(len % 5));
                let end = text.find('"').unwrap() + 1;
                let expected = Some(StringEnd { end, has_escapes: false });
                assert_eq!(plain_len(text.as_bytes()), Some(end - 1), "{text}");
                assert_eq!(string_end(text.as_bytes(), 0), expected, "{text}");
                assert_eq!(string_end(text.split_at(end - 1).0.as_bytes(), 0), None, "no end: {text}");
            }
        }
    }

    #[test]
    fn rare_strings_are_left_to_the_reader() {
        assert_eq!(string_end(br#"a\"b\\\n" "#, 0), Some(StringEnd { end: 9, has_escapes: true }));
        let rare: [&[u8]; 8] = [
            b"\\u0041\"",
            b"\\/\"",
            "\u{1F600}\"".as_bytes(),
            b"\n\"",
            b"\xff\"",
            b"\xc3\"",
            b"\xed\xa0\x80\"",
            b"\xc0\x80\"",
        ];
        for text in rare {
            assert_eq!(string_end(text, 0), None);
        }
    }
}
