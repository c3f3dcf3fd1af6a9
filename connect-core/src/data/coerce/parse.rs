//! `Values.parseString`: the value and schema that a text looks like.

use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::num_traits::ToPrimitive;
use bigdecimal::{BigDecimal, RoundingMode};
use bytestring::ByteString;

use crate::data::coerce::convert::convert;
use crate::data::coerce::temporal::{self, Kind};
use crate::data::coerce::tokens::{Tokens, java_trim};
use crate::data::{Map, Schema, SchemaRef, Type, Value, logical};
use crate::error::ConnectError;

/// A value with the schema found for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Schema; `None` for null. The schema of a list or map lacks its element schemas when there is no common one.
    pub schema: Option<SchemaRef>,
    /// Value.
    pub value: Value,
}

impl Parsed {
    const NULL: Parsed = Parsed { schema: None, value: Value::Null };

    fn new(schema: Schema, value: Value) -> Self {
        Self { schema: Some(Arc::new(schema)), value }
    }

    fn text(text: &str) -> Self {
        Self { schema: Some(Arc::clone(&logical::STRING)), value: Value::String(ByteString::from(text)) }
    }
}

/// How deep lists and maps may nest before a text is taken as a plain string.
const MAX_DEPTH: usize = 200;

/// Returns what a text stands for; a text that is nothing else is a string.
pub fn parse_string(text: &str) -> Parsed {
    if text.is_empty() {
        return Parsed::text("");
    }
    let mut tokens = Tokens::new(text);
    match parse(&mut tokens, None) {
        Ok(parsed) => parsed,
        // Only values inside lists and maps fail, and those are caught where the list or map begins.
        Err(_) => Parsed::text(text),
    }
}

/// Parses one value. `depth` counts the lists and maps around it; `None` is the top.
fn parse(tokens: &mut Tokens<'_>, depth: Option<usize>) -> Result<Parsed, ConnectError> {
    if !tokens.has_next() {
        return Ok(Parsed::NULL);
    }
    if depth.is_some() && tokens.can_consume("\"") {
        return Ok(quoted(tokens));
    }
    if let Some(literal) = literal(tokens, depth.is_some()) {
        return Ok(literal);
    }
    let start = tokens.mark();
    if depth.unwrap_or(0) < MAX_DEPTH {
        let inner = depth.unwrap_or(0) + 1;
        let container = if tokens.can_consume("[") {
            Some(list(tokens, inner))
        } else if tokens.can_consume("{") {
            Some(map(tokens, inner))
        } else {
            None
        };
        if let Some(Ok(parsed)) = container {
            return Ok(parsed);
        }
        if container.is_some() {
            tokens.rewind_to(start);
        }
    }
    let token = tokens.next();
    if java_trim(token).is_empty() {
        return Ok(Parsed::text(token));
    }
    let token = java_trim(token);
    if let Some(parsed) = temporal_or_number(tokens, token) {
        return Ok(parsed);
    }
    if depth.is_some() {
        return Err(ConnectError::data("Failed to parse embedded value"));
    }
    Ok(Parsed::text(tokens.text()))
}

/// A string in quotes; its delimiters are plain text, and only a temporal text inside is more than a string.
fn quoted(tokens: &mut Tokens<'_>) -> Parsed {
    let mut content = String::new();
    while tokens.has_next() && !tokens.can_consume("\"") {
        content.push_str(tokens.next());
    }
    temporal::parse(&content).map_or_else(|| Parsed::text(&content), temporal_value)
}

/// `null`, `true` or `false`; at the top only when nothing follows.
fn literal(tokens: &mut Tokens<'_>, is_inside: bool) -> Option<Parsed> {
    for (word, value) in
        [("null", Value::Null), ("true", Value::Boolean(true)), ("false", Value::Boolean(false))]
    {
        let start = tokens.mark();
        if tokens.can_consume(word) && (is_inside || !tokens.has_next()) {
            let schema = (!value.is_null()).then(|| Arc::new(Schema::of(Type::Boolean)));
            return Some(Parsed { schema, value });
        }
        tokens.rewind_to(start);
    }
    None
}

