//! Committed offsets: OffsetCommit, OffsetFetch, OffsetDelete.

use std::collections::BTreeMap;

use kafka_protocol::{
    error::ResponseError,
    messages::{
        OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
        OffsetFetchRequest, OffsetFetchResponse, TopicName,
        offset_commit_request::OffsetCommitRequestPartition,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
};

use super::code_of;
use crate::{
    dispatch::Call,
    groups::{
        group::{GroupState, Identity},
        offsets::{Committed, OffsetChange, TopicPartition},
    },
    support::{lock, string, topic_name},
};

/// From this version on one request may ask for several groups.
const FIRST_VERSION_WITH_GROUPS: i16 = 8;
/// Kafka's `offset.metadata.max.bytes`.
const MAX_METADATA_BYTES: usize = 4096;

/// Commits a group's offsets.
pub(crate) fn commit(call: &Call<'_>, request: &OffsetCommitRequest) -> OffsetCommitResponse {
    let from = Identity {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_ref(),
        generation: request.generation_id_or_member_epoch,
    };
    let allowed = call.node.groups.check_commit(&request.group_id, from, false);
    let mut changes = Vec::new();
    let mut topics = Vec::new();
    for wanted in &request.topics {
        let partitions = wanted.partitions.iter().map(|wanted_partition| {
            let place = partition_of(&wanted.name, wanted_partition.partition_index);
            let metadata = wanted_partition.committed_metadata.as_deref().unwrap_or_default();
            let checked = allowed.and_then(|()| check_position(call, &place, metadata));
            if checked.is_ok() {
                changes.push(change(&request.group_id, place, wanted_partition));
            }
            (wanted_partition.partition_index, code_of(&checked))
        });
        topics.push((wanted.name.clone(), partitions.collect::<Vec<_>>()));
    }
    let stored = lock(&call.node.offsets).apply(changes).map_err(storage_error);
    let topics = topics.into_iter().map(|(name, partitions)| {
        let answer = |(index, code)| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(if code == 0 { code_of(&stored) } else { code })
        };
        OffsetCommitResponseTopic::default()
            .with_name(name)
            .with_partitions(partitions.into_iter().map(answer).collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// Says whether an offset may be stored for this partition.
pub(crate) fn check_position(
    call: &Call<'_>,
    place: &TopicPartition,
    metadata: &str,
) -> Result<(), ResponseError> {
    let topic = call.node.topics.get(&place.topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
    topic.partition(place.partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if metadata.len() > MAX_METADATA_BYTES {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    Ok(())
}

fn change(group: &str, place: TopicPartition, wanted: &OffsetCommitRequestPartition) -> OffsetChange {
    OffsetChange {
        group: group.to_owned(),
        partition: place,
        committed: Some(Committed {
            offset: wanted.committed_offset,
            leader_epoch: wanted.committed_leader_epoch,
            metadata: wanted.committed_metadata.as_deref().unwrap_or_default().to_owned(),
        }),
    }
}

/// Returns committed offsets, of all partitions when none is named.
pub(crate) fn fetch(call: &Call<'_>, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    if call.version < FIRST_VERSION_WITH_GROUPS {
        let wanted = request.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| (topic.name.clone(), topic.partition_indexes.clone())).collect()
        });
        let topics =
            positions(call, &request.group_id, wanted, request.require_stable).into_iter().map(single_topic);
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let groups = request.groups.iter().map(|group| {
        let wanted = group.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| (topic.name.clone(), topic.partition_indexes.clone())).collect()
        });
        let topics =
            positions(call, &group.group_id, wanted, request.require_stable).into_iter().map(group_topic);
        OffsetFetchResponseGroup::default()
            .with_group_id(group.group_id.clone())
            .with_topics(topics.collect())
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

/// A partition's committed position as it is answered; the default says that there is none.
struct Position {
    partition: i32,
    committed: Option<Committed>,
    error_code: i16,
}

type WantedTopics = Vec<(TopicName, Vec<i32>)>;

fn positions(
    call: &Call<'_>,
    group: &str,
    wanted: Option<WantedTopics>,
    require_stable: bool,
) -> Vec<(TopicName, Vec<Position>)> {
    let transactions = lock(&call.node.transactions);
    let offsets = lock(&call.node.offsets);
    let known = offsets.of_group(group);
    let wanted = wanted.unwrap_or_else(|| {
        let mut all: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for place in known.into_iter().flat_map(|known| known.keys()) {
            all.entry(&place.topic).or_default().push(place.partition);
        }
        all.into_iter().map(|(topic, partitions)| (topic_name(topic), partitions)).collect()
    });
    let find = |topic: &TopicName, partition: i32| {
        let place = partition_of(topic, partition);
        let is_unstable = require_stable && transactions.has_pending_offset(group, &place);
        Position {
            partition,
            committed: known.and_then(|known| known.get(&place)).filter(|_| !is_unstable).cloned(),
            error_code: if is_unstable { ResponseError::UnstableOffsetCommit.code() } else { 0 },
        }
    };
    let find_all = |(topic, partitions): (TopicName, Vec<i32>)| {
        let found = partitions.into_iter().map(|partition| find(&topic, partition)).collect();
        (topic, found)
    };
    wanted.into_iter().map(find_all).collect()
}

fn single_topic((name, positions): (TopicName, Vec<Position>)) -> OffsetFetchResponseTopic {
    let answer = |position: Position| {
        let (offset, leader_epoch, metadata) = position.values();
        OffsetFetchResponsePartition::default()
            .with_partition_index(position.partition)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(string(metadata)))
            .with_error_code(position.error_code)
    };
    OffsetFetchResponseTopic::default()
        .with_name(name)
        .with_partitions(positions.into_iter().map(answer).collect())
}

fn group_topic((name, positions): (TopicName, Vec<Position>)) -> OffsetFetchResponseTopics {
    let answer = |position: Position| {
        let (offset, leader_epoch, metadata) = position.values();
        OffsetFetchResponsePartitions::default()
            .with_partition_index(position.partition)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(string(metadata)))
            .with_error_code(position.error_code)
    };
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(positions.into_iter().map(answer).collect())
}

impl Position {
    fn values(&self) -> (i64, i32, String) {
        match &self.committed {
            Some(committed) => (committed.offset, committed.leader_epoch, committed.metadata.clone()),
            None => (-1, -1, String::new()),
        }
    }
}

/// Deletes offsets of topics nobody in the group reads now.
pub(crate) fn delete(call: &Call<'_>, request: &OffsetDeleteRequest) -> OffsetDeleteResponse {
    let group = request.group_id.as_str();
    let has_offsets = lock(&call.node.offsets).of_group(group).is_some();
    // Which topics the members read stands in metadata this broker does not open: any member keeps all offsets.
    let allowed = match call.node.groups.with_group(group, |group| group.state) {
        Some(GroupState::Empty) => Ok(()),
        Some(_) => Err(ResponseError::GroupSubscribedToTopic),
        None if has_offsets => Ok(()),
        None => {
            return OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
        }
    };
    let mut changes = Vec::new();
    let topics = request.topics.iter().map(|wanted| {
        let partitions = wanted.partitions.iter().map(|wanted_partition| {
            let partition = partition_of(&wanted.name, wanted_partition.partition_index);
            if allowed.is_ok() {
                changes.push(OffsetChange { group: group.to_owned(), partition, committed: None });
            }
            OffsetDeleteResponsePartition::default()
                .with_partition_index(wanted_partition.partition_index)
                .with_error_code(code_of(&allowed))
        });
        OffsetDeleteResponseTopic::default()
            .with_name(wanted.name.clone())
            .with_partitions(partitions.collect())
    });
    let topics = topics.collect();
    let stored = lock(&call.node.offsets).apply(changes).map_err(storage_error);
    OffsetDeleteResponse::default().with_error_code(code_of(&stored)).with_topics(topics)
}

/// Returns the partition as it is named in stored offsets.
pub(crate) fn partition_of(topic: &TopicName, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_string(), partition }
}

fn storage_error(error: std::io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "writing offsets to disk");
    ResponseError::CoordinatorNotAvailable
}
