//! ListOffsets and OffsetForLeaderEpoch: offsets by time, ends, and epochs.

use std::io;

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
        list_offsets_request::ListOffsetsPartition,
        list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
        offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
    },
};

use crate::{dispatch::Call, storage::partition::PartitionLog, topics::Topic};

// Timestamps with a meaning of their own (`ListOffsetsRequest`).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const READ_COMMITTED: i8 = 1;

/// Finds an offset per partition.
pub(crate) fn list(call: &Call<'_>, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let is_committed_only = request.isolation_level == READ_COMMITTED;
    let topics = request.topics.iter().map(|wanted| {
        let topic = call.node.topics.get(&wanted.name);
        let find = |partition| find(topic.as_deref(), partition, is_committed_only);
        ListOffsetsTopicResponse::default()
            .with_name(wanted.name.clone())
            .with_partitions(wanted.partitions.iter().map(find).collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn find(
    topic: Option<&Topic>,
    wanted: &ListOffsetsPartition,
    is_committed_only: bool,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(wanted.partition_index)
        .with_timestamp(-1)
        .with_offset(-1);
    let Some(partition) = topic.and_then(|topic| topic.partition(wanted.partition_index)) else {
        return response.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    match lookup(&partition.lock().log, wanted.timestamp, is_committed_only) {
        Ok(Some((offset, timestamp))) => {
            response.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(0)
        }
        Ok(None) => response,
        Err(error) => {
            tracing::error!(%error, "looking up an offset by time");
            response.with_error_code(ResponseError::KafkaStorageError.code())
        }
    }
}

fn lookup(log: &PartitionLog, timestamp: i64, is_committed_only: bool) -> io::Result<Option<(i64, i64)>> {
    let end = if is_committed_only { log.last_stable_offset() } else { log.next_offset() };
    match timestamp {
        LATEST => Ok(Some((end, -1))),
        EARLIEST | EARLIEST_LOCAL => Ok(Some((log.start_offset(), -1))),
        MAX_TIMESTAMP => match log.max_timestamp()? {
            -1 => Ok(None),
            largest => log.find_time(largest),
        },
        // Nothing is ever in a remote tier.
        ..MAX_TIMESTAMP => Ok(None),
        _ => Ok(log.find_time(timestamp)?.filter(|(offset, _)| *offset < end)),
    }
}

/// Answers where an epoch ended. The only epoch is 0 and it goes on.
pub(crate) fn leader_epoch(
    call: &Call<'_>,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|wanted| {
        let topic = call.node.topics.get(&wanted.topic);
        let partitions = wanted.partitions.iter().map(|asked| {
            let answer = EpochEndOffset::default().with_partition(asked.partition);
            match topic.as_ref().and_then(|topic| topic.partition(asked.partition)) {
                None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(_) if asked.current_leader_epoch > 0 => {
                    answer.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                }
                Some(partition) if asked.leader_epoch == 0 => {
                    answer.with_leader_epoch(0).with_end_offset(partition.lock().log.next_offset())
                }
                Some(_) => answer,
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(wanted.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}
