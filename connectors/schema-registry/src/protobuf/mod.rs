//! Protobuf: `.proto` texts, their relation to Connect's schemas, and messages.

mod compile;
mod config;
mod decode;
mod encode;
mod format;
mod from_connect;
mod index;
mod to_connect;

pub use format::ProtobufConverter;

#[cfg(test)]
mod tests;
