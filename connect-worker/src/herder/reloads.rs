//! Restarts of connectors when values of config providers are due to be read again (`config.action.reload`), as
//! `WorkerConfigTransformer` has the herder do them. Only the worker that runs a connector restarts it: its tasks
//! follow when other configurations come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use tokio::time::Instant;

use crate::herder::run::Herder;

/// When restarts are due: at most one for each connector and path that its configuration refers to.
#[derive(Debug, Default)]
pub(crate) struct Reloads(BTreeMap<(Arc<str>, String), Instant>);

impl Reloads {
    /// Has a connector be restarted at a time, instead of the time it was to be for this path before.
    pub(crate) fn set(&mut self, connector: &Arc<str>, path: &str, due: Instant) {
        self.0.insert((Arc::clone(connector), path.to_owned()), due);
    }

    /// Has a connector not be restarted any more.
    pub(crate) fn forget(&mut self, connector: &str) {
        self.0.retain(|(name, _), _| &**name != connector);
    }

    /// Returns when the next restart is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Takes the connectors that are due, each once however many of its paths are.
    pub(crate) fn take_due(&mut self, now: Instant) -> BTreeSet<Arc<str>> {
        let due = |(_, due): &(&(Arc<str>, String), &Instant)| **due <= now;
        let names = self.0.iter().filter(due).map(|((name, _), _)| Arc::clone(name)).collect();
        self.0.retain(|_, due| *due > now);
        names
    }
}

impl Herder {
    /// Has a connector of this worker be restarted when values run out that it or a task of it was given.
    pub(crate) fn schedule_reloads(&mut self, name: &Arc<str>, ttls: Vec<(String, Duration)>) {
        let is_here = self.live.get(name).is_some_and(|live| live.connector.wanted.is_some());
        let Some(entry) = self.state.get(name).filter(|_| is_here) else { return };
        if !is_restarted(&entry.config) {
            return;
        }
        let now = Instant::now();
        // The connector's configuration and a task's mostly share their paths.
        for (path, ttl) in ttls.into_iter().collect::<BTreeMap<_, _>>() {
            let ttl_ms = ttl.as_millis();
            tracing::info!(connector = %name, path, ttl_ms, "scheduling a restart for values that run out");
            self.reloads.set(name, &path, due_after(now, ttl));
        }
    }

    /// Restarts the connectors whose values have run out.
    pub(crate) fn restart_expired(&mut self) {
        for name in self.reloads.take_due(Instant::now()) {
            self.bounce_connector(&name);
        }
    }
}

/// Returns the time after a wait. A wait beyond what the clock can tell is one of about thirty years.
pub(crate) fn due_after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(1_000_000_000))
}

/// Returns whether a raw configuration wants restarts: it does unless it says otherwise, in any case.
fn is_restarted(raw: &Props) -> bool {
    raw.get("config.action.reload").is_none_or(|action| !action.eq_ignore_ascii_case("none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_time_replaces_the_one_of_its_path_and_due_paths_of_a_connector_count_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (c, d): (Arc<str>, Arc<str>) = ("c".into(), "d".into());
        let mut reloads = Reloads::default();
        for (name, path, seconds) in [(&c, "p", 1), (&c, "q", 3), (&d, "p", 2), (&c, "p", 4)] {
            reloads.set(name, path, at(seconds));
        }
        assert_eq!((reloads.next(), reloads.take_due(at(1))), (Some(at(2)), BTreeSet::new()));
        assert_eq!(reloads.take_due(at(2)), BTreeSet::from([d]));
        assert_eq!((reloads.next(), reloads.take_due(at(5))), (Some(at(3)), BTreeSet::from([c])));
        assert_eq!(reloads.next(), None);
    }

    #[test]
    fn a_connector_is_forgotten_with_all_its_paths() {
        let start = Instant::now();
        let (c, d): (Arc<str>, Arc<str>) = ("c".into(), "d".into());
        let mut reloads = Reloads::default();
        for (name, path) in [(&c, "p"), (&c, "q"), (&d, "p")] {
            reloads.set(name, path, start);
        }
        reloads.forget("c");
        assert_eq!(reloads.take_due(start), BTreeSet::from([d]));
    }

    #[test]
    fn only_none_keeps_a_connector_from_being_restarted() {
        for (action, expected) in
            [(None, true), (Some("restart"), true), (Some("none"), false), (Some("NONE"), false)]
        {
            let entry = action.map(|action| ("config.action.reload".to_owned(), action.to_owned()));
            assert_eq!(is_restarted(&entry.into_iter().collect()), expected, "{action:?}");
        }
    }

    #[test]
    fn a_wait_that_the_clock_cannot_tell_is_a_long_one() {
        let now = Instant::now();
        assert_eq!(due_after(now, Duration::from_secs(5)), now + Duration::from_secs(5));
        assert_eq!(due_after(now, Duration::MAX), now + Duration::from_secs(1_000_000_000));
    }
}
