//! The keys of both connectors, with the texts of Apache Kafka.

use connect_core::config::Validator;

/// The version of Apache Kafka whose file connectors these are.
pub(crate) const VERSION: &str = "4.3.1";

connect_core::config! {
    /// Settings of the file source.
    pub(crate) struct SourceConfig {
        /// Source filename. If not specified, the standard input will be used
        file: Option<String> = "file", High, default None;
        /// The topic to publish data to
        topic: String = "topic", High, valid Validator::NonEmpty;
        /// The maximum number of records the source task can read from the file each time it is polled
        batch_size: i32 = "batch.size", Low, default "2000";
    }
}

connect_core::config! {
    /// Settings of the file sink.
    pub(crate) struct SinkConfig {
        /// Destination filename. If not specified, the standard output will be used
        file: Option<String> = "file", High, default None;
    }
}

/// Returns the file name unless it is missing or empty, which stands for a standard stream.
pub(crate) fn named(file: Option<&String>) -> Option<&str> {
    file.map(|name| name.trim()).filter(|name| !name.is_empty())
}
