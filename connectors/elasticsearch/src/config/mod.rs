//! The keys of both connectors, with the originals' names, types and defaults, and those that only Sluice has. What
//! the rest of the crate works with is `Settings`.

mod elasticsearch;
mod extra;
mod opensearch;

pub(crate) use elasticsearch::ElasticsearchConfig;
pub(crate) use extra::ExtraConfig;
pub(crate) use opensearch::OpenSearchConfig;
