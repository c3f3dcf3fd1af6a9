//! The other workers of the group, as REST sees them: requests sent on to them, and their requests checked.

use std::sync::Arc;

use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::Bytes;
use connect_core::config::Props;
use serde_json::Value as Json;

use crate::herder::ports::Session;
use crate::rest::client::{ClientError, HttpClient, Incoming, Outgoing};
use crate::rest::error::RestError;
use crate::rest::shape::{self, Bean, ERROR_MESSAGE};
use crate::rest::signature::{self, Algorithm, Signature};
use crate::rest::tls::ClientTls;

const SIGNATURE_KEY: &str = "inter.worker.signature.algorithm";
const VERIFICATION_KEY: &str = "inter.worker.verification.algorithms";

/// How this worker speaks with the others of its group. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peers {
    client: HttpClient,
    /// `inter.worker.signature.algorithm`.
    signs_with: Arc<str>,
    /// `inter.worker.verification.algorithms`.
    accepts: Arc<[String]>,
}

/// A request for another worker.
#[derive(Debug)]
pub(crate) struct Onward {
    pub(crate) method: Method,
    /// Begins with `/` and is encoded.
    pub(crate) path: String,
    /// Encoded pairs beside `forward`.
    pub(crate) query: String,
    pub(crate) body: Option<Json>,
    /// What the answer holds, if anything.
    pub(crate) expects: Option<&'static Bean>,
}

/// What another worker answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// Null when there is none.
    pub(crate) body: Json,
}

impl Peers {
    /// Reads how workers speak with each other from worker properties: the algorithms as they were parsed, TLS from
    /// `listeners.https.*` or `ssl.*`.
    ///
    /// # Errors
    /// Fails with a text that names key and value when an algorithm is unknown, or the own one is not accepted.
    pub fn new(props: &Props, signs_with: &str, accepts: &[String]) -> Result<Self, String> {
        let invalid = |key: &str, value: &str, reason: &str| {
            format!("Invalid value {value} for configuration {key}: {reason}")
        };
        let supported = |key: &str, name: &str| {
            let names = "HmacMD5, HmacSHA1, HmacSHA224, HmacSHA256, HmacSHA384, HmacSHA512";
            let reason = format!("the algorithm is not supported; the supported algorithms are: {names}");
            Algorithm::parse(name).map(drop).ok_or_else(|| invalid(key, name, &reason))
        };
        supported(SIGNATURE_KEY, signs_with)?;
        accepts.iter().try_for_each(|name| supported(VERIFICATION_KEY, name))?;
        if !accepts.iter().any(|name| name == signs_with) {
            let reason = format!("Signature algorithm must be present in {VERIFICATION_KEY} list");
            return Err(invalid(SIGNATURE_KEY, signs_with, &reason));
        }
        let client = HttpClient::new(ClientTls::from_props(props));
        Ok(Self { client, signs_with: signs_with.into(), accepts: accepts.into() })
    }

    /// Sends a request on for a caller. Of the caller's headers only `Authorization` goes along.
    ///
    /// # Errors
    /// Fails as the other worker did, or when it gives no answer that makes sense.
    pub(crate) async fn forward(
        &self,
        url: &str,
        onward: Onward,
        forward: bool,
        caller: &HeaderMap,
    ) -> Result<Answered, RestError> {
        let mut headers = HeaderMap::new();
        if let Some(authorization) = caller.get(header::AUTHORIZATION) {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let Onward { method, path, query, body, expects } = onward;
        let url = format!("{}{path}?forward={forward}{query}", url.trim_end_matches('/'));
        tracing::debug!(url, %method, "forwarding request");
        let body = body.map(|body| Bytes::from(body.to_string()));
        let (asked, target) = (method.clone(), url.clone());
        self.call(Outgoing { method, url, headers, body }, expects).await.map_err(|failure| {
            if let Failure::Unreached(error) = &failure {
                tracing::error!(method = %asked, url = target, %error, "asking another worker");
            }
            failure.into()
        })
    }

    /// Sends a request of this worker itself, signed when there is a key.
    ///
    /// # Errors
    /// Fails as the other worker did, or when it gives no answer that makes sense.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: String,
        body: Option<Bytes>,
        key: Option<&[u8]>,
    ) -> Result<Answered, RestError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            let signed = body.as_deref().unwrap_or_default();
            signature::sign(&mut headers, &self.signs_with, key, signed).map_err(RestError::internal)?;
        }
        // What a failure means is told by whoever asks: most are tried again.
        self.call(Outgoing { method, url, headers, body }, None).await.map_err(RestError::from)
    }

    /// Checks that a worker answers at a URL, whatever it says.
    ///
    /// # Errors
    /// Fails with what came instead.
    pub(crate) async fn find(&self, url: &str) -> Result<(), String> {
        let url = url.to_owned();
        let asked = Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        let Incoming { status, body } =
            self.client.send(asked).await.map_err(|error| error.cause().to_owned())?;
        let answer: Json = serde_json::from_slice(&body).unwrap_or_default();
        let is_worker = answer.get("kafka_cluster_id").is_some() || answer.get("error_code").is_some();
        // With a login in front of it a worker says nothing of itself.
        if is_worker || matches!(status, 401 | 403) {
            return Ok(());
        }
        Err(format!("something else than a worker of Kafka Connect answers, with status {status}"))
    }

    /// Checks a request that came from another worker.
    ///
    /// # Errors
    /// Fails as Kafka Connect answers.
    pub(crate) fn check(
        &self,
        signature: Option<&Signature>,
        body: &[u8],
        session: &Session,
    ) -> Result<(), RestError> {
        signature::check(signature, body, session, &self.accepts)
    }

    async fn call(&self, outgoing: Outgoing, expects: Option<&'static Bean>) -> Result<Answered, Failure> {
        let (method, url) = (outgoing.method.clone(), outgoing.url.clone());
        let incoming = self.client.send(outgoing).await.map_err(Failure::Unreached)?;
        let answered = understood(&incoming, expects).inspect_err(|error| {
            if error.status() == StatusCode::INTERNAL_SERVER_ERROR && incoming.status != 500 {
                tracing::warn!(%method, url, status = incoming.status, %error, "another worker did not answer as wanted");
            }
        });
        answered.map_err(Failure::Refused)
    }
}

