//! The handle of a librdkafka consumer: its life, and the calls that may block.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::ffi::{c_char, c_int};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connect_core::record::{Offsets, TopicPartition};
use rdkafka::config::NativeClientConfig;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use rdkafka_sys as sys;

use super::callbacks::{Shared, is_cooperative, on_error, on_log, on_queue_event, on_rebalance, opaque};
use super::convert::{check, offset_list, partition_list, take_error, text, timeout_ms};
use crate::kafka::port::KafkaError;

/// Longest wait for an answer of the broker to a look-up or commit.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Client {
    pub(super) handle: *mut sys::rd_kafka_t,
    pub(super) queue: *mut sys::rd_kafka_queue_t,
    // Boxed: librdkafka keeps its address as the opaque pointer of its callbacks.
    pub(super) shared: Box<Shared>,
    is_closed: AtomicBool,
}

// SAFETY: librdkafka's handle and queue may be used from any thread at the same time.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// Returns a client that is a member of no group yet.
    pub(super) fn new(config: &ClientConfig) -> Result<Self, KafkaError> {
        let native = config.create_native_config().map_err(|error| KafkaError::Config(error.to_string()))?;
        let shared = Box::<Shared>::default();
        let handle = create_handle(native, &shared)?;
        // SAFETY: `handle` is a live consumer. The queue is released in `drop`, before the handle.
        let queue = unsafe {
            sys::rd_kafka_poll_set_consumer(handle);
            let queue = sys::rd_kafka_queue_get_consumer(handle);
            sys::rd_kafka_queue_cb_event_enable(queue, Some(on_queue_event), opaque(&shared));
            queue
        };
        Ok(Self { handle, queue, shared, is_closed: AtomicBool::new(false) })
    }

    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce(&Client) -> Result<T, KafkaError> + Send + 'static,
    ) -> Result<T, KafkaError> {
        let client = Arc::clone(self);
        let joined = tokio::task::spawn_blocking(move || call(&client)).await;
        joined.unwrap_or_else(|error| Err(KafkaError::Fatal(format!("calling librdkafka: {error}"))))
    }

    fn is_cooperative(&self) -> bool {
        // SAFETY: the handle is live.
        unsafe { is_cooperative(self.handle) }
    }

    pub(super) fn assign(&self, list: &TopicPartitionList) -> Result<(), KafkaError> {
        // SAFETY: both pointers are live for the calls; librdkafka copies the list.
        unsafe {
            if self.is_cooperative() {
                return take_error("assigning", sys::rd_kafka_incremental_assign(self.handle, list.ptr()));
            }
            check("assigning", sys::rd_kafka_assign(self.handle, list.ptr()))
        }
    }

    pub(super) fn unassign(&self, list: &TopicPartitionList) -> Result<(), KafkaError> {
        // SAFETY: both pointers are live for the calls; librdkafka copies the list, null unassigns all.
        unsafe {
            if self.is_cooperative() {
                return take_error(
                    "unassigning",
                    sys::rd_kafka_incremental_unassign(self.handle, list.ptr()),
                );
            }
            check("unassigning", sys::rd_kafka_assign(self.handle, ptr::null()))
        }
    }

    pub(super) fn committed(&self, partitions: &[TopicPartition]) -> Result<Offsets, KafkaError> {
        let list = partition_list(partitions);
        // SAFETY: both pointers are live; librdkafka writes the offsets into the list.
        let code = unsafe { sys::rd_kafka_committed(self.handle, list.ptr(), timeout_ms(REQUEST_TIMEOUT)) };
        check("reading committed offsets", code)?;
        let known = list.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => {
                Some((TopicPartition::new(element.topic(), element.partition()), offset))
            }
            _ => None,
        });
        Ok(known.collect())
    }

    pub(super) fn commit(&self, offsets: &Offsets) -> Result<(), KafkaError> {
        let list = offset_list(offsets)?;
        // SAFETY: both pointers are live; the call is synchronous.
        check("committing offsets", unsafe { sys::rd_kafka_commit(self.handle, list.ptr(), 0) })
    }

    pub(super) fn seek(&self, offsets: &Offsets) -> Result<(), KafkaError> {
        let list = offset_list(offsets)?;
        // SAFETY: both pointers are live; librdkafka writes an error into each element.
        let error =
            unsafe { sys::rd_kafka_seek_partitions(self.handle, list.ptr(), timeout_ms(REQUEST_TIMEOUT)) };
        take_error("seeking", error)?;
        match list.elements().iter().find_map(|element| element.error().err()) {
            Some(error) => Err(KafkaError::Retriable(format!("seeking: {error}"))),
            None => Ok(()),
        }
    }

    pub(super) fn topics(&self) -> Result<Vec<String>, KafkaError> {
        let mut metadata = ptr::null();
        let timeout = timeout_ms(REQUEST_TIMEOUT);
        // SAFETY: librdkafka sets `metadata` on success; it is read and destroyed below.
        let code = unsafe { sys::rd_kafka_metadata(self.handle, 1, ptr::null_mut(), &mut metadata, timeout) };
        check("listing topics", code)?;
        // SAFETY: valid until destroyed; the names are copied before.
        unsafe {
            let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
            // A cluster without topics has no list to point to.
            let topics = if count == 0 { &[] } else { std::slice::from_raw_parts((*metadata).topics, count) };
            let names = topics.iter().map(|topic| text(topic.topic)).collect();
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(names)
        }
    }

    pub(super) fn close(&self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.is_closed.store(true, Ordering::Release);
        // SAFETY: the handle is live. With `is_closing` set the rebalance callback unassigns at once.
        let code = unsafe { sys::rd_kafka_consumer_close(self.handle) };
        if let Err(error) = check("closing consumer", code) {
            tracing::warn!(%error, "leaving the group");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: last use of the queue and the handle. A client that was not closed must not wait for the group.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue);
            if self.is_closed.load(Ordering::Acquire) {
                sys::rd_kafka_destroy(self.handle);
            } else {
                sys::rd_kafka_destroy_flags(self.handle, sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE as c_int);
            }
        }
    }
}

fn create_handle(native: NativeClientConfig, shared: &Shared) -> Result<*mut sys::rd_kafka_t, KafkaError> {
    let mut reason = [0 as c_char; 512];
    // SAFETY: `native` is a live configuration that librdkafka takes over when it returns a handle; `shared`
    // outlives the handle because `Client` drops the handle first.
    unsafe {
        let conf = native.ptr();
        sys::rd_kafka_conf_set_opaque(conf, opaque(shared));
        sys::rd_kafka_conf_set_rebalance_cb(conf, Some(on_rebalance));
        sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
        sys::rd_kafka_conf_set_log_cb(conf, Some(on_log));
        let kind = sys::rd_kafka_type_t::RD_KAFKA_CONSUMER;
        let handle = sys::rd_kafka_new(kind, conf, reason.as_mut_ptr(), reason.len());
        if handle.is_null() {
            return Err(KafkaError::Config(text(reason.as_ptr())));
        }
        std::mem::forget(native);
        Ok(handle)
    }
}
