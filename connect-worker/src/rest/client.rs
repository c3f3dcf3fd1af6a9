//! The HTTP client by which workers speak to each other: one connection a request, no redirects, as Kafka Connect's.
//!
//! It knows neither the herder nor what a request means. Texts of failures are those that callers get to see.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::rest::tls::ClientTls;

const AGENT: &str = "kafka-connect";
/// Silence after which a request is given up.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// Time to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
/// Longest body that is taken.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Sends requests to other workers.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    tls: Arc<ClientTls>,
    idle_limit: Duration,
}

/// What to send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: String,
    /// Headers beside those that every request has.
    pub(crate) headers: HeaderMap,
    /// JSON.
    pub(crate) body: Option<Bytes>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientError {
    /// The client cannot be set up.
    Start(String),
    /// The other side cannot be reached, or broke off.
    Io(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Start(text) => write!(formatter, "Failed to start RestClient: {text}"),
            ClientError::Io(text) => write!(formatter, "IO Error trying to forward REST request: {text}"),
            ClientError::Other(text) => write!(formatter, "Error trying to forward REST request: {text}"),
        }
    }
}

impl ClientError {
    /// Returns what went wrong, without what was being done.
    pub(crate) fn cause(&self) -> &str {
        let (ClientError::Start(text) | ClientError::Io(text) | ClientError::Other(text)) = self;
        text
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl HttpClient {
    /// Returns a client that speaks TLS as told.
    pub(crate) fn new(tls: ClientTls) -> Self {
        Self { tls: Arc::new(tls), idle_limit: IDLE_LIMIT }
    }

    #[cfg(test)]
    pub(crate) fn with_idle_limit(self, idle_limit: Duration) -> Self {
        Self { idle_limit, ..self }
    }

    /// Sends a request and waits for the whole answer. Dropping the future closes the connection; the other side may
    /// do what it was asked all the same.
    ///
    /// # Errors
    /// Fails when there is no answer.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, ClientError> {
        let uri: Uri = outgoing.url.parse().map_err(|_| bad_url(&outgoing.url))?;
        let authority = uri.authority().cloned().ok_or_else(|| bad_url(&outgoing.url))?;
        let is_tls = uri.scheme() == Some(&Scheme::HTTPS);
        let stream = self.connect(&authority, is_tls).await?;
        let request = request(outgoing, &uri, &authority)?;
        self.exchange(stream, request).await
    }

    async fn connect(&self, authority: &Authority, is_tls: bool) -> Result<Box<dyn Stream>, ClientError> {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        // Set up first: a client without its key store never starts.
        let config = if is_tls { Some(self.tls.config().map_err(ClientError::Start)?) } else { None };
        let connected = async {
            let tcp = TcpStream::connect((host, port)).await.map_err(|error| dial_error(host, &error))?;
            // Without it small requests wait for acknowledgements; failing costs only time.
            drop(tcp.set_nodelay(true));
            let Some(config) = config else { return Ok(Box::new(tcp) as Box<dyn Stream>) };
            let name = ServerName::try_from(host.to_owned())
                .map_err(|error| ClientError::Io(format!("`{host}`: {error}")))?;
            let tls =
                TlsConnector::from(config).connect(name, tcp).await.map_err(|error| handshake(&error))?;
            Ok(Box::new(tls) as Box<dyn Stream>)
        };
        let late = |_| Err(ClientError::Io("java.net.SocketTimeoutException: Connect Timeout".to_owned()));
        timeout(CONNECT_LIMIT, connected).await.unwrap_or_else(late)
    }

    async fn exchange(
        &self,
        stream: Box<dyn Stream>,
        request: Request<Full<Bytes>>,
    ) -> Result<Incoming, ClientError> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        let mut answered = pin!(async {
            let response = self.unless_idle(sender.send_request(request)).await?;
            let status = response.status().as_u16();
            let mut body = response.into_body();
            let mut bytes = BytesMut::new();
            while let Some(frame) = self.unless_idle(async { body.frame().await.transpose() }).await? {
                if let Ok(data) = frame.into_data() {
                    bytes.extend_from_slice(&data);
                }
                if bytes.len() > BODY_LIMIT {
                    return Err(ClientError::Io(format!("Buffering capacity {BODY_LIMIT} exceeded")));
                }
            }
            Ok(Incoming { status, body: bytes.freeze() })
        });
        tokio::select! {
            biased; // The answer counts, however the connection ends.
            answer = &mut answered => answer,
            // What the connection read before its end is still to be taken.
            _ = connection => answered.await,
        }
    }

