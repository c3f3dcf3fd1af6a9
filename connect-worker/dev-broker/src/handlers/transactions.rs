//! The transaction APIs.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
        AddPartitionsToTxnResponse, DescribeProducersRequest, DescribeProducersResponse,
        DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse,
        InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest, ListTransactionsResponse,
        ProducerId, TransactionalId, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
        add_partitions_to_txn_response::{AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult},
        describe_producers_response::{PartitionResponse, ProducerState, TopicResponse},
        describe_transactions_response, list_transactions_response,
        txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic},
    },
};

use super::{
    code_of,
    offsets::{check_position, partition_of},
};
use crate::{
    dispatch::Call,
    groups::{
        group::Identity,
        offsets::{Committed, OffsetChange},
    },
    storage::producers::ActiveProducer,
    support::{lock, now_ms, string, topic_name},
    topics::Topic,
    transactions::{ProducerEpoch, Transaction},
};

/// Gives a producer its id and epoch.
pub(crate) fn init_producer(call: &Call<'_>, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let claimed = ProducerEpoch { id: request.producer_id.0, epoch: request.producer_epoch };
    let mut transactions = lock(&call.node.transactions);
    let result = match &request.transactional_id {
        None => transactions.new_producer().map_err(storage_error),
        Some(id) => transactions.init_producer(
            id,
            request.transaction_timeout_ms,
            (claimed.id >= 0).then_some(claimed),
            &call.node.topics,
            &mut lock(&call.node.offsets),
        ),
    };
    match result {
        Ok(producer) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(fenced_code(error, call.version >= 4))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    }
}

/// Adds partitions to a transaction: all of them or none.
pub(crate) fn add_partitions(
    call: &Call<'_>,
    request: &AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let producer =
        ProducerEpoch { id: request.v3_and_below_producer_id.0, epoch: request.v3_and_below_producer_epoch };
    let wanted = request
        .v3_and_below_topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| partition_of(&topic.name, *partition)));
    let wanted: Vec<_> = wanted.collect();
    let is_unknown = |place| check_position(call, place, "").is_err();
    let has_unknown = wanted.iter().any(is_unknown);
    let mut result = Err(ResponseError::OperationNotAttempted);
    if !has_unknown {
        let id = &request.v3_and_below_transactional_id;
        result = lock(&call.node.transactions).add_partitions(id, producer, wanted);
    }
    let topics = request.v3_and_below_topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let code = match check_position(call, &partition_of(&topic.name, *partition), "") {
                Err(error) => error.code(),
                Ok(()) => result.err().map_or(0, |error| fenced_code(error, call.version >= 2)),
            };
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*partition)
                .with_partition_error_code(code)
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics.collect())
}

/// Announces that a group's offsets will be part of a transaction.
pub(crate) fn add_offsets(call: &Call<'_>, request: &AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let producer = ProducerEpoch { id: request.producer_id.0, epoch: request.producer_epoch };
    let result = lock(&call.node.transactions).add_offsets(&request.transactional_id, producer, Vec::new());
    let code = result.err().map_or(0, |error| fenced_code(error, call.version >= 2));
    AddOffsetsToTxnResponse::default().with_error_code(code)
}

/// Keeps a group's offsets until their transaction ends.
pub(crate) fn commit_offsets(call: &Call<'_>, request: &TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let producer = ProducerEpoch { id: request.producer_id.0, epoch: request.producer_epoch };
    let from = Identity {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_ref(),
        generation: request.generation_id,
    };
    let allowed = call.node.groups.check_commit(&request.group_id, from, true);
    let changes = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|wanted| OffsetChange {
            group: request.group_id.to_string(),
            partition: partition_of(&topic.name, wanted.partition_index),
            committed: Some(Committed {
                offset: wanted.committed_offset,
                leader_epoch: wanted.committed_leader_epoch,
                metadata: wanted.committed_metadata.as_deref().unwrap_or_default().to_owned(),
            }),
        })
    });
    let result = allowed.and_then(|()| {
        let changes = changes.filter(|change| check_position(call, &change.partition, "").is_ok()).collect();
        lock(&call.node.transactions).add_offsets(&request.transactional_id, producer, changes)
    });
    // This API never learned the newer name of the error.
    let code = result.err().map_or(0, |error| fenced_code(error, false));
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let known = check_position(call, &partition_of(&topic.name, wanted.partition_index), "");
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(wanted.partition_index)
                .with_error_code(if code == 0 { code_of(&known) } else { code })
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// Commits or aborts a transaction.
pub(crate) fn end(call: &Call<'_>, request: &EndTxnRequest) -> EndTxnResponse {
    let producer = ProducerEpoch { id: request.producer_id.0, epoch: request.producer_epoch };
    let result = lock(&call.node.transactions).end(
        &request.transactional_id,
        producer,
        request.committed,
        &call.node.topics,
        &mut lock(&call.node.offsets),
    );
    let code = result.err().map_or(0, |error| fenced_code(error, call.version >= 2));
    EndTxnResponse::default().with_error_code(code)
}

