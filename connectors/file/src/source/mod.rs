//! Lines of a file, or of the standard input, to a topic.

mod connector;
mod lines;
mod reader;
mod task;

pub use connector::FileStreamSourceConnector;
