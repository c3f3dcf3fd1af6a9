//! librdkafka's admin requests that rdkafka has no safe call for. Everything here blocks its thread.
//!
//! Every request follows one pattern: options and a queue of its own, the request, one event on the queue. The
//! objects are released by guards, so each early return is safe; librdkafka keeps what an unanswered request needs.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::{Duration, Instant};

use connect_core::record::TopicPartition;
use rdkafka::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;

mod topics;

/// Longest time between two looks at what the client complained of meanwhile.
const POLL_SLICE: Duration = Duration::from_millis(100);
const ERROR_TEXT_BYTES: usize = 512;

/// A request that has no result at all.
#[derive(Debug)]
pub(super) enum Failure {
    /// Kafka or the client refused.
    Code(Code, String),
    /// Nothing came in time.
    NoAnswer,
    /// The caller's check ended the wait.
    Stopped,
}

/// The result for one partition.
#[derive(Debug)]
pub(super) struct PartitionResult {
    pub(super) partition: TopicPartition,
    pub(super) offset: i64,
    pub(super) code: Code,
}

/// What to do with the offsets of a group.
pub(super) enum GroupRequest<'a> {
    Alter(&'a TopicPartitionList),
    Delete(&'a TopicPartitionList),
}

/// A topic to be created.
pub(super) struct TopicSpec {
    pub(super) name: CString,
    /// -1 leaves the choice to the broker.
    pub(super) partitions: i32,
    /// -1 leaves the choice to the broker.
    pub(super) replication: i32,
    pub(super) configs: Vec<(CString, CString)>,
}

/// A client and how long to wait for it.
pub(super) struct Connection<'a> {
    /// Must be live while the connection is used.
    pub(super) handle: *mut sys::rd_kafka_t,
    pub(super) timeout: Duration,
    /// Called now and then while waiting; `true` ends the wait.
    pub(super) is_hopeless: &'a dyn Fn() -> bool,
}

impl Connection<'_> {
    pub(super) fn group_offsets(
        &self,
        group: &CStr,
        request: &GroupRequest<'_>,
    ) -> Result<Vec<PartitionResult>, Failure> {
        match request {
            GroupRequest::Alter(offsets) => self.alter_group_offsets(group, offsets),
            GroupRequest::Delete(partitions) => self.delete_group_offsets(group, partitions),
        }
    }

    /// Returns the offsets of a group. The handle must be a consumer's, see `Client::consumer`.
    pub(super) fn list_offsets_of_group(&self, group: &CStr) -> Result<Vec<PartitionResult>, Failure> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.list_offsets_once(group) {
                // The Java client too looks for the coordinator again; a new cluster has none at first.
                Err(Failure::Code(code, _)) if is_coordinator_moving(code) && Instant::now() < deadline => {
                    std::thread::sleep(POLL_SLICE);
                }
                result => return result,
            }
        }
    }

    fn list_offsets_once(&self, group: &CStr) -> Result<Vec<PartitionResult>, Failure> {
        // SAFETY: the text is live; a null list asks for all partitions. The guard owns the object.
        let request = unsafe { sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null()) };
        let mut request = Owned(request, sys::rd_kafka_ListConsumerGroupOffsets_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_ListConsumerGroupOffsets(self.handle, &mut request.0, 1, options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the groups.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_ListConsumerGroupOffsets_result(event.0), 0);
            read_group(sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count), count)
        }
    }

    fn alter_group_offsets(
        &self,
        group: &CStr,
        offsets: &TopicPartitionList,
    ) -> Result<Vec<PartitionResult>, Failure> {
        // SAFETY: both pointers are live; the list is copied. The guard owns the object.
        let request = unsafe { sys::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), offsets.ptr()) };
        let mut request = Owned(request, sys::rd_kafka_AlterConsumerGroupOffsets_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_AlterConsumerGroupOffsets(self.handle, &mut request.0, 1, options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the groups.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event.0), 0);
            read_group(sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &mut count), count)
        }
    }

    fn delete_group_offsets(
        &self,
        group: &CStr,
        partitions: &TopicPartitionList,
    ) -> Result<Vec<PartitionResult>, Failure> {
        // SAFETY: both pointers are live; the list is copied. The guard owns the object.
        let request =
            unsafe { sys::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr()) };
        let mut request = Owned(request, sys::rd_kafka_DeleteConsumerGroupOffsets_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_DeleteConsumerGroupOffsets(self.handle, &mut request.0, 1, options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the groups.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(event.0), 0);
            read_group(sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &mut count), count)
        }
    }

    pub(super) fn delete_group(&self, group: &CStr) -> Result<(), Failure> {
        // SAFETY: the text is live and copied. The guard owns the object.
        let request = unsafe { sys::rd_kafka_DeleteGroup_new(group.as_ptr()) };
        let mut request = Owned(request, sys::rd_kafka_DeleteGroup_destroy);
        // SAFETY: all pointers are live for the call, which copies the request.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_DeleteGroups(self.handle, &mut request.0, 1, options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the groups.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_DeleteGroups_result(event.0), 0);
            let groups = sys::rd_kafka_DeleteGroups_result_groups(result, &mut count);
            read_group(groups, count).map(drop)
        }
    }

    /// Returns the offsets that the special offsets in `wanted` stand for, such as the end.
    pub(super) fn list_offsets(&self, wanted: &TopicPartitionList) -> Result<Vec<PartitionResult>, Failure> {
        // SAFETY: all pointers are live for the call, which copies the list.
        let event = self.submit(|options, queue| unsafe {
            sys::rd_kafka_ListOffsets(self.handle, wanted.ptr(), options, queue);
        })?;
        // SAFETY: the event is of the type of the request and owns the results.
        unsafe {
            let (result, mut count) = (sys::rd_kafka_event_ListOffsets_result(event.0), 0);
            let infos = sys::rd_kafka_ListOffsets_result_infos(result, &mut count);
            let partitions = elements(infos, count).iter();
            let partitions =
                partitions.map(|info| sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*info));
            Ok(partitions.map(|partition| read_partition(&*partition)).collect())
        }
    }

    /// Sends a request and waits for its event.
    fn submit(
        &self,
        request: impl FnOnce(*const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    ) -> Result<Owned<sys::rd_kafka_event_t>, Failure> {
        let any = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_ANY;
        // SAFETY: the handle is live; the guards own both objects.
        let options = Owned(
            unsafe { sys::rd_kafka_AdminOptions_new(self.handle, any) },
            sys::rd_kafka_AdminOptions_destroy,
        );
        // SAFETY: as above.
        let queue = Owned(unsafe { sys::rd_kafka_queue_new(self.handle) }, sys::rd_kafka_queue_destroy);
        let mut text = [0 as c_char; ERROR_TEXT_BYTES];
        // SAFETY: options and buffer are live.
        check(unsafe {
            let timeout_ms = millis(self.timeout);
            sys::rd_kafka_AdminOptions_set_request_timeout(
                options.0,
                timeout_ms,
                text.as_mut_ptr(),
                text.len(),
            )
        })?;
        request(options.0, queue.0);
        let deadline = Instant::now() + self.timeout + POLL_SLICE;
        loop {
            // SAFETY: the queue is live; the guard owns the event.
            let event = unsafe { sys::rd_kafka_queue_poll(queue.0, millis(POLL_SLICE)) };
            if !event.is_null() {
                let event = Owned(event, sys::rd_kafka_event_destroy);
                return event_error(&event).map_or(Ok(event), Err);
            }
            if (self.is_hopeless)() {
                return Err(Failure::Stopped);
            }
            if Instant::now() >= deadline {
                return Err(Failure::NoAnswer);
            }
        }
    }
}

