//! Metrics: handles that tasks touch once a batch, and the registry that renders them for Prometheus.
//!
//! What exists and how it is called stands in `connect_core::metrics`. There is no global state: the worker owns
//! the registry, and a series ends when the last clone of its handle is dropped.

mod connector;
mod errors;
mod exposition;
mod process;
mod rebalance;
mod registry;
mod sink;
mod source;
mod status;
mod window;
mod worker;

pub use connector::{ConnectorInfo, ConnectorMetrics};
pub use errors::TaskErrorMetrics;
pub use rebalance::RebalanceMetrics;
pub use registry::{MetricsOptions, MetricsRegistry};
pub use sink::SinkTaskMetrics;
pub use source::SourceTaskMetrics;
pub use status::{PluginInfo, Status, TaskInfo, TaskStatusMetrics};
pub use window::Windows;
pub use worker::WorkerMetrics;
