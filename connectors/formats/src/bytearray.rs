//! Raw bytes, one separator after each record, as Confluent's `ByteArrayFormat` writes them.

use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;

/// Writes byte arrays as they are, each followed by a separator.
#[derive(Debug, Clone)]
pub struct ByteArrayFormat {
    separator: Vec<u8>,
    extension: String,
}

impl ByteArrayFormat {
    /// Returns the format with the separator written after every record and the extension of file names.
    pub fn new(separator: impl Into<Vec<u8>>, extension: impl Into<String>) -> Self {
        Self { separator: separator.into(), extension: extension.into() }
    }

    /// Returns the extension of file names.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// Appends a record.
    ///
    /// # Errors
    /// A data error when the value is not a byte array.
    pub fn append(&self, datum: &Datum, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        match datum.value().as_ref() {
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(&self.separator);
                Ok(())
            }
            other => Err(ConnectError::data(format!(
                "writing a value of class `{}` with `ByteArrayFormat`, which takes byte arrays only \
                 (use `org.apache.kafka.connect.converters.ByteArrayConverter`)",
                other.java_class()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn bytes_are_copied_and_followed_by_the_separator() {
        let format = ByteArrayFormat::new("--", ".bin");
        let mut out = b"x".to_vec();
        for part in [&b"a\0"[..], b""] {
            let datum = Datum::schemaless(Value::Bytes(Bytes::from_static(part)));
            format.append(&datum, &mut out).expect("bytes");
        }
        assert_eq!(out, b"xa\0----");
    }

    #[test]
    fn other_values_are_refused_with_the_class_named() {
        let error = ByteArrayFormat::new("\n", ".bin")
            .append(&Datum::schemaless(Value::string("a")), &mut Vec::new())
            .expect_err("a string");
        assert!(error.context().contains("`java.lang.String`"), "{error}");
    }
}