/// An object of librdkafka with the function that releases it.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the guard was made with an object it owns and the function that belongs to it.
            unsafe { (self.1)(self.0) };
        }
    }
}

fn is_coordinator_moving(code: Code) -> bool {
    matches!(code, Code::NotCoordinator | Code::CoordinatorLoadInProgress | Code::CoordinatorNotAvailable)
}

fn event_error(event: &Owned<sys::rd_kafka_event_t>) -> Option<Failure> {
    // SAFETY: the event is live and owns its text.
    unsafe {
        let code = sys::rd_kafka_event_error(event.0);
        let is_error = code != RespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        is_error.then(|| Failure::Code(code.into(), copy_text(sys::rd_kafka_event_error_string(event.0))))
    }
}

/// # Safety
/// `groups` points to `count` live results.
unsafe fn read_group(
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
) -> Result<Vec<PartitionResult>, Failure> {
    let mut results = Vec::new();
    // SAFETY: promised by the caller; a group owns its error and its partitions.
    unsafe {
        for group in elements(groups, count) {
            check_object(sys::rd_kafka_group_result_error(*group))?;
            let partitions = sys::rd_kafka_group_result_partitions(*group);
            if !partitions.is_null() {
                let count = usize::try_from((*partitions).cnt).unwrap_or(0);
                let partitions = std::slice::from_raw_parts((*partitions).elems, count);
                results.extend(partitions.iter().map(|partition| read_partition(partition)));
            }
        }
    }
    Ok(results)
}

/// # Safety
/// `partition` holds a live topic name.
unsafe fn read_partition(partition: &sys::rd_kafka_topic_partition_t) -> PartitionResult {
    // SAFETY: promised by the caller.
    let topic = unsafe { copy_text(partition.topic) };
    PartitionResult {
        partition: TopicPartition::new(topic, partition.partition),
        offset: partition.offset,
        code: partition.err.into(),
    }
}

/// # Safety
/// `first` is null or points to `count` live elements that outlive the result.
unsafe fn elements<'a, T>(first: *mut *const T, count: usize) -> &'a [*const T] {
    if first.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// # Safety
/// `error` is null or a live error.
unsafe fn check_object(error: *const sys::rd_kafka_error_t) -> Result<(), Failure> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: promised by the caller; the error owns its text.
    unsafe {
        match sys::rd_kafka_error_code(error) {
            RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            code => Err(Failure::Code(code.into(), copy_text(sys::rd_kafka_error_string(error)))),
        }
    }
}

fn check(code: RespErr) -> Result<(), Failure> {
    match code {
        RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(Failure::Code(code.into(), Code::from(code).to_string())),
    }
}

/// # Safety
/// `text` is null or a live text.
unsafe fn copy_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

fn millis(time: Duration) -> c_int {
    c_int::try_from(time.as_millis()).unwrap_or(c_int::MAX)
}
