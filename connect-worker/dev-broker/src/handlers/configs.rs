//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs. Only topics have configurations that can be changed.

use kafka_protocol::{
    error::ResponseError,
    messages::{
        AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, alter_configs_response,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::{
            DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
        },
        incremental_alter_configs_request::AlterableConfig,
        incremental_alter_configs_response,
    },
    protocol::StrBytes,
};

use super::topics::Refusal;
use crate::{
    dispatch::Call,
    storage::topic_config::{self, Definition, Kind, Overrides},
    support::string,
};

// Resource types (`ConfigResource.Type`).
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC_BROKER: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

// What an incremental change does (`AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Describes configurations.
pub(crate) fn describe(call: &Call<'_>, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let describe = |resource: &DescribeConfigsResource| {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        let is_wanted = |name: &str| {
            let keys = resource.configuration_keys.as_ref();
            keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
        };
        match resource.resource_type {
            TOPIC => match call.node.topics.get(&resource.resource_name) {
                None => result
                    .with_error_code(ResponseError::UnknownTopicOrPartition.code())
                    .with_error_message(Some(string(ResponseError::UnknownTopicOrPartition.to_string()))),
                Some(topic) => result.with_configs(
                    topic_config::DEFINITIONS
                        .iter()
                        .filter(|definition| is_wanted(definition.name))
                        .map(|definition| {
                            describe_one(call, definition, &topic.overrides, request.include_synonyms)
                        })
                        .collect(),
                ),
            },
            BROKER => result.with_configs(
                broker_configs(call).into_iter().filter(|config| is_wanted(&config.name)).collect(),
            ),
            _ => result,
        }
    };
    DescribeConfigsResponse::default().with_results(request.resources.iter().map(describe).collect())
}

fn describe_one(
    call: &Call<'_>,
    definition: &Definition,
    overrides: &Overrides,
    include_synonyms: bool,
) -> DescribeConfigsResourceResult {
    let name = string(definition.name);
    let default = string(topic_config::default_value(definition.name, &call.node.config));
    let own = overrides.get(definition.name).map(|value| string(&**value));
    let synonym = |value: &StrBytes, source| {
        DescribeConfigsSynonym::default()
            .with_name(name.clone())
            .with_value(Some(value.clone()))
            .with_source(source)
    };
    let mut synonyms = Vec::new();
    if include_synonyms {
        synonyms.extend(own.as_ref().map(|own| synonym(own, SOURCE_TOPIC)));
        synonyms.push(synonym(&default, SOURCE_DEFAULT));
    }
    DescribeConfigsResourceResult::default()
        .with_name(name.clone())
        .with_value(Some(own.unwrap_or(default)))
        .with_config_source(source_of(definition.name, overrides))
        .with_config_type(definition.kind as i8)
        .with_synonyms(synonyms)
}

/// Says whether a value is the topic's own or the default.
pub(crate) fn source_of(name: &str, overrides: &Overrides) -> i8 {
    if overrides.contains_key(name) { SOURCE_TOPIC } else { SOURCE_DEFAULT }
}

/// Returns the broker configurations that tools look at.
fn broker_configs(call: &Call<'_>) -> Vec<DescribeConfigsResourceResult> {
    let config = &call.node.config;
    let values = [
        ("auto.create.topics.enable", config.auto_create_topics.to_string(), Kind::Boolean),
        ("default.replication.factor", "1".to_owned(), Kind::Int),
        ("delete.topic.enable", "true".to_owned(), Kind::Boolean),
        ("log.cleanup.policy", "delete".to_owned(), Kind::List),
        ("log.dirs", config.data_dir.display().to_string(), Kind::String),
        ("log.retention.bytes", config.retention_bytes.to_string(), Kind::Long),
        ("log.segment.bytes", config.segment_bytes.to_string(), Kind::Int),
        ("message.max.bytes", topic_config::default_value("max.message.bytes", config), Kind::Int),
        ("min.insync.replicas", "1".to_owned(), Kind::Int),
        ("num.partitions", config.default_partitions.to_string(), Kind::Int),
    ];
    let describe = |(name, value, kind): (&'static str, String, Kind)| {
        DescribeConfigsResourceResult::default()
            .with_name(string(name))
            .with_value(Some(string(value)))
            .with_read_only(true)
            .with_config_source(SOURCE_STATIC_BROKER)
            .with_config_type(kind as i8)
    };
    values.into_iter().map(describe).collect()
}

