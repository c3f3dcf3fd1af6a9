//! Who runs what: the leader's decision in a round, as Kafka Connect's leader makes it.
//!
//! Pure: members, configuration and time come in as arguments. The herder of the leader calls it, and answers the
//! round with the outcome.

mod balance;
mod cooperative;
pub mod eager;
mod loads;
mod lost;
mod owners;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use cooperative::Cooperative;
pub use owners::{Owner, Owners};

use crate::membership::Round;
use crate::protocol::{Assignment, AssignmentError};
use crate::work::{Configured, Work};

/// What a leader decided in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What each member is told, by member id.
    pub assignments: BTreeMap<String, Assignment>,
    /// Who runs what once every member has followed.
    pub owners: Owners,
    /// What members run though it is not configured, and are not told to stop: a new leader, as Kafka Connect's, learns
    /// of it in this round and revokes it in the next. If there is any, the leader should join again at once, or it
    /// keeps running.
    pub stray: Work,
}

/// Whether the leader has read the config topic as far as all other members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetCheck {
    /// It has.
    Current,
    /// It has not: nothing can be assigned before it has read more.
    Behind {
        /// Snapshot offset of the member that read most.
        max: i64,
    },
}

/// Compares the leader's snapshot offset with those of the members.
pub fn offset_check(round: &Round, own_offset: i64) -> OffsetCheck {
    match max_offset(round) {
        Some(max) if own_offset < max => OffsetCheck::Behind { max },
        _ => OffsetCheck::Current,
    }
}

/// Returns what every member is told when the leader is behind: no work, keep what you run, join again.
pub fn config_mismatch(round: &Round) -> BTreeMap<String, Assignment> {
    let mismatch = Assignment {
        error: AssignmentError::ConfigMismatch,
        ..blank(round, max_offset(round).unwrap_or(-1))
    };
    round.members.keys().map(|member| (member.clone(), mismatch.clone())).collect()
}

fn max_offset(round: &Round) -> Option<i64> {
    round.members.values().map(|state| state.offset).max()
}

/// Returns an assignment of nothing.
fn blank(round: &Round, offset: i64) -> Assignment {
    Assignment {
        version: round.protocol.version(),
        error: AssignmentError::None,
        leader: round.leader.clone(),
        leader_url: round.members.get(&round.leader).map(|state| state.url.clone()).unwrap_or_default(),
        offset,
        assigned: Work::default(),
        revoked: Work::default(),
        delay_ms: 0,
    }
}

/// Returns the offset to name in assignments: that of the configuration they are made from, which must not be behind
/// any member.
fn assigned_offset(round: &Round, configured: &Configured) -> i64 {
    debug_assert_eq!(
        offset_check(round, configured.offset),
        OffsetCheck::Current,
        "assigning behind a member"
    );
    configured.offset
}
