//! What a membership tells the herder, and what it asks of it.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use crate::protocol::{Assignment, GroupProtocol, MemberState};

/// What a member says of itself when it joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JoinState {
    /// Snapshot offset of the config topic.
    pub offset: i64,
    /// What the member runs, `None` when nothing.
    pub allocation: Option<Assignment>,
}

/// A round in which this member leads and must assign the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Generation that the assignment will belong to.
    pub generation: i32,
    /// Generation of the last round that this member completed; -1 before the first.
    pub last_completed_generation: i32,
    /// Protocol the coordinator chose.
    pub protocol: GroupProtocol,
    /// This member.
    pub leader: String,
    /// All members with what they told, by member id.
    pub members: BTreeMap<String, MemberState>,
}

/// Why a member is out of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossCause {
    /// The coordinator no longer knows the member, or knows a newer generation.
    Fenced,
    /// By this member's own clock, no heartbeat was acknowledged for the session time-out, or none outside a round for
    /// the rebalance time-out.
    Expired,
    /// The member left by itself, because the herder did not answer within the rebalance time-out.
    Stalled,
}

/// What happens to a membership, in order. The member goes on with its heartbeats while the herder works on one.
#[derive(Debug)]
pub enum GroupEvent {
    /// The member is about to join. It waits for the answer. In the eager protocol everything must have been
    /// stopped before the answer; else work goes on.
    Joining {
        /// Protocol of the last generation, `None` before the first.
        protocol: Option<GroupProtocol>,
        /// Way back.
        reply: oneshot::Sender<JoinState>,
    },
    /// This member leads a round. It waits for the answer: the assignment of each member.
    Leading {
        /// What is known.
        round: Round,
        /// Way back.
        reply: oneshot::Sender<BTreeMap<String, Assignment>>,
    },
    /// The round is complete.
    Assigned {
        /// Generation.
        generation: i32,
        /// This member.
        member_id: String,
        /// Protocol of the group.
        protocol: GroupProtocol,
        /// What the leader assigned to this member.
        assignment: Assignment,
    },
    /// The member is out of the group: everything it runs must stop at once. It joins again by itself.
    Lost(LossCause),
    /// The group cannot be joined (credentials, authorisation, protocols): the text says why and what to do. The
    /// membership has ended.
    Failed(String),
}
