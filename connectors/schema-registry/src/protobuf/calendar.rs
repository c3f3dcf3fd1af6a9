//! Dates as `GregorianCalendar` counts them, which Confluent's converter uses: Julian until 4 October 1582,
//! Gregorian from 15 October 1582, the day after.

/// The first day of the Gregorian calendar, in days since 1 January 1970.
const FIRST_GREGORIAN: i64 = -141_427;
/// Days from 1 March of the year 0 until 1970, by either calendar.
const GREGORIAN_SHIFT: i64 = 719_468;
const JULIAN_SHIFT: i64 = 719_470;

/// Returns year, month and day of a number of days since the epoch; `None` before the year 1.
pub(super) fn date_of(days: i64) -> Option<(i64, i64, i64)> {
    // Years begin in March, so that the leap day is the last.
    let (march_year, of_year) = if days >= FIRST_GREGORIAN {
        let days = days + GREGORIAN_SHIFT;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        (era * 400 + year, of_era - (365 * year + year / 4 - year / 100))
    } else {
        let days = days.checked_add(JULIAN_SHIFT)?;
        let (era, of_era) = (days.div_euclid(1461), days.rem_euclid(1461));
        let year = (of_era - of_era / 1460) / 365;
        (era * 4 + year, of_era - 365 * year)
    };
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = march_year + i64::from(month <= 2);
    (year >= 1).then_some((year, month, day))
}

/// Returns the days since the epoch of a date, `None` for one that does not exist.
pub(super) fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let in_range = (1..=i64::from(i32::MAX)).contains(&year) && (1..=12).contains(&month);
    if !in_range || !(1..=31).contains(&day) {
        return None;
    }
    let (march_year, march_month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = if (year, month, day) >= (1582, 10, 15) {
        march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + of_year - GREGORIAN_SHIFT
    } else {
        march_year * 365 + march_year / 4 + of_year - JULIAN_SHIFT
    };
    // What does not come back is no date: 30 February, or a day that the change of calendars left out.
    (date_of(days) == Some((year, month, day))).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back_and_those_that_do_not_exist_are_refused() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (-141_427, (1582, 10, 15)),
            (-141_428, (1582, 10, 4)),
            (-719_162, (1, 1, 3)),
            (2_932_896, (9999, 12, 31)),
        ] {
            assert_eq!((date_of(days), days_of(date.0, date.1, date.2)), (Some(date), Some(days)));
        }
        for (year, month, day) in
            [(1582, 10, 10), (2001, 2, 29), (1900, 2, 29), (0, 1, 1), (1, 13, 1), (1, 1, 0), (1, 4, 31)]
        {
            assert_eq!(days_of(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_of(1500, 2, 29), Some(-171_596), "the Julian calendar has it");
        assert_eq!(date_of(i64::MIN), None);
    }
}
