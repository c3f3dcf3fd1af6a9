//! connector-formats
