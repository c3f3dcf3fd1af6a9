//! One line a request, at INFO.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

/// Logs a request with its outcome and duration.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    let method = request.method().clone();
    let target = request.uri().clone();
    let agent =
        request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    tracing::info!(
        client = client.as_deref().unwrap_or("-"),
        method = %method,
        target = %target,
        status = response.status().as_u16(),
        agent = agent.as_deref().unwrap_or("-"),
        duration_ms = began.elapsed().as_millis(),
        "request"
    );
    response
}