fn list(tokens: &mut Tokens<'_>, depth: usize) -> Result<Parsed, ConnectError> {
    let mut items = Vec::new();
    let mut element = Common::default();
    while tokens.has_next() {
        if tokens.can_consume("]") {
            let element = element.schema();
            if let Some(element) = &element {
                items =
                    items.into_iter().map(|item| convert(element, None, item)).collect::<Result<_, _>>()?;
            }
            let schema = Schema { value_schema: element, ..Schema::of(Type::Array) };
            return Ok(Parsed::new(schema, Value::Array(items)));
        }
        if tokens.can_consume(",") {
            let text = tokens.text();
            return Err(ConnectError::data(format!("Unable to parse an empty array element: {text}")));
        }
        let item = parse(tokens, Some(depth))?;
        element.add(&item);
        items.push(item.value);
        let position = tokens.mark();
        if tokens.can_consume("]") {
            tokens.rewind_to(position);
        } else if !tokens.can_consume(",") {
            return Err(ConnectError::data("Array elements missing ',' delimiter"));
        }
    }
    Err(ConnectError::data(format!("Array is missing terminating ']': {}", tokens.text())))
}

fn map(tokens: &mut Tokens<'_>, depth: usize) -> Result<Parsed, ConnectError> {
    let mut entries: Vec<(Value, Value)> = Vec::new();
    let (mut keys, mut values) = (Common::default(), Common::default());
    while tokens.has_next() {
        if tokens.can_consume("}") {
            return finish_map(entries, &keys, &values);
        }
        if tokens.can_consume(",") {
            let text = tokens.text();
            return Err(ConnectError::data(format!(
                "Unable to parse a map entry with no key or value: {text}"
            )));
        }
        let key = parse(tokens, Some(depth))?;
        if key.value.is_null() {
            let text = tokens.text();
            return Err(ConnectError::data(format!("Map entry may not have a null key: {text}")));
        }
        if !tokens.can_consume(":") {
            let text = tokens.text();
            return Err(ConnectError::data(format!("Map entry is missing ':' in {text}")));
        }
        let value = parse(tokens, Some(depth))?;
        tokens.can_consume(",");
        keys.add(&key);
        values.add(&value);
        put(&mut entries, key.value, value.value);
    }
    Err(ConnectError::data(format!("Map is missing terminating '}}': {}", tokens.text())))
}

fn finish_map(entries: Vec<(Value, Value)>, keys: &Common, values: &Common) -> Result<Parsed, ConnectError> {
    let key_schema = keys.schema();
    // Without a common type of keys nothing is known of the values either.
    let value_schema = key_schema.as_ref().and_then(|_| values.schema());
    let mut aligned = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = match &key_schema {
            Some(schema) => convert(schema, None, key)?,
            None => key,
        };
        let value = match &value_schema {
            Some(schema) => convert(schema, None, value)?,
            None => value,
        };
        put(&mut aligned, key, value);
    }
    let schema = Schema { key_schema, value_schema, ..Schema::of(Type::Map) };
    Ok(Parsed::new(schema, Value::Map(Map { entries: aligned })))
}

fn put(entries: &mut Vec<(Value, Value)>, key: Value, value: Value) {
    match entries.iter_mut().find(|(other, _)| *other == key) {
        Some((_, place)) => *place = value,
        None => entries.push((key, value)),
    }
}

/// The schema that several values have in common: the same, or the widest number.
#[derive(Default)]
struct Common {
    schema: Option<SchemaRef>,
    is_mixed: bool,
}

impl Common {
    fn schema(&self) -> Option<SchemaRef> {
        self.schema.clone().filter(|_| !self.is_mixed)
    }

    fn add(&mut self, latest: &Parsed) {
        let Some(new) = &latest.schema else { return };
        let Some(known) = &self.schema else {
            self.schema = Some(Arc::clone(new));
            return;
        };
        match (number_width(known), number_width(new)) {
            _ if known.ty == new.ty => {
                if known.optional == new.optional {
                    self.schema = Some(Arc::clone(new));
                }
            }
            (Some(before), Some(now)) if now > before => self.schema = Some(Arc::clone(new)),
            (Some(_), Some(_)) => {}
            _ => self.is_mixed = true,
        }
    }
}

