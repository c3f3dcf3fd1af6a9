//! Tasks at work: each runs in its own loop, owned by nobody else, and reports to the herder through a channel.

mod handle;

pub use handle::{TargetState, TaskEvent, TaskHandle, TaskKind, TaskReport, TaskSpec, TaskState};
