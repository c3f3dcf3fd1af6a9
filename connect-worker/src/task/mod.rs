//! Tasks at work: each runs in its own loop, owned by nobody else, and reports to the herder through a channel.

mod commit;
mod dlq;
mod dlq_setup;
mod drain;
mod errors;
mod exactly_once;
mod handle;
mod info;
mod lag;
mod members;
mod offset_flush;
mod plugins;
mod reporter;
mod services;
mod sink_loop;
mod sink_offsets;
mod sink_pipeline;
mod sink_signals;
mod source_loop;
mod source_parts;
mod source_pipeline;
mod spawner;
mod submitted;
mod subscription;
mod topics;
mod topics_seen;

pub use crate::kafka::producer::native_transactional_producers;
pub use drain::{Drain, Stage as DrainStage, draining_consumers, subscribed_topics};
pub(crate) use errors::{ErrorConfig, ErrorPolicy, Failure, Stage};
pub use exactly_once::{ExactlyOnce, SourceFencing};
pub use handle::{TargetState, TaskEvent, TaskHandle, TaskKind, TaskReport, TaskSpec, TaskState};
pub use members::{StaticMember, StaticMembers, StopReason};
pub(crate) use plugins::{Chain, NamedConverter, NamedHeaderConverter, converter, header_converter};
pub use services::{ConsumerFactory, TaskServices, WorkRight, always_ours, native_consumers};
pub use spawner::Spawner;
