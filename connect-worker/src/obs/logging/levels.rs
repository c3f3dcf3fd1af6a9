//! Levels of loggers: what is known, what is set, and what follows for an event.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use connect_core::kit::SharedClock;
use tracing::level_filters::LevelFilter;

/// Name of the logger that all others descend from.
pub(super) const ROOT: &str = "root";
const NAMES: [(&str, LevelFilter); 8] = [
    ("OFF", LevelFilter::OFF),
    // Nothing is logged at this level; it lets only worse than errors through.
    ("FATAL", LevelFilter::OFF),
    ("ERROR", LevelFilter::ERROR),
    ("WARN", LevelFilter::WARN),
    ("INFO", LevelFilter::INFO),
    ("DEBUG", LevelFilter::DEBUG),
    ("TRACE", LevelFilter::TRACE),
    ("ALL", LevelFilter::TRACE),
];

/// The level of a logger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel {
    /// Kafka's name: `OFF`, `FATAL`, `ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE` or `ALL`.
    pub level: &'static str,
    /// When the level was last changed, in milliseconds since the epoch; `None` for the level of the start.
    pub last_modified: Option<i64>,
}

/// Reads and changes levels. Clones speak of the same log.
#[derive(Clone)]
pub struct LogControl {
    shared: Arc<Shared>,
}

struct Shared {
    clock: SharedClock,
    /// Known loggers; `None` for those that follow their parent. Bounded by the modules of the program and the
    /// names set by operators.
    loggers: RwLock<BTreeMap<String, Option<LogLevel>>>,
}

impl LogControl {
    /// Returns levels that no log follows yet, with the root logger at `root`.
    ///
    /// # Errors
    /// Fails when the level is unknown.
    pub fn new(root: &str, clock: SharedClock) -> Result<Self, String> {
        let level = canonical(root).ok_or_else(|| format!("unknown log level `{root}`"))?;
        let loggers = BTreeMap::from([(ROOT.to_owned(), Some(LogLevel { level, last_modified: None }))]);
        Ok(Self { shared: Arc::new(Shared { clock, loggers: RwLock::new(loggers) }) })
    }

    /// Returns all known loggers with the levels in force, sorted by name, `root` included.
    pub fn levels(&self) -> Vec<(String, LogLevel)> {
        let loggers = self.read();
        loggers.keys().map(|name| (name.clone(), in_force(&loggers, name))).collect()
    }

    /// Returns the level in force of a known logger.
    pub fn level(&self, name: &str) -> Option<LogLevel> {
        let loggers = self.read();
        loggers.contains_key(name).then(|| in_force(&loggers, name))
    }

    /// Sets the level, in any case, of a logger and of all known ones whose name begins with it; `root` and the
    /// empty name mean all. Returns the names whose level changed, sorted; `None` for an unknown level.
    pub fn set_level(&self, name: &str, level: &str) -> Option<Vec<String>> {
        let level = canonical(level)?;
        let name = if name.is_empty() { ROOT } else { name };
        let fresh = LogLevel { level, last_modified: Some(self.shared.clock.wall_ms()) };
        let changed: Vec<String> = {
            let mut loggers = self.write();
            loggers.entry(name.to_owned()).or_insert(None);
            let is_meant = |known: &&String| name == ROOT || known.starts_with(name);
            let is_changed = |known: &&String| in_force(&loggers, known).level != level;
            let changed: Vec<String> = loggers.keys().filter(is_meant).filter(is_changed).cloned().collect();
            for known in &changed {
                loggers.insert(known.clone(), Some(fresh.clone()));
            }
            changed
        };
        // Outside of the lock: every call site asks again.
        tracing::callsite::rebuild_interest_cache();
        Some(changed)
    }

    /// Makes a logger known and returns what it lets through.
    pub(super) fn register(&self, name: &str) -> LevelFilter {
        let known = {
            let loggers = self.read();
            loggers.contains_key(name).then(|| filter(in_force(&loggers, name).level))
        };
        known.unwrap_or_else(|| {
            let mut loggers = self.write();
            loggers.entry(name.to_owned()).or_insert(None);
            filter(in_force(&loggers, name).level)
        })
    }

