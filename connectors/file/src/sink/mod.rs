//! Records of topics to a file, or to the standard output, a line each.

mod connector;
mod output;
mod task;
mod text;

pub use connector::FileStreamSinkConnector;
