//! The calendar of `java.util.GregorianCalendar`: Julian before 15 October 1582, Gregorian from then on.

use connect_core::data::logical::MILLIS_PER_DAY;

/// 15 October 1582 in days since the epoch.
const CUTOVER: i64 = -141_427;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    /// Year; 0 is 1 BC.
    pub(super) year: i64,
    /// Month from 1.
    pub(super) month: i64,
    /// Day of the month from 1.
    pub(super) day: i64,
}

/// Splits an instant into days and milliseconds of the day.
pub(super) fn split(millis: i64) -> (i64, i64) {
    (millis.div_euclid(MILLIS_PER_DAY), millis.rem_euclid(MILLIS_PER_DAY))
}

/// Returns the date of a day since the epoch.
pub(super) fn date_of(days: i64) -> Date {
    // Both calendars count in years that begin in March, so that the leap day is the last one.
    let from_march = |year: i64, day_of_year: i64| {
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Date { year: year + i64::from(month <= 2), month, day }
    };
    if days < CUTOVER {
        let shifted = days + 719_470;
        let cycle = shifted.div_euclid(1461);
        let day = shifted.rem_euclid(1461);
        let year = (day - day / 1460) / 365;
        return from_march(cycle * 4 + year, day - 365 * year);
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    from_march(era * 400 + year, day - (365 * year + year / 4 - year / 100))
}

/// Returns the day since the epoch of a date; month and day may lie outside their ranges.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let (march_year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_month = (153 * march_month + 2) / 5 + 365 * march_year + march_year.div_euclid(4);
    let gregorian =
        before_month - march_year.div_euclid(100) + march_year.div_euclid(400) - 719_468 + day - 1;
    if gregorian >= CUTOVER { gregorian } else { before_month - 719_470 + day - 1 }
}

/// Returns the day of the week, 0 for Monday.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// Adds years to an instant.
pub(super) fn add_years(millis: i64, years: i64) -> i64 {
    let (days, rest) = split(millis);
    let date = date_of(days);
    days_of(date.year + years, date.month, date.day) * MILLIS_PER_DAY + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_agree_on_both_sides_of_the_cutover() {
        assert_eq!(date_of(CUTOVER), Date { year: 1582, month: 10, day: 15 });
        assert_eq!(date_of(CUTOVER - 1), Date { year: 1582, month: 10, day: 4 });
        for days in (-800_000..800_000).step_by(31) {
            let date = date_of(days);
            assert_eq!(days_of(date.year, date.month, date.day), days, "{date:?}");
        }
    }
}
