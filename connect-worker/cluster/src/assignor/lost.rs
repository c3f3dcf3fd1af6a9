//! What happens to work that nobody reports any more (`IncrementalCooperativeAssignor.handleLostAssignments`): it
//! waits, because its worker may only be restarting, and then goes to workers that came back empty, or to all.

use crate::Work;

use connect_core::data::java_map;

use super::Cooperative;
use super::loads::{self, Load};

/// A wait for the next round.
#[derive(Debug)]
pub(super) struct Wait {
    max_ms: i32,
    delay_ms: i32,
    until_ms: Option<i64>,
    /// Members seen without work during the wait, in the order they were seen: probably restarted ones.
    candidates: Vec<String>,
}

impl Wait {
    pub(super) fn new(max_ms: i32) -> Self {
        Self { max_ms, delay_ms: 0, until_ms: None, candidates: Vec::new() }
    }

    /// Returns the delay that the members are told, 0 for none.
    pub(super) fn delay_ms(&self) -> i32 {
        self.delay_ms
    }

    pub(super) fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }

    pub(super) fn schedule(&mut self, now_ms: i64, delay_ms: i32) {
        self.delay_ms = delay_ms;
        self.until_ms = Some(now_ms.saturating_add(delay_ms.into()));
    }

    fn reset(&mut self) {
        *self = Self::new(self.max_ms);
    }

    fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until_ms| now_ms >= until_ms)
    }

    /// Begins the wait, or goes on with it.
    fn go_on(&mut self, now_ms: i64) {
        let left = self.until_ms.map(|until_ms| until_ms.saturating_sub(now_ms));
        let delay_ms = left.and_then(|left| i32::try_from(left).ok()).unwrap_or(self.max_ms);
        self.schedule(now_ms, delay_ms.min(self.max_ms));
    }

    /// Notes members without work, in the order of a `HashSet` of their ids.
    fn note_candidates(&mut self, loads: &[Load]) {
        let empty: Vec<&String> =
            loads.iter().filter(|load| load.work.is_empty()).map(|load| &load.member).collect();
        for index in java_map::iteration_order(empty.iter().map(|member| member.as_str())) {
            if !self.candidates.contains(empty[index]) {
                self.candidates.push(empty[index].clone());
            }
        }
    }
}

impl Cooperative {
    /// Decides about `lost` work: gives it to candidates, or returns it to be shared among all members, or lets it
    /// wait.
    pub(super) fn handle_lost(&mut self, lost: &Work, next: &mut [Load], now_ms: i64) -> Work {
        if lost.is_empty() && !self.has_revoked {
            self.wait.reset();
            return Work::default();
        }
        let is_missing = |member: &String| !next.iter().any(|load| load.member == *member);
        if self.wait.until_ms.is_none() && !self.members.iter().any(is_missing) {
            // Nobody left: an assignment did not reach its worker.
            return lost.clone();
        }
        if self.wait.max_ms == 0 {
            return lost.clone();
        }
        if !self.wait.is_over(now_ms) {
            self.wait.note_candidates(next);
            self.wait.go_on(now_ms);
            return Work::default();
        }
        let mut candidates = std::mem::take(&mut self.wait.candidates);
        candidates.retain(|member| !is_missing(member));
        self.wait.reset();
        self.has_revoked = false;
        if candidates.is_empty() {
            return lost.clone();
        }
        loads::deal(next, &candidates, lost);
        Work::default()
    }
}
