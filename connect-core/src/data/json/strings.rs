//! The reader's strings: escapes, and UTF-8 as leniently as Jackson takes it.

use std::borrow::Cow;

use crate::data::json::reader::{Reader, Result};
use crate::data::json::text::Units;

/// What a key is called in error texts.
pub(super) const FIELD_NAME: &str = "field name";

impl<'a> Reader<'a> {
    /// Reads a string after its opening quote; borrows it when it holds no escapes.
    pub(super) fn string(&mut self, what: &str) -> Result<Cow<'a, [u8]>> {
        let start = self.position;
        let rest = &self.input[start..];
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        let span = &rest[..plain];
        if rest.get(plain) == Some(&b'"') && std::str::from_utf8(span).is_ok() {
            self.position = start + plain + 1;
            return Ok(Cow::Borrowed(span));
        }
        let valid = match std::str::from_utf8(span) {
            Ok(_) => plain,
            Err(error) => error.valid_up_to(),
        };
        self.position = start + valid;
        let mut units = Units::with_prefix(&rest[..valid]);
        loop {
            let run = self.position;
            while let Some(0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7F) = self.peek() {
                self.position += 1;
            }
            units.push_valid(&self.input[run..self.position]);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Owned(units.finish()));
                }
                Some(b'\\') => self.escape(&mut units, what)?,
                Some(byte @ 0..0x20) => {
                    let place = if what == FIELD_NAME { "name" } else { "string value" };
                    return self.fail(
                        self.position,
                        format!(
                            "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using \
                             backslash to be included in {place}"
                        ),
                    );
                }
                Some(byte) => self.multi_byte(byte, &mut units, what)?,
                None => return self.end(format!("Unexpected end-of-input in {what}")),
            }
        }
    }

    fn escape(&mut self, units: &mut Units, what: &str) -> Result<()> {
        self.position += 1;
        match self.peek() {
            None => self.end("Unexpected end-of-input in character escape sequence"),
            Some(b'u') => self.unicode_escape(units, what),
            Some(byte) => {
                units.push(self.short_escape(byte)?);
                Ok(())
            }
        }
    }

    fn short_escape(&mut self, byte: u8) -> Result<u16> {
        let unit = match byte {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            b'"' | b'/' | b'\\' => u16::from(byte),
            _ => {
                let shown = self.shown(self.position);
                return self.fail(self.position, format!("Unrecognized character escape {shown}"));
            }
        };
        self.position += 1;
        Ok(unit)
    }

    fn unicode_escape(&mut self, units: &mut Units, what: &str) -> Result<()> {
        let unit = self.hex_digits()?;
        units.push(unit);
        // Jackson checks the pairing of surrogates in keys, but not in values.
        match unit {
            0xD800..0xDC00 if what == FIELD_NAME => self.low_surrogate(units),
            0xDC00..0xE000 if what == FIELD_NAME => {
                self.fail(self.position, format!("Unexpected low surrogate in field name: 0x{unit:x}"))
            }
            _ => Ok(()),
        }
    }

    fn low_surrogate(&mut self, units: &mut Units) -> Result<()> {
        const BROKEN: &str = "Broken surrogate pair in field name: expected";
        match self.peek() {
            None => return self.end("Unexpected end-of-input in field name"),
            Some(b'\\') => self.position += 1,
            Some(byte) => {
                let message = format!("{BROKEN} '\\' to start low surrogate, got 0x{byte:02x}");
                return self.fail(self.position, message);
            }
        }
        let low = match self.peek() {
            None => return self.end("Unexpected end-of-input in character escape sequence"),
            Some(b'u') => self.hex_digits()?,
            Some(byte) => self.short_escape(byte)?,
        };
        if !(0xDC00..0xE000).contains(&low) {
            return self.fail(self.position, format!("{BROKEN} low surrogate, got 0x{low:04X}"));
        }
        units.push(low);
        Ok(())
    }

    /// Reads the four digits of an escape, standing at its `u`.
    fn hex_digits(&mut self) -> Result<u16> {
        let mut unit = 0u16;
        for _ in 0..4 {
            self.position += 1;
            let Some(byte) = self.peek() else {
                return self.end("Unexpected end-of-input in character escape sequence");
            };
            let Some(digit) = char::from(byte).to_digit(16) else {
                return self
                    .unexpected(self.position, ": expected a hex-digit for character escape sequence");
            };
            unit = unit << 4 | u16::try_from(digit).unwrap_or(0);
        }
        self.position += 1;
        Ok(unit)
    }

    /// Reads a character of two to four bytes. Like Jackson it looks at the leading bits of each byte only: overlong
    /// forms pass.
    fn multi_byte(&mut self, first: u8, units: &mut Units, what: &str) -> Result<()> {
        let (mut code, more) = match first {
            0xC0..0xE0 => (u32::from(first & 0x1F), 1),
            0xE0..0xF0 => (u32::from(first & 0x0F), 2),
            0xF0..0xF8 => (u32::from(first & 0x07), 3),
            _ => {
                let message = format!("Invalid UTF-8 start byte 0x{first:x}");
                return self.fail(self.position + 1, message);
            }
        };
        self.position += 1;
        for _ in 0..more {
            let Some(byte) = self.peek() else {
                return self.end(format!("Unexpected end-of-input in {what}"));
            };
            self.position += 1;
            if byte & 0xC0 != 0x80 {
                return self.fail(self.position, format!("Invalid UTF-8 middle byte 0x{byte:x}"));
            }
            code = code << 6 | u32::from(byte & 0x3F);
        }
        match u16::try_from(code) {
            Ok(unit @ 0xD800..0xE000) if more < 3 => {
                let message = format!("Invalid UTF-8: Illegal surrogate character 0x{unit:x}");
                return self.fail(self.position, message);
            }
            Ok(unit) if more < 3 => units.push(unit),
            _ => {
                let offset = code.wrapping_sub(0x10000);
                let high = 0xD800 | offset >> 10 & 0xFFFF;
                units.push(u16::try_from(high & 0xFFFF).unwrap_or(0xFFFD));
                units.push(u16::try_from(0xDC00 | offset & 0x3FF).unwrap_or(0xFFFD));
            }
        }
        Ok(())
    }
}
