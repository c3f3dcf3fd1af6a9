//! Asks a token endpoint for a token with the client's credentials (RFC 6749, section 4.4).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use connect_core::config::{Props, Secret};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::timeout;

use crate::connection::{
    BrokerAddress, ConnectionError, ErrorKind,
    sasl::{config, jaas::Jaas},
    tls::Tls,
    transport::{self, Stream},
};

/// Longest time for one token, as of `sasl.login.connect.timeout.ms` and `sasl.login.read.timeout.ms` together.
const LIMIT: Duration = Duration::from_secs(20);
/// Tokens are a few KiB.
const ANSWER_LIMIT_BYTES: usize = 1 << 20;

/// Where a token is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Url {
    File(String),
    Http(HttpUrl),
}

/// An address of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    has_tls: bool,
    address: BrokerAddress,
    authority: String,
    path: String,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("is `{text}`; give `https://host/path`, `http://host/path` or `file:///path`");
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let has_tls = match scheme.to_ascii_lowercase().as_str() {
            "file" => return Ok(Self::File(rest.to_owned())),
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let with_port = if authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            authority.to_owned()
        } else {
            format!("{authority}:{}", if has_tls { 443 } else { 80 })
        };
        let address = BrokerAddress::parse_list(&with_port).map_err(|_| wrong())?.swap_remove(0);
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self::Http(HttpUrl { has_tls, address, authority: authority.to_owned(), path: path.to_owned() }))
    }
}

/// A token endpoint with the client's credentials.
#[derive(Debug)]
pub(crate) struct TokenEndpoint {
    url: HttpUrl,
    tls: Option<Tls>,
    client_id: String,
    client_secret: Secret,
    scope: Option<String>,
}

impl TokenEndpoint {
    pub(crate) fn from_props(
        url: HttpUrl,
        props: &Props,
        jaas: Option<&Jaas>,
    ) -> Result<Self, ConnectionError> {
        // Kafka 4.1 moved them out of the JAAS line; librdkafka has its own names.
        let read = |option: &str, keys: &[&str]| {
            let in_line = jaas.and_then(|jaas| jaas.option(option));
            let found = in_line.or_else(|| keys.iter().find_map(|key| props.get(*key).map(String::as_str)));
            found.map(str::to_owned)
        };
        let id_keys = ["sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"];
        let secret_keys =
            ["sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"];
        let need = |option: &str, keys: &[&str]| {
            read(option, keys).ok_or_else(|| {
                config(format!("OAUTHBEARER needs `{option}` in `sasl.jaas.config`, or `{}`", keys[0]))
            })
        };
        Ok(Self {
            tls: url.has_tls.then(|| Tls::from_props_and_system(props)).transpose()?,
            url,
            client_id: need("clientId", &id_keys)?,
            client_secret: Secret::new(need("clientSecret", &secret_keys)?),
            scope: read("scope", &["sasl.oauthbearer.scope"]),
        })
    }

    /// Returns a new token, and how long it lives if the answer says so.
    pub(crate) async fn fetch(&self) -> Result<(Secret, Option<Duration>), ConnectionError> {
        timeout(LIMIT, self.ask()).await.unwrap_or_else(|_| {
            Err(self.error(ErrorKind::Timeout, &format!("no answer within {} s", LIMIT.as_secs())))
        })
    }

