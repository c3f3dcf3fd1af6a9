//! Reads JSON into a tree, accepting and refusing what Jackson does (with leading zeros allowed), and with its
//! error texts. Only the first value of a text is read.

use std::borrow::Cow;

use crate::data::json::error::{location, source_text};
use crate::data::json::open::{Open, Scope};
use crate::data::json::strings::FIELD_NAME;
use crate::data::json::{JsonError, Node};

/// How deep arrays and objects may nest, as Jackson's `StreamReadConstraints` has it.
pub const MAX_DEPTH: usize = 1000;
/// How many bytes a key may have.
const MAX_NAME_LEN: usize = 50_000;

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

pub(super) type Result<T> = std::result::Result<T, JsonError>;

/// Reads the first value of a text in UTF-8; other encodings go through [`in_utf8`](crate::data::json::in_utf8).
///
/// # Errors
/// Fails with Jackson's text when there is no valid value.
pub fn read(input: &[u8]) -> Result<Node<'_>> {
    // Jackson looks for the mark in four bytes at least.
    let input = input.strip_prefix(b"\xEF\xBB\xBF").filter(|rest| !rest.is_empty()).unwrap_or(input);
    let mut reader = Reader { input, position: 0 };
    let Some(byte) = reader.skip_space()? else { return Ok(Node::Missing) };
    let node = reader.value(byte, 0)?;
    if matches!(node, Node::Number(_)) {
        reader.check_root_space()?;
    }
    Ok(node)
}

/// Reads a text that holds one value and nothing else, as part of a text in which it stands `depth` levels deep.
///
/// # Errors
/// Fails when there is no value, an invalid one, or more text behind it.
pub fn read_whole(input: &[u8], depth: usize) -> Result<Node<'_>> {
    let mut reader = Reader { input, position: 0 };
    let Some(byte) = reader.skip_space()? else { return reader.end("Unexpected end-of-input") };
    let node = reader.value(byte, depth)?;
    match reader.skip_space()? {
        None => Ok(node),
        Some(_) => reader.unexpected(reader.position, ": Expected end of input"),
    }
}

/// Reads the value that a part of a text begins with, which stands inside of `depth` containers, and returns it with
/// its length. What follows it is not looked at.
///
/// # Errors
/// Fails when there is no value or an invalid one.
pub fn read_part(input: &[u8], depth: usize) -> Result<(Node<'_>, usize)> {
    let mut reader = Reader { input, position: 0 };
    let Some(byte) = reader.skip_space()? else { return reader.end("Unexpected end-of-input") };
    let node = reader.value(byte, depth)?;
    Ok((node, reader.position))
}

