//! What the herder is doing, for the texts of requests that time out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Something the herder does or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    description: String,
    began_ms: u64,
    completed_ms: Option<u64>,
}

impl Stage {
    fn beginning(description: String) -> Self {
        Self { description, began_ms: now_ms(), completed_ms: None }
    }

    /// Returns the sentence of Kafka Connect's `Stage.summarize`, final period included.
    pub fn summary(&self) -> String {
        let (what, began) = (&self.description, instant(self.began_ms));
        match self.completed_ms {
            None => format!("The worker is currently {what}, which began at {began}."),
            Some(completed) => format!(
                "The last operation the worker completed was {what}, which began at {began} and completed at {}.",
                instant(completed)
            ),
        }
    }
}

/// The current stage, shared between the herder, which writes it, and those who wait for the herder.
#[derive(Debug, Clone, Default)]
pub struct StageClock {
    stages: Arc<Mutex<Stages>>,
}

#[derive(Debug, Default)]
struct Stages {
    /// The last step that began.
    step: Option<Stage>,
    /// What goes on beside the steps, and is worth telling while no step is under way.
    lasting: Option<Stage>,
}

impl StageClock {
    /// Notes that something begins.
    pub fn begin(&self, description: impl Into<String>) {
        self.lock().step = Some(Stage::beginning(description.into()));
    }

    /// Notes that something begins that takes more than one step; it goes on from its first beginning.
    pub(crate) fn begin_lasting(&self, description: &str) {
        let mut stages = self.lock();
        stages.lasting.get_or_insert_with(|| Stage::beginning(description.to_owned()));
    }

    /// Notes that it is over.
    pub(crate) fn complete_lasting(&self) {
        self.lock().lasting = None;
    }

    /// Notes that the current stage is over.
    pub fn complete(&self) {
        if let Some(stage) = self.lock().step.as_mut() {
            stage.completed_ms = Some(now_ms());
        }
    }

    /// Returns the current or last stage.
    pub fn current(&self) -> Option<Stage> {
        let stages = self.lock();
        let running = stages.step.as_ref().filter(|step| step.completed_ms.is_none());
        running.or(stages.lasting.as_ref()).or(stages.step.as_ref()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Stages> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a time as `java.time.Instant` prints it: no fraction when it is zero.
fn instant(epoch_ms: u64) -> String {
    let (seconds, millis) = (epoch_ms / 1000, epoch_ms % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let fraction = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Returns the Gregorian date of a day since 1970: years begin in March, so that leap days come last.
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_as_in_java() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_735_689_599_005, "2024-12-31T23:59:59.005Z"),
        ];
        for (epoch_ms, text) in cases {
            assert_eq!(instant(epoch_ms), text);
        }
    }

    #[test]
    fn what_lasts_is_told_while_no_step_is_under_way() {
        let clock = StageClock::default();
        let told = || clock.current().map(|stage| stage.description);
        clock.begin_lasting("ensuring membership in the cluster");
        clock.begin("reading to the end of the config topic");
        assert_eq!(told().as_deref(), Some("reading to the end of the config topic"));
        clock.complete();
        assert_eq!(told().as_deref(), Some("ensuring membership in the cluster"));
        clock.complete_lasting();
        assert_eq!(told().as_deref(), Some("reading to the end of the config topic"));
    }

    #[test]
    fn summary_names_the_running_or_the_last_stage() {
        let running =
            Stage { description: "stopping connector c".to_owned(), began_ms: 0, completed_ms: None };
        assert_eq!(
            running.summary(),
            "The worker is currently stopping connector c, which began at 1970-01-01T00:00:00Z."
        );
        let over = Stage { completed_ms: Some(1000), ..running };
        assert_eq!(
            over.summary(),
            "The last operation the worker completed was stopping connector c, which began at \
             1970-01-01T00:00:00Z and completed at 1970-01-01T00:00:01Z."
        );
    }
}
