//! A reader of one whole topic: every partition from its beginning, without a group. librdkafka's simple consumer is
//! used, because its group consumer asks for a coordinator even where partitions are assigned by hand, and that
//! takes rights on a group which a Java worker does not need.
#![expect(unsafe_code, reason = "FFI to librdkafka; each block states why it is sound")]

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rdkafka::config::NativeClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use rdkafka_sys as sys;
use sys::rd_kafka_resp_err_t as RespErr;

use super::callbacks::{Shared, on_error, on_log, on_queue_event, opaque};
use super::convert::{check, read_message, slice, text, timeout_ms};
use crate::kafka::batch::{Arena, RawBatch};
use crate::kafka::port::KafkaError;

/// Reads a topic from the beginning to the end and goes on from there.
pub struct TopicReader {
    client: Client,
    /// Answers questions for ends. Brokers answer the requests of a connection in order, so a question beside a
    /// fetch that waits for records would wait as well, up to `fetch.max.wait.ms`.
    asker: Arc<Asker>,
    topic: Arc<str>,
    /// Ends of partitions as the client last met them: it does not move a position over emptied batches.
    ends: Vec<i64>,
}

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Fetches, and tells of errors.
    Reader,
    /// Answers questions; whoever asks learns of errors.
    Asker,
}

/// A client that never fetches, made when it is first needed.
struct Asker {
    config: ClientConfig,
    topic: String,
    partitions: i32,
    client: OnceLock<Client>,
}

impl Asker {
    fn client(&self) -> Result<&Client, KafkaError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut config = self.config.clone();
        // The reader tells of outages already.
        config.set("log_level", "0");
        let client = Client::new(&config, &self.topic, self.partitions, Role::Asker)?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// A client of librdkafka with one topic.
struct Client {
    handle: *mut sys::rd_kafka_t,
    topic: *mut sys::rd_kafka_topic_t,
    queue: *mut sys::rd_kafka_queue_t,
    // Boxed: librdkafka keeps its address as the opaque pointer of its callbacks.
    shared: Box<Shared>,
    name: String,
    partitions: i32,
}

// SAFETY: librdkafka's handles, topics and queues may be used from any thread at the same time.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl TopicReader {
    /// Returns a reader that begins to fetch at once.
    ///
    /// # Errors
    /// Fails when librdkafka refuses the configuration.
    pub fn start(config: &ClientConfig, topic: &str, partitions: i32) -> Result<Self, KafkaError> {
        let beginning = Some(i64::from(sys::RD_KAFKA_OFFSET_BEGINNING));
        Self::start_at(config, topic, &vec![beginning; usize::try_from(partitions).unwrap_or(0)])
    }

    /// Returns a reader that begins to fetch each partition at its offset; `None` leaves a partition out.
    ///
    /// # Errors
    /// As [`TopicReader::start`].
    pub fn start_at(config: &ClientConfig, topic: &str, starts: &[Option<i64>]) -> Result<Self, KafkaError> {
        let partitions = i32::try_from(starts.len()).unwrap_or(i32::MAX);
        let client = Client::new(config, topic, partitions, Role::Reader)?;
        client.start(starts)?;
        let asker =
            Asker { config: config.clone(), topic: topic.to_owned(), partitions, client: OnceLock::new() };
        let ends = (0..partitions).map(|_| -1).collect();
        Ok(Self { client, asker: Arc::new(asker), topic: Arc::from(topic), ends })
    }

    /// Moves at most `max` waiting records into `batch`, without waiting.
    ///
    /// # Errors
    /// Fatal when the topic may not be read. The client tries again by itself.
    pub fn poll(&mut self, max: usize, batch: &mut RawBatch) -> Result<(), KafkaError> {
        // SAFETY: the handle is live; its own queue carries errors and logs only.
        unsafe { sys::rd_kafka_poll(self.client.handle, 0) };
        let mut outcome = Ok(());
        for taken in 1..=max {
            // One by one: in batches librdkafka moves the position past errors and ends as if they were records
            // (`rd_kafka_q_serve_rkmessages`).
            // SAFETY: the queue is live; the message is owned by this call and destroyed below.
            let message = unsafe { sys::rd_kafka_consume_queue(self.client.queue, 0) };
            if message.is_null() {
                break;
            }
            // SAFETY: as above; not used after it is destroyed.
            if let Err(error) = self.take(unsafe { &*message }, batch) {
                outcome = Err(error);
            }
            // SAFETY: as above.
            unsafe { sys::rd_kafka_message_destroy(message) };
            if taken == max {
                // More may wait, and the queue signals only when it was empty before.
                self.client.shared.ready.notify_one();
            }
        }
        outcome
    }