/// Replaces all configurations of each topic.
pub(crate) fn alter(call: &Call<'_>, request: &AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let result = check_resource(resource.resource_type).and_then(|()| {
            let mut overrides = Overrides::new();
            for config in &resource.configs {
                let value = config.value.as_deref().unwrap_or_default();
                check(&config.name, value)?;
                overrides.insert(config.name.to_string(), value.to_owned());
            }
            configure(call, &resource.resource_name, overrides, request.validate_only)
        });
        let (code, message) = outcome(result);
        alter_configs_response::AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(message)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Changes the named configurations of each topic.
pub(crate) fn alter_some(
    call: &Call<'_>,
    request: &IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|resource| {
        let result = check_resource(resource.resource_type)
            .and_then(|()| changed(call, &resource.resource_name, &resource.configs))
            .and_then(|overrides| configure(call, &resource.resource_name, overrides, request.validate_only));
        let (code, message) = outcome(result);
        incremental_alter_configs_response::AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code)
            .with_error_message(message)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn changed(call: &Call<'_>, topic: &str, changes: &[AlterableConfig]) -> Result<Overrides, Refusal> {
    let topic = call.node.topics.get(topic).ok_or((ResponseError::UnknownTopicOrPartition, None))?;
    let mut overrides = topic.overrides.clone();
    for change in changes {
        let name = change.name.as_str();
        let given = change.value.as_deref().unwrap_or_default();
        let current = || topic_config::effective(name, &topic.overrides, &call.node.config);
        let value = match change.config_operation {
            SET => given.to_owned(),
            APPEND => joined(&current(), given),
            SUBTRACT => without(&current(), given),
            DELETE => {
                overrides.remove(name);
                continue;
            }
            _ => return Err((ResponseError::InvalidRequest, None)),
        };
        check(name, &value)?;
        overrides.insert(name.to_owned(), value);
    }
    Ok(overrides)
}

fn joined(list: &str, more: &str) -> String {
    let old = items(list);
    let new = items(more).filter(|item| !items(list).any(|known| known == *item));
    old.chain(new).collect::<Vec<_>>().join(",")
}

fn without(list: &str, less: &str) -> String {
    items(list).filter(|item| !items(less).any(|gone| gone == *item)).collect::<Vec<_>>().join(",")
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Checks one topic configuration.
pub(crate) fn check(name: &str, value: &str) -> Result<(), Refusal> {
    topic_config::validate(name, value).map_err(|message| (ResponseError::InvalidConfig, Some(message)))
}

fn check_resource(resource_type: i8) -> Result<(), Refusal> {
    if resource_type == TOPIC {
        return Ok(());
    }
    let message = "Only topic configurations can be altered on this broker.".to_owned();
    Err((ResponseError::InvalidRequest, Some(message)))
}

fn configure(call: &Call<'_>, topic: &str, overrides: Overrides, validate_only: bool) -> Result<(), Refusal> {
    if validate_only {
        return match call.node.topics.get(topic) {
            Some(_) => Ok(()),
            None => Err((ResponseError::UnknownTopicOrPartition, None)),
        };
    }
    call.node.topics.configure(topic, overrides).map_err(|error| (error, None))
}

fn outcome(result: Result<(), Refusal>) -> (i16, Option<StrBytes>) {
    match result {
        Ok(()) => (0, None),
        Err((error, message)) => (error.code(), Some(string(message.unwrap_or_else(|| error.to_string())))),
    }
}