fn number_width(schema: &Schema) -> Option<u8> {
    Some(match schema.ty {
        Type::Int8 => 1,
        Type::Int16 => 2,
        Type::Int32 => 3,
        Type::Int64 => 4,
        Type::Float32 => 5,
        Type::Float64 => 6,
        _ => return None,
    })
}

fn temporal_or_number(tokens: &mut Tokens<'_>, token: &str) -> Option<Parsed> {
    let first = token.chars().next()?;
    if first.is_ascii_digit() {
        // A time's colons split it into five tokens.
        let position = tokens.mark();
        let rest = tokens.next_many(4);
        let long = rest.and_then(|rest| temporal::parse(&format!("{token}{rest}")));
        if let Some(found) = long {
            return Some(temporal_value(found));
        }
        tokens.rewind_to(position);
        if let Some(found) = temporal::parse(token) {
            return Some(temporal_value(found));
        }
    }
    if first.is_ascii_digit() || first == '+' || first == '-' {
        return decimal_of(token).map(|number| number_value(&number));
    }
    None
}

fn temporal_value((kind, millis): (Kind, i64)) -> Parsed {
    let schema = match kind {
        Kind::Date => logical::date(),
        Kind::Time => logical::time(),
        Kind::Timestamp => logical::timestamp(),
    };
    Parsed::new(schema, Value::Date(millis))
}

/// Returns the number of a text by the rules of `new BigDecimal(String)`.
pub(super) fn decimal_of(text: &str) -> Option<BigDecimal> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !is_digits(whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let exponent = match exponent {
        None => 0,
        Some(text) => {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            if digits.is_empty() || !is_digits(digits) {
                return None;
            }
            text.parse::<i64>().ok()?
        }
    };
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    i32::try_from(scale).ok()?;
    let sign = if text.starts_with('-') { "-" } else { "" };
    let unscaled = num_bigint::BigInt::from_str(&format!("{sign}{whole}{fraction}")).ok()?;
    Some(BigDecimal::new(unscaled, scale))
}

/// The smallest of the integers for a whole number, else `float`, else `double`, else the decimal itself.
fn number_value(number: &BigDecimal) -> Parsed {
    if let Some(integer) = exact_i64(number) {
        return match (i8::try_from(integer), i16::try_from(integer), i32::try_from(integer)) {
            (Ok(byte), ..) => Parsed::new(Schema::of(Type::Int8), Value::Int8(byte)),
            (_, Ok(short), _) => Parsed::new(Schema::of(Type::Int16), Value::Int16(short)),
            (.., Ok(int)) => Parsed::new(Schema::of(Type::Int32), Value::Int32(int)),
            _ => Parsed::new(Schema::of(Type::Int64), Value::Int64(integer)),
        };
    }
    let (_, scale) = number.as_bigint_and_exponent();
    let text = number.to_scientific_notation();
    if scale != 0 {
        let float = text.parse::<f32>().unwrap_or(f32::INFINITY);
        if float.is_finite() {
            return Parsed::new(Schema::of(Type::Float32), Value::Float32(float));
        }
        let double = text.parse::<f64>().unwrap_or(f64::INFINITY);
        if double.is_finite() {
            return Parsed::new(Schema::of(Type::Float64), Value::Float64(double));
        }
    }
    let scale = i32::try_from(scale).unwrap_or(0);
    Parsed::new(logical::decimal(scale), Value::Decimal(number.clone()))
}

fn exact_i64(number: &BigDecimal) -> Option<i64> {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    if unscaled.bits() == 0 {
        return Some(0);
    }
    let digits = i64::try_from(number.digits()).ok()?;
    // Far outside of 64 bits, or far below one: not worth the powers of ten.
    if digits - scale > 20 || digits - scale <= 0 {
        return None;
    }
    let whole = number.with_scale_round(0, RoundingMode::Down);
    (whole == *number).then(|| whole.to_i64()).flatten()
}

#[cfg(test)]
mod tests;
