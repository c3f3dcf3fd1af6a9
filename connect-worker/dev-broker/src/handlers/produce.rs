//! Produce.

use std::sync::Arc;

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
};

use crate::{
    dispatch::Call,
    groups::offsets::TopicPartition,
    storage::{batch::BatchHeader, partition::Appended},
    support::{lock, now_ms},
    topics::Topic,
    transactions::ProducerEpoch,
};

/// From this version on topics are named by id.
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// Appends each batch to its partition.
pub(crate) fn produce(call: &Call<'_>, request: ProduceRequest) -> ProduceResponse {
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    let mut response = ProduceResponse::default();
    for data in request.topic_data {
        let topic = find_topic(call, &data);
        let append = |partition| append(call, transactional_id, topic.as_ref(), partition);
        let partitions = data.partition_data.into_iter().map(append).collect();
        response.responses.push(
            TopicProduceResponse::default()
                .with_name(data.name)
                .with_topic_id(data.topic_id)
                .with_partition_responses(partitions),
        );
    }
    response
}

fn find_topic(call: &Call<'_>, data: &TopicProduceData) -> Result<Arc<Topic>, ResponseError> {
    if call.version >= FIRST_VERSION_WITH_IDS {
        call.node.topics.get_by_id(data.topic_id).ok_or(ResponseError::UnknownTopicId)
    } else {
        call.node.topics.get(&data.name).ok_or(ResponseError::UnknownTopicOrPartition)
    }
}

fn append(
    call: &Call<'_>,
    transactional_id: Option<&str>,
    topic: Result<&Arc<Topic>, &ResponseError>,
    data: PartitionProduceData,
) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default()
        .with_index(data.index)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1);
    match topic.map_err(|error| *error).and_then(|topic| try_append(call, transactional_id, topic, &data)) {
        Ok((appended, start_offset)) => response
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.append_time_ms.unwrap_or(-1))
            .with_log_start_offset(start_offset),
        Err(error) => response.with_error_code(error.code()).with_log_start_offset(-1),
    }
}

fn try_append(
    call: &Call<'_>,
    transactional_id: Option<&str>,
    topic: &Topic,
    data: &PartitionProduceData,
) -> Result<(Appended, i64), ResponseError> {
    let partition = topic.partition(data.index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let records = data.records.as_deref().unwrap_or_default();
    check_transaction(call, transactional_id, topic, data.index, records)?;
    let mut state = partition.lock();
    let appended = state.log.append(records, &topic.config, now_ms())?;
    state.wake();
    Ok((appended, state.log.start_offset()))
}

/// Checks a transactional batch with the coordinator: without a partition in the transaction there would be no marker
/// to end it (KIP-890).
fn check_transaction(
    call: &Call<'_>,
    transactional_id: Option<&str>,
    topic: &Topic,
    index: i32,
    records: &[u8],
) -> Result<(), ResponseError> {
    let header = BatchHeader::parse(records).filter(BatchHeader::is_transactional);
    let Some(header) = header else { return Ok(()) };
    let transactional_id = transactional_id.ok_or(ResponseError::InvalidTxnState)?;
    let producer = ProducerEpoch { id: header.producer_id, epoch: header.producer_epoch };
    let partition = TopicPartition { topic: topic.name.clone(), partition: index };
    lock(&call.node.transactions).check_write(transactional_id, producer, &partition)
}
