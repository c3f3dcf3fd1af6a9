//! `/admin/loggers`: levels of loggers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map as JsonMap, Value as Json};

use crate::herder::HerderHandle;
use crate::rest::answer::{Answer, empty, ok};
use crate::rest::body;
use crate::rest::error::RestError;
use crate::rest::uri::query;

const LEVELS: [&str; 8] = ["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"];

/// The level of a logger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggerLevel {
    /// Level, upper case.
    pub level: String,
    /// When it was changed through REST, in milliseconds since the epoch.
    pub last_modified: Option<u64>,
}

/// The levels of this worker's loggers. Calls return at once.
pub trait LevelControl: Send + Sync {
    /// Returns all known loggers, sorted by name, `root` included.
    fn levels(&self) -> Vec<(String, LoggerLevel)>;

    /// Returns one logger, if it is known.
    fn level(&self, logger: &str) -> Option<LoggerLevel>;

    /// Sets the level of a logger and of those below it. Returns the loggers whose level changed, sorted.
    fn set_level(&self, logger: &str, level: &str) -> Vec<String>;
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct LoggerState {
    levels: Arc<dyn LevelControl>,
    /// Tells the other workers of a group.
    herder: Option<HerderHandle>,
}

impl LoggerState {
    /// Returns the state of a worker whose group, if it has one, is told by its herder.
    pub fn new(levels: Arc<dyn LevelControl>, herder: Option<HerderHandle>) -> Self {
        Self { levels, herder }
    }
}

/// `GET /admin/loggers`.
pub(crate) async fn list(State(state): State<LoggerState>) -> Answer {
    let mut answer = JsonMap::new();
    for (name, level) in state.levels.levels().into_iter().filter(|(_, level)| level.level != "OFF") {
        let value = serde_json::to_value(level).map_err(|error| RestError::internal(error.to_string()))?;
        answer.insert(name, value);
    }
    ok(&answer)
}

/// `GET /admin/loggers/{l}`.
pub(crate) async fn get(State(state): State<LoggerState>, Path(logger): Path<String>) -> Answer {
    match state.levels.level(&logger) {
        Some(level) => ok(&level),
        None => Err(RestError::new(StatusCode::NOT_FOUND, format!("Logger {logger} not found."))),
    }
}

/// `PUT /admin/loggers/{l}`.
pub(crate) async fn put(
    State(state): State<LoggerState>,
    Path(logger): Path<String>,
    RawQuery(raw): RawQuery,
    body: Bytes,
) -> Answer {
    let body = body::props(&body).map_err(RestError::internal)?;
    let body = body.ok_or_else(|| {
        RestError::internal("Cannot invoke \"java.util.Map.get(Object)\" because \"levelMap\" is null")
    })?;
    let Some(Some(text)) = body.get("level") else {
        let text = "Desired 'level' parameter was not specified in request.";
        return Err(RestError::new(StatusCode::BAD_REQUEST, text));
    };
    let level = text.to_ascii_uppercase();
    if !LEVELS.contains(&level.as_str()) {
        return Err(RestError::new(StatusCode::NOT_FOUND, format!("invalid log level '{text}'.")));
    }
    let pairs = query(raw.as_deref());
    let scope = pairs.iter().find(|(key, _)| key == "scope").map(|(_, value)| value.to_ascii_lowercase());
    match (scope.as_deref(), &state.herder) {
        (Some("cluster"), Some(herder)) => {
            // Comes back through the config log, to this worker as to all others.
            herder.set_level(logger, level).await?;
            return empty(StatusCode::NO_CONTENT);
        }
        (None | Some("cluster" | "worker"), _) => {}
        (Some(other), _) => {
            tracing::warn!(scope = other, "unknown scope of a logger level, taken for `worker`");
        }
    }
    let changed: Vec<Json> = state.levels.set_level(&logger, &level).into_iter().map(Json::String).collect();
    if scope.as_deref() == Some("cluster") { empty(StatusCode::NO_CONTENT) } else { ok(&changed) }
}
