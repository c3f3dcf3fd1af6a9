//! One member of a group: finds the coordinator, joins, synchronises, heartbeats and leaves, on a thread of its own
//! so that nothing a connector does can delay a heartbeat.
//!
//! `member` is the loop, `round` its requests, `heart` the heartbeats on a line of their own, `inbox` what the two and
//! the herder tell each other. The herder sees `GroupHandle` and `GroupEvent` only.

mod coordinator;
mod description;
mod error;
mod event;
mod handle;
mod heart;
mod inbox;
mod lease;
mod member;
mod outage;
mod round;
mod settings;
mod static_members;

pub use description::{GroupDescription, describe_group};
pub use error::GroupError;
pub use event::{GroupEvent, JoinState, LossCause, Round};
pub use handle::{GroupHandle, GroupMember, spawn};
pub use settings::GroupSettings;
pub use static_members::remove_static_members;

#[cfg(test)]
mod tests;