/// Why another worker did not do what it was asked.
enum Failure {
    /// It was not reached, or gave no answer.
    Unreached(ClientError),
    /// It answered otherwise than wanted.
    Refused(RestError),
}

impl From<Failure> for RestError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreached(error) => RestError::internal(error.to_string()),
            Failure::Refused(error) => error,
        }
    }
}

/// Makes sense of an answer, as `RestClient.httpRequest` does.
fn understood(incoming: &Incoming, expects: Option<&'static Bean>) -> Result<Answered, RestError> {
    let Incoming { status, body } = incoming;
    let unread = |text: String| RestError::internal(ClientError::Io(text).to_string());
    let unexpected =
        || RestError::internal(format!("Unexpected status code when handling forwarded request: {status}"));
    let code = StatusCode::from_u16(*status).map_err(|_| unexpected())?;
    match (*status, expects) {
        (204, _) | (200..300, None) => Ok(Answered { status: code, body: Json::Null }),
        (200..300, Some(bean)) => {
            Ok(Answered { status: code, body: shape::read(body, bean).map_err(unread)? })
        }
        (400.., _) => {
            let error = shape::read(body, &ERROR_MESSAGE).map_err(unread)?;
            Err(RestError::passed_on(code, &error))
        }
        _ => Err(unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::shape::MESSAGE;

    fn incoming(status: u16, body: &'static str) -> Incoming {
        Incoming { status, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn answers_are_understood_as_by_the_jvm() {
        let io = "IO Error trying to forward REST request: ";
        let failed = |status: u16, body: &'static str| {
            let error = understood(&incoming(status, body), Some(&MESSAGE)).expect_err("a failure");
            error.to_string()
        };
        assert_eq!(
            failed(409, r#"{"error_code":409,"message":"Connector c already exists"}"#),
            "409: Connector c already exists"
        );
        assert!(
            failed(401, "User cannot access").starts_with(&format!("500: {io}Unrecognized token 'User'"))
        );
        assert!(
            failed(200, r#"{"message":"m","more":1}"#).starts_with(&format!("500: {io}Unrecognized field"))
        );
        assert_eq!(failed(302, ""), "500: Unexpected status code when handling forwarded request: 302");
        assert_eq!(failed(42, ""), "500: Unexpected status code when handling forwarded request: 42");
        let answered = |status: u16, body: &'static str| {
            understood(&incoming(status, body), Some(&MESSAGE))
                .map(|answer| (answer.status.as_u16(), answer.body))
        };
        assert_eq!(answered(204, ""), Ok((204, Json::Null)));
        assert_eq!(answered(200, r#"{"message":"m"}"#), Ok((200, serde_json::json!({"message": "m"}))));
    }

    #[test]
    fn algorithms_are_checked_at_start() {
        let new = |signs_with: &str, accepts: &[&str]| {
            let accepts: Vec<String> = accepts.iter().map(|name| (*name).to_owned()).collect();
            Peers::new(&Props::new(), signs_with, &accepts).map(drop)
        };
        assert_eq!(new("HmacSHA256", &["HmacSHA1", "HmacSHA256"]), Ok(()));
        let text = "Invalid value HmacSHA1 for configuration inter.worker.signature.algorithm: Signature algorithm must \
                    be present in inter.worker.verification.algorithms list";
        assert_eq!(new("HmacSHA1", &["HmacSHA256"]), Err(text.to_owned()));
        let unknown = new("HmacSHA256", &["HmacSHA256", "Rot13"]).expect_err("unknown");
        assert!(
            unknown
                .starts_with("Invalid value Rot13 for configuration inter.worker.verification.algorithms: ")
        );
    }
}