    fn take(&mut self, message: &sys::rd_kafka_message_t, batch: &mut RawBatch) -> Result<(), KafkaError> {
        match message.err {
            RespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {
                let mut arena = Arena::with_capacity(message.len + message.key_len);
                batch.records.push(read_message(message, Arc::clone(&self.topic), &mut arena));
            }
            RespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                let index = usize::try_from(message.partition).unwrap_or(usize::MAX);
                if let Some(end) = self.ends.get_mut(index) {
                    *end = message.offset;
                }
            }
            code => return self.problem(code, message),
        }
        Ok(())
    }

    fn problem(&self, code: RespErr, message: &sys::rd_kafka_message_t) -> Result<(), KafkaError> {
        // SAFETY: librdkafka gives pointer and length of the error's text.
        let detail = unsafe { slice(message.payload, message.len) };
        let detail = detail.map(String::from_utf8_lossy).unwrap_or_default();
        match self.client.refusal(code) {
            Some(refusal) => Err(refusal),
            None => {
                let (topic, partition) = (&self.topic, message.partition);
                tracing::warn!(%topic, partition, %detail, "reading an internal topic is disturbed; it goes on");
                Ok(())
            }
        }
    }

    /// Waits until a poll may find something. Cancel safe.
    pub async fn ready(&self) {
        self.client.shared.ready.notified().await;
    }

    /// Returns the offset of the next record of each partition, past transaction markers; negative where nothing is
    /// known yet. Everything before it has been polled.
    pub fn positions(&self) -> Vec<i64> {
        let known = self.client.positions();
        known.into_iter().zip(&self.ends).map(|(position, end)| position.max(*end)).collect()
    }

    /// Returns the end offset of each partition; with `read_committed` the end of what is decided. Blocks a thread
    /// of its own for at most `timeout`.
    ///
    /// # Errors
    /// Fatal when the topic may not be described, else retriable.
    pub fn end_offsets(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<Vec<i64>, KafkaError>> + Send + 'static {
        let asker = Arc::clone(&self.asker);
        async move {
            let joined = tokio::task::spawn_blocking(move || asker.client()?.end_offsets(timeout)).await;
            joined.unwrap_or_else(|error| Err(KafkaError::Fatal(format!("calling librdkafka: {error}"))))
        }
    }

    /// Closes the client.
    pub async fn close(self) {
        // Joining librdkafka's threads disturbs nobody on a blocking thread.
        tokio::task::spawn_blocking(move || drop(self)).await.ok();
    }
}

impl Client {
    fn new(config: &ClientConfig, name: &str, partitions: i32, role: Role) -> Result<Self, KafkaError> {
        let native = config.create_native_config().map_err(|error| KafkaError::Config(error.to_string()))?;
        let c_name = CString::new(name)
            .map_err(|_| KafkaError::Config(format!("topic name `{}`", name.escape_debug())))?;
        let shared = Box::<Shared>::default();
        let handle = create_handle(native, &shared, role)?;
        // SAFETY: the handle is live and the name is copied; a null configuration asks for the defaults. Topic and
        // queue are released in `drop`, before the handle.
        let (topic, queue) = unsafe {
            let topic = sys::rd_kafka_topic_new(handle, c_name.as_ptr(), ptr::null_mut());
            let queue = sys::rd_kafka_queue_new(handle);
            sys::rd_kafka_queue_cb_event_enable(queue, Some(on_queue_event), opaque(&shared));
            (topic, queue)
        };
        Ok(Self { handle, topic, queue, shared, name: name.to_owned(), partitions })
    }

