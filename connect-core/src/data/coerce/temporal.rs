//! Dates, times and timestamps as `SimpleDateFormat` reads and writes them: leniently, in the default time zone.

use jiff::civil::{Date, Time};
use jiff::{Timestamp, ToSpan};

use crate::data::java_text::{self, CYCLE_MS, DEFAULT_ZONE};
use crate::data::logical::MILLIS_PER_DAY;

/// A kind of temporal text, known by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Date,
    Time,
    Timestamp,
}

/// Returns the kind and the instant of a text, with colons plain or escaped.
pub(super) fn parse(token: &str) -> Option<(Kind, i64)> {
    let token = token.replace("\\:", ":");
    let mut cursor = Cursor { bytes: token.as_bytes(), position: 0 };
    let (kind, date, time) = match token.encode_utf16().count() {
        10 => (Kind::Date, cursor.date()?, [0; 4]),
        13 => (Kind::Time, [1970, 1, 1], cursor.time()?),
        24 => {
            let date = cursor.date()?;
            cursor.literal(b'T')?;
            (Kind::Timestamp, date, cursor.time()?)
        }
        _ => return None,
    };
    instant(date, time).map(|millis| (kind, millis))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    /// Reads a number as a field that is followed by a literal: it has as many digits as there are, a sign allowed.
    fn number(&mut self) -> Option<i64> {
        while matches!(self.bytes.get(self.position), Some(b' ' | b'\t')) {
            self.position += 1;
        }
        let is_negative = self.bytes.get(self.position) == Some(&b'-');
        self.position += usize::from(is_negative);
        let digits = self.bytes[self.position..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.bytes.get(self.position..self.position + digits)?;
        self.position += digits;
        let number: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        let number = self.exponent(number)?;
        Some(if is_negative { -number } else { number })
    }

    /// Reads the exponent that the JVM's number format takes behind any number, and applies it.
    fn exponent(&mut self, number: i64) -> Option<i64> {
        let rest = self.bytes[self.position..].strip_prefix(b"E").unwrap_or_default();
        let is_negative = rest.first() == Some(&b'-');
        let digits = &rest[usize::from(is_negative)..];
        let digits = &digits[..digits.iter().take_while(|byte| byte.is_ascii_digit()).count()];
        if digits.is_empty() {
            return Some(number);
        }
        self.position += 1 + usize::from(is_negative) + digits.len();
        let power = 10i64.checked_pow(std::str::from_utf8(digits).ok()?.parse().ok()?)?;
        if is_negative { Some(number / power) } else { number.checked_mul(power) }
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        (self.bytes.get(self.position) == Some(&byte)).then(|| self.position += 1)
    }

    fn date(&mut self) -> Option<[i64; 3]> {
        let year = self.number()?;
        self.literal(b'-')?;
        let month = self.number()?;
        self.literal(b'-')?;
        Some([year, month, self.number()?])
    }

    fn time(&mut self) -> Option<[i64; 4]> {
        let hour = self.number()?;
        self.literal(b':')?;
        let minute = self.number()?;
        self.literal(b':')?;
        let second = self.number()?;
        self.literal(b'.')?;
        let millis = self.number()?;
        self.literal(b'Z')?;
        Some([hour, minute, second, millis])
    }
}

/// Fields beyond their range carry over into the next larger one.
fn instant([year, month, day]: [i64; 3], [hour, minute, second, millis]: [i64; 4]) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month.checked_sub(1)?)?;
    let (year, cycles) = in_range(months.div_euclid(12));
    let year = i16::try_from(year).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    let first = Date::new(year, month, 1).ok()?;
    let of_day = hour.checked_mul(3_600_000)?.checked_add(minute.checked_mul(60_000)?)?;
    let of_day = of_day.checked_add(second.checked_mul(1000)?)?.checked_add(millis)?;
    let days = day.checked_sub(1)?.checked_add(of_day.div_euclid(MILLIS_PER_DAY))?;
    let date = first.checked_add(days.try_days_span()?).ok()?;
    let of_day = of_day.rem_euclid(MILLIS_PER_DAY);
    let local = date.to_datetime(Time::midnight()).checked_add(of_day.milliseconds()).ok()?;
    let zoned = DEFAULT_ZONE.to_ambiguous_zoned(local).compatible().ok()?;
    zoned.timestamp().as_millisecond().checked_add(cycles.checked_mul(CYCLE_MS)?)
}

/// Returns a year that the calendar of this program reaches, and how many times 400 years were taken from it.
fn in_range(year: i64) -> (i64, i64) {
    if year < 9000 {
        return (year, 0);
    }
    (year.rem_euclid(400) + 8400, (year - 8400).div_euclid(400))
}

/// Days as a span, where a span can hold them.
trait TryDays {
    fn try_days_span(self) -> Option<jiff::Span>;
}

impl TryDays for i64 {
    fn try_days_span(self) -> Option<jiff::Span> {
        jiff::Span::new().try_days(self).ok()
    }
}

/// Returns the text of an instant: the time alone within the first day of the epoch and before it, the date alone
/// where the instant is a whole day, else both.
pub(super) fn format(millis: i64) -> String {
    let (near, years) = java_text::near(millis);
    let Ok(instant) = Timestamp::from_millisecond(near) else {
        return millis.to_string();
    };
    let zoned = instant.to_zoned(DEFAULT_ZONE.clone());
    if millis < MILLIS_PER_DAY {
        return zoned.strftime("%H:%M:%S.%3fZ").to_string();
    }
    let year = i64::from(zoned.year()) + years;
    let rest = if millis % MILLIS_PER_DAY == 0 { "-%m-%d" } else { "-%m-%dT%H:%M:%S.%3fZ" };
    format!("{year:04}{}", zoned.strftime(rest))
}
