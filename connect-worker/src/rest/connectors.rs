//! `/connectors`: everything but offsets.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map as JsonMap, Value as Json};

use crate::herder::{CreateRequest, HerderErrorKind, Modified, RestartRequest};
use crate::rest::answer::{Answer, created, empty, ok};
use crate::rest::body;
use crate::rest::error::RestError;
use crate::rest::router::RestState;
use crate::rest::uri::{flag, query};

const NO_CONFIG: &str = "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null";
const NO_REQUEST: &str = "Cannot invoke \"org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.name()\" \
                          because \"createRequest\" is null";
const NO_PATCH: &str =
    "Cannot invoke \"java.util.Map.forEach(java.util.function.BiConsumer)\" because \"patch\" is null";

/// `GET /connectors`.
pub(crate) async fn list(State(state): State<RestState>, RawQuery(raw): RawQuery) -> Answer {
    let names = state.herder.list().await?;
    let expansions: Vec<String> = query(raw.as_deref())
        .into_iter()
        .filter(|(key, _)| key == "expand")
        .map(|(_, value)| value)
        .collect();
    if expansions.is_empty() {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        return ok(&names);
    }
    let mut answer = JsonMap::new();
    for name in names {
        if let Some(expanded) = expanded(&state, &name, &expansions).await? {
            answer.insert(name.to_string(), Json::Object(expanded));
        }
    }
    ok(&answer)
}

/// Returns what was asked about one connector, or `None` when it disappeared meanwhile.
async fn expanded(
    state: &RestState,
    name: &Arc<str>,
    expansions: &[String],
) -> Result<Option<JsonMap<String, Json>>, RestError> {
    let mut answer = JsonMap::new();
    for expansion in expansions {
        let found = match expansion.as_str() {
            "status" => state.herder.status(name.to_string()).await.map(serde_json::to_value),
            "info" => state.herder.info(name.to_string()).await.map(serde_json::to_value),
            other => {
                tracing::info!(expansion = other, "ignoring unknown expansion type");
                continue;
            }
        };
        match found {
            Ok(value) => {
                let value = value.map_err(|error| RestError::internal(error.to_string()))?;
                answer.insert(expansion.clone(), value);
            }
            Err(error) if error.kind == HerderErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(answer))
}

/// `POST /connectors`.
pub(crate) async fn create(State(state): State<RestState>, headers: HeaderMap, body: Bytes) -> Answer {
    let request = body::create(&body).map_err(RestError::internal)?;
    let request = request.ok_or_else(|| RestError::internal(NO_REQUEST))?;
    let config = request.config.ok_or_else(|| RestError::internal(NO_CONFIG))?;
    let name: Arc<str> = request.name.unwrap_or_default().trim().into();
    let request = CreateRequest { name: Arc::clone(&name), config, initial_state: request.initial_state };
    let info = state.herder.create(request).await?;
    created(&headers, &name, &info)
}

/// `GET /connectors/{c}`.
pub(crate) async fn info(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&state.herder.info(name).await?)
}

/// `DELETE /connectors/{c}`.
pub(crate) async fn delete(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    state.herder.delete(name).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /connectors/{c}/config`.
pub(crate) async fn config(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    let config: JsonMap<String, Json> =
        state.herder.config(name).await?.into_iter().map(|(key, value)| (key, Json::String(value))).collect();
    ok(&config)
}

/// `PUT /connectors/{c}/config`.
pub(crate) async fn put_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let config = body::props(&body).map_err(RestError::internal)?;
    let config = config.ok_or_else(|| RestError::internal(NO_CONFIG))?;
    match state.herder.put_config(name.as_str().into(), config).await? {
        Modified::Created(info) => created(&headers, &name, &info),
        Modified::Updated(info) => ok(&info),
        Modified::Outdated => Err(RestError::internal("storing a configuration found it outdated")),
    }
}

/// `PATCH /connectors/{c}/config`.
pub(crate) async fn patch_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let patch = body::props(&body).map_err(RestError::internal)?;
    let patch = patch.ok_or_else(|| RestError::internal(NO_PATCH))?;
    ok(&state.herder.patch_config(name.into(), patch).await?)
}

/// `GET /connectors/{c}/status`.
pub(crate) async fn status(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&state.herder.status(name).await?)
}

/// `GET /connectors/{c}/tasks`.
pub(crate) async fn tasks(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&state.herder.tasks(name).await?)
}

/// `GET /connectors/{c}/tasks/{i}/status`.
pub(crate) async fn task_status(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    ok(&state.herder.task_status(name, task_number(&task)?).await?)
}

/// `POST /connectors/{c}/tasks/{i}/restart`.
pub(crate) async fn restart_task(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    state.herder.restart_task(name, task_number(&task)?).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `POST /connectors/{c}/restart`.
pub(crate) async fn restart(
    State(state): State<RestState>,
    Path(name): Path<String>,
    RawQuery(raw): RawQuery,
) -> Answer {
    let pairs = query(raw.as_deref());
    let (include_tasks, only_failed) =
        (flag(&pairs, "includeTasks", false), flag(&pairs, "onlyFailed", false));
    if !include_tasks && !only_failed {
        state.herder.restart_connector(name).await?;
        return empty(StatusCode::NO_CONTENT);
    }
    let request = RestartRequest { connector: name.into(), only_failed, include_tasks };
    crate::rest::answer::json(StatusCode::ACCEPTED, &state.herder.restart(request).await?)
}

/// `PUT /connectors/{c}/pause`.
pub(crate) async fn pause(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    state.herder.pause(name).await?;
    empty(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/resume`.
pub(crate) async fn resume(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    state.herder.resume(name).await?;
    empty(StatusCode::ACCEPTED)
}

/// `PUT /connectors/{c}/stop`.
pub(crate) async fn stop(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    state.herder.stop(name).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /connectors/{c}/topics`.
pub(crate) async fn topics(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    let topics = state.herder.topics(name.clone()).await?;
    let topics: Vec<Json> = topics.iter().map(|topic| Json::from(&**topic)).collect();
    let inner: JsonMap<String, Json> = [("topics".to_owned(), Json::Array(topics))].into_iter().collect();
    let answer: JsonMap<String, Json> = [(name, Json::Object(inner))].into_iter().collect();
    ok(&answer)
}

/// `PUT /connectors/{c}/topics/reset`.
pub(crate) async fn reset_topics(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    state.herder.reset_topics(name).await?;
    empty(StatusCode::ACCEPTED)
}

/// `POST /connectors/{c}/tasks`, which only workers of a group use.
pub(crate) async fn put_tasks() -> Answer {
    Err(RestError::internal(
        "Kafka Connect in standalone mode does not support externally setting task configurations.",
    ))
}

/// `PUT /connectors/{c}/fence`, which only workers of a group use.
pub(crate) async fn fence() -> Answer {
    Err(RestError::internal(
        "Kafka Connect in standalone mode does not support exactly-once source connectors.",
    ))
}

fn task_number(text: &str) -> Result<i32, RestError> {
    text.parse().map_err(|_| RestError::no_such_parameter())
}
