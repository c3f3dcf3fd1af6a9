//! The cluster over HTTP: the only part that knows the HTTP stack. One attempt a call, each with a time limit; calls
//! go round the nodes. The official client is not used: it brings its own HTTP client and TLS provider, and parses
//! and builds bodies that here are bytes already.

mod connector;
mod signature;
mod tls;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, PROXY_AUTHORIZATION, RETRY_AFTER,
};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;

use connect_core::error::ConnectError;

use crate::settings::{Auth, Connection};
use connector::{Connector, connector, proxy_authorization};
use signature::Signer;

/// Longest answer that is read: one short line for each item of a bulk request, errors included.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Longest part of an answer shown in error texts.
const SHOWN_BYTES: usize = 600;

/// A connection to the nodes of a cluster.
#[derive(Debug)]
pub(crate) struct Client {
    http: HyperClient<Connector, Full<Bytes>>,
    urls: Vec<String>,
    next: AtomicUsize,
    authorization: Option<HeaderValue>,
    signer: Option<Signer>,
    /// Sent to the proxy with requests that it passes on itself.
    proxy_authorization: Option<HeaderValue>,
    timeout: Duration,
    is_compressed: bool,
}

/// What a node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Trying again may help: no answer, or one that asks for patience.
    Again { reason: String, after: Option<Duration> },
    /// It cannot.
    Refused(String),
}

impl CallError {
    pub(crate) fn reason(&self) -> &str {
        match self {
            CallError::Again { reason, .. } | CallError::Refused(reason) => reason,
        }
    }
}

impl Client {
    /// Returns a client; nothing is sent yet.
    ///
    /// # Errors
    /// Fails (config) when certificates or keys cannot be read.
    pub(crate) fn new(connection: &Connection) -> Result<Self, ConnectError> {
        let http = HyperClient::builder(TokioExecutor::new())
            .pool_idle_timeout(connection.idle_timeout)
            .build(connector(connection)?);
        Ok(Self {
            http,
            urls: connection.urls.clone(),
            next: AtomicUsize::new(0),
            authorization: authorization(&connection.auth)?,
            signer: Signer::new(&connection.auth),
            proxy_authorization: connection.proxy.as_ref().map(proxy_authorization).transpose()?.flatten(),
            timeout: connection.connect_timeout + connection.read_timeout,
            is_compressed: connection.is_compressed,
        })
    }

    /// Sends a request with a JSON body, or none.
    ///
    /// # Errors
    /// Fails when there is no answer; any answer is a success here.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Answer, CallError> {
        let kind = body.is_some().then_some("application/json");
        self.send(method, path, kind, Bytes::from(body.unwrap_or_default())).await
    }

    /// Sends the body of a bulk request.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub(crate) async fn bulk(&self, path: &str, body: Vec<u8>) -> Result<Answer, CallError> {
        self.send(Method::POST, path, Some("application/x-ndjson"), Bytes::from(body)).await
    }

    /// Returns the number of nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.urls.len()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: Option<&'static str>,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let url = &self.urls[self.next.fetch_add(1, Ordering::Relaxed) % self.urls.len()];
        let request = self.request(method, &format!("{url}{path}"), kind, body).await?;
        let again =
            |cause: String| CallError::Again { reason: format!("calling `{url}`: {cause}"), after: None };
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| again(chain(&error)))?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
            let collected = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            let body = collected.map_err(|error| again(format!("reading the answer: {error}")))?.to_bytes();
            Ok(Answer { status, retry_after, body })
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                let limit = self.timeout.as_millis();
                Err(again(format!(
                    "no answer within {limit} ms (`connection.timeout.ms` and `read.timeout.ms`)"
                )))
            }
        }
    }

    async fn request(
        &self,
        method: Method,
        url: &str,
        kind: Option<&'static str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, CallError> {
        let mut builder = Request::builder().method(method).uri(url).header(ACCEPT, "application/json");
        if let Some(kind) = kind {
            builder = builder.header(CONTENT_TYPE, kind);
        }
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(authorization) = self.proxy_authorization.as_ref().filter(|_| url.starts_with("http:")) {
            builder = builder.header(PROXY_AUTHORIZATION, authorization);
        }
        let body = if self.is_compressed && !body.is_empty() {
            builder = builder.header(CONTENT_ENCODING, "gzip");
            compressed(body).await?
        } else {
            body
        };
        let invalid =
            |error: hyper::http::Error| CallError::Refused(format!("building a request to `{url}`: {error}"));
        let mut request = builder.body(Full::new(body.clone())).map_err(invalid)?;
        if let Some(signer) = &self.signer {
            let refused = |error| CallError::Refused(format!("signing a request to `{url}`: {error}"));
            signer.sign(&mut request, &body, SystemTime::now()).map_err(refused)?;
        }
        Ok(request)
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns whether the body holds a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.body).contains(text)
    }

    /// Returns an answer that was not expected as an error.
    pub(crate) fn unexpected(&self, context: &str) -> CallError {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(SHOWN_BYTES)]).into_owned();
        let reason = format!("{context}: status {} `{shown}`", self.status);
        match self.status {
            401 | 403 => {
                CallError::Refused(format!("{reason}; check user, password or API key, and what they may do"))
            }
            408 | 429 | 500..=599 => CallError::Again { reason, after: self.retry_after },
            _ => CallError::Refused(reason),
        }
    }
}

fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, ConnectError> {
    let (text, key) = match auth {
        Auth::None | Auth::Aws { .. } => return Ok(None),
        Auth::Basic { user, password } => {
            let pair = format!("{user}:{}", password.expose());
            (format!("Basic {}", STANDARD.encode(pair)), "connection.password")
        }
        Auth::ApiKey(key) => (format!("ApiKey {}", key.expose().trim()), "api.key.value"),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        ConnectError::config(format!("using `{key}`: it has characters that no header may have"))
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// Returns the wait that a header asks for, in seconds.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Compresses a body off the loop: it may be megabytes.
async fn compressed(body: Bytes) -> Result<Bytes, CallError> {
    let compress = move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
        encoder.write_all(&body)?;
        encoder.finish()
    };
    let again = |reason: String| CallError::Again { reason, after: None };
    match tokio::task::spawn_blocking(compress).await {
        Ok(Ok(bytes)) => Ok(Bytes::from(bytes)),
        Ok(Err(error)) => Err(again(format!("compressing a request: {error}"))),
        Err(error) => Err(again(format!("compressing a request: {error}"))),
    }
}

/// Returns an error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