    fn start(&self, starts: &[Option<i64>]) -> Result<(), KafkaError> {
        if self.topic.is_null() {
            return Err(KafkaError::Config(format!("librdkafka refuses the topic name `{}`", self.name)));
        }
        for (partition, start) in (0..self.partitions).zip(starts) {
            let Some(start) = *start else { continue };
            // SAFETY: topic and queue are live.
            let code = unsafe { sys::rd_kafka_consume_start_queue(self.topic, partition, start, self.queue) };
            if code != 0 {
                return Err(KafkaError::Fatal(format!("reading partition {partition} of `{}`", self.name)));
            }
        }
        Ok(())
    }

    fn list(&self, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(usize::try_from(self.partitions).unwrap_or(0));
        for partition in 0..self.partitions {
            let added = list.add_partition_offset(&self.name, partition, offset);
            added.map_err(|error| KafkaError::Fatal(error.to_string()))?;
        }
        Ok(list)
    }

    fn positions(&self) -> Vec<i64> {
        let Ok(list) = self.list(Offset::Invalid) else { return Vec::new() };
        // SAFETY: both pointers are live; librdkafka writes the offsets into the list.
        unsafe { sys::rd_kafka_position(self.handle, list.ptr()) };
        raw_offsets(&list)
    }

    fn end_offsets(&self, timeout: Duration) -> Result<Vec<i64>, KafkaError> {
        let what = format!("listing end offsets of topic `{}`", self.name);
        let list = self.list(Offset::End)?;
        // SAFETY: both pointers are live; librdkafka writes the offsets into the list. The isolation level is the
        // consumer's (`rd_kafka_ListOffsetsRequest`).
        let code = unsafe { sys::rd_kafka_offsets_for_times(self.handle, list.ptr(), timeout_ms(timeout)) };
        if let Some(refusal) = self.refusal(code) {
            return Err(refusal);
        }
        check(&what, code)?;
        for element in list.elements() {
            if let Err(error) = element.error() {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
                let refusal = (code == RDKafkaErrorCode::TopicAuthorizationFailed).then(|| self.unreadable());
                return Err(refusal.unwrap_or_else(|| KafkaError::Retriable(format!("{what}: {code}"))));
            }
        }
        let ends = raw_offsets(&list);
        match ends.iter().all(|end| *end >= 0) {
            true => Ok(ends),
            false => Err(KafkaError::Retriable(format!("{what}: a partition has no answer"))),
        }
    }

    /// Returns the error of a code that means a right is missing.
    fn refusal(&self, code: RespErr) -> Option<KafkaError> {
        (code == RespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).then(|| self.unreadable())
    }

    fn unreadable(&self) -> KafkaError {
        KafkaError::Fatal(format!(
            "reading topic `{0}`: not authorised; the principal needs READ and DESCRIBE on the topic `{0}`",
            self.name
        ))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: last use of the objects. Fetching is stopped before the queue goes, the topic before the handle.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue, None, ptr::null_mut());
            if !self.topic.is_null() {
                for partition in 0..self.partitions {
                    sys::rd_kafka_consume_stop(self.topic, partition);
                }
                sys::rd_kafka_topic_destroy(self.topic);
            }
            sys::rd_kafka_queue_destroy(self.queue);
            sys::rd_kafka_destroy(self.handle);
        }
    }
}

fn create_handle(
    native: NativeClientConfig,
    shared: &Shared,
    role: Role,
) -> Result<*mut sys::rd_kafka_t, KafkaError> {
    let mut reason = [0 as c_char; 512];
    // SAFETY: `native` is a live configuration that librdkafka takes over when it returns a handle; `shared`
    // outlives the handle because `Client` drops the handle first.
    unsafe {
        let conf = native.ptr();
        sys::rd_kafka_conf_set_opaque(conf, opaque(shared));
        // Errors wait in the handle's queue to be polled, which nobody does for one that only answers questions.
        if role == Role::Reader {
            sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
        }
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

/// Returns the offsets of a list as librdkafka wrote them: negative ones have special meanings.
fn raw_offsets(list: &TopicPartitionList) -> Vec<i64> {
    // SAFETY: the list is live and its elements belong to it.
    let elements = unsafe {
        let list = &*list.ptr();
        match usize::try_from(list.cnt) {
            // An empty list has no elements to point to.
            Ok(count) if count > 0 => std::slice::from_raw_parts(list.elems, count),
            _ => &[],
        }
    };
    elements.iter().map(|element| element.offset).collect()
}
