//! What the cluster is: versions, metadata, coordinators, log folders.

use std::collections::HashSet;
use std::sync::Arc;

use kafka_protocol::{
    error::ResponseError,
    messages::{
        ApiKey, ApiVersionsResponse, BrokerId, DescribeClusterRequest, DescribeClusterResponse,
        DescribeLogDirsRequest, DescribeLogDirsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
        MetadataRequest, MetadataResponse,
        api_versions_response::ApiVersion,
        describe_cluster_response::DescribeClusterBroker,
        describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
        find_coordinator_response::Coordinator,
        metadata_request::MetadataRequestTopic,
        metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    },
};

use crate::{
    dispatch::Call,
    node::NODE_ID,
    support::{string, topic_name},
    topics::Topic,
};

/// From this version on the client says whether an unknown topic may be created.
const FIRST_VERSION_WITH_CREATION_FLAG: i16 = 4;

/// Lists the supported versions.
pub(crate) fn api_versions(supported: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let describe = |(api, min, max): &(ApiKey, i16, i16)| {
        ApiVersion::default().with_api_key(*api as i16).with_min_version(*min).with_max_version(*max)
    };
    ApiVersionsResponse::default().with_api_keys(supported.iter().map(describe).collect())
}

/// Describes topics, creating unknown ones when that is wanted on both sides.
pub(crate) fn metadata(call: &Call<'_>, request: &MetadataRequest) -> MetadataResponse {
    let (host, port) = call.node.advertised();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(string(host))
        .with_port(port);
    let topics = match &request.topics {
        Some(topics) if call.version > 0 || !topics.is_empty() => {
            let may_create =
                request.allow_auto_topic_creation || call.version < FIRST_VERSION_WITH_CREATION_FLAG;
            topics.iter().map(|wanted| describe_wanted(call, wanted, may_create)).collect()
        }
        _ => call.node.topics.all().iter().map(|topic| describe_topic(topic)).collect(),
    };
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(string(&*call.node.topics.cluster_id)))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics)
}

fn describe_wanted(
    call: &Call<'_>,
    wanted: &MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let node = call.node;
    let found = match &wanted.name {
        None => node.topics.get_by_id(wanted.topic_id).ok_or(ResponseError::UnknownTopicId),
        Some(name) => match node.topics.get(name) {
            Some(topic) => Ok(topic),
            None if may_create && node.config.auto_create_topics => create(call, name),
            None => Err(ResponseError::UnknownTopicOrPartition),
        },
    };
    match found {
        Ok(topic) => describe_topic(&topic),
        Err(error) => MetadataResponseTopic::default()
            .with_error_code(error.code())
            .with_name(wanted.name.clone().or_else(|| (call.version < 12).then(Default::default)))
            .with_topic_id(wanted.topic_id),
    }
}

fn create(call: &Call<'_>, name: &str) -> Result<Arc<Topic>, ResponseError> {
    let node = call.node;
    match node.topics.create(name, node.config.default_partitions, Default::default()) {
        // Another connection was faster.
        Err(ResponseError::TopicAlreadyExists) => {
            node.topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition)
        }
        created => created,
    }
}

fn describe_topic(topic: &Topic) -> MetadataResponseTopic {
    let describe = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(0)
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)])
    };
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&*topic.name)))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partitions.len() as i32).map(describe).collect())
}

/// Describes the cluster of one.
pub(crate) fn describe(call: &Call<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = call.node.advertised();
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(string(host))
        .with_port(port);
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(string(&*call.node.topics.cluster_id))
        .with_controller_id(BrokerId(NODE_ID))
        .with_brokers(vec![broker])
}

/// Names this broker as the coordinator of everything.
pub(crate) fn find_coordinator(call: &Call<'_>, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = call.node.advertised();
    let host = string(host);
    if call.version < 4 {
        return FindCoordinatorResponse::default()
            .with_node_id(BrokerId(NODE_ID))
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(BrokerId(NODE_ID))
            .with_host(host.clone())
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

/// Tells the size of each partition.
pub(crate) fn log_dirs(call: &Call<'_>, request: &DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let wanted: Option<HashSet<&str>> =
        request.topics.as_ref().map(|topics| topics.iter().map(|topic| topic.topic.as_str()).collect());
    let is_wanted = |topic: &Arc<Topic>| wanted.as_ref().is_none_or(|wanted| wanted.contains(&*topic.name));
    let describe = |topic: Arc<Topic>| {
        let partitions = topic.partitions.iter().enumerate().map(|(index, partition)| {
            DescribeLogDirsPartition::default()
                .with_partition_index(index as i32)
                .with_partition_size(partition.lock().log.size_bytes() as i64)
        });
        DescribeLogDirsTopic::default()
            .with_name(topic_name(&*topic.name))
            .with_partitions(partitions.collect())
    };
    let result = DescribeLogDirsResult::default()
        .with_log_dir(string(call.node.config.data_dir.display().to_string()))
        .with_topics(call.node.topics.all().into_iter().filter(is_wanted).map(describe).collect());
    DescribeLogDirsResponse::default().with_results(vec![result])
}
