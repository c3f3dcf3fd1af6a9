//! `POST /connector-plugins/{p}/preview`: what a connector would do with given records. The JVM has no such thing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::herder::ports::RawProps;
use crate::rest::answer::{Answer, ok};
use crate::rest::error::RestError;
use crate::rest::plugins::check_class;
use crate::rest::router::RestState;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    config: RawProps,
    records: Vec<Json>,
}

/// `POST /connector-plugins/{p}/preview`.
pub(crate) async fn preview(
    State(state): State<RestState>,
    Path(plugin): Path<String>,
    body: Bytes,
) -> Answer {
    let body: PreviewBody = serde_json::from_slice(&body)
        .map_err(|error| RestError::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    check_class(&plugin, &body.config)?;
    let mut config = body.config;
    config.entry("connector.class".to_owned()).or_insert(Some(plugin));
    config.entry("name".to_owned()).or_insert_with(|| Some("preview".to_owned()));
    let catalog = Arc::clone(state.herder.catalog());
    let records = body.records;
    let report = tokio::task::spawn_blocking(move || catalog.preview(&config, records)).await;
    ok(&report.map_err(|error| RestError::internal(format!("running a preview: {error}")))??)
}
