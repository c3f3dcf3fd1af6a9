//! `Deduplicate`: records that say again what was said shortly before are dropped.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connect_core::config;
use connect_core::config::{ConfigDef, Props, Validator};
use connect_core::data::Value;
use connect_core::data::json::write_value;
use connect_core::error::ConnectError;
use connect_core::record::ConnectRecord;
use connect_core::transform::{Outcome, Position, Transform};

use crate::fields::{at, first_issue, path};

config! {
    /// Settings.
    struct Settings {
        /// Fields of the value that make two records alike, nested ones with dots; empty for key and value as a whole.
        fields: Vec<String> = "fields", High, default "";
        /// Time after the first of several records alike in which the others are dropped, by the records' timestamps.
        window: Duration = "window.ms", High, default "60000", valid Validator::AtLeast(1);
        /// Records remembered at most; beyond that the oldest is forgotten.
        entries: i32 = "max.entries", Medium, default "100000", valid Validator::AtLeast(1);
    }
}

/// `io.sluice.connect.transforms.Deduplicate`.
///
/// A record that comes again after a rewind is never dropped: it may not have been delivered the first time. What is
/// remembered does not outlive the task.
#[derive(Default)]
pub(crate) struct Deduplicate {
    fields: Vec<Vec<String>>,
    window_ms: i64,
    limit: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    first: HashMap<u128, First>,
    /// Fingerprints from oldest to newest, with the time that each had; one that was renewed stands here twice.
    order: VecDeque<(u128, i64)>,
}

/// The first of several records alike.
struct First {
    topic: Arc<str>,
    partition: Option<i32>,
    offset: Option<i64>,
    time: i64,
}

impl Transform for Deduplicate {
    fn configure(&mut self, props: &Props) -> Result<(), ConnectError> {
        let settings = Settings::parse(props).map_err(first_issue)?;
        self.fields =
            settings.fields.iter().filter(|field| !field.is_empty()).map(|field| path(field)).collect();
        self.window_ms = i64::try_from(settings.window.as_millis()).unwrap_or(i64::MAX);
        self.limit = usize::try_from(settings.entries).unwrap_or(1);
        Ok(())
    }

    fn config_def(&self) -> ConfigDef {
        Settings::config_def()
    }

    fn apply(&self, record: &mut ConnectRecord, position: Position) -> Result<Outcome, ConnectError> {
        let print = self.fingerprint(record);
        let first = First {
            topic: Arc::clone(&record.topic),
            partition: record.partition,
            offset: position.kafka_offset,
            time: record.timestamp.unwrap_or_else(now_ms),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if seen.is_repeat(print, first, self.window_ms, self.limit) {
            Outcome::Drop
        } else {
            Outcome::Keep
        })
    }
}

impl Deduplicate {
    fn fingerprint(&self, record: &ConnectRecord) -> u128 {
        let mut text = Vec::new();
        let value = record.value.value();
        if self.fields.is_empty() {
            write_value(&mut text, &record.key.value());
            text.push(0);
            write_value(&mut text, &value);
        }
        for field in &self.fields {
            // What is missing is told from what is null.
            match at(&value, field) {
                Some(member) => write_value(&mut text, member),
                None => write_value(&mut text, &Value::Bytes(bytes::Bytes::new())),
            }
            text.push(0);
        }
        // Two halves of 64 bits: among 100,000 records a pair that is not alike meets once in 10^28 times.
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, &text).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        half(0) << 64 | half(1)
    }
}

impl Seen {
    fn is_repeat(&mut self, print: u128, record: First, window_ms: i64, limit: usize) -> bool {
        if let Some(first) = self.first.get(&print) {
            let is_same_partition = first.topic == record.topic && first.partition == record.partition;
            let is_read_again = is_same_partition && record.offset.is_some() && record.offset <= first.offset;
            if is_read_again {
                return false;
            }
            if record.time.abs_diff(first.time) < window_ms.unsigned_abs() {
                return true;
            }
        }
        let time = record.time;
        self.first.insert(print, record);
        self.order.push_back((print, time));
        self.forget(time.saturating_sub(window_ms), limit);
        false
    }

    /// Forgets what is older than the window, and the oldest beyond the limit.
    fn forget(&mut self, oldest: i64, limit: usize) {
        while let Some((print, time)) = self.order.front().copied() {
            let is_current = self.first.get(&print).is_some_and(|first| first.time == time);
            if is_current && time >= oldest && self.order.len() <= limit {
                return;
            }
            if is_current {
                self.first.remove(&print);
            }
            self.order.pop_front();
        }
    }
}

fn now_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(partition: i32, offset: i64, time: i64) -> First {
        First { topic: "t".into(), partition: Some(partition), offset: Some(offset), time }
    }

    #[test]
    fn repeats_within_the_window_are_dropped() {
        let mut seen = Seen::default();
        assert!(!seen.is_repeat(1, first(0, 0, 1000), 100, 10));
        assert!(seen.is_repeat(1, first(0, 1, 1099), 100, 10), "within the window");
        assert!(seen.is_repeat(1, first(1, 0, 1050), 100, 10), "in another partition");
        assert!(!seen.is_repeat(2, first(0, 2, 1050), 100, 10), "another record");
        assert!(!seen.is_repeat(1, first(0, 3, 1100), 100, 10), "after the window");
        assert!(seen.is_repeat(1, first(0, 4, 1150), 100, 10), "of the new window");
    }

    #[test]
    fn what_is_read_again_is_never_dropped() {
        let mut seen = Seen::default();
        assert!(!seen.is_repeat(1, first(0, 5, 1000), 100, 10));
        assert!(!seen.is_repeat(1, first(0, 5, 1000), 100, 10), "the same record");
        assert!(!seen.is_repeat(1, first(0, 3, 990), 100, 10), "one before it");
        assert!(seen.is_repeat(1, first(0, 6, 1001), 100, 10), "one after it");
    }

    #[test]
    fn memory_is_bounded() {
        let mut seen = Seen::default();
        for number in 0..1000_i64 {
            let print = u128::from(number.unsigned_abs());
            assert!(!seen.is_repeat(print, first(0, number, 1000), 100, 10));
        }
        assert_eq!((seen.first.len(), seen.order.len()), (10, 10));
        assert!(!seen.is_repeat(0, first(0, 2000, 1000), 100, 10), "the oldest was forgotten");
        assert!(!seen.is_repeat(5, first(0, 2001, 5000), 100, 10));
        assert_eq!(seen.first.len(), 1, "what is older than the window is forgotten");
    }
}
