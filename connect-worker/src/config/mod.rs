//! The worker's configuration: files, keys, config providers, and the settings of Kafka clients.
//!
//! May be used by any room. Reads local files, but no network.

pub mod clients;
pub mod files;
pub mod internal;
mod keys;
mod known;
pub mod policy;
pub mod providers;
pub mod transformer;
mod validators;
pub mod worker;

pub use clients::{ClientKind, client_props};
pub use files::{ConnectorFile, FileError, InitialState, read_connector, read_document, read_worker};
pub use keys::{CommonConfig, DistributedConfig, StandaloneConfig};
pub use known::unknown_key_hint;
pub use transformer::ConfigTransformer;
pub use worker::{WorkerConfig, WorkerMode};
