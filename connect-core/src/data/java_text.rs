//! How Java prints values: numbers, maps, lists and structs, as `toString` does.
//!
//! Floating-point numbers have the shortest digits that read back to the same number, as JDK 19 and later print
//! them. Older JVMs print some numbers, mostly very large or very small ones, with other digits: `2e23` is
//! `1.9999999999999998E23` there.

use std::fmt::Write as _;
use std::sync::LazyLock;

use bigdecimal::BigDecimal;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::data::{Map, Struct, Value};

/// The time zone of this process, as the JVM's default time zone: `TZ`, else the system's, else UTC.
pub static DEFAULT_ZONE: LazyLock<TimeZone> = LazyLock::new(TimeZone::system);

/// Returns `Double.toString`.
pub fn float64(number: f64) -> String {
    let mut out = String::new();
    write_float64(&mut out, number);
    out
}

/// Appends `Double.toString`.
pub fn write_float64(out: &mut String, number: f64) {
    if write_special(out, number) {
        return;
    }
    let digits = format!("{number:e}");
    let two = || format!("{number:.1e}");
    let reads_back = |text: &str| text.parse::<f64>() == Ok(number);
    push_java_digits(out, &longest_of_one_digit(digits, two, reads_back));
}

/// Returns `Float.toString`.
pub fn float32(number: f32) -> String {
    let mut out = String::new();
    write_float32(&mut out, number);
    out
}

/// Appends `Float.toString`.
pub fn write_float32(out: &mut String, number: f32) {
    if write_special(out, f64::from(number)) {
        return;
    }
    let digits = format!("{number:e}");
    let two = || format!("{number:.1e}");
    let reads_back = |text: &str| text.parse::<f32>() == Ok(number);
    push_java_digits(out, &longest_of_one_digit(digits, two, reads_back));
}

fn write_special(out: &mut String, number: f64) -> bool {
    let text = match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ if number == 0.0 && number.is_sign_negative() => "-0.0",
        0.0 => "0.0",
        _ => return false,
    };
    out.push_str(text);
    true
}

/// Java prints at least two digits and, where one would do, the pair nearest to the number: `4.9E-324`.
fn longest_of_one_digit(
    digits: String,
    two: impl FnOnce() -> String,
    reads_back: impl FnOnce(&str) -> bool,
) -> String {
    if digits.contains('.') {
        return digits;
    }
    let two = two();
    if reads_back(&two) { two } else { digits }
}

/// Turns Rust's `d.ddde±x` into Java's layout: plain from 10^-3 up to 10^7, else one digit before the point.
fn push_java_digits(out: &mut String, text: &str) {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (head, tail) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let tail = tail.trim_end_matches('0');
    out.push_str(sign);
    if !(-3..7).contains(&exponent) {
        let tail = if tail.is_empty() { "0" } else { tail };
        let _infallible = write!(out, "{head}.{tail}E{exponent}");
        return;
    }
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.push_str(head);
        out.push_str(tail);
        return;
    }
    let whole = usize::try_from(exponent).unwrap_or(0);
    out.push_str(head);
    if tail.len() <= whole {
        out.push_str(tail);
        (tail.len()..whole).for_each(|_| out.push('0'));
        out.push_str(".0");
    } else {
        let (before, after) = tail.split_at(whole);
        let _infallible = write!(out, "{before}.{after}");
    }
}

