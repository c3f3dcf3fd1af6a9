//! Between librdkafka's structures and ours.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connect_core::record::{Offsets, RawHeaders, TimestampType, TopicPartition};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;

use crate::kafka::batch::{Arena, RawRecord};
use crate::kafka::port::KafkaError;

/// # Safety
/// `list` is null or a valid list.
pub(super) unsafe fn read_partitions(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> Vec<TopicPartition> {
    // SAFETY: promised by the caller. An empty list has no elements to point at.
    if list.is_null() || unsafe { (*list).elems.is_null() } {
        return Vec::new();
    }
    // SAFETY: promised by the caller.
    let elements =
        unsafe { std::slice::from_raw_parts((*list).elems, usize::try_from((*list).cnt).unwrap_or(0)) };
    // SAFETY: each element holds a topic name.
    elements
        .iter()
        .map(|element| TopicPartition::new(unsafe { text(element.topic) }, element.partition))
        .collect()
}

pub(super) fn read_message(
    message: &sys::rd_kafka_message_t,
    topic: Arc<str>,
    arena: &mut Arena,
) -> RawRecord {
    let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the message is live; librdkafka writes the type.
    let timestamp = unsafe { sys::rd_kafka_message_timestamp(message, &mut kind) };
    let timestamp_type = match kind {
        sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => TimestampType::CreateTime,
        sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => TimestampType::LogAppendTime,
        _ => TimestampType::NoTimestamp,
    };
    RawRecord {
        topic,
        partition: message.partition,
        offset: message.offset,
        timestamp: (timestamp >= 0).then_some(timestamp),
        timestamp_type,
        // SAFETY: librdkafka gives pointer and length of memory owned by the message.
        key: unsafe { slice(message.key, message.key_len) }.map(|key| arena.copy(key)),
        // SAFETY: as above.
        value: unsafe { slice(message.payload, message.len) }.map(|value| arena.copy(value)),
        headers: read_headers(message),
    }
}

fn read_headers(message: &sys::rd_kafka_message_t) -> Option<Arc<RawHeaders>> {
    let mut headers = ptr::null_mut();
    // SAFETY: the message is live; the headers belong to it.
    let code = unsafe { sys::rd_kafka_message_headers(message, &mut headers) };
    if code != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    let mut read = RawHeaders::new();
    loop {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: librdkafka sets the pointers while the index is in range; they are copied at once.
        unsafe {
            let code = sys::rd_kafka_header_get_all(headers, read.len(), &mut name, &mut value, &mut size);
            if code != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                break;
            }
            read.push((Arc::from(text(name)), slice(value, size).map(Bytes::copy_from_slice)));
        }
    }
    (!read.is_empty()).then(|| Arc::new(read))
}

/// Sorts an error that came in place of a record: those the client recovers from are logged.
pub(super) fn consumer_error(message: &sys::rd_kafka_message_t) -> Result<(), KafkaError> {
    // SAFETY: librdkafka gives pointer and length of the error's text.
    let detail =
        unsafe { slice(message.payload, message.len) }.map(String::from_utf8_lossy).unwrap_or_default();
    let reason = format!("{}: {detail}", RDKafkaErrorCode::from(message.err));
    match message.err {
        RespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Ok(()),
        RespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => Err(KafkaError::Fatal(format!(
            "consuming: {reason}; the principal needs READ and DESCRIBE on the topic"
        ))),
        RespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED => Err(KafkaError::Fatal(format!(
            "consuming: {reason}; the principal needs READ on the consumer group"
        ))),
        RespErr::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET => {
            Err(KafkaError::Fatal(format!("consuming: {reason}")))
        }
        _ => {
            tracing::warn!(%reason, "consumer error; it keeps trying");
            Ok(())
        }
    }
}

pub(super) fn partition_list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// Returns partitions with the offsets that reading begins at, where they are given.
pub(super) fn start_list(
    partitions: &[TopicPartition],
    starts: &Offsets,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = partition_list(partitions);
    for (partition, offset) in starts {
        list.set_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error| KafkaError::Fatal(format!("offset {offset} of {partition}: {error}")))?;
    }
    Ok(list)
}

pub(super) fn offset_list(offsets: &Offsets) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error| KafkaError::Fatal(format!("offset {offset} of {partition}: {error}")))?;
    }
    Ok(list)
}

pub(super) fn timeout_ms(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX)
}

pub(super) fn check(what: &str, code: RespErr) -> Result<(), KafkaError> {
    match code {
        RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        // A commit that finds nothing newer than what is stored.
        RespErr::RD_KAFKA_RESP_ERR__NO_OFFSET => Ok(()),
        _ => Err(KafkaError::Retriable(format!("{what}: {}", RDKafkaErrorCode::from(code)))),
    }
}

/// # Safety
/// `error` is null or an error object that this call owns.
unsafe fn take_error_text(error: *mut sys::rd_kafka_error_t) -> String {
    // SAFETY: promised by the caller; the text is copied before the object is destroyed.
    unsafe {
        let reason = text(sys::rd_kafka_error_string(error));
        sys::rd_kafka_error_destroy(error);
        reason
    }
}

pub(super) fn take_error(what: &str, error: *mut sys::rd_kafka_error_t) -> Result<(), KafkaError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: librdkafka returned the object to its caller, who owns it.
    Err(KafkaError::Retriable(format!("{what}: {}", unsafe { take_error_text(error) })))
}

/// # Safety
/// `pointer` is null or a text valid during the call.
pub(super) unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// # Safety
/// `pointer` is null or `len` readable bytes that live as long as the result is used.
pub(super) unsafe fn slice<'a>(pointer: *const c_void, len: usize) -> Option<&'a [u8]> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    Some(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), len) })
}