/// Describes the producers that partitions remember.
pub(crate) fn describe_producers(
    call: &Call<'_>,
    request: &DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.iter().map(|wanted| {
        let topic = call.node.topics.get(&wanted.name);
        let partitions = wanted.partition_indexes.iter().map(|index| producers_of(topic.as_deref(), *index));
        TopicResponse::default().with_name(wanted.name.clone()).with_partitions(partitions.collect())
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn producers_of(topic: Option<&Topic>, index: i32) -> PartitionResponse {
    let response = PartitionResponse::default().with_partition_index(index);
    let Some(partition) = topic.and_then(|topic| topic.partition(index)) else {
        return response.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    let describe = |producer: ActiveProducer| {
        ProducerState::default()
            .with_producer_id(ProducerId(producer.producer_id))
            .with_producer_epoch(i32::from(producer.epoch))
            .with_last_sequence(producer.last_sequence)
            .with_last_timestamp(producer.last_timestamp)
            .with_current_txn_start_offset(producer.open_since.unwrap_or(-1))
    };
    let producers = partition.lock().log.active_producers();
    response.with_active_producers(producers.into_iter().map(describe).collect())
}

/// Describes transactions by their ids.
pub(crate) fn describe(
    call: &Call<'_>,
    request: &DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let transactions = lock(&call.node.transactions);
    let states = request.transactional_ids.iter().map(|id| {
        let state =
            describe_transactions_response::TransactionState::default().with_transactional_id(id.clone());
        match transactions.all().get(id.as_str()) {
            None => state.with_error_code(ResponseError::TransactionalIdNotFound.code()),
            Some(transaction) => state
                .with_transaction_state(string(transaction.state.name()))
                .with_transaction_timeout_ms(transaction.timeout_ms)
                .with_transaction_start_time_ms(transaction.started_ms)
                .with_producer_id(ProducerId(transaction.producer.id))
                .with_producer_epoch(transaction.producer.epoch)
                .with_topics(topics_of(transaction)),
        }
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}

fn topics_of(transaction: &Transaction) -> Vec<describe_transactions_response::TopicData> {
    let mut topics: Vec<describe_transactions_response::TopicData> = Vec::new();
    // The set is ordered by topic, so that one topic's partitions stand together.
    for place in &transaction.partitions {
        match topics.last_mut().filter(|topic| topic.topic.as_str() == place.topic) {
            Some(topic) => topic.partitions.push(place.partition),
            None => topics.push(
                describe_transactions_response::TopicData::default()
                    .with_topic(topic_name(&*place.topic))
                    .with_partitions(vec![place.partition]),
            ),
        }
    }
    topics
}

/// Lists transactions, filtered by state, producer and age.
pub(crate) fn list(call: &Call<'_>, request: &ListTransactionsRequest) -> ListTransactionsResponse {
    let transactions = lock(&call.node.transactions);
    let now = now_ms();
    let is_wanted = |transaction: &Transaction| {
        let states = &request.state_filters;
        let producers = &request.producer_id_filters;
        let age_ms = now - transaction.started_ms;
        (states.is_empty() || states.iter().any(|state| state.as_str() == transaction.state.name()))
            && (producers.is_empty() || producers.contains(&ProducerId(transaction.producer.id)))
            && (request.duration_filter < 0
                || transaction.started_ms >= 0 && age_ms > request.duration_filter)
    };
    let listed = transactions.all().iter().filter(|(_, transaction)| is_wanted(transaction)).map(
        |(id, transaction)| {
            list_transactions_response::TransactionState::default()
                .with_transactional_id(TransactionalId(string(&**id)))
                .with_producer_id(ProducerId(transaction.producer.id))
                .with_transaction_state(string(transaction.state.name()))
        },
    );
    ListTransactionsResponse::default().with_transaction_states(listed.collect())
}

/// Returns the code of `error`; clients of older versions know fencing as `INVALID_PRODUCER_EPOCH`.
fn fenced_code(error: ResponseError, knows_fencing: bool) -> i16 {
    match error {
        ResponseError::ProducerFenced if !knows_fencing => ResponseError::InvalidProducerEpoch.code(),
        error => error.code(),
    }
}

fn storage_error(error: std::io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "writing transactions to disk");
    ResponseError::KafkaStorageError
}
