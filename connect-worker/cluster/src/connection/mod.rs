//! A connection to one broker, and to whichever of several answers, by the settings of the Java client.
//!
//! `settings` reads Java-named properties, `transport` opens TCP and TLS, `sasl` logs in, `broker` exchanges requests
//! and `directory` picks a broker. Nothing here knows what a group is, and no secret reaches a log or an error.

mod address;
mod backoff;
mod broker;
mod directory;
mod error;
mod listener;
mod pem;
mod sasl;
mod security;
mod settings;
mod stores;
mod tls;
mod transport;

pub use address::BrokerAddress;
pub use broker::BrokerConnection;
pub use directory::Directory;
pub use error::{ConnectionError, ErrorKind};
pub use listener::{client_config, server_config};
pub use settings::ConnectionSettings;
pub use stores::trusted_pem;

pub(crate) use backoff::Backoff;
pub(crate) use error::quoted;
