//! Says that the coordinator cannot be reached, and that it can be again, without filling the log.

use std::time::Duration;

use tokio::time::Instant;

use crate::membership::error::GroupError;

/// Least time between two lines about the same outage.
const QUIET: Duration = Duration::from_secs(5);

/// The outage of one line of requests, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Outage {
    /// Notes a failed attempt. Returns whether it should be logged, with how long the outage has lasted.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Duration> {
        let since = *self.since.get_or_insert(now);
        if self.told.is_some_and(|told| now.duration_since(told) < QUIET) {
            return None;
        }
        self.told = Some(now);
        Some(now.duration_since(since))
    }

    /// Notes a success. Returns how long the outage lasted, if there was one.
    pub(crate) fn recovered(&mut self, now: Instant) -> Option<Duration> {
        self.told = None;
        self.since.take().map(|since| now.duration_since(since))
    }

    /// Logs a failed attempt, but not each of many.
    pub(crate) fn log_failed(&mut self, group: &str, error: &GroupError) {
        if let Some(lasted) = self.failed(Instant::now()) {
            let seconds = lasted.as_secs();
            tracing::warn!(group, seconds, %error, "the group coordinator does not serve; trying again");
        }
    }

    /// Logs the end of an outage.
    pub(crate) fn log_recovered(&mut self, group: &str) {
        if let Some(lasted) = self.recovered(Instant::now()) {
            tracing::info!(
                group,
                milliseconds = lasted.as_millis(),
                "the group coordinator is reachable again"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_is_told_at_its_start_then_every_five_seconds_and_once_at_its_end() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut outage = Outage::default();
        let told: Vec<u64> =
            (0..120).map(|step| step * 100).filter(|millis| outage.failed(at(*millis)).is_some()).collect();
        assert_eq!(told, [0, 5000, 10_000]);
        assert_eq!(outage.recovered(at(12_000)), Some(Duration::from_secs(12)));
        assert_eq!(outage.recovered(at(12_001)), None);
    }
}
