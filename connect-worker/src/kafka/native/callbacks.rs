//! What librdkafka's threads call. Callbacks note what happened and wake the loop; they do nothing else.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;
use tokio::sync::Notify;

use super::convert::{read_partitions, take_error, text};
use crate::kafka::port::{KafkaError, Rebalance};

/// What callbacks leave for the loop.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) rebalances: Mutex<VecDeque<Rebalance>>,
    pub(super) ready: Notify,
    pub(super) is_closing: AtomicBool,
    pub(super) fatal: Mutex<Option<KafkaError>>,
}

pub(super) fn opaque(shared: &Shared) -> *mut c_void {
    ptr::from_ref(shared).cast_mut().cast()
}

/// # Safety
/// `opaque` is the `Shared` of a live client.
unsafe fn shared<'a>(opaque: *mut c_void) -> &'a Shared {
    // SAFETY: promised by the caller.
    unsafe { &*opaque.cast::<Shared>() }
}

/// Returns whether the group's assignor changes assignments step by step.
///
/// # Safety
/// `handle` is a live consumer.
pub(super) unsafe fn is_cooperative(handle: *mut sys::rd_kafka_t) -> bool {
    // SAFETY: promised by the caller; librdkafka returns a static text, or null while the client ends.
    let protocol = unsafe { sys::rd_kafka_rebalance_protocol(handle) };
    // SAFETY: as above.
    !protocol.is_null() && unsafe { CStr::from_ptr(protocol) } == c"COOPERATIVE"
}

pub(super) unsafe extern "C" fn on_queue_event(_: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: librdkafka passes the pointer given at registration.
    unsafe { shared(opaque) }.ready.notify_one();
}

pub(super) unsafe extern "C" fn on_rebalance(
    handle: *mut sys::rd_kafka_t,
    code: RespErr,
    list: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes the pointer given at creation and a list valid during the call.
    let (shared, partitions) = unsafe { (shared(opaque), read_partitions(list)) };
    if shared.is_closing.load(Ordering::Acquire) {
        // Everything was flushed and committed before closing; unassigning lets the close go on.
        // SAFETY: valid during the callback.
        unsafe {
            if is_cooperative(handle) {
                take_error("unassigning", sys::rd_kafka_incremental_unassign(handle, list)).ok();
            } else {
                sys::rd_kafka_assign(handle, ptr::null());
            }
        }
        return;
    }
    // SAFETY: the handle is live during its callbacks.
    let is_lost = unsafe { sys::rd_kafka_assignment_lost(handle) } != 0;
    let rebalance = match code {
        RespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(partitions),
        _ if is_lost => Rebalance::Lost(partitions),
        _ => Rebalance::Revoked(partitions),
    };
    shared.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    shared.ready.notify_one();
}

pub(super) unsafe extern "C" fn on_error(
    handle: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a text valid during the call and the pointer given at creation.
    let (reason, shared) = unsafe { (text(reason), shared(opaque)) };
    if code == RespErr::RD_KAFKA_RESP_ERR__FATAL as c_int {
        // SAFETY: the handle is live during its callbacks.
        let error = unsafe { fatal_error(handle) };
        *shared.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        shared.ready.notify_one();
        return;
    }
    tracing::warn!(%reason, "consumer cannot reach Kafka; it keeps trying");
}

/// Returns what broke a client for good.
///
/// # Safety
/// `handle` must be live.
pub(super) unsafe fn fatal_error(handle: *mut sys::rd_kafka_t) -> KafkaError {
    let mut detail = [0 as c_char; 512];
    // SAFETY: the handle and the buffer are live, and the buffer's size is given.
    let (code, detail) = unsafe {
        let code = sys::rd_kafka_fatal_error(handle, detail.as_mut_ptr(), detail.len());
        (code, text(detail.as_ptr()))
    };
    match code {
        RespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID => KafkaError::Fenced(detail),
        _ => KafkaError::Fatal(detail),
    }
}

pub(super) unsafe extern "C" fn on_log(
    _: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: librdkafka passes texts valid during the call.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    match level {
        0..=3 => tracing::warn!(%facility, "{line}"),
        4..=5 => tracing::info!(%facility, "{line}"),
        _ => tracing::debug!(%facility, "{line}"),
    }
}