    async fn ask(&self) -> Result<(Secret, Option<Duration>), ConnectionError> {
        let tcp = transport::dial(&self.url.address, LIMIT).await?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.connect(&self.url.address, tcp).await?),
            None => Box::new(tcp),
        };
        let broken = |error: hyper::Error| self.error(ErrorKind::Lost, &error.to_string());
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let exchange = async {
            let mut sender = sender;
            let response = sender.send_request(self.request()?).await.map_err(broken)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT_BYTES).collect().await;
            let body = body.map_err(|error| self.error(ErrorKind::Lost, &error.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        // The connection ends when the sender is gone; an error of its own is an error of the exchange too.
        let (answer, _ended) = tokio::join!(exchange, connection);
        let (status, body) = answer?;
        self.read(status, &body)
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, ConnectionError> {
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            form.push_str("&scope=");
            form.push_str(&escaped(scope));
        }
        let credentials = STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret.expose()));
        Request::post(&self.url.path)
            .header("host", &self.url.authority)
            .header("authorization", format!("Basic {credentials}"))
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|_| {
                config("`sasl.oauthbearer.token.endpoint.url` has characters that need escaping".to_owned())
            })
    }

    fn read(&self, status: StatusCode, body: &[u8]) -> Result<(Secret, Option<Duration>), ConnectionError> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        if !status.is_success() {
            let cause = [text("error"), text("error_description")].into_iter().flatten().collect::<Vec<_>>();
            let kind = if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
                ErrorKind::Authentication
            } else {
                ErrorKind::Unreachable
            };
            let client = &self.client_id;
            return Err(self.error(
                kind,
                &format!("HTTP {} for client `{client}` {}", status.as_u16(), cause.join(": ")),
            ));
        }
        let token = text("access_token").or_else(|| text("id_token"));
        let token =
            token.ok_or_else(|| self.error(ErrorKind::Protocol, "the answer has no `access_token`"))?;
        let life = answer.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
        Ok((Secret::new(token), life))
    }

    fn error(&self, kind: ErrorKind, cause: &str) -> ConnectionError {
        let cause = cause.trim_end();
        ConnectionError::new(kind, format!("asking `{}` for a token: {cause}", self.url.authority))
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers one request with `answer` and returns what was asked.
    async fn ask(
        status: &str,
        answer: &str,
    ) -> (Result<(Secret, Option<Duration>), ConnectionError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/token", listener.local_addr().expect("bound"));
        let Ok(Url::Http(url)) = Url::parse(&url) else { panic!("{url}") };
        let line = "m required clientId=\"worker\" clientSecret=\"top secret\" scope=\"a b\";";
        let props: Props = [("sasl.jaas.config".to_owned(), line.to_owned())].into_iter().collect();
        let jaas = Jaas::from_props(&props).expect("valid");
        let endpoint = TokenEndpoint::from_props(url, &props, Some(&jaas)).expect("valid");
        assert!(!format!("{endpoint:?}").contains("top"));
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        let serve = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut read = Vec::new();
            while !read.ends_with(b"scope=a+b") {
                assert_ne!(stream.read_buf(&mut read).await.expect("open"), 0, "{read:?}");
            }
            stream.write_all(response.as_bytes()).await.expect("open");
            String::from_utf8(read).expect("text")
        };
        tokio::join!(endpoint.fetch(), serve)
    }

    #[tokio::test]
    async fn token_is_asked_for_with_the_credentials_and_comes_with_its_lifetime() {
        let (answer, asked) = ask("200 OK", r#"{"access_token":"t","expires_in":300}"#).await;
        assert_eq!(answer, Ok((Secret::new("t"), Some(Duration::from_secs(300)))));
        assert!(asked.starts_with("POST /token HTTP/1.1\r\n"), "{asked}");
        let basic = format!("authorization: Basic {}\r\n", STANDARD.encode("worker:top secret"));
        assert!(
            asked.contains(&basic) && asked.ends_with("grant_type=client_credentials&scope=a+b"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn refusal_is_final_and_trouble_of_the_server_passes() {
        let refusal = r#"{"error":"invalid_client","error_description":"unknown"}"#;
        let (answer, _) = ask("401 Unauthorized", refusal).await;
        let error = answer.expect_err("refused");
        let text = error.to_string();
        assert!(text.ends_with("HTTP 401 for client `worker` invalid_client: unknown"), "{text}");
        assert!(!error.is_retriable());
        let (answer, _) = ask("503 Busy", "").await;
        assert!(answer.expect_err("refused").is_retriable());
    }

    #[test]
    fn addresses_are_read_with_and_without_port_and_path() {
        let http = |has_tls, address: &str, authority: &str, path: &str| {
            let address = BrokerAddress::parse_list(address).expect("valid").swap_remove(0);
            Url::Http(HttpUrl { has_tls, address, authority: authority.to_owned(), path: path.to_owned() })
        };
        assert_eq!(Url::parse("https://a.b/c?d=e"), Ok(http(true, "a.b:443", "a.b", "/c?d=e")));
        assert_eq!(Url::parse("http://a.b:81"), Ok(http(false, "a.b:81", "a.b:81", "/")));
        assert_eq!(Url::parse("file:///t"), Ok(Url::File("/t".to_owned())));
        assert!(Url::parse("ftp://a").is_err() && Url::parse("a").is_err());
    }
}
