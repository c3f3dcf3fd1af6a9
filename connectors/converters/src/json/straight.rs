//! Payloads straight into structs along a layout, without a tree of nodes. Single values that are rare or lenient go
//! through the tree; whatever else does not fit gives up, and the caller reads the whole payload by the tree, which
//! also words the errors. So this decides speed, never what a payload means.

use std::str::FromStr;

use bytestring::ByteString;
use connect_core::data::json::{self, Node, plain_len};
use connect_core::data::{SchemaRef, Struct, Value};

use super::decode::{Decoder, low_8, low_16, null_value, to_typed};
use super::layout::{FieldLayout, Layout, Step};
use super::schema::low_32;

/// Digits that surely fit 64 bits.
const MAX_DIGITS: usize = 18;
/// Longer reals are left to the tree, and so are exponents of more digits.
const MAX_REAL_LEN: usize = 32;
const MAX_EXPONENT_LEN: usize = 4;
/// Longer keys are left to the tree, which knows how long a key may be.
const MAX_KEY_LEN: usize = 1000;

/// Reads a payload that is a part of `decoder.source` and stands inside of `depth` containers. `None` says nothing about
/// the payload but that it is not read here.
pub(super) fn read(layout: &Layout, payload: &[u8], depth: usize, decoder: Decoder<'_>) -> Option<Value> {
    // Checked once; every string is a slice of it.
    let text = ByteString::try_from(decoder.source.slice_ref(payload)).ok()?;
    let mut cursor = Cursor { text: &text, bytes: text.as_bytes(), at: 0, decoder };
    cursor.passes(b'{')?;
    let value = cursor.structure(layout, depth + 1)?;
    cursor.peek().is_none().then_some(value)
}

struct Cursor<'a> {
    text: &'a ByteString,
    bytes: &'a [u8],
    at: usize,
    decoder: Decoder<'a>,
}

