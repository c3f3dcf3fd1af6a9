//! Tasks: the units of work of a connector.

mod context;
mod sink;
mod source;

pub use context::{
    ErrantRecordReporter, OffsetReader, SinkTaskContext, SinkTaskHandle, SourceTaskContext, TaskId,
    TransactionContext,
};
pub use sink::{CloseReason, PutReport, SinkTask};
pub use source::SourceTask;
