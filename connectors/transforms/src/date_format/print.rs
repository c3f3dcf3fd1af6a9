//! Instants as text.

use std::fmt::Write as _;

use crate::date_format::calendar::{self, Date};
use crate::date_format::names::{DAYS, ERAS, HALVES, MONTHS};
use crate::date_format::{DateFormat, Item};

/// An instant taken apart.
struct Fields {
    date: Date,
    days: i64,
    millis_of_day: i64,
}

impl DateFormat {
    /// Returns the text of an instant.
    pub(crate) fn print(&self, millis: i64) -> String {
        let (days, millis_of_day) = calendar::split(millis);
        let fields = Fields { date: calendar::date_of(days), days, millis_of_day };
        let mut out = String::new();
        for item in &self.items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Field(letter, count) => fields.push(&mut out, *letter, *count),
            }
        }
        out
    }
}

impl Fields {
    fn push(&self, out: &mut String, letter: char, count: usize) {
        let Date { year, month, day } = self.date;
        let hour = self.millis_of_day / 3_600_000;
        let number = match letter {
            'G' => return out.push_str(if year > 0 { ERAS[1] } else { ERAS[0] }),
            'y' => return push_year(out, if year > 0 { year } else { 1 - year }, count),
            'Y' => return push_year(out, self.week().0, count),
            'M' | 'L' if count > 2 => return push_name(out, &MONTHS, month - 1, count),
            'E' => return push_name(out, &DAYS, calendar::weekday(self.days), count),
            'a' => return out.push_str(HALVES[usize::from(hour >= 12)]),
            'z' if count >= 4 => return out.push_str("Coordinated Universal Time"),
            'z' => return out.push_str("UTC"),
            'Z' => return out.push_str("+0000"),
            'X' => return out.push('Z'),
            'M' | 'L' => month,
            'd' => day,
            'H' => hour,
            'k' => (hour + 23) % 24 + 1,
            'K' => hour % 12,
            'h' => (hour + 11) % 12 + 1,
            'm' => self.millis_of_day / 60_000 % 60,
            's' => self.millis_of_day / 1000 % 60,
            'S' => self.millis_of_day % 1000,
            'D' => self.day_of_year(),
            'F' => (day - 1) / 7 + 1,
            'w' => self.week().1,
            'W' => self.week_of_month(),
            _ => calendar::weekday(self.days) + 1,
        };
        push_number(out, number, count);
    }

    fn day_of_year(&self) -> i64 {
        self.days - calendar::days_of(self.date.year, 1, 1) + 1
    }

    /// Weeks begin on Sunday, and the first one of a year or month is the one that holds its first day.
    fn week(&self) -> (i64, i64) {
        let year = self.date.year;
        let next = calendar::days_of(year + 1, 1, 1);
        if self.days >= next - sundays(next) {
            return (year + 1, 1);
        }
        let first = calendar::days_of(year, 1, 1);
        (year, (self.days - (first - sundays(first))) / 7 + 1)
    }

    fn week_of_month(&self) -> i64 {
        let first = self.days - self.date.day + 1;
        (self.days - (first - sundays(first))) / 7 + 1
    }
}

/// Returns the days since Sunday.
fn sundays(days: i64) -> i64 {
    (calendar::weekday(days) + 1) % 7
}

fn push_year(out: &mut String, year: i64, count: usize) {
    match count {
        2 => push_number(out, year.rem_euclid(100), 2),
        _ => push_number(out, year, count),
    }
}

fn push_name(out: &mut String, names: &[&str], index: i64, count: usize) {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default();
    out.push_str(if count >= 4 { name } else { &name[..3] });
}

fn push_number(out: &mut String, number: i64, width: usize) {
    let _infallible = write!(out, "{number:0width$}");
}
