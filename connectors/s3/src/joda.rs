//! Joda-Time patterns, the language of `path.format`: compiled once, printed for every directory. The letters are
//! Joda's, not those of `java.time` or `strftime`: `YYYY` is the year of era, `xxxx` the ISO week year.

use std::fmt::Write;

use jiff::Zoned;
use jiff::civil::Weekday;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JodaPattern {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(String),
    Field { letter: char, width: usize },
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl JodaPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Returns what is wrong with the pattern.
    pub(crate) fn compile(pattern: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut literal = String::new();
        let mut rest = pattern.chars().peekable();
        while let Some(letter) = rest.next() {
            if letter == '\'' {
                quoted(&mut rest, &mut literal)?;
                continue;
            }
            if !letter.is_ascii_alphabetic() {
                literal.push(letter);
                continue;
            }
            let mut width = 1;
            while rest.next_if_eq(&letter).is_some() {
                width += 1;
            }
            if !"GCYxweEyDMdaKhHkmsSZ".contains(letter) {
                return Err(format!("pattern letter `{letter}` is not supported"));
            }
            if !literal.is_empty() {
                tokens.push(Token::Literal(std::mem::take(&mut literal)));
            }
            tokens.push(Token::Field { letter, width });
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal));
        }
        Ok(Self { tokens })
    }

    /// Returns whether the pattern prints words, which depend on the locale.
    pub(crate) fn has_words(&self) -> bool {
        self.tokens.iter().any(|token| match token {
            Token::Field { letter: 'E' | 'a' | 'G', .. } => true,
            Token::Field { letter: 'M', width } => *width >= 3,
            _ => false,
        })
    }

    /// Appends the time as the pattern prints it, with English words.
    pub(crate) fn print(&self, time: &Zoned, out: &mut String) {
        for token in &self.tokens {
            match token {
                Token::Literal(text) => out.push_str(text),
                Token::Field { letter, width } => print_field(*letter, *width, time, out),
            }
        }
    }
}

/// Reads up to the closing quote; two quotes in a row are one quote, inside and outside.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, literal: &mut String) -> Result<(), String> {
    if rest.next_if_eq(&'\'').is_some() {
        literal.push('\'');
        return Ok(());
    }
    loop {
        match rest.next() {
            Some('\'') if rest.next_if_eq(&'\'').is_some() => literal.push('\''),
            Some('\'') => return Ok(()),
            Some(letter) => literal.push(letter),
            None => return Err("a quote is not closed".to_owned()),
        }
    }
}

fn print_field(letter: char, width: usize, time: &Zoned, out: &mut String) {
    let hour = i64::from(time.hour());
    let year = i64::from(time.year());
    let year_of_era = if year > 0 { year } else { 1 - year };
    let number = match letter {
        'Y' | 'y' | 'x' => {
            let week_year = i64::from(time.date().iso_week_date().year());
            let year = [('Y', year_of_era), ('y', year), ('x', week_year)]
                .iter()
                .find_map(|(name, value)| (*name == letter).then_some(*value))
                .unwrap_or(year);
            if width == 2 { year.rem_euclid(100) } else { year }
        }
        'C' => year_of_era / 100,
        'w' => i64::from(time.date().iso_week_date().week()),
        'e' => i64::from(time.weekday().to_monday_one_offset()),
        'D' => i64::from(time.day_of_year()),
        'M' if width < 3 => i64::from(time.month()),
        'd' => i64::from(time.day()),
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'm' => i64::from(time.minute()),
        's' => i64::from(time.second()),
        _ => return print_text(letter, width, time, out),
    };
    write!(out, "{number:0width$}").expect("writing to a string");
}

fn print_text(letter: char, width: usize, time: &Zoned, out: &mut String) {
    match letter {
        'S' => {
            let digits = format!("{:09}", time.subsec_nanosecond());
            out.extend(digits.chars().chain(std::iter::repeat('0')).take(width));
        }
        'Z' if width >= 3 => out.push_str(time.time_zone().iana_name().unwrap_or("UTC")),
        'Z' => {
            let seconds = time.offset().seconds();
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.unsigned_abs() / 60;
            let colon = if width == 2 { ":" } else { "" };
            write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60).expect("writing to a string");
        }
        'a' => out.push_str(if time.hour() < 12 { "AM" } else { "PM" }),
        'G' => out.push_str(if time.year() > 0 { "AD" } else { "BC" }),
        'E' => out.push_str(word(WEEKDAYS[weekday_index(time.weekday())], width >= 4)),
        _ => {
            let month = usize::try_from(time.month() - 1).unwrap_or(0);
            out.push_str(word(MONTHS[month % 12], width >= 4));
        }
    }
}

fn weekday_index(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or(0) % 7
}

fn word(full: &'static str, is_full: bool) -> &'static str {
    if is_full { full } else { full.get(..3).unwrap_or(full) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(pattern: &str, time: &str) -> String {
        let mut out = String::new();
        let time: Zoned = time.parse().expect("a zoned time");
        JodaPattern::compile(pattern).expect("a valid pattern").print(&time, &mut out);
        out
    }

    #[test]
    fn letters_print_as_joda_prints_them() {
        let time = "2026-01-04T15:07:09.045[Europe/Paris]";
        let cases = [
            ("'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH", "year=2026/month=01/day=04/hour=15"),
            ("YY yy yyyyy y", "26 26 02026 2026"),
            ("xxxx 'W'ww e", "2026 W01 7"),
            ("D DDD", "4 004"),
            ("h hh K k kk a", "3 03 3 15 15 PM"),
            ("m:ss.S SSS SSSSSSSSSSS", "7:09.0 045 04500000000"),
            ("E EEEE MMM MMMM", "Sun Sunday Jan January"),
            ("Z ZZ ZZZ", "+0100 +01:00 Europe/Paris"),
            ("G C", "AD 20"),
            ("'it''s' ''yy''", "it's '26'"),
            ("dt='x'", ""),
        ];
        for (pattern, expected) in cases {
            if expected.is_empty() {
                assert!(JodaPattern::compile(pattern).is_err(), "{pattern}");
                continue;
            }
            assert_eq!(printed(pattern, time), expected, "{pattern}");
        }
    }

    #[test]
    fn midnight_and_noon_have_their_clock_hours() {
        assert_eq!(printed("h K k H", "2026-01-04T00:30[UTC]"), "12 0 24 0");
        assert_eq!(printed("h K k H", "2026-01-04T12:30[UTC]"), "12 0 12 12");
    }

    #[test]
    fn bad_patterns_are_refused() {
        assert!(JodaPattern::compile("YYYY'x").is_err());
        assert!(JodaPattern::compile("bbb").is_err());
        assert!(JodaPattern::compile("YYYY/MMM").expect("valid").has_words());
        assert!(!JodaPattern::compile("YYYY/MM").expect("valid").has_words());
    }
}
