//! `GET /ui`: one page that shows what the worker does, made of the REST resources and the metrics anyone can read.
//!
//! The page is static and loads nothing from elsewhere. It shows states, traces and counts, never configurations, so
//! it shows no secret.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

const PAGE: &str = include_str!("page.html");
/// The page runs its own script and style, and talks to its own worker only.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// `GET /ui`.
pub(crate) async fn page() -> Response {
    let mut response = Body::from(PAGE).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
