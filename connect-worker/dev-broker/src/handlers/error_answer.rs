//! The answer to each request that carries one error in every place it has for one, for injected faults.

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AlterConfigsRequest,
        AlterConfigsResponse, ApiVersionsRequest, CreatePartitionsRequest, CreatePartitionsResponse,
        CreateTopicsRequest, CreateTopicsResponse, DeleteGroupsRequest, DeleteGroupsResponse,
        DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsRequest,
        DescribeGroupsResponse, DescribeLogDirsRequest, DescribeProducersRequest, DescribeProducersResponse,
        DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, FetchRequest,
        FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, InitProducerIdRequest,
        JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest,
        ListOffsetsResponse, ListTransactionsRequest, MetadataRequest, MetadataResponse, OffsetCommitRequest,
        OffsetCommitResponse, OffsetDeleteRequest, OffsetFetchRequest, OffsetFetchResponse,
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
        SyncGroupRequest, TxnOffsetCommitRequest, TxnOffsetCommitResponse, add_partitions_to_txn_response,
        alter_configs_response, create_partitions_response, create_topics_response, delete_groups_response,
        delete_records_response, delete_topics_response, describe_configs_response, describe_groups_response,
        describe_producers_response, describe_transactions_response, fetch_response,
        find_coordinator_response, incremental_alter_configs_response, list_offsets_response,
        metadata_response, offset_commit_response, offset_fetch_response, offset_for_leader_epoch_response,
        produce_response, txn_offset_commit_response,
    },
    protocol::Request,
};

use crate::groups::member::join_error;

/// A request that can be refused as a whole.
pub(crate) trait ErrorAnswer: Request {
    /// Returns the answer that says `error` everywhere.
    fn error_answer(&self, error: ResponseError) -> Self::Response;
}

/// Answers with one code at the top.
macro_rules! top_level {
    ($($request:ty),* $(,)?) => {$(
        impl ErrorAnswer for $request {
            fn error_answer(&self, error: ResponseError) -> Self::Response {
                Self::Response::default().with_error_code(error.code())
            }
        }
    )*};
}

top_level!(
    SyncGroupRequest,
    HeartbeatRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    ApiVersionsRequest,
    InitProducerIdRequest,
    AddOffsetsToTxnRequest,
    EndTxnRequest,
    DescribeClusterRequest,
    OffsetDeleteRequest,
    ListTransactionsRequest,
    DescribeLogDirsRequest,
);

impl ErrorAnswer for ProduceRequest {
    fn error_answer(&self, error: ResponseError) -> ProduceResponse {
        let topics = self.topic_data.iter().map(|topic| {
            let partitions = topic.partition_data.iter().map(|asked| {
                produce_response::PartitionProduceResponse::default()
                    .with_index(asked.index)
                    .with_error_code(error.code())
            });
            produce_response::TopicProduceResponse::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_partition_responses(partitions.collect())
        });
        ProduceResponse::default().with_responses(topics.collect())
    }
}

impl ErrorAnswer for FetchRequest {
    fn error_answer(&self, error: ResponseError) -> FetchResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                fetch_response::PartitionData::default()
                    .with_partition_index(asked.partition)
                    .with_error_code(error.code())
                    .with_records(Some(Bytes::new()))
            });
            fetch_response::FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(partitions.collect())
        });
        FetchResponse::default().with_responses(topics.collect())
    }
}

impl ErrorAnswer for ListOffsetsRequest {
    fn error_answer(&self, error: ResponseError) -> ListOffsetsResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                list_offsets_response::ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error.code())
            });
            list_offsets_response::ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for OffsetForLeaderEpochRequest {
    fn error_answer(&self, error: ResponseError) -> OffsetForLeaderEpochResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                offset_for_leader_epoch_response::EpochEndOffset::default()
                    .with_partition(asked.partition)
                    .with_error_code(error.code())
            });
            offset_for_leader_epoch_response::OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions.collect())
        });
        OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for OffsetCommitRequest {
    fn error_answer(&self, error: ResponseError) -> OffsetCommitResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                offset_commit_response::OffsetCommitResponsePartition::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error.code())
            });
            offset_commit_response::OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        OffsetCommitResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for TxnOffsetCommitRequest {
    fn error_answer(&self, error: ResponseError) -> TxnOffsetCommitResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                txn_offset_commit_response::TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error.code())
            });
            txn_offset_commit_response::TxnOffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        TxnOffsetCommitResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for DeleteRecordsRequest {
    fn error_answer(&self, error: ResponseError) -> DeleteRecordsResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                delete_records_response::DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(error.code())
            });
            delete_records_response::DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DeleteRecordsResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for AddPartitionsToTxnRequest {
    fn error_answer(&self, error: ResponseError) -> AddPartitionsToTxnResponse {
        let topics = self.v3_and_below_topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                add_partitions_to_txn_response::AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(*asked)
                    .with_partition_error_code(error.code())
            });
            add_partitions_to_txn_response::AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name.clone())
                .with_results_by_partition(partitions.collect())
        });
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(topics.collect())
    }
}

impl ErrorAnswer for DescribeProducersRequest {
    fn error_answer(&self, error: ResponseError) -> DescribeProducersResponse {
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|asked| {
                describe_producers_response::PartitionResponse::default()
                    .with_partition_index(*asked)
                    .with_error_code(error.code())
            });
            describe_producers_response::TopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DescribeProducersResponse::default().with_topics(topics.collect())
    }
}

