//! The states of connectors and tasks, and the topics they used. Standalone mode keeps them in memory, distributed
//! mode in the status topic.

mod cache;
mod codec;
mod kafka;
mod memory;
mod resets;
mod state;
mod writer;

use std::sync::Arc;

use tokio::sync::oneshot;

pub use kafka::KafkaStatusStore;
use kafka::SharedCache;
pub use memory::MemoryStatusStore;
pub use resets::TopicResets;
pub use state::{RunState, Status};

/// Stores states. Calls return at once.
///
/// In a cluster, a state is seen once it was read back. UNASSIGNED and FAILED are written safely: not when the
/// stored state belongs to another worker of a newer generation, so that a slow old owner cannot overwrite the new
/// one.
pub trait StatusStore: Send {
    /// Tells the generation of the group; writes of an older one are no longer retried.
    fn set_generation(&mut self, generation: i32);

    /// Stores a connector's state; `None` removes it.
    fn put_connector(&mut self, connector: &Arc<str>, status: Option<Status>);

    /// Stores a task's state; `None` removes it.
    fn put_task(&mut self, connector: &Arc<str>, task: u32, status: Option<Status>);

    /// Returns a connector's state.
    fn connector(&self, connector: &str) -> Option<Status>;

    /// Returns the states of a connector's tasks, sorted by number.
    fn tasks(&self, connector: &str) -> Vec<(u32, Status)>;

    /// Returns all connectors with a state of their own or of a task.
    fn connectors(&self) -> Vec<Arc<str>>;

    /// Notes that a task of a connector used a topic.
    fn add_topic(&mut self, connector: &Arc<str>, task: u32, topic: &Arc<str>);

    /// Returns the topics a connector used, in the order noted.
    fn topics(&self, connector: &str) -> Vec<Arc<str>>;

    /// Forgets the topics a connector used.
    fn reset_topics(&mut self, connector: &str);

    /// Returns the count of resets, also of those by other workers.
    fn topic_resets(&self) -> TopicResets;

    /// The receiver is told when everything put before is stored, or was given up.
    fn flush(&mut self) -> oneshot::Receiver<()>;
}
