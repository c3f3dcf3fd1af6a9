//! The end of the process: signals, and the phases in which everything is stopped.
//!
//! May be used by any room. It stops nothing itself: it cancels a token and watches the clock.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// SIGINT and SIGTERM, caught from the moment this is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to catch the signals. Must be called inside a runtime.
    ///
    /// # Errors
    /// Fails when the system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for a signal and returns its number. Cancel safe.
    pub async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }

    /// Cancels `stop` at the first signal and ends the process at the second, with 128 and the signal's number as
    /// shells show it. Never returns; run it beside the worker and drop it when the worker has ended.
    pub async fn watch(mut self, stop: CancellationToken) -> ! {
        let first = self.next().await;
        tracing::info!(signal = first, "stopping; a second signal ends the process at once");
        stop.cancel();
        let second = self.next().await;
        tracing::warn!(signal = second, "ending at once");
        std::process::exit(128 + second)
    }
}

/// The phases of a stop: each has its own limit, and none can hold up the next.
pub struct Phases {
    began: Instant,
    overdue: Vec<&'static str>,
}

impl Phases {
    /// Begins a stop at `now`.
    pub fn begin(now: Instant) -> Self {
        Self { began: now, overdue: Vec::new() }
    }

    /// Runs one phase and returns what it yielded, or `None` after `limit`; its work is then dropped.
    pub async fn run<T>(
        &mut self,
        name: &'static str,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let outcome = tokio::time::timeout(limit, work).await.ok();
        if outcome.is_none() {
            self.overdue.push(name);
            tracing::warn!(phase = name, limit_ms = limit.as_millis(), "a phase of the stop took too long");
        }
        outcome
    }

    /// Ends the stop at `now`; returns the phases that took too long, in order.
    pub fn end(self, now: Instant) -> Vec<&'static str> {
        let took_ms = now.saturating_duration_since(self.began).as_millis();
        tracing::info!(took_ms, overdue = ?self.overdue, "stopped");
        self.overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_phase_is_given_up_and_the_next_one_runs() {
        let mut phases = Phases::begin(Instant::now());
        let limit = Duration::from_millis(1);
        assert_eq!(phases.run("tasks", limit, std::future::pending::<()>()).await, None);
        assert_eq!(phases.run("offsets", Duration::from_secs(60), async { 7 }).await, Some(7));
        assert_eq!(phases.end(Instant::now()), ["tasks"]);
    }

    #[tokio::test]
    async fn the_first_signal_cancels_the_token() {
        let stop = CancellationToken::new();
        let signals = Signals::catch().expect("handlers");
        // The handler is in place, so the signal reaches it and not the default action.
        let sent =
            std::process::Command::new("kill").arg("-TERM").arg(std::process::id().to_string()).status();
        assert!(sent.expect("kill runs").success());
        tokio::select! {
            biased; // The token is looked at first, since the watch never ends.
            () = stop.cancelled() => {}
            _ = signals.watch(stop.clone()) => {}
        }
        assert!(stop.is_cancelled());
    }
}
