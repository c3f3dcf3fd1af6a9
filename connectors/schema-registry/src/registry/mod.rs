//! The schema registry as the converters see it: schemas by id, registration, look-up, latest versions.

mod api;
mod auth;
mod cache;
mod client;
mod error;
mod settings;
mod subject;
mod tls;

pub(crate) use api::{Registered, SchemaRegistry, SchemaText};
pub(crate) use cache::Cache;
pub(crate) use settings::RegistryConfig;
pub(crate) use subject::NameStrategy;
