//! The contract between Sluice's worker and its plug-ins: records, schemas, values, traits, configuration
//! tables, errors, and the kit every connector shares. It does no I/O and starts no task.

#![warn(missing_docs)]

pub mod config;
pub mod config_provider;
pub mod connector;
pub mod converter;
pub mod data;
pub mod error;
pub mod headers;
pub mod kit;
pub mod metrics;
pub mod plugin;
pub mod preview;
pub mod record;
pub mod task;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod transform;

pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use indexmap::IndexMap;
pub use tokio_util::sync::CancellationToken;
