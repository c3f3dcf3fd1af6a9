//! Fetch, with its wait for enough data.
//!
//! There are no fetch sessions: session id 0 tells the client to send every partition each time. A wait ends by an
//! append to one of the partitions, never by polling.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{
        BrokerId, FetchRequest, FetchResponse, ProducerId,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData},
    },
};
use tokio::time::{Instant, timeout_at};

use crate::{dispatch::Call, storage::producers::AbortedRange, topics::Topic};

/// From this version on topics are named by id.
const FIRST_VERSION_WITH_IDS: i16 = 13;
const READ_COMMITTED: i8 = 1;

/// Answers with what is there, waiting for more while it is less than asked for.
pub(crate) async fn fetch(call: &Call<'_>, request: &FetchRequest) -> FetchResponse {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or_default());
    let deadline = Instant::now() + wait;
    let enough = usize::try_from(request.min_bytes).unwrap_or_default();
    loop {
        let gathered = Gathering::new(call, request).gather(request);
        if gathered.has_error || gathered.size_bytes >= enough {
            return gathered.response;
        }
        if timeout_at(deadline, call.connection.wake.notified()).await.is_err() {
            return gathered.response;
        }
    }
}

/// One pass over the partitions of a request.
struct Gathering<'a> {
    call: &'a Call<'a>,
    is_committed_only: bool,
    max_bytes: usize,
    size_bytes: usize,
    has_error: bool,
    response: FetchResponse,
}

impl<'a> Gathering<'a> {
    fn new(call: &'a Call<'a>, request: &FetchRequest) -> Self {
        Self {
            call,
            is_committed_only: request.isolation_level == READ_COMMITTED,
            max_bytes: usize::try_from(request.max_bytes).unwrap_or_default(),
            size_bytes: 0,
            has_error: false,
            response: FetchResponse::default(),
        }
    }

    fn gather(mut self, request: &FetchRequest) -> Self {
        for wanted in &request.topics {
            let topic = self.find_topic(wanted);
            let mut answer = FetchableTopicResponse::default()
                .with_topic(wanted.topic.clone())
                .with_topic_id(wanted.topic_id);
            for partition in &wanted.partitions {
                let data =
                    topic.as_ref().map_err(|error| *error).and_then(|topic| self.read(topic, partition));
                answer.partitions.push(data.unwrap_or_else(|error| {
                    self.has_error = true;
                    empty(partition).with_error_code(error.code()).with_high_watermark(-1)
                }));
            }
            self.response.responses.push(answer);
        }
        self
    }

    fn find_topic(&self, wanted: &FetchTopic) -> Result<Arc<Topic>, ResponseError> {
        let topics = &self.call.node.topics;
        if self.call.version >= FIRST_VERSION_WITH_IDS {
            topics.get_by_id(wanted.topic_id).ok_or(ResponseError::UnknownTopicId)
        } else {
            topics.get(&wanted.topic).ok_or(ResponseError::UnknownTopicOrPartition)
        }
    }

    fn read(&mut self, topic: &Topic, wanted: &FetchPartition) -> Result<PartitionData, ResponseError> {
        let partition = topic.partition(wanted.partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let mut state = partition.lock();
        let log = &state.log;
        if !(log.start_offset()..=log.next_offset()).contains(&wanted.fetch_offset) {
            self.has_error = true;
            return Ok(empty(wanted)
                .with_error_code(ResponseError::OffsetOutOfRange.code())
                .with_high_watermark(log.next_offset())
                .with_log_start_offset(log.start_offset()));
        }
        let mut data = empty(wanted)
            .with_high_watermark(log.next_offset())
            .with_last_stable_offset(log.last_stable_offset())
            .with_log_start_offset(log.start_offset());
        let upto = if self.is_committed_only { log.last_stable_offset() } else { log.next_offset() };
        let left = self.max_bytes.saturating_sub(self.size_bytes);
        let limit = usize::try_from(wanted.partition_max_bytes).unwrap_or_default().min(left);
        let slice = log.read(wanted.fetch_offset, upto, limit).map_err(|error| {
            tracing::error!(topic = topic.name, partition = wanted.partition, %error, "reading a log");
            ResponseError::KafkaStorageError
        })?;
        // Only the first batch of the whole answer may be larger than asked for (KIP-74).
        if self.size_bytes == 0 || slice.records.len() <= left {
            self.size_bytes += slice.records.len();
            if self.is_committed_only {
                data.aborted_transactions = Some(slice.aborted.iter().map(aborted).collect());
            }
            data.records = Some(slice.records);
        }
        state.wait(&self.call.connection.wake);
        Ok(data)
    }
}

fn empty(wanted: &FetchPartition) -> PartitionData {
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()))
}

fn aborted(range: &AbortedRange) -> AbortedTransaction {
    AbortedTransaction::default()
        .with_producer_id(ProducerId(range.producer_id))
        .with_first_offset(range.first_offset)
}
