//! The requests of one round, and what their error codes mean.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    error::ResponseError,
    messages::{
        JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
        join_group_request::JoinGroupRequestProtocol, leave_group_request::MemberIdentity,
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};
use tokio::time::timeout;

use crate::{
    connection::quoted,
    membership::{
        coordinator::Coordinator,
        error::GroupError,
        event::{JoinState, LossCause, Round},
        inbox::Interrupt,
        settings::GroupSettings,
    },
    protocol::{Assignment, GroupProtocol, MemberState},
};

/// Protocol type of the groups of Kafka Connect.
const PROTOCOL_TYPE: &str = "connect";
/// First version of `LeaveGroup` that names members in a list.
const LEAVE_MANY: i16 = 3;
/// How long a worker that stops waits for the coordinator.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

/// What a join brought.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) generation: i32,
    pub(crate) member_id: String,
    pub(crate) protocol: GroupProtocol,
    pub(crate) is_leader: bool,
    members: BTreeMap<String, MemberState>,
}

impl Joined {
    /// Returns what the leader has to know.
    pub(crate) fn round(&self, last_completed_generation: i32) -> Round {
        Round {
            generation: self.generation,
            last_completed_generation,
            protocol: self.protocol,
            leader: self.member_id.clone(),
            members: self.members.clone(),
        }
    }
}

/// Joins the group. A new member is given its id first and joins again with it.
pub(crate) async fn join(
    coordinator: &mut Coordinator,
    settings: &GroupSettings,
    member_id: &mut String,
    state: &JoinState,
) -> Result<Joined, Interrupt> {
    loop {
        let request = join_request(coordinator, settings, member_id, state);
        let response = coordinator.call(&request, Some(settings.round_limit())).await?;
        let code = response.error_code;
        match ResponseError::try_from_code(code) {
            None => {
                *member_id = response.member_id.to_string();
                return joined(response);
            }
            Some(ResponseError::MemberIdRequired) if member_id.is_empty() => {
                *member_id = response.member_id.to_string();
            }
            Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => {
                return Err(Interrupt::Forgotten);
            }
            Some(ResponseError::InconsistentGroupProtocol) => {
                return Err(Interrupt::Failed(other_protocols(coordinator, settings).await));
            }
            _ => return Err(GroupError::refused("joining group", &settings.group, code).into()),
        }
    }
}

/// Hands in the assignments when leading, and waits for one's own.
pub(crate) async fn synchronise(
    coordinator: &mut Coordinator,
    settings: &GroupSettings,
    joined: &Joined,
    assignments: &BTreeMap<String, Assignment>,
) -> Result<Assignment, Interrupt> {
    let assignments = assignments.iter().map(|(member, assignment)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member))
            .with_assignment(assignment.encode(joined.protocol))
    });
    let request = SyncGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_generation_id(joined.generation)
        .with_member_id(text(&joined.member_id))
        .with_protocol_type(Some(StrBytes::from_static_str(PROTOCOL_TYPE)))
        .with_protocol_name(Some(text(joined.protocol.name())))
        .with_assignments(assignments.collect());
    let response = coordinator.call(&request, Some(settings.round_limit())).await?;
    let code = response.error_code;
    match ResponseError::try_from_code(code) {
        None => decoded(&settings.group, &response.assignment),
        Some(ResponseError::RebalanceInProgress) => Err(Interrupt::Rejoin),
        Some(ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) => Err(Interrupt::Forgotten),
        Some(ResponseError::IllegalGeneration) => Err(Interrupt::Lost(LossCause::Fenced)),
        _ => Err(GroupError::refused("synchronising with group", &settings.group, code).into()),
    }
}

/// Leaves the group, waiting a short time at most.
pub(crate) async fn leave(coordinator: &mut Coordinator, member_id: &str) -> Result<(), GroupError> {
    let leave = async {
        let connection = coordinator.ensure().await?;
        let has_list = connection.version::<LeaveGroupRequest>()? >= LEAVE_MANY;
        let request = LeaveGroupRequest::default().with_group_id(coordinator.group_id());
        let request = if has_list {
            let member = MemberIdentity::default()
                .with_member_id(text(member_id))
                .with_reason(Some(StrBytes::from_static_str("the worker stops or cannot go on")));
            request.with_members(vec![member])
        } else {
            request.with_member_id(text(member_id))
        };
        match coordinator.call(&request, None).await?.error_code {
            0 => Ok(()),
            code => Err(GroupError::refused("leaving group", &coordinator.group_id(), code)),
        }
    };
    timeout(LEAVE_LIMIT, leave).await.unwrap_or(Err(GroupError::Ended))
}

fn join_request(
    coordinator: &Coordinator,
    settings: &GroupSettings,
    member_id: &str,
    state: &JoinState,
) -> JoinGroupRequest {
    let state =
        MemberState { url: settings.url.clone(), offset: state.offset, allocation: state.allocation.clone() };
    let protocols = settings.protocol.offered().iter().map(|protocol| {
        JoinGroupRequestProtocol::default()
            .with_name(text(protocol.name()))
            .with_metadata(state.encode(*protocol))
    });
    JoinGroupRequest::default()
        .with_group_id(coordinator.group_id())
        .with_session_timeout_ms(millis(settings.session_timeout))
        .with_rebalance_timeout_ms(millis(settings.rebalance_timeout))
        .with_member_id(text(member_id))
        .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
        .with_protocols(protocols.collect())
}

fn joined(response: JoinGroupResponse) -> Result<Joined, Interrupt> {
    let name = response.protocol_name.unwrap_or_default();
    let protocol = GroupProtocol::from_name(&name).ok_or_else(|| {
        Interrupt::Failed(format!("the coordinator chose the protocol `{name}`, which nobody offered"))
    })?;
    let members = response.members.into_iter().filter_map(|member| {
        let id = member.member_id.to_string();
        match MemberState::decode(&member.metadata) {
            Ok(state) => Some((id, state)),
            Err(error) => {
                tracing::warn!(member = id, %error, "reading what a member told; it is given no work");
                None
            }
        }
    });
    Ok(Joined {
        generation: response.generation_id,
        is_leader: response.leader == response.member_id,
        member_id: response.member_id.to_string(),
        protocol,
        members: members.collect(),
    })
}

fn decoded(group: &str, bytes: &Bytes) -> Result<Assignment, Interrupt> {
    Assignment::decode(bytes).map_err(|error| {
        let text = format!("reading the leader's assignment in group `{group}`: {error}");
        Interrupt::Retry(GroupError::Refused { code: ResponseError::UnknownServerError.code(), text })
    })
}

/// Says what the group is, when its members do not speak this worker's protocols.
async fn other_protocols(coordinator: &mut Coordinator, settings: &GroupSettings) -> String {
    let group = &settings.group;
    let found = match coordinator.describe().await {
        Ok(described) if described.protocol_type.is_empty() => "its members speak other protocols".to_owned(),
        Ok(described) if &*described.protocol_type != PROTOCOL_TYPE => format!(
            "it is a group of type `{}`, and that of a worker is of type `{PROTOCOL_TYPE}`",
            described.protocol_type
        ),
        Ok(described) => format!(
            "its members speak `{}`, and this worker offers {}",
            described.protocol_data,
            quoted(settings.protocol.offered().iter().map(|protocol| protocol.name()))
        ),
        Err(_) => "its members speak other protocols".to_owned(),
    };
    format!(
        "joining group `{group}`: {found}; choose another `group.id`, or another `connect.protocol` if it is \
             meant to be the same cluster"
    )
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
