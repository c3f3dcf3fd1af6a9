//! The reader's numbers.

use crate::data::json::reader::{Reader, Result};
use crate::data::json::{JsonError, Node, Number};

/// How many bytes a number may have.
const MAX_NUMBER_LEN: usize = 1000;

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Result<Node<'a>> {
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
    if exponent > i64::from(i32::MAX) {
        return refuse("Exponent overflow.");
    }
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = i64::try_from(fraction).unwrap_or(i64::MAX) - exponent;
    if i32::try_from(scale).is_err() {
        return refuse("Scale out of range.");
    }
    Ok(())
}
