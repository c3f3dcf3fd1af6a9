//! JSON numbers: their text, and the values Jackson's number nodes give for it.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;

/// A number as written: digits with an optional minus sign, fraction and exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    text: &'a str,
    is_real: bool,
}

impl<'a> Number<'a> {
    /// Returns a number from text that follows JSON's grammar, leading zeros allowed.
    pub(super) fn new(text: &'a str, is_real: bool) -> Self {
        Self { text, is_real }
    }

    /// Returns whether the number has neither fraction nor exponent.
    pub fn is_integral(self) -> bool {
        !self.is_real
    }

    /// Returns whether the number is integral and fits 32 bits.
    pub fn is_int(self) -> bool {
        !self.is_real && self.text.parse::<i128>().is_ok_and(|number| i32::try_from(number).is_ok())
    }

    /// Returns the number as 64 bits: integers wrap, reals are cut towards zero and wrap, as `longValue` does.
    #[expect(clippy::cast_possible_truncation, reason = "narrowing drops bits, as Java's `longValue` does")]
    pub fn as_i64(self) -> i64 {
        if let Ok(number) = self.text.parse::<i64>() {
            return number;
        }
        let integer = match self.text.parse::<i128>() {
            Ok(number) => return number as i64,
            Err(_) if !self.is_real => BigInt::from_str(self.text).unwrap_or_default(),
            // Jackson's decimal node narrows its `BigDecimal`; more than a few hundred digits are all zero bits.
            Err(_) => {
                let decimal = self.as_decimal();
                let (_, scale) = decimal.as_bigint_and_exponent();
                let whole_digits = i64::try_from(decimal.digits()).unwrap_or(i64::MAX) - scale;
                if whole_digits <= 0 || scale < -400 {
                    return 0;
                }
                decimal.with_scale_round(0, bigdecimal::RoundingMode::Down).as_bigint_and_exponent().0
            }
        };
        let low = integer.iter_u64_digits().next().unwrap_or(0).cast_signed();
        if integer.sign() == num_bigint::Sign::Minus { low.wrapping_neg() } else { low }
    }

    /// Returns the number as `double`; beyond its range it is infinite.
    pub fn as_f64(self) -> f64 {
        let number = self.text.parse::<f64>().unwrap_or(f64::NAN);
        // Jackson goes through `BigDecimal` and `BigInteger`, which have no negative zero. A number that is only
        // too small keeps its sign.
        let is_zero = || {
            let mantissa = self.text.split(['e', 'E']).next().unwrap_or("");
            mantissa.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0'))
        };
        if number == 0.0 && is_zero() { 0.0 } else { number }
    }

    /// Returns the number as `float`.
    pub fn as_f32(self) -> f32 {
        let number = self.text.parse::<f32>().unwrap_or(f32::NAN);
        if number == 0.0 && self.as_f64() == 0.0 && self.as_f64().is_sign_positive() { 0.0 } else { number }
    }

    /// Returns the number as a decimal with the scale it was written with.
    pub fn as_decimal(self) -> BigDecimal {
        BigDecimal::from_str(self.text).unwrap_or_default()
    }

    /// Returns the digits as written.
    pub fn text(self) -> &'a str {
        self.text
    }
}
