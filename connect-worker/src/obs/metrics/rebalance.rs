//! The worker's part in the rounds of its group: the group `connect-worker-rebalance-metrics`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use connect_core::metrics::MetricId;

use crate::obs::metrics::exposition::{Exposition, Labels};
use crate::obs::metrics::status::Timing;
use crate::obs::metrics::window::Sampled;

/// Counts the rounds of a worker's group. Shown by workers in a group only, from their first round on.
pub struct RebalanceMetrics {
    timing: Timing,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    is_in_group: bool,
    leader: String,
    protocol: &'static str,
    epoch: i32,
    completed: u64,
    began: Option<Instant>,
    ended: Option<Instant>,
    times: Sampled,
}

impl RebalanceMetrics {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, inner: Mutex::default() }
    }

    /// Notes an assignment: it is being carried out from now on. As in `DistributedHerder.HerderMetrics`, the time of
    /// the worker's work is counted, not that of the group's agreement.
    pub fn assigned(&self, leader_url: &str, protocol: &'static str, generation: i32) {
        let mut inner = self.inner();
        inner.is_in_group = true;
        leader_url.clone_into(&mut inner.leader);
        inner.protocol = protocol;
        inner.epoch = generation;
        inner.began = Some(self.timing.now());
    }

    /// Notes that everything assigned may run: the round is over for this worker.
    pub fn completed(&self) {
        let now = self.timing.now();
        let mut inner = self.inner();
        let Some(began) = inner.began.take() else { return };
        inner.completed += 1;
        inner.ended = Some(now);
        let time = now.saturating_duration_since(began);
        inner.times.record(time.as_secs_f64() * 1_000.0, now, self.timing.windows);
    }

    pub(crate) fn collect(&self, page: &mut Exposition) {
        let (now, windows, none) = (self.timing.now(), self.timing.windows, Labels::default());
        let inner = self.inner();
        if !inner.is_in_group {
            return;
        }
        page.text(MetricId::LeaderName, &none, &inner.leader);
        page.text(MetricId::ConnectProtocol, &none, inner.protocol);
        let since = |ended: Instant| now.saturating_duration_since(ended).as_secs_f64() * 1_000.0;
        let numbers = [
            (MetricId::Epoch, f64::from(inner.epoch)),
            (MetricId::CompletedRebalancesTotal, inner.completed as f64),
            (MetricId::Rebalancing, f64::from(u8::from(inner.began.is_some()))),
            (MetricId::RebalanceMaxTimeMs, inner.times.max(now, windows)),
            (MetricId::RebalanceAvgTimeMs, inner.times.average(now, windows)),
            (MetricId::TimeSinceLastRebalanceMs, inner.ended.map_or(f64::INFINITY, since)),
        ];
        for (id, value) in numbers {
            page.add(id, &none, value);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
