//! For tests: contract suites that every plug-in must pass, a clock that stands still, contexts that record what
//! they are told, and records made by hand. The suites panic with a text that names the broken promise.

mod allocation;
mod clock;
mod connector;
mod context;
mod converter;
mod damage;
mod records;
mod sink;
mod source;

pub use allocation::{CountingAllocator, MemoryBound};
pub use clock::FakeClock;
pub use connector::{BadConfig, props};
pub use context::{
    HandleCall, MemoryOffsets, RecordingHandle, RecordingReporter, connector_context, sink_context,
    source_context,
};
pub use converter::converter_contract;
pub use damage::{damaged, fuzz_settings};
pub use records::{record, records};
pub use sink::sink_contract;
pub use source::source_contract;
