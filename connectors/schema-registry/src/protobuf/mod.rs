//! Protobuf: `.proto` texts, their relation to Connect's schemas, and messages.

mod calendar;
mod compile;
mod config;
mod decode;
mod encode;
mod format;
mod from_connect;
mod index;
mod to_connect;
mod wrappers;

pub use format::ProtobufConverter;
#[cfg(test)]
pub(crate) use format::ProtobufFormat;

#[cfg(test)]
mod tests;
