//! The topic APIs of the admin client.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
        DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
        create_partitions_response::CreatePartitionsTopicResult,
        create_topics_request::CreatableTopic,
        create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
        delete_records_request::DeleteRecordsPartition,
        delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
        delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
    },
};

use super::{code_of, configs};
use crate::{
    dispatch::Call,
    storage::topic_config::{self, Overrides},
    support::{lock, string, topic_name},
    topics::Topic,
};

/// Why something was refused: the code, and a sentence when there is more to say.
pub(crate) type Refusal = (ResponseError, Option<String>);

/// Creates topics.
pub(crate) fn create(call: &Call<'_>, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    let results = request.topics.iter().map(|wanted| {
        let result = CreatableTopicResult::default().with_name(wanted.name.clone());
        match create_one(call, wanted, request.validate_only) {
            Ok(created) => created.with_name(wanted.name.clone()),
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(Some(string(message.unwrap_or_else(|| error.to_string())))),
        }
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn create_one(
    call: &Call<'_>,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Refusal> {
    let replication_factor = wanted.replication_factor;
    if !matches!(replication_factor, -1 | 1) {
        let message = format!(
            "Unable to replicate the partition {replication_factor} time(s): The target replication factor of \
             {replication_factor} cannot be reached because only 1 broker(s) are registered."
        );
        return Err((ResponseError::InvalidReplicationFactor, Some(message)));
    }
    let mut overrides = Overrides::new();
    for config in &wanted.configs {
        let value = config.value.as_deref().unwrap_or_default();
        configs::check(&config.name, value)?;
        overrides.insert(config.name.to_string(), value.to_owned());
    }
    let partitions = match (wanted.assignments.len(), wanted.num_partitions) {
        (0, -1) => call.node.config.default_partitions,
        (0, count) => count,
        (assigned, _) => assigned as i32,
    };
    let refuse = |error| match error {
        ResponseError::TopicAlreadyExists => {
            (error, Some(format!("Topic '{}' already exists.", wanted.name.as_str())))
        }
        ResponseError::InvalidPartitions => {
            (error, Some("Number of partitions was set to an invalid non-positive value.".to_owned()))
        }
        _ => (error, None),
    };
    let result = CreatableTopicResult::default()
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(Some(effective_configs(call, &overrides)));
    if validate_only {
        call.node.topics.check_new(&wanted.name, partitions).map_err(refuse)?;
        return Ok(result);
    }
    let topic = call.node.topics.create(&wanted.name, partitions, overrides).map_err(refuse)?;
    Ok(result.with_topic_id(topic.id))
}

fn effective_configs(call: &Call<'_>, overrides: &Overrides) -> Vec<CreatableTopicConfigs> {
    let describe = |definition: &topic_config::Definition| {
        CreatableTopicConfigs::default()
            .with_name(string(definition.name))
            .with_value(Some(string(topic_config::effective(definition.name, overrides, &call.node.config))))
            .with_config_source(configs::source_of(definition.name, overrides))
    };
    topic_config::DEFINITIONS.iter().map(describe).collect()
}

/// Deletes topics, named by name or by id.
pub(crate) fn delete(call: &Call<'_>, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name =
        request.topic_names.iter().map(|name| DeleteTopicState::default().with_name(Some(name.clone())));
    let responses = by_name.chain(request.topics.iter().cloned()).map(|wanted| {
        let known = match &wanted.name {
            Some(name) => call.node.topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition),
            None => call.node.topics.get_by_id(wanted.topic_id).ok_or(ResponseError::UnknownTopicId),
        };
        let result = known.and_then(|topic| delete_one(call, &topic).map(|()| topic));
        let name = result.as_ref().map(|topic| topic_name(&*topic.name)).ok();
        DeletableTopicResult::default()
            .with_error_code(code_of(&result))
            .with_topic_id(result.map_or(wanted.topic_id, |topic| topic.id))
            .with_name(wanted.name.or(name))
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

fn delete_one(call: &Call<'_>, topic: &Topic) -> Result<(), ResponseError> {
    call.node.topics.delete(&topic.name)?;
    lock(&call.node.offsets).delete_topic(&topic.name).map_err(storage_error)?;
    Ok(())
}

/// Adds partitions to topics.
pub(crate) fn create_partitions(
    call: &Call<'_>,
    request: &CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|wanted| {
        let result = call.node.topics.grow(&wanted.name, wanted.count, request.validate_only);
        let message = result.err().map(|error| match error {
            ResponseError::InvalidPartitions => string(format!(
                "The topic {} cannot have {} partition(s): it has as many or more, or that is too many.",
                wanted.name.as_str(),
                wanted.count
            )),
            _ => string(error.to_string()),
        });
        CreatePartitionsTopicResult::default()
            .with_name(wanted.name.clone())
            .with_error_code(code_of(&result))
            .with_error_message(message)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

/// Gives up records below an offset; -1 is the end of the log.
pub(crate) fn delete_records(call: &Call<'_>, request: &DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|wanted| {
        let topic = call.node.topics.get(&wanted.name);
        let partitions = wanted.partitions.iter().map(|partition| {
            let result = delete_before(topic.as_deref(), partition);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code_of(&result))
                .with_low_watermark(result.unwrap_or(-1))
        });
        DeleteRecordsTopicResult::default()
            .with_name(wanted.name.clone())
            .with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn delete_before(topic: Option<&Topic>, wanted: &DeleteRecordsPartition) -> Result<i64, ResponseError> {
    let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let partition = topic.partition(wanted.partition_index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if !topic.config.is_deleted {
        return Err(ResponseError::PolicyViolation);
    }
    let log = &mut partition.lock().log;
    let offset = if wanted.offset == -1 { log.next_offset() } else { wanted.offset };
    if !(0..=log.next_offset()).contains(&offset) {
        return Err(ResponseError::OffsetOutOfRange);
    }
    log.delete_before(offset).map_err(storage_error)?;
    Ok(log.start_offset())
}

fn storage_error(error: std::io::Error) -> ResponseError {
    tracing::error!(error = &error as &dyn std::error::Error, "deleting data on disk");
    ResponseError::KafkaStorageError
}
