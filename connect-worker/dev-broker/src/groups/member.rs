//! One member of a group, and the answers it waits for.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{JoinGroupResponse, SyncGroupResponse},
    protocol::StrBytes,
};
use tokio::sync::oneshot;

/// A member and what it can do.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<StrBytes>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    /// Name and metadata of each protocol, the preferred one first.
    pub(crate) protocols: Vec<(StrBytes, Bytes)>,
    pub(crate) assignment: Bytes,
    pub(crate) last_seen: Instant,
    /// Set while the member waits for the rebalance to complete.
    pub(crate) joining: Option<oneshot::Sender<JoinGroupResponse>>,
    /// Set while the member waits for the leader's assignment.
    pub(crate) syncing: Option<oneshot::Sender<SyncGroupResponse>>,
}

impl Member {
    pub(crate) fn supports(&self, protocol: &StrBytes) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Returns the metadata for `protocol`, empty when the member does not know it.
    pub(crate) fn metadata(&self, protocol: &StrBytes) -> Bytes {
        let known = self.protocols.iter().find(|(name, _)| name == protocol);
        known.map_or_else(Bytes::new, |(_, metadata)| metadata.clone())
    }

    /// Says whether the member has been silent for too long. While it waits for us it cannot send heartbeats.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.joining.is_none() && self.syncing.is_none() && now >= self.last_seen + self.session_timeout
    }

    pub(crate) fn answer_join(&mut self, response: JoinGroupResponse) {
        if let Some(joining) = self.joining.take() {
            // The connection may be gone; then nobody wants to know.
            joining.send(response).ok();
        }
    }

    pub(crate) fn answer_sync(&mut self, response: SyncGroupResponse) {
        if let Some(syncing) = self.syncing.take() {
            syncing.send(response).ok();
        }
    }

    /// Answers whatever the member waits for with `error`.
    pub(crate) fn fail(&mut self, error: ResponseError) {
        self.answer_join(join_error(error, &StrBytes::new()));
        self.answer_sync(SyncGroupResponse::default().with_error_code(error.code()));
    }
}

/// Returns the answer to a JoinGroup that did not work out.
pub(crate) fn join_error(error: ResponseError, member_id: &StrBytes) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_name(Some(StrBytes::new()))
        .with_member_id(member_id.clone())
}
