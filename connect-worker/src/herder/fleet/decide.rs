//! The decisions of a member after a round. Pure.

use std::time::Duration;

use connect_cluster::protocol::{AssignmentError, GroupProtocol};

use crate::herder::fleet::member::SYNC_RETRIES;

/// What to do with an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Start the work.
    Start,
    /// Read the config log to its end, then decide again.
    Read,
    /// Read the config log to its end, then join again.
    ReadAndRejoin,
    /// Join again; nothing is started.
    Rejoin,
}

/// Decides by what the leader said and how far the config log is read here and was read there.
pub(super) fn verdict(error: AssignmentError, leads: bool, ours: i64, theirs: i64) -> Verdict {
    match error {
        AssignmentError::ConfigMismatch if leads || ours < theirs => Verdict::ReadAndRejoin,
        AssignmentError::ConfigMismatch => Verdict::Rejoin,
        AssignmentError::None if ours < theirs => Verdict::Read,
        AssignmentError::None if ours > theirs => Verdict::Rejoin,
        AssignmentError::None => Verdict::Start,
    }
}

/// What to do after the config log could not be read to its end in time (`DistributedHerder.backoff`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    /// Wait before the next attempt.
    pub(super) wait: Duration,
    /// Whether everything that runs here is given up.
    pub(super) gives_up: bool,
    /// Attempts left after this one.
    pub(super) retries: u32,
}

/// Decides how to go on after a read that took too long: with work that goes on, a share of the delay after which
/// others would get that work, growing; after the last share everything is given up.
pub(super) fn backoff(
    protocol: Option<GroupProtocol>,
    retries: u32,
    max_delay: Duration,
    eager_wait: Duration,
) -> Backoff {
    if protocol == Some(GroupProtocol::Eager) {
        return Backoff { wait: eager_wait, gives_up: false, retries };
    }
    match retries.checked_sub(1) {
        Some(left) => Backoff { wait: max_delay / 10 / retries, gives_up: false, retries: left },
        None => Backoff { wait: Duration::ZERO, gives_up: true, retries: SYNC_RETRIES },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignment_is_judged_by_error_and_offsets() {
        use AssignmentError::{ConfigMismatch, None};
        let cases = [
            (ConfigMismatch, true, 5, 5, Verdict::ReadAndRejoin),
            (ConfigMismatch, false, 4, 5, Verdict::ReadAndRejoin),
            (ConfigMismatch, false, 5, 5, Verdict::Rejoin),
            (ConfigMismatch, false, 6, 5, Verdict::Rejoin),
            (None, false, 4, 5, Verdict::Read),
            (None, true, 4, 5, Verdict::Read),
            (None, false, 6, 5, Verdict::Rejoin),
            (None, false, 5, 5, Verdict::Start),
        ];
        for (error, leads, ours, theirs, expected) in cases {
            assert_eq!(verdict(error, leads, ours, theirs), expected, "{error:?} {leads} {ours} {theirs}");
        }
    }

    #[test]
    fn waits_grow_to_a_tenth_of_the_delay_then_everything_is_given_up() {
        let max = Duration::from_secs(300);
        let mut retries = SYNC_RETRIES;
        let mut waits = Vec::new();
        let last = loop {
            let next = backoff(Some(GroupProtocol::Sessioned), retries, max, Duration::ZERO);
            if next.gives_up {
                break next;
            }
            retries = next.retries;
            waits.push(next.wait.as_millis());
        };
        assert_eq!(waits, [6000, 7500, 10_000, 15_000, 30_000]);
        assert_eq!(last, Backoff { wait: Duration::ZERO, gives_up: true, retries: SYNC_RETRIES });
    }

    #[test]
    fn eager_members_wait_as_set() {
        let wait = Duration::from_secs(300);
        let next = backoff(Some(GroupProtocol::Eager), 0, Duration::ZERO, wait);
        assert_eq!(next, Backoff { wait, gives_up: false, retries: 0 });
    }
}
