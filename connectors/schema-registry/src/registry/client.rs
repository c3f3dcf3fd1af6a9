//! Requests to the registry over HTTP: fail-over between its instances, retries, time-outs. The only place that
//! knows HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use connect_core::config::Secret;
use connect_core::error::ConnectError;
use connect_core::kit::{Backoff, Clock, RetryPolicy, SystemClock};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::RegistryError;
use super::settings::RegistryConfig;
use super::{auth, tls};

/// An answer longer than this is no schema.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// The connection to the instances of a registry.
pub(super) struct HttpClient {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    instances: Vec<Instance>,
    /// The instance that answered last.
    current: AtomicUsize,
    timeout: Duration,
    retries: RetryPolicy,
}

struct Instance {
    url: String,
    authorization: Option<Secret>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error_code: i64,
    #[serde(default)]
    message: String,
}

impl HttpClient {
    /// Returns a client; nothing is sent yet.
    ///
    /// # Errors
    /// Fails (config) when an address, the credentials or the TLS settings cannot be used.
    pub(super) fn new(config: &RegistryConfig) -> Result<Self, ConnectError> {
        let mut instances = Vec::with_capacity(config.urls.len());
        for url in &config.urls {
            let (url, user) = auth::split_url(url);
            let is_http = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
            if !is_http || url.parse::<hyper::Uri>().is_err() {
                return Err(ConnectError::config(format!(
                    "Invalid value {url} for configuration schema.registry.url: must be an http or https URL"
                )));
            }
            instances.push(Instance { url, authorization: auth::authorization(config, user)? });
        }
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_millis(u64::from(config.connect_timeout_ms))));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(config)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let first = if config.randomize { fastrand::usize(..instances.len()) } else { 0 };
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            instances,
            current: AtomicUsize::new(first),
            timeout: config.request_timeout(),
            retries: RetryPolicy {
                base: Duration::from_millis(u64::from(config.retries_wait_ms)),
                cap: Duration::from_millis(u64::from(config.retries_max_wait_ms)),
                max_retries: config.max_retries,
                max_elapsed: None,
            },
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RegistryError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, RegistryError> {
        self.send(Method::POST, path, Bytes::from(body.to_string())).await
    }

    /// Sends a request until an instance answers it, at most `max.retries` times to all of them. Every request of
    /// the converters may be repeated: registering a schema twice gives the same id.
    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, RegistryError> {
        let clock = SystemClock;
        let mut backoff = Backoff::new(self.retries, clock.now());
        loop {
            let reason = match self.send_to_any(&method, path, &body).await {
                Ok((url, status, answer)) => match understand(&url, status, &answer) {
                    Err(RegistryError::Unavailable(reason)) => reason,
                    outcome => return outcome,
                },
                Err(reason) => reason,
            };
            let Some(delay) = backoff.next_delay(None, &clock) else {
                return Err(RegistryError::Unavailable(reason));
            };
            tracing::warn!(
                reason,
                delay_ms = delay.as_millis(),
                "the schema registry does not answer: trying again"
            );
            tokio::time::sleep(delay).await;
        }
    }

    /// Sends a request to the instance that answered last, then to the others.
    async fn send_to_any(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<(String, u16, Bytes), String> {
        let mut reason = String::new();
        let first = self.current.load(Ordering::Relaxed);
        for step in 0..self.instances.len() {
            let index = (first + step) % self.instances.len();
            let Some(instance) = self.instances.get(index) else { continue };
            match tokio::time::timeout(self.timeout, self.exchange(instance, method, path, body)).await {
                Ok(Ok((status, answer))) => {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok((instance.url.clone(), status, answer));
                }
                Ok(Err(error)) => reason = format!("{} does not answer: {error}", instance.url),
                Err(_) => {
                    reason =
                        format!("{} does not answer within {} ms", instance.url, self.timeout.as_millis());
                }
            }
        }
        Err(reason)
    }

    async fn exchange(
        &self,
        instance: &Instance,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<(u16, Bytes), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", instance.url))
            .header(
                "accept",
                format!("{CONTENT_TYPE}, application/vnd.schemaregistry+json, application/json"),
            )
            .header("content-type", CONTENT_TYPE);
        if let Some(authorization) = &instance.authorization {
            request = request.header("authorization", authorization.expose());
        }
        let request = request.body(Full::new(body.clone())).map_err(|error| error.to_string())?;
        let response = self.http.request(request).await.map_err(|error| with_causes(&error))?;
        let status = response.status().as_u16();
        let answer = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| format!("reading the answer: {error}"))?;
        Ok((status, answer.to_bytes()))
    }
}

/// 409 is not tried again: it says that a schema is incompatible, which does not pass.
fn understand<T: DeserializeOwned>(url: &str, status: u16, answer: &[u8]) -> Result<T, RegistryError> {
    if (200..300).contains(&status) {
        return serde_json::from_slice(answer).map_err(|error| {
            RegistryError::Malformed(format!(
                "the registry's answer is not understood: {error}; registry: {url}"
            ))
        });
    }
    let refusal = serde_json::from_slice::<Refusal>(answer).unwrap_or(Refusal {
        error_code: i64::from(status),
        message: String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned(),
    });
    match status {
        408 | 429 | 500..=599 => Err(RegistryError::Unavailable(format!(
            "{url} answers with status {status}: {}",
            refusal.message
        ))),
        _ => Err(RegistryError::Refused {
            url: url.to_owned(),
            status,
            code: refusal.error_code,
            message: refusal.message,
        }),
    }
}

/// Returns the texts of an error and its causes; hyper keeps what happened in the innermost one.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
