//! Routes: which resource answers which path, and what every resource has in common.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use crate::herder::HerderHandle;
use crate::rest::config::RestConfig;
use crate::rest::error::RestError;
use crate::rest::loggers::{self, LoggerState};
use crate::rest::peers::Peers;
use crate::rest::root::{self, Readiness};
use crate::rest::{connectors, cors, headers, internal, offsets, page, plugins, preview, request_log, uri};

/// What handlers need.
#[derive(Clone)]
pub struct RestState {
    /// The herder.
    pub herder: HerderHandle,
    /// Whether the worker has started.
    pub readiness: Readiness,
    /// Levels of loggers.
    pub levels: Arc<dyn crate::rest::LevelControl>,
    /// The other workers; `None` in standalone mode.
    pub peers: Option<Peers>,
    /// Renders the metrics.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Returns the resources of the main listeners.
pub fn main_router(state: RestState, config: &RestConfig) -> Router {
    let mut router = Router::new()
        .route("/", resource("HEAD,GET,OPTIONS", get(root::root)))
        .route("/health", resource("HEAD,GET,OPTIONS", get(root::health)))
        .route("/metrics", resource("HEAD,GET,OPTIONS", get(root::metrics)))
        .route("/ui", resource("HEAD,GET,OPTIONS", get(page::page)))
        .route(
            "/connectors",
            resource("HEAD,POST,GET,OPTIONS", get(connectors::list).post(connectors::create)),
        )
        .route("/connector-plugins", resource("HEAD,GET,OPTIONS", get(plugins::list)))
        .route("/connector-plugins/{plugin}/config", resource("HEAD,GET,OPTIONS", get(plugins::config)))
        .route("/connector-plugins/{plugin}/config/validate", resource("OPTIONS,PUT", put(plugins::validate)))
        .route("/connector-plugins/{plugin}/preview", resource("POST,OPTIONS", post(preview::preview)))
        .route("/cluster/departures/{member}", resource("OPTIONS,PUT", put(internal::depart)))
        .nest("/connectors/{connector}", connector_routes())
        .with_state(state.clone());
    if config.admin_listeners.is_none() {
        let herder = state.peers.is_some().then(|| state.herder.clone());
        router = router.merge(logger_routes(LoggerState::new(Arc::clone(&state.levels), herder)));
    }
    let router = router
        .fallback(|| async { RestError::unmatched(StatusCode::NOT_FOUND) })
        .layer(from_fn_with_state(state.readiness, refuse_before_ready));
    let router = cors::layered(router, config);
    let router = headers::layered(router, config);
    finished(router)
}

/// Returns the resources of admin listeners.
pub fn admin_router(loggers: LoggerState) -> Router {
    finished(logger_routes(loggers).fallback(|| async { RestError::unmatched(StatusCode::NOT_FOUND) }))
}

/// Adds what happens around every resource. Paths are put in order before routes are looked up, so the routes are
/// the fallback of an empty router.
fn finished(router: Router) -> Router {
    Router::new().fallback_service(router).layer(from_fn(uri::normalise)).layer(from_fn(request_log::log))
}

fn connector_routes() -> Router<RestState> {
    let restart_task = post(connectors::restart_task);
    Router::new()
        .route("/", resource("HEAD,DELETE,GET,OPTIONS", get(connectors::info).delete(connectors::delete)))
        .route(
            "/config",
            resource(
                "HEAD,GET,OPTIONS,PUT,PATCH",
                get(connectors::config).put(connectors::put_config).patch(connectors::patch_config),
            ),
        )
        .route("/status", resource("HEAD,GET,OPTIONS", get(connectors::status)))
        .route("/tasks", resource("HEAD,POST,GET,OPTIONS", get(connectors::tasks).post(internal::put_tasks)))
        .route("/tasks/{task}/status", resource("HEAD,GET,OPTIONS", get(connectors::task_status)))
        .route("/tasks/{task}/restart", resource("POST,OPTIONS", restart_task))
        .route("/fence", resource("OPTIONS,PUT", put(internal::fence)))
        .route("/restart", resource("POST,OPTIONS", post(connectors::restart)))
        .route("/pause", resource("OPTIONS,PUT", put(connectors::pause)))
        .route("/resume", resource("OPTIONS,PUT", put(connectors::resume)))
        .route("/stop", resource("OPTIONS,PUT", put(connectors::stop)))
        .route("/topics", resource("HEAD,GET,OPTIONS", get(connectors::topics)))
        .route("/topics/reset", resource("OPTIONS,PUT", put(connectors::reset_topics)))
        .route(
            "/offsets",
            resource(
                "HEAD,DELETE,GET,OPTIONS,PATCH",
                get(offsets::get).merge(patch(offsets::alter)).merge(delete(offsets::reset)),
            ),
        )
}

fn logger_routes(loggers: LoggerState) -> Router {
    Router::new()
        .route("/admin/loggers", resource("HEAD,GET,OPTIONS", get(loggers::list)))
        .route(
            "/admin/loggers/{logger}",
            resource("HEAD,GET,OPTIONS,PUT", get(loggers::get).put(loggers::put)),
        )
        .with_state(loggers)
}

/// Completes a resource: content type check, the answer to OPTIONS, and the refusal of other methods. `allow` is
/// in the order of the JVM's hash set.
fn resource<S: Clone + Send + Sync + 'static>(
    allow: &'static str,
    methods: MethodRouter<S>,
) -> MethodRouter<S> {
    let options = move || async move { options_answer(allow) };
    let refused = move || async move {
        let refusal = RestError::unmatched(StatusCode::METHOD_NOT_ALLOWED);
        ([(header::ALLOW, HeaderValue::from_static(allow))], refusal)
    };
    methods.route_layer(from_fn(check_content_type)).options(options).fallback(refused)
}

fn options_answer(allow: &'static str) -> Response {
    let mut response = Response::new(Body::from(allow.replace(',', ", ")));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

async fn check_content_type(headers: HeaderMap, request: Request, next: Next) -> Response {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let is_json = given.is_none_or(|text| {
        let media = text.split(';').next().unwrap_or_default().trim();
        media.is_empty() || media.eq_ignore_ascii_case("application/json")
    });
    if is_json {
        next.run(request).await
    } else {
        RestError::unmatched(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response()
    }
}

/// Before the worker has started only `/health` and `/metrics` answer.
async fn refuse_before_ready(State(readiness): State<Readiness>, request: Request, next: Next) -> Response {
    if readiness.info().is_some() || matches!(request.uri().path(), "/health" | "/metrics") {
        return next.run(request).await;
    }
    RestError::unmatched(StatusCode::NOT_FOUND).into_response()
}
