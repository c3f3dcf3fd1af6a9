//! Failing on purpose: rules that tests lay in the way of requests.
//!
//! A rule names an API, what goes wrong and how often. `dispatch` asks for each request; the first rule that matches
//! is applied and counted.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kafka_protocol::{error::ResponseError, messages::ApiKey};
use tokio::sync::watch;

use crate::support::lock;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out and answered with this error in every place the answer has for one.
    Error(ResponseError),
    /// It is carried out after this time.
    Delay(Duration),
    /// It is not carried out and its connection is closed.
    Disconnect,
    /// It is carried out, but the connection is closed instead of answering.
    LoseAnswer,
}

/// A fault, the requests it meets, and how often.
#[derive(Debug, Clone)]
pub struct FaultRule {
    api: ApiKey,
    fault: Fault,
    client_id: Option<String>,
    skip: u64,
    times: Option<u64>,
}

/// The faults of one broker. All methods take effect for requests that arrive afterwards.
#[derive(Debug)]
pub struct Faults {
    rules: Mutex<Vec<FaultRule>>,
    seen: Mutex<HashMap<i16, u64>>,
    injected: Mutex<HashMap<i16, u64>>,
    is_refusing: watch::Sender<bool>,
    has_rules: AtomicBool,
}

impl FaultRule {
    /// Returns a rule that lets `fault` happen to every request of `api`, until it is cleared.
    pub fn new(api: ApiKey, fault: Fault) -> Self {
        Self { api, fault, client_id: None, skip: 0, times: None }
    }

    /// Limits the rule to `times` requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets the first `skip` matching requests pass.
    #[must_use]
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Limits the rule to clients whose `client.id` begins with `prefix`.
    #[must_use]
    pub fn client(mut self, prefix: impl Into<String>) -> Self {
        self.client_id = Some(prefix.into());
        self
    }

    fn matches(&self, api: ApiKey, client_id: &str) -> bool {
        self.api == api && self.client_id.as_ref().is_none_or(|prefix| client_id.starts_with(prefix.as_str()))
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            rules: Mutex::default(),
            seen: Mutex::default(),
            injected: Mutex::default(),
            is_refusing: watch::channel(false).0,
            has_rules: AtomicBool::new(false),
        }
    }
}

impl Faults {
    /// Lays down a rule; earlier rules are tried first.
    pub fn inject(&self, rule: FaultRule) {
        lock(&self.rules).push(rule);
        self.has_rules.store(true, Ordering::Release);
    }

    /// Answers the next `times` requests of `api` with `error`.
    pub fn fail(&self, api: ApiKey, error: ResponseError, times: u64) {
        self.inject(FaultRule::new(api, Fault::Error(error)).times(times));
    }

    /// Delays every request of `api` until cleared.
    pub fn delay(&self, api: ApiKey, delay: Duration) {
        self.inject(FaultRule::new(api, Fault::Delay(delay)));
    }

    /// Plays dead: closes all connections and every new one at once, until called with `false` or cleared.
    pub fn refuse_connections(&self, is_refusing: bool) {
        self.is_refusing.send_replace(is_refusing);
    }

    /// Removes all rules and accepts connections again.
    pub fn clear(&self) {
        lock(&self.rules).clear();
        self.has_rules.store(false, Ordering::Release);
        self.refuse_connections(false);
    }

    /// Returns how many requests of `api` arrived since the start.
    pub fn requests(&self, api: ApiKey) -> u64 {
        lock(&self.seen).get(&(api as i16)).copied().unwrap_or_default()
    }

    /// Returns how many requests of `api` met a fault.
    pub fn injected(&self, api: ApiKey) -> u64 {
        lock(&self.injected).get(&(api as i16)).copied().unwrap_or_default()
    }

    /// Returns what shall happen to this request.
    pub(crate) fn next(&self, api: ApiKey, client_id: &str) -> Option<Fault> {
        *lock(&self.seen).entry(api as i16).or_default() += 1;
        if !self.has_rules.load(Ordering::Acquire) {
            return None;
        }
        let fault = self.take(api, client_id)?;
        *lock(&self.injected).entry(api as i16).or_default() += 1;
        Some(fault)
    }

    pub(crate) fn refusing(&self) -> watch::Receiver<bool> {
        self.is_refusing.subscribe()
    }

    fn take(&self, api: ApiKey, client_id: &str) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        for at in 0..rules.len() {
            let rule = &mut rules[at];
            if !rule.matches(api, client_id) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            let fault = rule.fault.clone();
            if let Some(times) = &mut rule.times {
                *times = times.saturating_sub(1);
                if *times == 0 {
                    rules.remove(at);
                }
            }
            return Some(fault);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_count_skip_and_choose_by_client_in_the_order_they_were_laid() {
        let faults = Faults::default();
        let error = |error| Some(Fault::Error(error));
        faults.inject(
            FaultRule::new(ApiKey::Produce, Fault::Error(ResponseError::NotLeaderOrFollower))
                .after(1)
                .times(2),
        );
        faults.inject(FaultRule::new(ApiKey::Produce, Fault::Disconnect).client("other"));
        let met: Vec<Option<Fault>> = (0..4).map(|_| faults.next(ApiKey::Produce, "mine")).collect();
        let refused = error(ResponseError::NotLeaderOrFollower);
        assert_eq!(met, [None, refused.clone(), refused, None]);
        assert_eq!(faults.next(ApiKey::Fetch, "other-1"), None);
        assert_eq!(faults.next(ApiKey::Produce, "other-1"), Some(Fault::Disconnect));
        assert_eq!((faults.requests(ApiKey::Produce), faults.injected(ApiKey::Produce)), (5, 3));
        faults.clear();
        assert_eq!(faults.next(ApiKey::Produce, "other-1"), None);
    }
}
