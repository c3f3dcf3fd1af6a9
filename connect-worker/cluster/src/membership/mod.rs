//! One member of a group: finds the coordinator, joins, synchronises, heartbeats and leaves, on a thread of its own
//! so that nothing a connector does can delay a heartbeat.

mod event;

pub use event::{GroupEvent, JoinState, LossCause, Round};
