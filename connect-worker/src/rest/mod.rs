//! The REST resources of Kafka Connect: each handler parses, sends the herder one command, and maps the answer.
//!
//! It holds no state of connectors and decides no policy. `worker` builds it; the herder does not know it.

mod answer;
mod body;
mod caller;
mod client;
mod config;
mod connectors;
mod cors;
mod error;
mod headers;
mod internal;
mod jackson;
mod leader;
mod listener;
mod loggers;
mod offsets;
mod page;
mod peers;
mod plugins;
mod preview;
mod request_log;
mod root;
mod router;
mod server;
mod shape;
mod signature;
#[cfg(test)]
mod tests;
mod tls;
mod uri;

pub use config::{Advertised, ListenerAddress, RestConfig, Scheme};
pub use loggers::{LevelControl, LoggerLevel, LoggerState};
pub use peers::Peers;
pub use root::{Readiness, WorkerInfo};
pub use router::{RestState, admin_router, main_router};
pub use server::{BoundListeners, RestServer};
pub use tls::ListenerTls;
