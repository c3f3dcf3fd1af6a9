//! Text as instants, as leniently as Java reads it: fields may lie outside their ranges, and text after the last
//! field is not looked at.
//!
//! Weeks (`w`, `W`, `F`, `Y`) and days of the week (`E`, `u`) are read but do not choose the day.

use connect_core::data::logical::MILLIS_PER_DAY;

use crate::date_format::calendar;
use crate::date_format::names::{DAYS, ERAS, HALVES, MONTHS, ZONES};
use crate::date_format::{DateFormat, Item};

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    is_before_christ: bool,
    is_two_digit_year: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// Hour of the day; the field read last of this and `half_hour` counts.
    hour: Option<i64>,
    half_hour: Option<i64>,
    is_afternoon: bool,
    minute: i64,
    second: i64,
    milli: i64,
    offset_minutes: i64,
}

impl DateFormat {
    /// Returns the instant that the beginning of a text stands for; `None` when it does not match the pattern.
    pub(crate) fn parse(&self, text: &str) -> Option<i64> {
        let mut found = Found::default();
        let mut rest = text;
        for (index, item) in self.items.iter().enumerate() {
            rest = match item {
                Item::Text(expected) => rest.strip_prefix(expected.as_str())?,
                Item::Field(letter, count) => {
                    let is_abutting = self.items.get(index + 1).is_some_and(is_numeric);
                    found.read(rest, *letter, *count, is_abutting, self.century_start)?
                }
            };
        }
        let millis = found.instant(0)?;
        match found.is_two_digit_year && millis < self.century_start {
            true => found.instant(100),
            false => Some(millis),
        }
    }
}

/// Returns whether a field is written in digits, so that the one before it ends after its own number of digits.
fn is_numeric(item: &Item) -> bool {
    match item {
        Item::Field('M' | 'L', count) => *count <= 2,
        Item::Field(letter, _) => "yYdkHmsSDFwWhKu".contains(*letter),
        Item::Text(_) => false,
    }
}

impl Found {
    /// Reads one field; returns what follows it.
    fn read<'a>(
        &mut self,
        text: &'a str,
        letter: char,
        count: usize,
        is_abutting: bool,
        century_start: i64,
    ) -> Option<&'a str> {
        let text = text.trim_start_matches([' ', '\t']);
        if text.is_empty() {
            return None;
        }
        let by_name = |names: &[&str]| name(text, names);
        match letter {
            'G' => {
                let (index, rest) = by_name(&ERAS)?;
                self.is_before_christ = index == 0;
                return Some(rest);
            }
            'a' => {
                let (index, rest) = by_name(&HALVES)?;
                self.is_afternoon = index == 1;
                return Some(rest);
            }
            'E' => return by_name(&DAYS).map(|(_, rest)| rest),
            'M' | 'L' if count > 2 => {
                let (index, rest) = by_name(&MONTHS)?;
                self.month = i64::try_from(index + 1).ok();
                return Some(rest);
            }
            'z' | 'Z' | 'X' => {
                let (minutes, rest) = if letter == 'X' { iso_zone(text, count)? } else { zone(text)? };
                self.offset_minutes = minutes;
                return Some(rest);
            }
            _ => {}
        }
        let (number, rest) = number(text, is_abutting.then_some(count))?;
        let digits = text.len() - rest.len();
        match letter {
            'y' => self.set_year(number, count <= 2 && digits == 2 && !text.starts_with('-'), century_start),
            'M' | 'L' => self.month = Some(number),
            'd' => (self.day, self.day_of_year) = (Some(number), None),
            'D' => self.day_of_year = Some(number),
            'H' => (self.hour, self.half_hour) = (Some(number), None),
            'k' => (self.hour, self.half_hour) = (Some(if number == 24 { 0 } else { number }), None),
            'K' => (self.half_hour, self.hour) = (Some(number), None),
            'h' => (self.half_hour, self.hour) = (Some(if number == 12 { 0 } else { number }), None),
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.milli = number,
            _ => {}
        }
        Some(rest)
    }

    fn set_year(&mut self, number: i64, is_two_digit: bool, century_start: i64) {
        self.is_two_digit_year = false;
        self.year = Some(number);
        if is_two_digit {
            let start = calendar::date_of(calendar::split(century_start).0).year;
            let later = if number < start % 100 { 100 } else { 0 };
            self.is_two_digit_year = number == start % 100;
            self.year = Some(number + start / 100 * 100 + later);
        }
    }

    /// Returns the instant, `more_years` after the year read; `None` when it lies outside what 64 bits can hold.
    fn instant(&self, more_years: i64) -> Option<i64> {
        let year = match (self.year, self.is_before_christ) {
            (Some(year), true) => 1 - year,
            (Some(year), false) => year,
            (None, true) => 1 - 1970,
            (None, false) => 1970,
        } + more_years;
        let days = match (self.day_of_year, self.day) {
            (Some(day), _) => calendar::days_of(year, 1, 1) + day - 1,
            (None, day) => calendar::days_of(year, self.month.unwrap_or(1), day.unwrap_or(1)),
        };
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + if self.is_afternoon { 12 } else { 0 },
            (None, None) => {
                if self.is_afternoon {
                    12
                } else {
                    0
                }
            }
        };
        let minutes = hour * 60 + self.minute - self.offset_minutes;
        days.checked_mul(MILLIS_PER_DAY)?.checked_add((minutes * 60 + self.second) * 1000 + self.milli)
    }
}

