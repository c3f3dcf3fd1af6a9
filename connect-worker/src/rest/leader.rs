//! What this worker itself asks of the leader: the client of the internal resources.

use axum::http::{Method, StatusCode};
use bytes::Bytes;
use connect_core::async_trait;
use connect_core::config::Props;
use serde_json::json;

use crate::herder::ports::LeaderClient;
use crate::herder::{HerderError, HerderErrorKind, SessionKey};
use crate::rest::answer::encoded;
use crate::rest::body::configs_json;
use crate::rest::caller::connector_path;
use crate::rest::error::RestError;
use crate::rest::peers::Peers;

impl Peers {
    async fn tell(
        &self,
        method: Method,
        leader_url: &str,
        path: &str,
        body: Option<Bytes>,
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        let url = format!("{}{path}", leader_url.trim_end_matches('/'));
        let key = key.map(|key| key.key.as_ref());
        self.ask(method, url, body, key).await.map(drop).map_err(refusal)
    }
}

#[async_trait]
impl LeaderClient for Peers {
    async fn put_tasks(
        &self,
        leader_url: &str,
        connector: &str,
        configs: &[Props],
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        let body = configs_json(configs).to_string();
        let path = connector_path(connector, "/tasks");
        self.tell(Method::POST, leader_url, &path, Some(body.into()), key).await
    }

    async fn fence(
        &self,
        leader_url: &str,
        connector: &str,
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        self.tell(Method::PUT, leader_url, &connector_path(connector, "/fence"), None, key).await
    }

    async fn tell_departure(
        &self,
        leader_url: &str,
        member_id: &str,
        key: Option<&SessionKey>,
    ) -> Result<(), HerderError> {
        // The signature covers the body alone, so the member stands there too.
        let body = json!({ "member_id": member_id }).to_string();
        let path = format!("/cluster/departures/{}", encoded(member_id));
        self.tell(Method::PUT, leader_url, &path, Some(body.into()), key).await
    }

    async fn find_worker(&self, url: &str) -> Result<(), String> {
        self.find(url).await
    }
}

/// Returns what the leader answered as if the herder had said it here.
fn refusal(error: RestError) -> HerderError {
    let kind = match error.status() {
        StatusCode::BAD_REQUEST => HerderErrorKind::BadRequest,
        StatusCode::FORBIDDEN => HerderErrorKind::Forbidden,
        StatusCode::NOT_FOUND => HerderErrorKind::NotFound,
        StatusCode::CONFLICT => HerderErrorKind::Conflict,
        StatusCode::SERVICE_UNAVAILABLE => HerderErrorKind::Unavailable,
        _ => HerderErrorKind::Internal,
    };
    HerderError::new(kind, error.message())
}
