//! One function per API: it turns a request into calls on the node's state and the results into a response.

pub(crate) mod cluster;
pub(crate) mod configs;
pub(crate) mod error_answer;
pub(crate) mod fetch;
pub(crate) mod groups;
pub(crate) mod list_offsets;
pub(crate) mod offsets;
pub(crate) mod produce;
pub(crate) mod topics;
pub(crate) mod transactions;

use kafka_protocol::error::ResponseError;

/// Returns the code of a result: 0 when it is fine.
pub(crate) fn code_of<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(0, ResponseError::code)
}
