//! Errors of the JSON reader, with Jackson's texts.

use std::error::Error;
use std::fmt;

/// Why a text is not JSON, worded and placed as Jackson does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    class: &'static str,
    message: String,
    /// Line and column, counted from one.
    location: Option<(usize, usize)>,
}

const PARSE: &str = "com.fasterxml.jackson.core.JsonParseException";
const END: &str = "com.fasterxml.jackson.core.io.JsonEOFException";
const LIMIT: &str = "com.fasterxml.jackson.core.exc.StreamConstraintsException";
const NUMBER: &str = "java.lang.NumberFormatException";

impl JsonError {
    pub(super) fn parse(input: &[u8], position: usize, message: impl Into<String>) -> Self {
        Self { class: PARSE, message: message.into(), location: Some(location(input, position)) }
    }

    pub(super) fn end(input: &[u8], message: impl Into<String>) -> Self {
        Self { class: END, message: message.into(), location: Some(location(input, input.len())) }
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        Self { class: LIMIT, message: message.into(), location: None }
    }

    pub(super) fn number(message: impl Into<String>) -> Self {
        Self { class: NUMBER, message: message.into(), location: None }
    }
}

/// Returns line and column of a byte, as Jackson counts them.
pub(super) fn location(input: &[u8], position: usize) -> (usize, usize) {
    let before = input.get(..position).unwrap_or(input);
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    (memchr::memchr_iter(b'\n', before).count() + 1, before.len() - line_start + 1)
}

/// Returns Jackson's text of a place in a source it does not show.
pub(super) fn source_text(line: usize, column: usize) -> String {
    format!(
        "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.class, self.message)?;
        match self.location {
            Some((line, column)) => write!(formatter, "\n at {}", source_text(line, column)),
            None => Ok(()),
        }
    }
}

impl Error for JsonError {}