    /// Returns the most that any logger lets through.
    pub(super) fn most(&self) -> LevelFilter {
        let loggers = self.read();
        loggers.values().flatten().map(|level| filter(level.level)).max().unwrap_or(LevelFilter::OFF)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Option<LogLevel>>> {
        self.shared.loggers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Option<LogLevel>>> {
        self.shared.loggers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the level set for a logger or the nearest of its parents.
fn in_force(loggers: &BTreeMap<String, Option<LogLevel>>, name: &str) -> LogLevel {
    let mut at = name;
    loop {
        if let Some(Some(level)) = loggers.get(at) {
            return level.clone();
        }
        at = at.rsplit_once('.').map_or(ROOT, |(parent, _)| parent);
        if at == ROOT {
            let root = loggers.get(ROOT).cloned().flatten();
            return root.unwrap_or(LogLevel { level: "INFO", last_modified: None });
        }
    }
}

fn canonical(level: &str) -> Option<&'static str> {
    NAMES.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(level.trim()))
}

fn filter(level: &str) -> LevelFilter {
    NAMES.iter().find(|(name, _)| *name == level).map_or(LevelFilter::INFO, |(_, filter)| *filter)
}

#[cfg(test)]
mod tests {
    use connect_core::testkit::FakeClock;

    use super::*;

    const START_MS: i64 = 1_767_225_600_000;

    fn control() -> LogControl {
        let control = LogControl::new("info", Arc::new(FakeClock::new())).expect("a level");
        for name in ["a.b", "a.b.c", "ab"] {
            control.register(name);
        }
        control
    }

    fn names(control: &LogControl) -> Vec<(String, &'static str)> {
        control.levels().into_iter().map(|(name, level)| (name, level.level)).collect()
    }

    #[test]
    fn known_loggers_follow_their_parents() {
        let control = control();
        let expected = ["a.b", "a.b.c", "ab", "root"].map(|name| (name.to_owned(), "INFO"));
        assert_eq!(names(&control), expected);
        assert_eq!(control.level("a"), None, "a parent that was never used is unknown");
        assert_eq!(control.register("x"), LevelFilter::INFO);
    }

    #[test]
    fn change_names_what_it_changed_and_repeating_it_changes_nothing() {
        let control = control();
        assert_eq!(control.set_level("a.", "debug"), Some(vec!["a.".into(), "a.b".into(), "a.b.c".into()]));
        assert_eq!(control.set_level("a.b", "DEBUG"), Some(vec![]));
        assert_eq!(control.level("ab").map(|level| level.level), Some("INFO"));
        let changed = LogLevel { level: "DEBUG", last_modified: Some(START_MS) };
        assert_eq!(control.level("a.b.c"), Some(changed));
        assert_eq!(control.register("a.b.new"), LevelFilter::DEBUG, "later loggers follow their parent");
        assert_eq!(control.most(), LevelFilter::DEBUG);
        assert_eq!(control.set_level("a.b.c", "off"), Some(vec!["a.b.c".into()]));
        assert_eq!(control.register("a.b.c"), LevelFilter::OFF);
    }

    #[test]
    fn root_and_the_empty_name_mean_all() {
        for name in ["root", ""] {
            let control = control();
            control.set_level("a.b", "TRACE");
            let changed = control.set_level(name, "WARN").expect("a level");
            assert_eq!(changed, ["a.b", "a.b.c", "ab", "root"]);
            assert_eq!(control.most(), LevelFilter::WARN);
        }
    }

    #[test]
    fn unknown_levels_change_nothing() {
        let control = control();
        assert_eq!(control.set_level("new", "bogus"), None);
        assert_eq!(control.level("new"), None);
        assert!(LogControl::new("bogus", Arc::new(FakeClock::new())).is_err());
    }
}
