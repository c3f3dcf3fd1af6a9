//! Time zones as `timezone` names them, and the two questions asked of local time: which stretch of time a record
//! belongs to, and when the wall clock closes files next.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};

/// Parses a time zone: an id such as `Europe/Paris` or `UTC`, or an offset `±hh:mm`.
///
/// # Errors
/// Returns what is wrong, without key and value.
pub(crate) fn parse_zone(text: &str) -> Result<TimeZone, String> {
    let text = text.trim();
    if matches!(text, "UTC" | "Z" | "GMT" | "UT") {
        return Ok(TimeZone::UTC);
    }
    if text.starts_with(['+', '-']) {
        return parse_offset(text)
            .map(TimeZone::fixed)
            .ok_or_else(|| "the offset must be `±hh:mm`".to_owned());
    }
    TimeZone::get(text).map_err(|_| "no time zone of this id is known".to_owned())
}

fn parse_offset(text: &str) -> Option<Offset> {
    let is_negative = text.starts_with('-');
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let hours: i32 = hours.parse().ok().filter(|hours| (0..=23).contains(hours))?;
    let minutes: i32 = minutes.parse().ok().filter(|minutes| (0..=59).contains(minutes))?;
    let seconds = hours * 3600 + minutes * 60;
    Offset::from_seconds(if is_negative { -seconds } else { seconds }).ok()
}

/// Returns the time in its zone; times outside the calendar's range stand at its end.
pub(crate) fn zoned(time_ms: i64, zone: &TimeZone) -> Zoned {
    let limit = if time_ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(time_ms).unwrap_or(limit).to_zoned(zone.clone())
}

/// Returns the start of the stretch of `duration_ms` a time belongs to, counted in local time from the epoch
/// (`TimeBasedPartitioner.getPartition`).
pub(crate) fn floor_ms(time_ms: i64, duration_ms: i64, zone: &TimeZone) -> i64 {
    let offset_ms = i64::from(zoned(time_ms, zone).offset().seconds()) * 1000;
    let local_ms = time_ms.saturating_add(offset_ms);
    let floor = local_ms / duration_ms * duration_ms;
    let civil = zoned(floor, &TimeZone::UTC).datetime();
    let instant = zone.to_ambiguous_timestamp(civil).compatible();
    instant.map_or(floor - offset_ms, Timestamp::as_millisecond)
}

/// Returns when the wall clock closes files next: the next multiple of the interval since local midnight, at most
/// the next midnight (`DateTimeUtils.getNextTimeAdjustedByDay`).
pub(crate) fn next_scheduled_ms(now_ms: i64, interval_ms: i64, zone: &TimeZone) -> i64 {
    let fallback = now_ms.saturating_add(interval_ms);
    let Ok(midnight) = zoned(now_ms, zone).start_of_day() else {
        return fallback;
    };
    let next_midnight = midnight.checked_add(1.day()).and_then(|next| next.start_of_day());
    let start = midnight.timestamp().as_millisecond();
    let next = start.saturating_add(((now_ms - start) / interval_ms + 1).saturating_mul(interval_ms));
    next_midnight.map_or(next, |end| next.min(end.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: &str) -> i64 {
        time.parse::<Timestamp>().expect("an instant").as_millisecond()
    }

    #[test]
    fn zones_are_ids_or_offsets() {
        for text in ["UTC", "Europe/Paris", "America/New_York", "+05:30", "-08:00"] {
            assert!(parse_zone(text).is_ok(), "{text}");
        }
        for text in ["", "Mars/Olympus", "+5", "+25:00", "05:30"] {
            assert!(parse_zone(text).is_err(), "{text}");
        }
    }

    #[test]
    fn floor_counts_in_local_time() {
        let hour = 3_600_000;
        let kolkata = parse_zone("+05:30").expect("valid");
        assert_eq!(floor_ms(ms("2026-03-01T10:10:00Z"), hour, &kolkata), ms("2026-03-01T09:30:00Z"));
        let paris = parse_zone("Europe/Paris").expect("valid");
        assert_eq!(floor_ms(ms("2026-07-01T21:59:00Z"), 24 * hour, &paris), ms("2026-06-30T22:00:00Z"));
        // 03:30 local, after the clocks went from 02:00 to 03:00; two-hour stretches begin at 02:00, which is 03:00.
        assert_eq!(floor_ms(ms("2026-03-29T01:30:00Z"), 2 * hour, &paris), ms("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn schedule_counts_from_midnight_and_stops_at_the_next() {
        let quarter = 900_000;
        let utc = TimeZone::UTC;
        assert_eq!(next_scheduled_ms(ms("2026-03-01T10:07:00Z"), quarter, &utc), ms("2026-03-01T10:15:00Z"));
        assert_eq!(next_scheduled_ms(ms("2026-03-01T10:15:00Z"), quarter, &utc), ms("2026-03-01T10:30:00Z"));
        let seven_hours = 7 * 3_600_000;
        assert_eq!(
            next_scheduled_ms(ms("2026-03-01T23:00:00Z"), seven_hours, &utc),
            ms("2026-03-02T00:00:00Z")
        );
        let paris = parse_zone("Europe/Paris").expect("valid");
        assert_eq!(
            next_scheduled_ms(ms("2026-03-01T22:50:00Z"), quarter, &paris),
            ms("2026-03-01T23:00:00Z")
        );
    }
}
