//! connector-converters
