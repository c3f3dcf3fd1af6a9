//! What comes back to the herder of a group from work it gave away.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;

use crate::herder::command::{Modified, Reply};
use crate::herder::error::HerderError;
use crate::herder::info::{ConnectorStateInfo, OffsetRequest};
use crate::stores::config::ConfigWriteError;

/// What a write to the config log was for.
pub(crate) enum Purpose {
    /// A connector's configuration.
    Put { name: Arc<str>, config: Props, is_new: bool, reply: Reply<Modified> },
    /// Something that is answered without more.
    Answer { reply: Reply<()> },
    /// A stop, which takes the tasks away.
    Stop { name: Arc<str>, reply: Reply<()> },
    /// A restart; the answer is known already.
    Restart { answer: Result<ConnectorStateInfo, HerderError>, reply: Reply<ConnectorStateInfo> },
    /// Task configurations of a connector of this worker.
    Publish { name: Arc<str> },
    /// A key for requests between workers.
    Key,
    /// The right to write as the leader.
    Claim,
    /// The number of fenced tasks of a connector.
    Fenced { name: Arc<str> },
}

/// What is done once the config log was read to its end.
pub(crate) enum Then {
    /// The log was read for the first time.
    Replayed,
    /// What is assigned can be judged.
    Judge { reading: u64 },
    /// The round can be assigned.
    Assign { reading: u64 },
    /// A stop can be decided.
    Stop { name: String, reply: Reply<()> },
    /// Offsets can be changed.
    Offsets { name: String, request: OffsetRequest, reply: Reply<String> },
    /// A connector's producers can be fenced.
    Fence { name: String, reply: Reply<()> },
    /// A round of fencing has ended, and is to be noted.
    NoteFencing { name: Arc<str> },
    /// A task's generation can be checked.
    Verify { id: TaskId, generation: u64, reply: Reply<()> },
    /// The key can be made again.
    Key,
}

/// A message to the herder of a group.
pub(crate) enum FleetMessage {
    /// The config log was read to its end, or not.
    Read { then: Then, outcome: Result<i64, ConnectError> },
    /// A write to the config log ended; what it wrote has been applied.
    Written { purpose: Purpose, outcome: Result<(), ConfigWriteError> },
    /// Whether every member of the group is a worker of this program.
    Kind { is_own: bool },
    /// The states of work that was given up are stored.
    Released,
    /// The leader answered to task configurations of a connector of this worker.
    Forwarded { name: Arc<str>, outcome: Result<(), HerderError> },
    /// A task wants the producers of its connector's former tasks fenced.
    FenceWanted { name: Arc<str>, reply: Reply<()> },
    /// A task wants to know whether it may write.
    VerifyWanted { id: TaskId, generation: u64, reply: Reply<()> },
    /// The brokers fenced producers, or did not.
    Fenced { name: Arc<str>, outcome: Result<(), ConnectError> },
}