/// Returns `BigDecimal.toString`: plain where the exponent is small, else scientific, with the scale kept.
pub fn decimal(number: &BigDecimal) -> String {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    let text = unscaled.to_string();
    if scale == 0 {
        return text;
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let count = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let adjusted = count - 1 - scale;
    if scale > 0 && adjusted >= -6 {
        let point = count - scale;
        if point > 0 {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            return format!("{sign}{whole}.{fraction}");
        }
        let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    }
    let (head, tail) = digits.split_at(1);
    let point = if tail.is_empty() { "" } else { "." };
    let exponent = if adjusted == 0 { String::new() } else { format!("E{adjusted:+}") };
    format!("{sign}{head}{point}{tail}{exponent}")
}

/// Returns `BigDecimal.toPlainString`.
pub fn decimal_plain(number: &BigDecimal) -> String {
    let (unscaled, scale) = number.as_bigint_and_exponent();
    let text = unscaled.to_string();
    if scale <= 0 {
        if text == "0" {
            return text;
        }
        return text + &"0".repeat(usize::try_from(-scale).unwrap_or(0));
    }
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let scale = usize::try_from(scale).unwrap_or(0);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Returns `java.util.Date.toString` in the default time zone: `Thu Jan 01 00:00:00 UTC 1970`.
pub fn date(millis: i64) -> String {
    let (near, years) = near(millis);
    match Timestamp::from_millisecond(near) {
        Ok(instant) => {
            let zoned = instant.to_zoned(DEFAULT_ZONE.clone());
            let year = i64::from(zoned.year()) + years;
            format!("{} {year:04}", zoned.strftime("%a %b %d %H:%M:%S %Z"))
        }
        // Before the year -9999, which the JVM alone can name.
        Err(_) => format!("{millis} ms"),
    }
}

/// Milliseconds of the 400 years after which the calendar repeats itself.
pub(crate) const CYCLE_MS: i64 = 146_097 * 86_400_000;

/// Returns an instant within the years that the calendar here reaches, and how many years it was taken back: whole
/// cycles, after which months, days and weekdays are the same.
pub(crate) fn near(millis: i64) -> (i64, i64) {
    /// In the year 7990.
    const NEAR_MS: i64 = 190_000_000_000_000;
    let cycles = (millis.saturating_sub(NEAR_MS) / CYCLE_MS).max(0);
    (millis - cycles * CYCLE_MS, cycles * 400)
}

/// Returns `toString` of a value; null is `null`.
///
/// A byte array prints its identity in Java, which no other process can know: here a hash of the content stands in.
pub fn to_text(value: &Value) -> String {
    let mut out = String::new();
    write_text(&mut out, value);
    out
}

/// Appends `toString` of a value.
pub fn write_text(out: &mut String, value: &Value) {
    let _infallible = match value {
        Value::Null => out.write_str("null"),
        Value::Boolean(flag) => write!(out, "{flag}"),
        Value::Int8(number) => write!(out, "{number}"),
        Value::Int16(number) => write!(out, "{number}"),
        Value::Int32(number) => write!(out, "{number}"),
        Value::Int64(number) => write!(out, "{number}"),
        Value::Float32(number) => return write_float32(out, *number),
        Value::Float64(number) => return write_float64(out, *number),
        Value::String(text) => out.write_str(text),
        Value::Bytes(bytes) => write!(out, "[B@{:x}", content_hash(bytes)),
        Value::Array(items) => return write_list(out, items),
        Value::Map(map) => return write_map(out, map),
        Value::Struct(structure) => return write_struct(out, structure),
        Value::Decimal(number) => out.write_str(&decimal(number)),
        Value::Date(millis) => out.write_str(&date(*millis)),
    };
}

fn write_list(out: &mut String, items: &[Value]) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_text(out, item);
    }
    out.push(']');
}

fn write_map(out: &mut String, map: &Map) {
    out.push('{');
    for (index, (key, value)) in map.entries.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        write_text(out, key);
        out.push('=');
        write_text(out, value);
    }
    out.push('}');
}

fn write_struct(out: &mut String, structure: &Struct) {
    out.push_str("Struct{");
    let mut separator = "";
    for (field, value) in structure.schema().fields.iter().zip(structure.values()) {
        if value.is_null() {
            continue;
        }
        out.push_str(separator);
        out.push_str(&field.name);
        out.push('=');
        write_text(out, value);
        separator = ",";
    }
    out.push('}');
}

fn content_hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(1u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;
    use std::sync::Arc;

    use super::*;
    use crate::data::{SchemaBuilder, Type};

    #[test]
    fn doubles_print_as_java() {
        let table = [
            (1.0, "1.0"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (1e-3, "0.001"),
            (1e-5, "1.0E-5"),
            (123_456.789, "123456.789"),
            (1.25e300, "1.25E300"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (2e23, "2.0E23"),
            (-0.0, "-0.0"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (number, text) in table {
            assert_eq!(float64(number), text);
        }
    }

    #[test]
    fn floats_print_as_java() {
        let table = [(f32::MAX, "3.4028235E38"), (1.1, "1.1"), (1e10, "1.0E10"), (1e-45, "1.4E-45")];
        for (number, text) in table {
            assert_eq!(float32(number), text);
        }
    }

    #[test]
    fn decimals_keep_their_scale() {
        for text in
            ["1.20", "1E+2", "0", "0.00", "-1.28", "0.0000012", "1.2E-8", "1.0E+3", "123456789012345678"]
        {
            assert_eq!(decimal(&BigDecimal::from_str(text).unwrap()), text);
        }
        assert_eq!(decimal_plain(&BigDecimal::from_str("1E+2").unwrap()), "100");
        assert_eq!(decimal_plain(&BigDecimal::from_str("-1.2E-3").unwrap()), "-0.0012");
    }

    #[test]
    fn containers_print_as_java() {
        let schema = SchemaBuilder::structure()
            .field("a", crate::data::Schema::of(Type::Int32))
            .field("n", crate::data::Schema::optional(Type::Int32))
            .field("b", crate::data::Schema::of(Type::String))
            .build()
            .unwrap();
        let mut structure = Struct::new(Arc::clone(&schema));
        structure.put("a", Value::Int32(1)).unwrap();
        structure.put("b", Value::string("x")).unwrap();
        let map = Map {
            entries: vec![
                (Value::string("k"), Value::string("v")),
                (Value::string("z"), Value::Array(vec![Value::Int64(1), Value::Null])),
                (Value::string("s"), Value::Struct(Box::new(structure))),
            ],
        };
        assert_eq!(to_text(&Value::Map(map)), "{k=v, z=[1, null], s=Struct{a=1,b=x}}");
    }
}