/// Reads a number of Java's `int`, wrapping as `Number.intValue` does; not more than `digits` symbols if given.
fn number(text: &str, digits: Option<usize>) -> Option<(i64, &str)> {
    if digits.is_some_and(|digits| digits > text.len()) {
        return None;
    }
    let sign = usize::from(text.starts_with('-'));
    let count = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
    let end = (sign + count).min(digits.unwrap_or(usize::MAX));
    if end <= sign {
        return None;
    }
    // Past 64 bits Java's number is a double, whose `intValue` is the largest integer.
    #[expect(clippy::cast_possible_truncation, reason = "Number.intValue drops bits")]
    let number = match text[..end].parse::<i64>() {
        Ok(number) => number as i32,
        Err(_) if sign == 1 => i32::MIN,
        Err(_) => i32::MAX,
    };
    Some((i64::from(number), &text[end..]))
}

/// Finds the longest of the names, or of their first three letters, that a text begins with, in any case.
fn name<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let starts = |name: &str| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let longest = |cut: usize| {
        let mut found: Option<(usize, usize)> = None;
        for (index, name) in names.iter().enumerate() {
            let name = name.get(..cut).unwrap_or(name);
            if starts(name) && found.is_none_or(|(_, len)| name.len() > len) {
                found = Some((index, name.len()));
            }
        }
        found
    };
    let (index, len) = longest(usize::MAX).or_else(|| longest(3))?;
    Some((index, &text[len..]))
}

/// Reads a time zone for `z` and `Z`: `+hhmm`, `GMT+h:mm`, or a name.
fn zone(text: &str) -> Option<(i64, &str)> {
    if text.starts_with(['+', '-']) {
        return signed(text, |digits| hours_and_minutes(digits, false));
    }
    if let Some(head) = text.get(..3)
        && head.eq_ignore_ascii_case("GMT")
    {
        let rest = &text[3..];
        return match rest.starts_with(['+', '-']) {
            true => signed(rest, |digits| hours_and_minutes(digits, true)),
            false => Some((0, rest)),
        };
    }
    let known =
        |(name, _): &&(&str, i64)| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let (name, minutes) = ZONES.iter().filter(known).max_by_key(|(name, _)| name.len())?;
    Some((*minutes, &text[name.len()..]))
}

/// Reads a time zone for `X`: `Z`, `+hh`, `+hhmm` or `+hh:mm`, by the number of letters.
fn iso_zone(text: &str, count: usize) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    signed(text, |digits| {
        let hours = two_digits(digits)?;
        let rest = &digits[2..];
        let (minutes, rest) = match count {
            1 => (0, rest),
            2 => (two_digits(rest)?, &rest[2..]),
            _ => {
                let rest = rest.strip_prefix(':')?;
                (two_digits(rest)?, &rest[2..])
            }
        };
        in_day(hours, minutes).map(|minutes| (minutes, rest))
    })
}

fn signed<'a>(text: &'a str, read: impl FnOnce(&'a str) -> Option<(i64, &'a str)>) -> Option<(i64, &'a str)> {
    let (minutes, rest) = read(text.strip_prefix(['+', '-'])?)?;
    Some((if text.starts_with('-') { -minutes } else { minutes }, rest))
}

/// Reads `hhmm`, or with a colon `h:mm` and `hh:mm`.
fn hours_and_minutes(text: &str, has_colon: bool) -> Option<(i64, &str)> {
    if !has_colon {
        let (hours, minutes) = (two_digits(text)?, two_digits(&text[2..])?);
        return in_day(hours, minutes).map(|minutes| (minutes, &text[4..]));
    }
    let (hours, rest) = text.split_once(':')?;
    let hours = hours.parse().ok().filter(|_| (1..=2).contains(&hours.len()))?;
    in_day(hours, two_digits(rest)?).map(|minutes| (minutes, &rest[2..]))
}

fn in_day(hours: i64, minutes: i64) -> Option<i64> {
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn two_digits(text: &str) -> Option<i64> {
    let digits = text.get(..2)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
