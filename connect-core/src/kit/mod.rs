//! What connectors share: progress, batches, back-off, fences, memory, time, causes of errors.

mod backoff;
mod batch;
mod budget;
mod causes;
mod clock;
mod fence;
mod offsets;

pub use backoff::{Backoff, RetryPolicy};
pub use batch::{BatchLimits, Batcher, Closed, PushError};
pub use budget::{ByteBudget, Lease};
pub use causes::with_causes;
pub use clock::{Clock, SharedClock, SystemClock};
pub use fence::{Fence, FenceKilled, FencePass};
pub use offsets::{OffsetTracker, Watermark};
