//! One line a request, at INFO; at DEBUG for what machines ask every few seconds.

use std::time::Instant;

use axum::extract::{ConnectInfo, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::rest::listener::ClientAddress;

/// Logs a request with its outcome and duration.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let client =
        request.extensions().get::<ConnectInfo<ClientAddress>>().map(|info| info.0.0.ip().to_string());
    let method = request.method().clone();
    let target = request.uri().clone();
    let agent =
        request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    let response = next.run(request).await;
    let (client, agent) = (client.as_deref().unwrap_or("-"), agent.as_deref().unwrap_or("-"));
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if is_routine(target.path(), response.status()) {
        tracing::debug!(client, %method, %target, status, agent, duration_ms, "request");
    } else {
        tracing::info!(client, %method, %target, status, agent, duration_ms, "request");
    }
    response
}

/// Returns whether a request is one of many alike: a probe or a look at the metrics that went well.
fn is_routine(path: &str, status: StatusCode) -> bool {
    matches!(path, "/health" | "/metrics") && status.is_success()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_that_went_well_are_routine() {
        let cases = [("/metrics", 200), ("/health", 200), ("/health", 503), ("/connectors", 200)];
        let routine =
            cases.map(|(path, status)| is_routine(path, StatusCode::from_u16(status).expect("a status")));
        assert_eq!(routine, [true, true, false, false]);
    }
}