impl<'a> Cursor<'a> {
    /// Skips white space and returns the next byte, which stays.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        if byte > b' ' { Some(byte) } else { self.peek_behind_space() }
    }

    fn peek_behind_space(&mut self) -> Option<u8> {
        while let b' ' | b'\t' | b'\n' | b'\r' = *self.bytes.get(self.at)? {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// Passes a byte if it is the next one behind white space.
    #[inline]
    fn passes(&mut self, byte: u8) -> Option<()> {
        let is_next = self.peek()? == byte;
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// Reads an object after its opening mark: mostly its members are the fields, in their order.
    fn structure(&mut self, layout: &Layout, depth: usize) -> Option<Value> {
        let mut values = Vec::with_capacity(layout.fields.len());
        if self.peek()? == b'}' {
            self.at += 1;
            return self.scattered(layout, values, &[]);
        }
        for (field, connect) in layout.fields.iter().zip(&layout.schema.fields) {
            if !self.passes_key(field) {
                return self.members_in_any_order(layout, values, depth);
            }
            self.value(&field.step, &connect.schema, depth, &mut values)?;
            if self.ends_entry(b'}')? {
                return match values.len() == layout.fields.len() {
                    true => Some(structure(layout, values)),
                    false => self.scattered(layout, values, &[]),
                };
            }
        }
        self.members_in_any_order(layout, values, depth)
    }

    /// Reads the members of an object from a key on, where `values` are those of the first fields.
    #[cold]
    fn members_in_any_order(
        &mut self,
        layout: &Layout,
        mut values: Vec<Value>,
        depth: usize,
    ) -> Option<Value> {
        let count = layout.fields.len();
        let mut next = values.len();
        let mut read = Vec::with_capacity(1);
        let mut is_read = vec![true; next];
        values.resize(count, Value::Null);
        is_read.resize(count, false);
        loop {
            let key = self.key()?;
            let found = (next..count).chain(0..next).find(|index| layout.fields[*index].quoted() == key);
            match found {
                Some(index) => {
                    let field = &layout.fields[index];
                    // Of a key that occurs twice, the last value counts.
                    self.value(&field.step, &layout.schema.fields[index].schema, depth, &mut read)?;
                    values[index] = read.pop()?;
                    is_read[index] = true;
                    next = index + 1;
                }
                None => {
                    self.node(depth)?;
                }
            }
            if self.ends_entry(b'}')? {
                return self.scattered(layout, values, &is_read);
            }
        }
    }

    /// Returns the struct of values some of which may be missing: those beyond the end, and those said not to be read.
    fn scattered(&self, layout: &Layout, mut values: Vec<Value>, is_read: &[bool]) -> Option<Value> {
        let fields = &layout.schema.fields;
        for (index, _) in is_read.iter().enumerate().filter(|(_, is_read)| !**is_read) {
            values[index] = null_value(&fields[index].schema, self.decoder).ok()?;
        }
        for field in &fields[values.len()..] {
            values.push(null_value(&field.schema, self.decoder).ok()?);
        }
        Some(structure(layout, values))
    }

    /// Returns whether a container ends behind an entry. If not, the next entry follows a comma.
    #[inline]
    fn ends_entry(&mut self, mark: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => self.peek().map(|_| false),
            byte if byte == mark => Some(true),
            _ => None,
        }
    }

    /// Passes a field's name and the colon behind it, if they come next.
    #[inline]
    fn passes_key(&mut self, field: &FieldLayout) -> bool {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(field.key()) {
            self.at += field.key().len();
            return true;
        }
        self.passes_spaced_key(field)
    }

    fn passes_spaced_key(&mut self, field: &FieldLayout) -> bool {
        let start = self.at;
        if self.bytes[start..].starts_with(field.quoted()) {
            self.at += field.quoted().len();
            if self.passes(b':').is_some() {
                return true;
            }
            self.at = start;
        }
        false
    }

    /// Reads a key without escapes and the colon behind it; returns the key with its quotes.
    fn key(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let len = plain_len(rest.strip_prefix(b"\"")?)?;
        self.at += len + 2;
        self.passes(b':')?;
        (len <= MAX_KEY_LEN).then_some(&rest[..len + 2])
    }

    /// Reads a value inside of `depth` containers, as `to_typed` and the check of its field would have it, and adds it
    /// to `values`: the most frequent ones are made where they stay.
    #[inline]
    fn value(
        &mut self,
        step: &Step,
        schema: &SchemaRef,
        depth: usize,
        values: &mut Vec<Value>,
    ) -> Option<()> {
        let first = self.peek()?;
        match (step, first) {
            (Step::String, b'"') => {
                if let Some(text) = self.string() {
                    values.push(Value::String(self.text.slice_ref(text)));
                    return Some(());
                }
            }
            (Step::Int32, b'-' | b'0'..=b'9') => {
                if let Some(number) = self.integer() {
                    values.push(Value::Int32(low_32(number)));
                    return Some(());
                }
            }
            (Step::Int64, b'-' | b'0'..=b'9') => {
                if let Some(number) = self.integer() {
                    values.push(Value::Int64(number));
                    return Some(());
                }
            }
            _ => {
                values.push(self.rarer_value(step, first, schema, depth)?);
                return Some(());
            }
        }
        values.push(self.by_tree(schema, depth)?);
        Some(())
    }

    #[inline(never)]
    fn rarer_value(&mut self, step: &Step, first: u8, schema: &SchemaRef, depth: usize) -> Option<Value> {
        let value = match (step, first) {
            (Step::Struct(layout), b'{') => {
                self.at += 1;
                return self.structure(layout, depth + 1);
            }
            (Step::Array(element, schema), b'[') => {
                self.at += 1;
                return self.array(element, schema, depth + 1);
            }
            (_, b'n') => {
                self.word(b"null")?;
                return null_value(schema, self.decoder).ok();
            }
            (Step::Boolean, b't') => self.word(b"true").map(|()| Value::Boolean(true)),
            (Step::Boolean, b'f') => self.word(b"false").map(|()| Value::Boolean(false)),
            (_, b'-' | b'0'..=b'9') => self.number(step),
            _ => None,
        };
        value.or_else(|| self.by_tree(schema, depth))
    }

    fn number(&mut self, step: &Step) -> Option<Value> {
        match step {
            Step::Int8 => self.integer().map(|number| Value::Int8(low_8(low_32(number)))),
            Step::Int16 => self.integer().map(|number| Value::Int16(low_16(low_32(number)))),
            Step::Timestamp => self.integer().map(Value::Date),
            Step::Float32 => self.real().map(Value::Float32),
            Step::Float64 => self.real().map(Value::Float64),
            _ => None,
        }
    }

    fn array(&mut self, element: &Step, schema: &SchemaRef, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(Value::Array(items));
        }
        loop {
            self.value(element, schema, depth, &mut items)?;
            if self.ends_entry(b']')? {
                return Some(Value::Array(items));
            }
        }
    }

    /// Reads a value of any shape by way of the tree.
    #[cold]
    fn by_tree(&mut self, schema: &SchemaRef, depth: usize) -> Option<Value> {
        let node = self.node(depth)?;
        let value = to_typed(Some(schema), &node, self.decoder).ok()?;
        value.validate(schema, None).ok()?;
        Some(value)
    }

    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        let (node, len) = json::read_part(&self.bytes[self.at..], depth).ok()?;
        self.at += len;
        Some(node)
    }

    /// Reads a string without escapes; stays where it is when there is another.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let len = plain_len(&self.bytes[self.at + 1..])?;
        let start = self.at + 1;
        self.at = start + len + 1;
        self.text.get(start..start + len)
    }

    /// Reads an integer of a few digits; stays where it is when there is another number.
    #[inline]
    fn integer(&mut self) -> Option<i64> {
        let text = &self.bytes[self.at..];
        let is_negative = text.first() == Some(&b'-');
        let digits = &text[usize::from(is_negative)..];
        let (mut number, mut len) = (0i64, 0);
        while let Some(byte @ b'0'..=b'9') = digits.get(len)
            && len < MAX_DIGITS
        {
            number = number * 10 + i64::from(byte - b'0');
            len += 1;
        }
        if len == 0 || matches!(digits.get(len), Some(b'.' | b'e' | b'E' | b'0'..=b'9')) {
            return None;
        }
        self.at += usize::from(is_negative) + len;
        Some(if is_negative { -number } else { number })
    }

    /// Reads a number of moderate length but zero, whose sign is the tree's affair; stays where it is when there is
    /// another.
    fn real<T: FromStr + Default + PartialEq>(&mut self) -> Option<T> {
        let text = &self.text[self.at..];
        let len = real_len(text.as_bytes())?;
        let real = text[..len].parse().ok().filter(|real| *real != T::default())?;
        self.at += len;
        Some(real)
    }

    /// Passes a word if it comes next.
    fn word(&mut self, word: &[u8]) -> Option<()> {
        let is_next = self.bytes[self.at..].starts_with(word);
        self.at += if is_next { word.len() } else { 0 };
        is_next.then_some(())
    }
}

fn structure(layout: &Layout, values: Vec<Value>) -> Value {
    Value::Struct(Box::new(Struct::from_parts(SchemaRef::clone(&layout.schema), values)))
}

/// Returns the length of a number as JSON has it, fraction and exponent included, if all parts are short.
fn real_len(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let at_least_one = |at: usize| Some(digits(at)).filter(|count| *count > 0);
    let mut len = usize::from(text.first() == Some(&b'-'));
    len += at_least_one(len)?;
    if text.get(len) == Some(&b'.') {
        len += 1 + at_least_one(len + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(len) {
        len += 1 + usize::from(matches!(text.get(len + 1), Some(b'+' | b'-')));
        len += at_least_one(len).filter(|count| *count <= MAX_EXPONENT_LEN)?;
    }
    (len <= MAX_REAL_LEN).then_some(len)
}

#[cfg(test)]
mod tests;
