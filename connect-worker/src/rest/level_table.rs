//! The loggers that are known by name, with their levels, as the JVM worker keeps them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::rest::loggers::{LevelControl, LoggerLevel};

const ROOT: &str = "root";

/// Gives a level to the log itself: logger (`root` for all) and level, upper case.
type Apply = Box<dyn Fn(&str, &str) + Send + Sync>;

/// Keeps the levels of loggers, and hands changes on.
pub struct LevelTable {
    /// Bounded by the names that callers of REST set.
    levels: Mutex<BTreeMap<String, LoggerLevel>>,
    apply: Apply,
}

impl LevelTable {
    /// Returns a table that knows the root logger only.
    pub fn new(root_level: &str, apply: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        let root = LoggerLevel { level: root_level.to_ascii_uppercase(), last_modified: None };
        let levels = [(ROOT.to_owned(), root)].into_iter().collect();
        Self { levels: Mutex::new(levels), apply: Box::new(apply) }
    }
}

impl LevelControl for LevelTable {
    fn levels(&self) -> Vec<(String, LoggerLevel)> {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels.iter().map(|(name, level)| (name.clone(), level.clone())).collect()
    }

    fn level(&self, logger: &str) -> Option<LoggerLevel> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner).get(logger).cloned()
    }

    fn set_level(&self, logger: &str, level: &str) -> Vec<String> {
        let logger = if logger.is_empty() { ROOT } else { logger };
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(elapsed.as_millis()).ok();
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        levels
            .entry(logger.to_owned())
            .or_insert_with(|| LoggerLevel { level: String::new(), last_modified: None });
        let mut changed = Vec::new();
        for (name, known) in levels.iter_mut() {
            let is_meant = logger == ROOT || name.starts_with(logger);
            if is_meant && known.level != level {
                *known = LoggerLevel { level: level.to_owned(), last_modified: now };
                changed.push(name.clone());
            }
        }
        drop(levels);
        for name in &changed {
            (self.apply)(name, level);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loggers_below_change_too_and_repeated_calls_change_nothing() {
        let table = LevelTable::new("info", |_, _| {});
        assert_eq!(table.set_level("a.b", "DEBUG"), ["a.b"]);
        assert_eq!(table.set_level("a.b", "DEBUG"), [""; 0]);
        assert_eq!(table.set_level("a", "ERROR"), ["a", "a.b"]);
        assert_eq!(table.set_level("root", "WARN"), ["a", "a.b", "root"]);
        assert_eq!(table.level("a.b").map(|level| level.level), Some("WARN".to_owned()));
        assert_eq!(table.level("b"), None);
    }
}
