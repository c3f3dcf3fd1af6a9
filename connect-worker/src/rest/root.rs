//! The root resource, `/health` and `/metrics`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::rest::answer::{Answer, json, ok};
use crate::rest::router::RestState;

/// What the root resource tells of the worker.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerInfo {
    /// Version of Kafka Connect that this worker answers as.
    pub version: &'static str,
    /// Identifies the build.
    pub commit: &'static str,
    /// Identifies the Kafka cluster.
    pub kafka_cluster_id: String,
}

/// Whether the worker has started, and what it learned while it did.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    info: Arc<OnceLock<WorkerInfo>>,
    has_started: Arc<AtomicBool>,
}

impl Readiness {
    /// Opens the resources; only the first call counts.
    pub fn open(&self, info: WorkerInfo) {
        self.info.get_or_init(|| info);
    }

    /// Makes the worker healthy: its start-up is over.
    pub fn set_started(&self) {
        self.has_started.store(true, Ordering::Release);
    }

    /// Returns what is known once the resources are open.
    pub fn info(&self) -> Option<&WorkerInfo> {
        self.info.get()
    }

    /// Returns whether the start-up is over.
    pub fn has_started(&self) -> bool {
        self.has_started.load(Ordering::Acquire)
    }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    message: String,
}

/// `GET /`.
pub(crate) async fn root(State(state): State<RestState>) -> Answer {
    match state.readiness.info() {
        Some(info) => ok(info),
        None => Err(crate::rest::error::RestError::no_such_parameter()),
    }
}

/// `GET /health`.
pub(crate) async fn health(State(state): State<RestState>) -> Answer {
    let stage = || state.herder.stage().map(|stage| format!(" {stage}")).unwrap_or_default();
    if !state.readiness.has_started() {
        let message = format!("Worker is still starting up.{}", stage());
        return json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "starting", message });
    }
    match state.herder.ping().await {
        Ok(()) => ok(&Health {
            status: "healthy",
            message: "Worker has completed startup and is ready to handle requests.".to_owned(),
        }),
        Err(_) => {
            let message = format!(
                "Worker was unable to handle this request and may be unable to handle other requests.{}",
                stage()
            );
            json(StatusCode::INTERNAL_SERVER_ERROR, &Health { status: "unhealthy", message })
        }
    }
}

/// `GET /metrics`, in the Prometheus text format.
pub(crate) async fn metrics(State(state): State<RestState>) -> Answer {
    let mut response = Response::new(Body::from((state.metrics)()));
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}
