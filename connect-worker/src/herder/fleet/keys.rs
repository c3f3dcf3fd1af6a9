//! The key that workers sign their requests to each other with: made by the leader, taken by everybody at once.

use std::time::Duration;

use bytes::Bytes;
use connect_cluster::protocol::GroupProtocol;

use crate::herder::fleet::message::{Purpose, Then};
use crate::herder::fleet::parts::KeySettings;
use crate::herder::fleet::timers::Timer;
use crate::herder::run::Herder;
use crate::stores::config::{ConfigRecord, ConfigWriteError, SessionKey};

/// Wait before the config topic is read again after a key could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// What this worker knows of the key.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    known: Option<SessionKey>,
    /// Whether a key is being written.
    is_written: bool,
    /// Whether the key was found when this worker started: keys that do not expire are replaced once then.
    is_of_before: bool,
}

/// Returns after how many milliseconds the leader has to make a new key: zero at once, `None` never.
fn due_ms(key: &KeyState, settings: &KeySettings, now_ms: i64) -> Option<u64> {
    let Some(known) = &key.known else { return Some(0) };
    if known.algorithm != settings.algorithm || known.key.len() != size(settings) {
        return Some(0);
    }
    if settings.ttl.is_zero() {
        return key.is_of_before.then_some(0);
    }
    let ttl_ms = i64::try_from(settings.ttl.as_millis()).unwrap_or(i64::MAX);
    let left = known.created_ms.saturating_add(ttl_ms).saturating_sub(now_ms);
    Some(u64::try_from(left).unwrap_or(0))
}

/// Returns the size of a key in bytes: without a setting, that of Java's generator.
fn size(settings: &KeySettings) -> usize {
    let of_algorithm = match settings.algorithm.to_ascii_uppercase().as_str() {
        "HMACSHA224" => 28,
        "HMACSHA384" => 48,
        "HMACSHA1" | "HMACMD5" | "HMACSHA512" => 64,
        _ => 32,
    };
    settings.size_bits.and_then(|bits| usize::try_from(bits.div_ceil(8)).ok()).unwrap_or(of_algorithm)
}

impl Herder {
    /// Takes a key from the config log.
    pub(super) fn on_key(&mut self, key: SessionKey) {
        let is_ready = self.told.borrow().is_ready;
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.key = KeyState { known: Some(key.clone()), is_written: false, is_of_before: !is_ready };
        self.told.send_modify(|told| told.session.key = Some(key));
        if is_ready {
            self.check_key();
        }
    }

    /// Makes a new key if this worker leads and one is due; else comes back when it is.
    pub(super) fn check_key(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        let is_sessioned =
            fleet.place.as_ref().is_some_and(|place| place.protocol == GroupProtocol::Sessioned);
        fleet.timers.clear(Timer::Key);
        if !is_sessioned || !fleet.leads() || fleet.key.is_written {
            return;
        }
        match due_ms(&fleet.key, &fleet.settings.key, fleet.clock.wall_ms()) {
            None => {}
            Some(0) => self.make_key(),
            Some(wait_ms) => fleet.timers.set(Timer::Key, Duration::from_millis(wait_ms)),
        }
    }

    fn make_key(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        let mut key = vec![0; size(&fleet.settings.key)];
        if let Err(error) = getrandom::fill(&mut key) {
            tracing::error!(error = %error, "making a session key");
            fleet.timers.set(Timer::Key, RETRY);
            return;
        }
        fleet.key.is_written = true;
        let algorithm = fleet.settings.key.algorithm.clone();
        let created_ms = fleet.clock.wall_ms();
        tracing::info!(algorithm, "distributing a new session key");
        let record = ConfigRecord::SessionKey(SessionKey { key: Bytes::from(key), algorithm, created_ms });
        let written = self.config.write(vec![record]);
        self.when_written(written, Purpose::Key);
    }

    pub(super) fn on_key_written(&mut self, outcome: Result<(), ConfigWriteError>) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        fleet.key.is_written = false;
        if let Err(error) = outcome {
            tracing::warn!(error = %error.into_error().context(), "writing a session key");
            fleet.timers.set(Timer::Key, RETRY);
        }
    }

    /// Looks whether another key was written meanwhile before one is made.
    pub(super) fn on_key_expired(&mut self) {
        self.read_to_end(Then::Key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(ttl_ms: u64) -> KeySettings {
        KeySettings {
            algorithm: "HmacSHA256".to_owned(),
            size_bits: None,
            ttl: Duration::from_millis(ttl_ms),
        }
    }

    fn known(length: usize, algorithm: &str, is_of_before: bool) -> KeyState {
        let key =
            SessionKey { key: vec![1; length].into(), algorithm: algorithm.to_owned(), created_ms: 1000 };
        KeyState { known: Some(key), is_written: false, is_of_before }
    }

    #[test]
    fn key_is_due_when_missing_expired_or_of_other_settings() {
        let cases = [
            (KeyState::default(), settings(100), 0, Some(0)),
            (known(32, "HmacSHA256", false), settings(100), 1040, Some(60)),
            (known(32, "HmacSHA256", false), settings(100), 1100, Some(0)),
            (known(32, "HmacSHA256", false), settings(0), 9999, None),
            (known(32, "HmacSHA256", true), settings(0), 0, Some(0)),
            (known(20, "HmacSHA256", false), settings(100), 1000, Some(0)),
            (known(32, "HmacSHA1", false), settings(100), 1000, Some(0)),
        ];
        for (index, (key, settings, now_ms, expected)) in cases.into_iter().enumerate() {
            assert_eq!(due_ms(&key, &settings, now_ms), expected, "case {index}");
        }
    }

    #[test]
    fn size_is_the_setting_or_that_of_the_algorithm() {
        let of = |algorithm: &str, size_bits| {
            size(&KeySettings { algorithm: algorithm.to_owned(), size_bits, ttl: Duration::ZERO })
        };
        assert_eq!(
            [of("HmacSHA256", None), of("HmacSHA512", None), of("HmacSHA256", Some(130))],
            [32, 64, 17]
        );
    }
}
