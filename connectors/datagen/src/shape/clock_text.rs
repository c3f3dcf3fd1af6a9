//! Times as text, formatted once a second.

use connect_core::ByteString;
use jiff::Timestamp;

/// Prints times as `2025-01-01T12:00:00Z` and remembers the last one.
#[derive(Debug, Default)]
pub(crate) struct ClockText {
    second: i64,
    text: Option<ByteString>,
}

impl ClockText {
    /// Returns the text of a time in milliseconds since the epoch.
    pub(crate) fn text(&mut self, time_ms: i64) -> ByteString {
        let second = time_ms.div_euclid(1_000);
        match &self.text {
            Some(text) if self.second == second => text.clone(),
            _ => {
                // Beyond the years that have four digits the clock stands still.
                let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
                let text = ByteString::from(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
                (self.second, self.text) = (second, Some(text.clone()));
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_to_the_second() {
        let mut clock = ClockText::default();
        for (time_ms, expected) in [
            (1_735_732_800_000, "2025-01-01T12:00:00Z"),
            (1_735_732_800_999, "2025-01-01T12:00:00Z"),
            (1_735_732_801_000, "2025-01-01T12:00:01Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(clock.text(time_ms), expected);
        }
    }
}