    async fn unless_idle<T>(&self, step: impl Future<Output = hyper::Result<T>>) -> Result<T, ClientError> {
        match timeout(self.idle_limit, step).await {
            Ok(outcome) => outcome.map_err(|error| broken(&error)),
            Err(_) => {
                let limit = self.idle_limit.as_millis();
                Err(ClientError::Io(format!("Idle timeout expired: {limit}/{limit} ms")))
            }
        }
    }
}

fn request(
    outgoing: Outgoing,
    uri: &Uri,
    authority: &Authority,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let has_body = outgoing.body.is_some();
    let mut request = Request::new(Full::new(outgoing.body.unwrap_or_default()));
    *request.method_mut() = outgoing.method;
    *request.uri_mut() = path.parse().map_err(|_| bad_url(&outgoing.url))?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad_url(&outgoing.url))?;
    let headers = request.headers_mut();
    *headers = outgoing.headers;
    headers.insert(header::HOST, host);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(request)
}

fn bad_url(url: &str) -> ClientError {
    ClientError::Other(format!("Invalid URI: {url}"))
}

fn dial_error(host: &str, error: &io::Error) -> ClientError {
    // Jetty shows the exception with its class.
    ClientError::Io(match error.kind() {
        io::ErrorKind::ConnectionRefused => "java.net.ConnectException: Connection refused".to_owned(),
        _ if error.raw_os_error().is_none() => {
            format!("java.net.UnknownHostException: {host}: Name or service not known")
        }
        _ => format!("java.net.SocketException: {error}"),
    })
}

fn handshake(error: &io::Error) -> ClientError {
    ClientError::Io(format!("javax.net.ssl.SSLHandshakeException: {error}"))
}

fn broken(error: &hyper::Error) -> ClientError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    ClientError::Io(format!("java.io.IOException: {error}{cause}"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn client() -> HttpClient {
        HttpClient::new(ClientTls::default())
    }

    fn get(url: String) -> Outgoing {
        Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None }
    }

    /// Answers one connection with a text, returns the port and what was asked.
    async fn server(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while !text.contains("\r\n\r\n") || (text.contains("content-length: 2") && !text.ends_with("{}"))
            {
                let count = stream.read(&mut buffer).await.expect("a request");
                assert_ne!(count, 0, "the client hung up: {text}");
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            stream.write_all(answer.as_bytes()).await.expect("the client reads");
            if answer.is_empty() {
                // Silent, until the client gives up.
                assert_eq!(stream.read(&mut buffer).await.unwrap_or(0), 0, "the client asks twice");
            }
            text
        });
        (port, asked)
    }

    #[tokio::test]
    async fn request_has_the_headers_of_kafka_connect_and_no_others() {
        let (port, asked) = server("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}").await;
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic x"));
        let url = format!("http://127.0.0.1:{port}/a%20b?forward=true");
        let body = Some(Bytes::from_static(b"{}"));
        let answer =
            client().send(Outgoing { method: Method::POST, url, headers, body }).await.expect("answered");
        assert_eq!((answer.status, &answer.body[..]), (201, &b"{}"[..]));
        let text = asked.await.expect("asked");
        let mut lines: Vec<&str> = text.split("\r\n").filter(|line| !line.is_empty()).collect();
        lines[1..].sort_unstable();
        let expected = [
            "POST /a%20b?forward=true HTTP/1.1",
            "accept: application/json",
            "authorization: Basic x",
            "content-length: 2",
            "content-type: application/json",
            &format!("host: 127.0.0.1:{port}"),
            "user-agent: kafka-connect",
            "{}",
        ];
        assert_eq!(lines, expected);
    }

    #[tokio::test]
    async fn redirect_is_an_answer_and_a_body_may_end_with_the_connection() {
        let (port, _asked) =
            server("HTTP/1.1 302 Found\r\nlocation: http://nowhere/\r\n\r\nto the end").await;
        let answer = client().send(get(format!("http://127.0.0.1:{port}/"))).await.expect("answered");
        assert_eq!((answer.status, &answer.body[..]), (302, &b"to the end"[..]));
    }

    #[tokio::test]
    async fn failures_have_kafkas_texts() {
        let free = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let closed = free.local_addr().expect("an address").port();
        drop(free);
        let refused = client().send(get(format!("http://127.0.0.1:{closed}/"))).await.expect_err("nobody");
        let text = "IO Error trying to forward REST request: java.net.ConnectException: Connection refused";
        assert_eq!(refused.to_string(), text);

        let (port, _asked) = server("").await;
        let hasty = client().with_idle_limit(Duration::from_millis(20));
        let silent = hasty.send(get(format!("http://127.0.0.1:{port}/"))).await.expect_err("silence");
        let text = "IO Error trying to forward REST request: Idle timeout expired: 20/20 ms";
        assert_eq!(silent.to_string(), text);
    }
}
