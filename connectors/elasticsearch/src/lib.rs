//! The Elasticsearch and OpenSearch sinks, taking the configurations of Confluent's `ElasticsearchSinkConnector` and
//! Aiven's `OpenSearchSinkConnector` on one engine.

mod bulk;
mod client;
mod config;
mod connector;
mod document;
mod fields;
mod flight;
mod mapping;
mod naming;
mod operation;
mod payload;
mod preview;
mod probe;
mod resources;
mod settings;
mod task;
mod template;
mod throttle;
mod work;

pub use connector::plugins;
