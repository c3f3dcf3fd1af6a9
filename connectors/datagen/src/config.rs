//! The keys of the log generator.

use connect_core::config::{Parsed, Props, Validator};
use connect_core::error::ConnectError;

/// The version of this connector.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Key of a task's number; also the key of its source partition.
pub(crate) const GENERATOR: &str = "generator";
/// Key of the number of tasks.
pub(crate) const GENERATORS: &str = "generators";

connect_core::config! {
    /// Settings of the log generator.
    pub(crate) struct DatagenConfig {
        /// Topic the logs go to.
        topic: String = "topic", High, valid Validator::NonEmpty;
        /// What is made up: `app-logs` are application logs (timestamp, level, message, service), `web-access` are
        /// access logs of a web server with a unique key.
        shape: String = "shape", High, default "app-logs", valid Validator::OneOf(&["app-logs", "web-access"]);
        /// Records a second of the whole connector, shared by its tasks; 0 is as fast as possible.
        rate: f64 = "rate", High, default "100", valid Validator::Custom(not_negative);
        /// Records after which the connector falls idle, shared by its tasks; without a value it never does.
        max_records: Option<u64> = "max.records", Medium, default None, valid Validator::Custom(count);
        /// The same seed makes the same logs.
        seed: i64 = "seed", Medium, default "0";
        /// Share of logs that tell an error, from 0 to 1: level ERROR, or a status of 500 and above.
        error_ratio: f64 = "error.ratio", Medium, default "0.1", valid Validator::Custom(ratio);
        /// Latency that half of the requests stay below, in milliseconds.
        latency_median_ms: f64 = "latency.median.ms", Low, default "40", valid Validator::Custom(positive);
        /// Latency that 99 of 100 requests stay below, in milliseconds.
        latency_p99_ms: f64 = "latency.p99.ms", Low, default "900", valid Validator::Custom(positive);
        /// Most records returned at once.
        batch_size: usize = "batch.size", Low, default "1000", valid Validator::AtLeast(1);
        /// Partitions the records are dealt to in turn; without a value the producer chooses by key.
        partitions: Option<i32> = "partitions", Low, default None, valid Validator::Custom(count);
        /// Time of the first record in milliseconds since the epoch, each next one following by the rate (1000 a
        /// second if that is 0); without a value records carry the time they are made at.
        start_time_ms: Option<i64> = "start.time.ms", Low, default None;
    }
}

/// Which of the connector's tasks this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// Number of the task, from 0.
    pub(crate) generator: u32,
    /// Number of tasks.
    pub(crate) generators: u32,
}

impl Share {
    /// Reads the share from a task's configuration.
    ///
    /// # Errors
    /// Fails when the configuration was not made by the connector.
    pub(crate) fn parse(props: &Props) -> Result<Self, ConnectError> {
        let number = |key: &str| {
            let text = props.get(key).map_or("", String::as_str);
            text.parse::<u32>().map_err(|error| {
                ConnectError::config(format!("reading `{text}` of task configuration `{key}`")).because(error)
            })
        };
        Ok(Self { generator: number(GENERATOR)?, generators: number(GENERATORS)?.max(1) })
    }

    /// Returns this task's part of a number of records.
    pub(crate) fn of(self, total: u64) -> u64 {
        let (generator, generators) = (u64::from(self.generator), u64::from(self.generators));
        total / generators + u64::from(generator < total % generators)
    }
}

fn refuse(name: &str, value: &Parsed, reason: &str) -> Result<(), String> {
    Err(format!("Invalid value {value} for configuration {name}: {reason}"))
}

fn not_negative(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Double(number) if !number.is_finite() || *number < 0.0 => {
            refuse(name, value, "Value must be at least 0")
        }
        _ => Ok(()),
    }
}

fn positive(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Double(number) if !number.is_finite() || *number <= 0.0 => {
            refuse(name, value, "Value must be above 0")
        }
        _ => Ok(()),
    }
}

fn ratio(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Double(number) if !(0.0..=1.0).contains(number) => {
            refuse(name, value, "Value must be between 0 and 1")
        }
        _ => Ok(()),
    }
}

fn count(name: &str, value: &Parsed) -> Result<(), String> {
    match value {
        Parsed::Int(number) if *number < 1 => refuse(name, value, "Value must be at least 1"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_all_tasks_add_up() {
        for total in [0, 1, 9, 10, 11, 1_000] {
            for generators in 1..8 {
                let sum: u64 =
                    (0..generators).map(|generator| Share { generator, generators }.of(total)).sum();
                assert_eq!(sum, total);
            }
        }
    }
}
