//! How much one run may do: from the command line, or from a connector's own keys. The keys are read here and not by
//! the herder: a worker that runs for ever names them as unknown.

use std::time::Duration;

use crate::config::ConnectorFile;

const ONCE: &str = "sluice.once";
const MAX_BATCHES: &str = "sluice.once.max.batches";
const MAX_RECORDS: &str = "sluice.once.max.records";
const MAX_SECONDS: &str = "sluice.once.max.seconds";

/// Bounds of one run, for each connector. A batch is as many records as `max.poll.records` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnceLimits {
    /// Most batches.
    pub max_batches: Option<u64>,
    /// Most records.
    pub max_records: Option<u64>,
    /// Longest time.
    pub max_time: Option<Duration>,
}

impl OnceLimits {
    /// Takes the keys of a run out of a connector's configuration and returns the limits that hold for it: its own
    /// where it has some.
    ///
    /// # Errors
    /// Names the key whose value is no number.
    pub(super) fn of_connector(self, file: &mut ConnectorFile) -> anyhow::Result<Self> {
        let mut number = |key: &str| -> anyhow::Result<Option<u64>> {
            let Some(text) = file.config.shift_remove(key).flatten() else { return Ok(None) };
            match text.trim().parse() {
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => anyhow::bail!(
                    "Invalid value {text} for configuration {key}: a number of at least 1 is needed"
                ),
            }
        };
        let limits = Self {
            max_batches: number(MAX_BATCHES)?.or(self.max_batches),
            max_records: number(MAX_RECORDS)?.or(self.max_records),
            max_time: number(MAX_SECONDS)?.map(Duration::from_secs).or(self.max_time),
        };
        file.config.shift_remove(ONCE);
        Ok(limits)
    }

    /// Returns the most records of a run whose batches hold `batch_records`.
    pub(super) fn records(self, batch_records: u64) -> Option<u64> {
        let of_batches = self.max_batches.map(|batches| batches.saturating_mul(batch_records));
        of_batches.into_iter().chain(self.max_records).min()
    }
}

/// Returns whether connectors ask by `sluice.once` for a run that ends by itself.
///
/// # Errors
/// Fails when only some of them do: the worker could neither end nor go on.
pub(crate) fn wants_once(connectors: &[ConnectorFile]) -> anyhow::Result<bool> {
    let wants = |file: &&ConnectorFile| {
        let value = file.config.get(ONCE).and_then(Option::as_deref).unwrap_or_default();
        value.trim().eq_ignore_ascii_case("true")
    };
    let (once, ever): (Vec<_>, Vec<_>) = connectors.iter().partition(wants);
    match (once.first(), ever.first()) {
        (Some(once), Some(ever)) => anyhow::bail!(
            "`{ONCE}` is true for connector `{}` and not for `{}`: start them by workers of their own, or all with `--once`",
            once.name,
            ever.name
        ),
        (Some(_), None) => Ok(true),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(pairs: &[(&str, &str)]) -> ConnectorFile {
        let config = pairs.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())));
        ConnectorFile {
            path: PathBuf::from("c.properties"),
            name: "c".to_owned(),
            config: config.collect(),
            initial_state: None,
        }
    }

    #[test]
    fn keys_of_a_connector_come_before_the_command_line_and_are_taken_out() {
        let given = OnceLimits { max_batches: Some(1), max_records: Some(9), max_time: None };
        let mut file =
            file(&[("sluice.once", "true"), (MAX_BATCHES, "5"), (MAX_SECONDS, "30"), ("topics", "t")]);
        let limits = given.of_connector(&mut file).expect("valid");
        let expected = OnceLimits {
            max_batches: Some(5),
            max_records: Some(9),
            max_time: Some(Duration::from_secs(30)),
        };
        assert_eq!(limits, expected);
        assert_eq!(file.config.keys().collect::<Vec<_>>(), ["topics"]);
        assert_eq!((limits.records(500), limits.records(1)), (Some(9), Some(5)));
        assert_eq!(OnceLimits::default().records(500), None);
    }

    #[test]
    fn limits_that_are_no_numbers_are_refused() {
        for text in ["0", "-1", "many"] {
            let error =
                OnceLimits::default().of_connector(&mut file(&[(MAX_RECORDS, text)])).expect_err(text);
            assert!(error.to_string().contains(MAX_RECORDS), "{error}");
        }
    }

    #[test]
    fn either_all_connectors_end_by_themselves_or_none() {
        let (once, ever) = (file(&[("sluice.once", "TRUE")]), file(&[("sluice.once", "false")]));
        assert!(wants_once(std::slice::from_ref(&once)).expect("one answer"));
        assert!(!wants_once(std::slice::from_ref(&ever)).expect("one answer"));
        assert!(!wants_once(&[]).expect("one answer"));
        wants_once(&[once, ever]).expect_err("two answers");
    }
}
