//! Splits bytes into lines as Apache's file source does: `\n`, `\r\n` and a lone `\r` end a line, and a last line
//! without its end waits. Pure.

use bytes::{Bytes, BytesMut};
use connect_core::ByteString;

/// Bytes read and not yet given out as lines.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    bytes: BytesMut,
    /// Bytes at the front that are known to hold no line end.
    searched: usize,
}

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Text without the line end; lines of one call share their memory.
    pub(crate) text: ByteString,
    /// Length in bytes with the line end.
    pub(crate) size_bytes: u64,
}

struct Span {
    start: usize,
    end: usize,
    next: usize,
}

impl LineBuffer {
    /// Returns the buffer that new bytes are appended to.
    pub(crate) fn input(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Takes at most `max_lines` complete lines out.
    pub(crate) fn take_lines(&mut self, max_lines: usize) -> Vec<Line> {
        let spans = self.find_lines(max_lines);
        let Some(taken) = spans.last().map(|span| span.next) else { return Vec::new() };
        self.searched = self.searched.saturating_sub(taken);
        let bytes = self.bytes.split_to(taken).freeze();
        spans
            .into_iter()
            .map(|span| Line {
                text: decode(bytes.slice(span.start..span.end)),
                size_bytes: (span.next - span.start) as u64,
            })
            .collect()
    }

    fn find_lines(&mut self, max_lines: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut start = 0;
        while spans.len() < max_lines {
            let from = self.searched.max(start);
            let Some(end) = memchr::memchr2(b'\n', b'\r', &self.bytes[from..]).map(|found| from + found)
            else {
                self.searched = self.bytes.len();
                break;
            };
            self.searched = end;
            let next = match (self.bytes[end], self.bytes.get(end + 1)) {
                (b'\n', _) => end + 1,
                // Only the next byte tells whether this `\r` begins a `\r\n`.
                (_, None) => break,
                (_, Some(b'\n')) => end + 2,
                (_, Some(_)) => end + 1,
            };
            spans.push(Span { start, end, next });
            start = next;
        }
        spans
    }
}

fn decode(bytes: Bytes) -> ByteString {
    match ByteString::try_from(bytes.clone()) {
        Ok(text) => text,
        // Java's readers replace malformed input.
        Err(_) => ByteString::from(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(buffer: &mut LineBuffer, input: &[u8], max_lines: usize) -> Vec<(String, u64)> {
        buffer.input().extend_from_slice(input);
        buffer
            .take_lines(max_lines)
            .into_iter()
            .map(|line| (line.text.to_string(), line.size_bytes))
            .collect()
    }

    #[test]
    fn line_ends_are_unix_windows_and_old_mac() {
        let mut buffer = LineBuffer::default();
        let found = lines(&mut buffer, b"a\nbc\r\nd\re\n\n", 100);
        let expected = [("a", 2), ("bc", 4), ("d", 2), ("e", 2), ("", 1)];
        assert_eq!(found, expected.map(|(text, size)| (text.to_owned(), size)));
    }

    #[test]
    fn incomplete_last_line_and_lone_carriage_return_wait() {
        let mut buffer = LineBuffer::default();
        assert_eq!(lines(&mut buffer, b"par", 9), []);
        assert_eq!(lines(&mut buffer, b"tial\r", 9), []);
        assert_eq!(lines(&mut buffer, b"\nx", 9), [("partial".to_owned(), 9)]);
        assert_eq!(lines(&mut buffer, b"\n", 9), [("x".to_owned(), 2)]);
    }

    #[test]
    fn malformed_bytes_are_replaced_and_counted_as_read() {
        let mut buffer = LineBuffer::default();
        assert_eq!(lines(&mut buffer, b"a\xffb\n", 9), [("a\u{fffd}b".to_owned(), 4)]);
        assert_eq!(lines(&mut buffer, "ä\n".as_bytes(), 9), [("ä".to_owned(), 3)]);
    }

    proptest! {
        #[test]
        fn chunks_and_limits_do_not_change_the_lines(
            text in "[ab\r\n]{0,60}",
            chunk in 1usize..9,
            max_lines in 1usize..5,
        ) {
            let mut whole = LineBuffer::default();
            let expected = lines(&mut whole, text.as_bytes(), usize::MAX);
            let mut buffer = LineBuffer::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(chunk) {
                found.extend(lines(&mut buffer, piece, max_lines));
                loop {
                    let more = lines(&mut buffer, b"", max_lines);
                    if more.is_empty() {
                        break;
                    }
                    found.extend(more);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
