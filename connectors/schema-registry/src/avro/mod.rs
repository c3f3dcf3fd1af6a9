//! Avro as a format of the registry's converter. Schemas and encoding are in the crate of Avro, which file formats
//! use, too.

mod format;

pub use format::AvroConverter;
#[cfg(test)]
pub(crate) use format::AvroFormat;

#[cfg(test)]
mod tests;
