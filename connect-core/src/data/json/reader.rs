//! Reads JSON into a tree, accepting and refusing what Jackson does (with leading zeros allowed), and with its
//! error texts. Only the first value of a text is read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::data::json::error::{location, source_text};
use crate::data::json::{JsonError, Node, Number};

/// How deep arrays and objects may nest, as Jackson's `StreamReadConstraints` has it.
pub const MAX_DEPTH: usize = 1000;
/// How many bytes a number may have.
const MAX_NUMBER_LEN: usize = 1000;
/// How many bytes a key may have.
const MAX_NAME_LEN: usize = 50_000;
/// Members up to which duplicate keys are found by looking at each pair.
const FEW_MEMBERS: usize = 16;

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

pub(super) type Result<T> = std::result::Result<T, JsonError>;

/// Reads the first value of a text in UTF-8, UTF-16 or UTF-32.
///
/// # Errors
/// Fails with Jackson's text when there is no valid value.
pub fn read(input: &[u8]) -> Result<Node<'_>> {
    let input = input.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input);
    let mut reader = Reader { input, position: 0 };
    let Some(byte) = reader.skip_space()? else { return Ok(Node::Missing) };
    let node = reader.value(byte, 0, Scope::Root)?;
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
    let node = reader.value(byte, depth, Scope::Root)?;
    match reader.skip_space()? {
        None => Ok(node),
        Some(_) => reader.unexpected(reader.position, ": Expected end of input"),
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Scope {
    Root,
    Array(usize),
    Object(usize),
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

    fn value(&mut self, byte: u8, depth: usize, scope: Scope) -> Result<Node<'a>> {
        match byte {
            b'"' => {
                self.position += 1;
                Ok(Node::String(self.string("VALUE_STRING")?))
            }
            b'{' => self.object(self.deeper(depth)?),
            b'[' => self.array(self.deeper(depth)?),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal("true", Node::Boolean(true)),
            b'f' => self.literal("false", Node::Boolean(false)),
            b'n' => self.literal("null", Node::Null),
            _ => self.no_value(byte, scope),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize> {
        if depth < MAX_DEPTH {
            return Ok(depth + 1);
        }
        Err(JsonError::limit(format!(
            "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH}, from \
             `StreamReadConstraints.getMaxNestingDepth()`)",
            depth + 1
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

    fn non_standard<T>(&self, position: usize, token: &str) -> Result<T> {
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

    fn array(&mut self, depth: usize) -> Result<Node<'a>> {
        let start = self.position;
        self.position += 1;
        let scope = Scope::Array(start);
        let mut items = Vec::new();
        let mut next = self.entry_start(scope)?;
        loop {
            if self.is_closed(next, scope)? {
                return Ok(Node::Array(items));
            }
            if !items.is_empty() {
                next = self.after_comma(next, scope)?;
            }
            items.push(self.value(next, depth, scope)?);
            next = self.entry_start(scope)?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Node<'a>> {
        let start = self.position;
        self.position += 1;
        let scope = Scope::Object(start);
        let mut members = Vec::new();
        let mut next = self.entry_start(scope)?;
        loop {
            if self.is_closed(next, scope)? {
                return Ok(Node::Object(last_of_each(members)));
            }
            if !members.is_empty() {
                next = self.after_comma(next, scope)?;
            }
            let key = self.key(next)?;
            let Some(byte) = self.skip_space()? else {
                return self.end("Unexpected end-of-input within/between Object entries");
            };
            members.push((key, self.value(byte, depth, scope)?));
            next = self.entry_start(scope)?;
        }
    }

    fn key(&mut self, byte: u8) -> Result<Cow<'a, [u8]>> {
        if byte != b'"' {
            return self.unexpected(self.position, ": was expecting double-quote to start field name");
        }
        self.position += 1;
        let start = self.position;
        let key = self.string("field name")?;
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

    fn number(&mut self) -> Result<Node<'a>> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
            match self.peek() {
                Some(b'0'..=b'9') => {}
                Some(b'I') if self.input[self.position..].starts_with(b"Infinity") => {
                    return self.non_standard(start + 9, "-Infinity");
                }
                Some(_) => {
                    let what = " in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value";
                    return self.unexpected(self.position, what);
                }
                None => return self.end("Unexpected end-of-input in null"),
            }
        }
        self.digits();
        let mut is_real = false;
        if self.peek() == Some(b'.') {
            is_real = true;
            self.position += 1;
            if self.digits() == 0 {
                let place = if self.peek().is_some() { self.position } else { self.position - 1 };
                return self.unexpected(place, " in numeric value: Decimal point not followed by a digit");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_real = true;
            self.exponent()?;
        }
        let bytes = &self.input[start..self.position];
        if bytes.len() > MAX_NUMBER_LEN {
            return Err(JsonError::limit(format!(
                "Number value length ({}) exceeds the maximum allowed ({MAX_NUMBER_LEN}, from \
                 `StreamReadConstraints.getMaxNumberLength()`)",
                bytes.len()
            )));
        }
        let text = std::str::from_utf8(bytes).unwrap_or("0");
        if is_real {
            check_scale(text)?;
        }
        Ok(Node::Number(Number::new(text, is_real)))
    }

    fn digits(&mut self) -> usize {
        let rest = &self.input[self.position..];
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.position += len;
        len
    }

    fn exponent(&mut self) -> Result<()> {
        self.position += 1;
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.position += 1;
        }
        if self.digits() > 0 {
            return Ok(());
        }
        if self.peek().is_none() {
            return self.end("Unexpected end-of-input in null");
        }
        self.unexpected(self.position, " in numeric value: Exponent indicator not followed by a digit")
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

/// `BigDecimal` holds its scale in 32 bits and refuses exponents beyond.
fn check_scale(text: &str) -> Result<()> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let refuse = |reason: &str| {
        Err(JsonError::number(format!(
            "Value \"{text}\" can not be deserialized as `java.math.BigDecimal`, reason:  {reason}"
        )))
    };
    let digits = exponent.trim_start_matches(['+', '-']).trim_start_matches('0');
    if digits.len() > 10 {
        return refuse("Too many nonzero exponent digits.");
    }
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = i64::try_from(fraction).unwrap_or(i64::MAX) - exponent;
    if i32::try_from(scale).is_err() {
        return refuse("Scale out of range.");
    }
    Ok(())
}

/// Keeps of each key the first place and the last value.
fn last_of_each<'a>(members: Vec<(Cow<'a, [u8]>, Node<'a>)>) -> Vec<(Cow<'a, [u8]>, Node<'a>)> {
    let few = members.len() <= FEW_MEMBERS;
    if few
        && members
            .iter()
            .enumerate()
            .all(|(at, (key, _))| members[..at].iter().all(|(other, _)| other != key))
    {
        return members;
    }
    let mut places: HashMap<Cow<'a, [u8]>, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<(Cow<'a, [u8]>, Node<'a>)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        match places.entry(key) {
            Entry::Occupied(place) => kept[*place.get()].1 = value,
            Entry::Vacant(place) => {
                kept.push((place.key().clone(), value));
                place.insert(kept.len() - 1);
            }
        }
    }
    kept
}
