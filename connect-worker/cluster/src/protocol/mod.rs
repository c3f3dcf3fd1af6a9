//! What the members of a group tell each other inside Kafka's group requests.

mod codec;
#[cfg(test)]
mod tests;
mod wire;

use crate::Work;

/// Why bytes are no member state or assignment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The bytes end inside a field.
    #[error("reading `{field}` of a group message: the bytes end too early")]
    Truncated {
        /// Name of the field.
        field: &'static str,
    },
    /// A length is negative, or more than the bytes that are left.
    #[error("reading `{field}` of a group message: length `{length}` is not possible")]
    Length {
        /// Name of the field.
        field: &'static str,
        /// What was read.
        length: i32,
    },
    /// A text is not UTF-8.
    #[error("reading `{field}` of a group message: the text is not UTF-8")]
    Text {
        /// Name of the field.
        field: &'static str,
    },
    /// A version below 0.
    #[error("reading a group message: version `{version}` is not possible")]
    Version {
        /// What was read.
        version: i16,
    },
    /// A task number below -1.
    #[error("reading a group message: task number `{number}` is not possible")]
    Task {
        /// What was read.
        number: i32,
    },
}

/// Protocols of a group, by what their names mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupProtocol {
    /// `default`, version 0: everything stops at each rebalance.
    Eager,
    /// `compatible`, version 1: incremental cooperative (KIP-415).
    Compatible,
    /// `sessioned`, version 2: the same with signed internal requests (KIP-507).
    Sessioned,
}

impl GroupProtocol {
    /// Returns the name in group requests.
    pub fn name(self) -> &'static str {
        match self {
            GroupProtocol::Eager => "default",
            GroupProtocol::Compatible => "compatible",
            GroupProtocol::Sessioned => "sessioned",
        }
    }

    /// Returns the protocol of a name in group requests.
    pub fn from_name(name: &str) -> Option<Self> {
        [GroupProtocol::Eager, GroupProtocol::Compatible, GroupProtocol::Sessioned]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }

    /// Returns the version number inside metadata and assignments.
    pub fn version(self) -> i16 {
        match self {
            GroupProtocol::Eager => 0,
            GroupProtocol::Compatible => 1,
            GroupProtocol::Sessioned => 2,
        }
    }

    /// Returns the protocols to offer for a value of `connect.protocol`, preferred first.
    pub fn offered(self) -> &'static [GroupProtocol] {
        match self {
            GroupProtocol::Eager => &[GroupProtocol::Eager],
            GroupProtocol::Compatible => &[GroupProtocol::Compatible, GroupProtocol::Eager],
            GroupProtocol::Sessioned => {
                &[GroupProtocol::Sessioned, GroupProtocol::Compatible, GroupProtocol::Eager]
            }
        }
    }
}

/// What a member tells when it joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// Advertised URL, ends with `/`.
    pub url: String,
    /// Snapshot offset of the config topic.
    pub offset: i64,
    /// What the member runs; `None` when it runs nothing. Not told in the eager protocol.
    pub allocation: Option<Assignment>,
}

/// Why an assignment gives no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignmentError {
    /// None.
    None,
    /// The leader has not read the config topic as far as some member.
    ConfigMismatch,
}

/// What the leader tells a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Version of the format: 0, 1 or 2.
    pub version: i16,
    /// Whether there is work at all.
    pub error: AssignmentError,
    /// Member id of the leader.
    pub leader: String,
    /// Leader's advertised URL.
    pub leader_url: String,
    /// Offset of the config topic that the assignment is based on.
    pub offset: i64,
    /// Eager: everything to run. Else: newly given work; in a member's allocation, everything it runs.
    pub assigned: Work,
    /// Work to be stopped.
    pub revoked: Work,
    /// Time in milliseconds after which the member should join again; 0 for never.
    pub delay_ms: i32,
}
