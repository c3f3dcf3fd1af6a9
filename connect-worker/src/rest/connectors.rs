//! `/connectors`: everything but offsets.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, StatusCode};
use serde_json::{Map as JsonMap, Value as Json};

use crate::herder::{CreateRequest, HerderErrorKind, Modified, RestartRequest};
use crate::rest::answer::{Answer, created, empty, json, ok};
use crate::rest::body;
use crate::rest::caller::{Caller, Done};
use crate::rest::error::RestError;
use crate::rest::peers::Onward;
use crate::rest::router::RestState;
use crate::rest::shape::{CONNECTOR_INFO, CONNECTOR_STATE_INFO};
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
pub(crate) async fn create(State(state): State<RestState>, caller: Caller, body: Bytes) -> Answer {
    let sent = body.clone();
    let request = body::create(&body).map_err(RestError::internal)?;
    let request = request.ok_or_else(|| RestError::internal(NO_REQUEST))?;
    let config = request.config.ok_or_else(|| RestError::internal(NO_CONFIG))?;
    let name: Arc<str> = request.name.unwrap_or_default().trim().into();
    let request = CreateRequest { name: Arc::clone(&name), config, initial_state: request.initial_state };
    let outcome = state.herder.create(request).await;
    let onward = || {
        let path = "/connectors".to_owned();
        let onward = Onward { method: Method::POST, path, query: String::new(), body: None, expects: None };
        onward.with(as_sent(&sent)).expecting(&CONNECTOR_INFO)
    };
    created(&caller.location(&name), &state.shown(outcome, &caller, onward).await?)
}

/// `GET /connectors/{c}`.
pub(crate) async fn info(State(state): State<RestState>, Path(name): Path<String>) -> Answer {
    ok(&state.herder.info(name).await?)
}

/// `DELETE /connectors/{c}`.
pub(crate) async fn delete(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
) -> Answer {
    let outcome = state.herder.delete(name.clone()).await;
    state.void(outcome, &caller, || Onward::of(Method::DELETE, &name, "")).await?;
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
    caller: Caller,
    body: Bytes,
) -> Answer {
    let config = body::props(&body).map_err(RestError::internal)?;
    let config = config.ok_or_else(|| RestError::internal(NO_CONFIG))?;
    let outcome = state.herder.put_config(name.as_str().into(), config).await;
    let onward = || Onward::of(Method::PUT, &name, "/config").with(as_sent(&body)).expecting(&CONNECTOR_INFO);
    match state.done(outcome, &caller, onward).await? {
        Done::Here(Modified::Created(info)) => created(&caller.location(&name), &info),
        Done::Here(Modified::Updated(info)) => ok(&info),
        Done::Here(Modified::Outdated) => {
            Err(RestError::internal("storing a configuration found it outdated"))
        }
        Done::There(answered) if answered.status == StatusCode::CREATED => {
            created(&caller.location(&name), &answered.body)
        }
        Done::There(answered) => ok(&answered.body),
    }
}

/// `PATCH /connectors/{c}/config`.
pub(crate) async fn patch_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let patch = body::props(&body).map_err(RestError::internal)?;
    let patch = patch.ok_or_else(|| RestError::internal(NO_PATCH))?;
    let outcome = state.herder.patch_config(name.as_str().into(), patch).await;
    let onward =
        || Onward::of(Method::PATCH, &name, "/config").with(as_sent(&body)).expecting(&CONNECTOR_INFO);
    ok(&state.shown(outcome, &caller, onward).await?)
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
    caller: Caller,
) -> Answer {
    let number = task_number(&task)?;
    let outcome = state.herder.restart_task(name.clone(), number).await;
    let onward = || Onward::of(Method::POST, &name, &format!("/tasks/{number}/restart"));
    state.void(outcome, &caller, onward).await?;
    empty(StatusCode::NO_CONTENT)
}

/// `POST /connectors/{c}/restart`.
pub(crate) async fn restart(
    State(state): State<RestState>,
    Path(name): Path<String>,
    caller: Caller,
) -> Answer {
    let (include_tasks, only_failed) =
        (flag(&caller.query, "includeTasks", false), flag(&caller.query, "onlyFailed", false));
    let onward = || Onward::of(Method::POST, &name, "/restart");
    if !include_tasks && !only_failed {
        let outcome = state.herder.restart_connector(name.clone()).await;
        state.void(outcome, &caller, onward).await?;
        return empty(StatusCode::NO_CONTENT);
    }
    let request = RestartRequest { connector: name.as_str().into(), only_failed, include_tasks };
    let outcome = state.herder.restart(request).await;
    let onward = || {
        let query = format!("&includeTasks={include_tasks}&onlyFailed={only_failed}");
        Onward { query, ..onward() }.expecting(&CONNECTOR_STATE_INFO)
    };
    json(StatusCode::ACCEPTED, &state.shown(outcome, &caller, onward).await?)
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
pub(crate) async fn stop(State(state): State<RestState>, Path(name): Path<String>, caller: Caller) -> Answer {
    let outcome = state.herder.stop(name.clone()).await;
    state.void(outcome, &caller, || Onward::of(Method::PUT, &name, "/stop")).await?;
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

/// Returns a body that was read once as it goes on to another worker.
fn as_sent(body: &[u8]) -> Json {
    body::sent(body).unwrap_or(Json::Null)
}

fn task_number(text: &str) -> Result<i32, RestError> {
    text.parse().map_err(|_| RestError::no_such_parameter())
}