pub(super) struct Reader<'a> {
    pub(super) input: &'a [u8],
    pub(super) position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.input.get(self.position).copied()
    }

    pub(super) fn fail<T>(&self, position: usize, message: impl Into<String>) -> Result<T> {
        Err(JsonError::parse(self.input, position, message))
    }

    pub(super) fn end<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(JsonError::end(self.input, message))
    }

    pub(super) fn unexpected<T>(&self, position: usize, what: &str) -> Result<T> {
        let shown = self.shown(position);
        self.fail(position, format!("Unexpected character ({shown}){what}"))
    }

    /// Returns Jackson's description of the character at a position.
    pub(super) fn shown(&self, position: usize) -> String {
        let code = self.code_at(position);
        match char::from_u32(code) {
            Some(character) if code >= 256 => format!("'{character}' (code {code} / 0x{code:x})"),
            Some(character) if !character.is_control() => format!("'{character}' (code {code})"),
            _ => format!("(CTRL-CHAR, code {code})"),
        }
    }

    fn code_at(&self, position: usize) -> u32 {
        let rest = self.input.get(position..).unwrap_or(&[]);
        let head = rest.get(..rest.len().min(4)).unwrap_or(&[]);
        let valid = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
        };
        match valid.chars().next() {
            Some(character) => u32::from(character),
            None => rest.first().map_or(0, |byte| u32::from(*byte)),
        }
    }

    /// Skips white space and returns the byte that follows it, without consuming it.
    fn skip_space(&mut self) -> Result<Option<u8>> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.position += 1,
                0..0x20 => {
                    return self.fail(
                        self.position + 1,
                        format!(
                            "Illegal character ((CTRL-CHAR, code {byte})): only regular white space (\\r, \\n, \\t) \
                             is allowed between tokens"
                        ),
                    );
                }
                b'/' => {
                    return self.unexpected(
                        self.position,
                        ": maybe a (non-standard) comment? (not recognized as one since Feature \
                         'ALLOW_COMMENTS' not enabled for parser)",
                    );
                }
                _ => return Ok(Some(byte)),
            }
        }
        Ok(None)
    }

    /// Reads a value. Containers are kept on a list of their own rather than on the stack: they may nest deeply.
    fn value(&mut self, first: u8, depth: usize) -> Result<Node<'a>> {
        let mut open: Vec<Open<'a>> = Vec::new();
        let mut byte = first;
        loop {
            let mut node = match byte {
                b'{' | b'[' => {
                    self.check_depth(depth + open.len() + 1)?;
                    let mut container = Open::new(byte, self.position);
                    self.position += 1;
                    let next = self.entry_start(container.scope)?;
                    if !self.is_closed(next, container.scope)? {
                        byte = self.entry(next, &mut container)?;
                        open.push(container);
                        continue;
                    }
                    container.finish()
                }
                _ => self.scalar(byte, open.last().map_or(Scope::Root, |container| container.scope))?,
            };
            loop {
                let Some(mut container) = open.pop() else { return Ok(node) };
                container.add(node);
                let next = self.entry_start(container.scope)?;
                if self.is_closed(next, container.scope)? {
                    node = container.finish();
                    continue;
                }
                let next = self.after_comma(next, container.scope)?;
                byte = self.entry(next, &mut container)?;
                open.push(container);
                break;
            }
        }
    }

    /// Reads up to the value of an entry, and returns the value's first byte.
    fn entry(&mut self, next: u8, container: &mut Open<'a>) -> Result<u8> {
        if matches!(container.scope, Scope::Array(_)) {
            return Ok(next);
        }
        container.keys.push(self.key(next)?);
        match self.skip_space()? {
            Some(byte) => Ok(byte),
            None => self.end("Unexpected end-of-input within/between Object entries"),
        }
    }

    fn scalar(&mut self, byte: u8, scope: Scope) -> Result<Node<'a>> {
        match byte {
            b'"' => {
                self.position += 1;
                Ok(Node::String(self.string("VALUE_STRING")?))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true", Node::Boolean(true)),
            b'f' => self.literal("false", Node::Boolean(false)),
            b'n' => self.literal("null", Node::Null),
            _ => self.no_value(byte, scope),
        }
    }

    fn check_depth(&self, depth: usize) -> Result<()> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(JsonError::limit(format!(
            "Document nesting depth ({depth}) exceeds the maximum allowed ({MAX_DEPTH}, from \
             `StreamReadConstraints.getMaxNestingDepth()`)"
        )))
    }

    fn no_value<T>(&mut self, byte: u8, scope: Scope) -> Result<T> {
        match (byte, scope) {
            (b']', Scope::Array(_)) | (b',' | b'}', Scope::Array(_) | Scope::Object(_)) => {
                self.unexpected(self.position, ": expected a value")
            }
            (b'}' | b']', Scope::Root) => {
                let (mark, kind) = if byte == b'}' { ('}', "Object") } else { (']', "Array") };
                self.fail(self.position, format!("Unexpected close marker '{mark}': no open {kind} to close"))
            }
            (b'+', _) => {
                let shown = self.shown(self.position);
                self.fail(
                    self.position + 1,
                    format!(
                        "Unexpected character ({shown}) in numeric value: JSON spec does not allow numbers to have \
                         plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow"
                    ),
                )
            }
            _ if byte < 0x80 && (byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$')) => {
                self.unknown_token(self.position)
            }
            _ => self.unexpected(self.position, &format!(": expected a valid value {VALUES}")),
        }
    }

    fn unknown_token<T>(&self, start: usize) -> Result<T> {
        let rest = &self.input[start..];
        let len = rest.iter().position(|byte| !is_identifier_byte(*byte)).unwrap_or(rest.len());
        let token = String::from_utf8_lossy(&rest[..len.min(256)]).into_owned();
        if matches!(token.as_str(), "NaN" | "Infinity" | "INF") {
            return self.non_standard(start + len, &token);
        }
        self.fail(start, format!("Unrecognized token '{token}': was expecting {VALUES}"))
    }

    pub(super) fn non_standard<T>(&self, position: usize, token: &str) -> Result<T> {
        let message = format!(
            "Non-standard token '{token}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
        );
        self.fail(position, message)
    }

    fn literal(&mut self, word: &str, node: Node<'a>) -> Result<Node<'a>> {
        let rest = &self.input[self.position..];
        if !rest.starts_with(word.as_bytes()) {
            return self.unknown_token(self.position);
        }
        // A word goes on with what Java takes for part of an identifier; bytes below `0` are not looked at.
        if rest.get(word.len()).is_some_and(|next| *next >= b'0' && is_identifier_byte(*next)) {
            return self.unknown_token(self.position);
        }
        self.position += word.len();
        Ok(node)
    }

    fn key(&mut self, byte: u8) -> Result<Cow<'a, [u8]>> {
        if byte != b'"' {
            return self.unexpected(self.position, ": was expecting double-quote to start field name");
        }
        self.position += 1;
        let start = self.position;
        let key = self.string(FIELD_NAME)?;
        if self.position - start > MAX_NAME_LEN {
            return Err(JsonError::limit(format!(
                "Name length ({}) exceeds the maximum allowed ({MAX_NAME_LEN}, from \
                 `StreamReadConstraints.getMaxNameLength()`)",
                key.len()
            )));
        }
        match self.skip_space()? {
            Some(b':') => self.position += 1,
            Some(_) => {
                let what = ": was expecting a colon to separate field name and value";
                return self.unexpected(self.position, what);
            }
            None => return self.end("Unexpected end-of-input within/between Object entries"),
        }
        Ok(key)
    }

    /// Returns the byte at which an entry, a comma or the end of a container is expected.
    fn entry_start(&mut self, scope: Scope) -> Result<u8> {
        match self.skip_space()? {
            Some(byte) => Ok(byte),
            None => {
                let (kind, start) = kind_and_start(scope);
                let (line, column) = location(self.input, start);
                let marker = source_text(line, column);
                self.end(format!(
                    "Unexpected end-of-input: expected close marker for {kind} (start marker at {marker})"
                ))
            }
        }
    }

    fn is_closed(&mut self, byte: u8, scope: Scope) -> Result<bool> {
        let mark = if matches!(scope, Scope::Array(_)) { b']' } else { b'}' };
        if byte == mark {
            self.position += 1;
            return Ok(true);
        }
        if !matches!(byte, b']' | b'}') {
            return Ok(false);
        }
        let (kind, start) = kind_and_start(scope);
        let (line, column) = location(self.input, start);
        let (found, expected) = (char::from(byte), char::from(mark));
        let place = source_text(line, column);
        let message = format!(
            "Unexpected close marker '{found}': expected '{expected}' (for {kind} starting at {place})"
        );
        self.fail(self.position, message)
    }

    fn after_comma(&mut self, byte: u8, scope: Scope) -> Result<u8> {
        let (kind, _) = kind_and_start(scope);
        if byte != b',' {
            return self
                .unexpected(self.position, &format!(": was expecting comma to separate {kind} entries"));
        }
        self.position += 1;
        match self.skip_space()? {
            Some(byte) => Ok(byte),
            None => {
                let message = format!("Unexpected end-of-input within/between {kind} entries");
                self.fail(self.position, message)
            }
        }
    }

    fn check_root_space(&self) -> Result<()> {
        match self.peek() {
            None | Some(b' ' | b'\t' | b'\n' | b'\r') => Ok(()),
            Some(_) => self.unexpected(self.position, ": Expected space separating root-level values"),
        }
    }
}

fn kind_and_start(scope: Scope) -> (&'static str, usize) {
    match scope {
        Scope::Root => ("root", 0),
        Scope::Array(start) => ("Array", start),
        Scope::Object(start) => ("Object", start),
    }
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x7F..)
}