impl ErrorAnswer for MetadataRequest {
    fn error_answer(&self, error: ResponseError) -> MetadataResponse {
        let refused = self.topics.iter().flatten().map(|asked| {
            metadata_response::MetadataResponseTopic::default()
                .with_name(asked.name.clone())
                .with_topic_id(asked.topic_id)
                .with_error_code(error.code())
        });
        MetadataResponse::default().with_topics(refused.collect())
    }
}

impl ErrorAnswer for CreateTopicsRequest {
    fn error_answer(&self, error: ResponseError) -> CreateTopicsResponse {
        let refused = self.topics.iter().map(|asked| {
            create_topics_response::CreatableTopicResult::default()
                .with_name(asked.name.clone())
                .with_error_code(error.code())
        });
        CreateTopicsResponse::default().with_topics(refused.collect())
    }
}

impl ErrorAnswer for CreatePartitionsRequest {
    fn error_answer(&self, error: ResponseError) -> CreatePartitionsResponse {
        let refused = self.topics.iter().map(|asked| {
            create_partitions_response::CreatePartitionsTopicResult::default()
                .with_name(asked.name.clone())
                .with_error_code(error.code())
        });
        CreatePartitionsResponse::default().with_results(refused.collect())
    }
}

impl ErrorAnswer for DescribeConfigsRequest {
    fn error_answer(&self, error: ResponseError) -> DescribeConfigsResponse {
        let refused = self.resources.iter().map(|asked| {
            describe_configs_response::DescribeConfigsResult::default()
                .with_resource_type(asked.resource_type)
                .with_resource_name(asked.resource_name.clone())
                .with_error_code(error.code())
        });
        DescribeConfigsResponse::default().with_results(refused.collect())
    }
}

impl ErrorAnswer for AlterConfigsRequest {
    fn error_answer(&self, error: ResponseError) -> AlterConfigsResponse {
        let refused = self.resources.iter().map(|asked| {
            alter_configs_response::AlterConfigsResourceResponse::default()
                .with_resource_type(asked.resource_type)
                .with_resource_name(asked.resource_name.clone())
                .with_error_code(error.code())
        });
        AlterConfigsResponse::default().with_responses(refused.collect())
    }
}

impl ErrorAnswer for IncrementalAlterConfigsRequest {
    fn error_answer(&self, error: ResponseError) -> IncrementalAlterConfigsResponse {
        let refused = self.resources.iter().map(|asked| {
            incremental_alter_configs_response::AlterConfigsResourceResponse::default()
                .with_resource_type(asked.resource_type)
                .with_resource_name(asked.resource_name.clone())
                .with_error_code(error.code())
        });
        IncrementalAlterConfigsResponse::default().with_responses(refused.collect())
    }
}

impl ErrorAnswer for DescribeGroupsRequest {
    fn error_answer(&self, error: ResponseError) -> DescribeGroupsResponse {
        let refused = self.groups.iter().map(|id| {
            describe_groups_response::DescribedGroup::default()
                .with_group_id(id.clone())
                .with_error_code(error.code())
        });
        DescribeGroupsResponse::default().with_groups(refused.collect())
    }
}

impl ErrorAnswer for DeleteGroupsRequest {
    fn error_answer(&self, error: ResponseError) -> DeleteGroupsResponse {
        let refused = self.groups_names.iter().map(|id| {
            delete_groups_response::DeletableGroupResult::default()
                .with_group_id(id.clone())
                .with_error_code(error.code())
        });
        DeleteGroupsResponse::default().with_results(refused.collect())
    }
}

impl ErrorAnswer for DescribeTransactionsRequest {
    fn error_answer(&self, error: ResponseError) -> DescribeTransactionsResponse {
        let refused = self.transactional_ids.iter().map(|id| {
            describe_transactions_response::TransactionState::default()
                .with_transactional_id(id.clone())
                .with_error_code(error.code())
        });
        DescribeTransactionsResponse::default().with_transaction_states(refused.collect())
    }
}

impl ErrorAnswer for JoinGroupRequest {
    fn error_answer(&self, error: ResponseError) -> JoinGroupResponse {
        join_error(error, &self.member_id)
    }
}

impl ErrorAnswer for DeleteTopicsRequest {
    fn error_answer(&self, error: ResponseError) -> DeleteTopicsResponse {
        let named = self.topic_names.iter().map(|name| (Some(name.clone()), Default::default()));
        let described = self.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
        let refused = named.chain(described).map(|(name, id)| {
            delete_topics_response::DeletableTopicResult::default()
                .with_name(name)
                .with_topic_id(id)
                .with_error_code(error.code())
        });
        DeleteTopicsResponse::default().with_responses(refused.collect())
    }
}

impl ErrorAnswer for FindCoordinatorRequest {
    fn error_answer(&self, error: ResponseError) -> FindCoordinatorResponse {
        // From version 4 on the keys are in a list, and so are the errors.
        if self.coordinator_keys.is_empty() {
            return FindCoordinatorResponse::default().with_error_code(error.code());
        }
        let refused = self.coordinator_keys.iter().map(|key| {
            find_coordinator_response::Coordinator::default()
                .with_key(key.clone())
                .with_error_code(error.code())
        });
        FindCoordinatorResponse::default().with_coordinators(refused.collect())
    }
}

impl ErrorAnswer for OffsetFetchRequest {
    fn error_answer(&self, error: ResponseError) -> OffsetFetchResponse {
        // From version 8 on the groups are in a list, and so are the errors.
        if self.groups.is_empty() {
            return OffsetFetchResponse::default().with_error_code(error.code());
        }
        let refused = self.groups.iter().map(|group| {
            offset_fetch_response::OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id.clone())
                .with_error_code(error.code())
        });
        OffsetFetchResponse::default().with_groups(refused.collect())
    }
}
