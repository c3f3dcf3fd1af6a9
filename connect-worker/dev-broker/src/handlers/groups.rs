//! The group APIs: membership, and what the admin client asks about groups.

use std::{collections::BTreeMap, time::Instant};

use kafka_protocol::{
    error::ResponseError,
    messages::{
        DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
        LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
        delete_groups_response::DeletableGroupResult,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
        leave_group_response::MemberResponse,
        list_groups_response::ListedGroup,
    },
    protocol::StrBytes,
};

use super::code_of;
use crate::{
    dispatch::Call,
    groups::{
        group::{Group, GroupState, Identity},
        join::{Joiner, new_member_id},
        member::Member,
    },
    support::{lock, string},
};

/// The type of every group here; the other one is Kafka's newer `consumer` protocol.
const CLASSIC: &str = "classic";

/// Joins a group, waiting for the rebalance.
pub(crate) async fn join(call: &Call<'_>, request: &JoinGroupRequest) -> JoinGroupResponse {
    let joiner = Joiner {
        client_id: call.client_id.clone(),
        client_host: call.connection.host.clone(),
        requires_known_id: call.version >= 4,
        supports_skipping_assignment: call.version >= 9,
        new_member_id: new_member_id(&call.client_id, request.group_instance_id.as_ref()),
    };
    let mut response = call.node.groups.join(request, &joiner).await;
    // Before version 7 the name may not be null, and from then on an error has none.
    if call.version >= 7 && response.error_code != 0 {
        response.protocol_name = None;
    }
    response
}

/// Sends or waits for the assignment.
pub(crate) async fn sync(call: &Call<'_>, request: &SyncGroupRequest) -> SyncGroupResponse {
    call.node.groups.sync(request).await
}

/// Keeps a member alive.
pub(crate) fn heartbeat(call: &Call<'_>, request: &HeartbeatRequest) -> HeartbeatResponse {
    let from = Identity {
        member_id: &request.member_id,
        instance_id: request.group_instance_id.as_ref(),
        generation: request.generation_id,
    };
    let beat = |group: &mut Group| group.heartbeat(from, Instant::now());
    let result = call.node.groups.with_group(&request.group_id, beat);
    let result = result.unwrap_or(Err(ResponseError::UnknownMemberId));
    HeartbeatResponse::default().with_error_code(code_of(&result))
}

/// Removes members.
pub(crate) fn leave(call: &Call<'_>, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let leave = |member_id: &StrBytes, instance_id: Option<&StrBytes>| {
        let from = Identity { member_id, instance_id, generation: -1 };
        let result =
            call.node.groups.with_group(&request.group_id, |group| group.leave(from, Instant::now()));
        code_of(&result.unwrap_or(Err(ResponseError::UnknownMemberId)))
    };
    if call.version < 3 {
        return LeaveGroupResponse::default().with_error_code(leave(&request.member_id, None));
    }
    let members = request.members.iter().map(|member| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(leave(&member.member_id, member.group_instance_id.as_ref()))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

/// Describes groups with their members.
pub(crate) fn describe(call: &Call<'_>, request: &DescribeGroupsRequest) -> DescribeGroupsResponse {
    let describe = |id: &GroupId| {
        let described = call.node.groups.with_group(id, |group| describe_group(group));
        let described = described.unwrap_or_else(|| match lock(&call.node.offsets).of_group(id) {
            Some(_) => DescribedGroup::default().with_group_state(string(GroupState::Empty.name())),
            None => dead(call.version),
        });
        described.with_group_id(id.clone())
    };
    DescribeGroupsResponse::default().with_groups(request.groups.iter().map(describe).collect())
}

/// Describes a group that does not exist; version 6 calls that an error (KIP-1043).
fn dead(version: i16) -> DescribedGroup {
    let group = DescribedGroup::default().with_group_state(string("Dead"));
    if version < 6 {
        return group;
    }
    group
        .with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(string("Group not found.")))
}

fn describe_group(group: &Group) -> DescribedGroup {
    let describe = |(id, member): (&StrBytes, &Member)| {
        DescribedGroupMember::default()
            .with_member_id(id.clone())
            .with_group_instance_id(member.instance_id.clone())
            .with_client_id(string(&*member.client_id))
            .with_client_host(string(&*member.client_host))
            .with_member_metadata(member.metadata(&group.protocol))
            .with_member_assignment(member.assignment.clone())
    };
    DescribedGroup::default()
        .with_group_state(string(group.state.name()))
        .with_protocol_type(group.protocol_type.clone())
        .with_protocol_data(group.protocol.clone())
        .with_members(group.members.iter().map(describe).collect())
}

/// Lists groups: those with members and those with offsets only.
pub(crate) fn list(call: &Call<'_>, request: &ListGroupsRequest) -> ListGroupsResponse {
    let mut groups: BTreeMap<String, (StrBytes, GroupState)> = lock(&call.node.offsets)
        .groups()
        .into_iter()
        .map(|name| (name, (StrBytes::new(), GroupState::Empty)))
        .collect();
    call.node.groups.for_each(|name, group| {
        groups.insert(name.to_owned(), (group.protocol_type.clone(), group.state));
    });
    let allows = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|allowed| allowed.eq_ignore_ascii_case(value))
    };
    let listed = groups
        .into_iter()
        .filter(|(_, (_, state))| allows(&request.states_filter, state.name()))
        .filter(|_| allows(&request.types_filter, CLASSIC))
        .map(|(name, (protocol_type, state))| {
            ListedGroup::default()
                .with_group_id(GroupId(string(name)))
                .with_protocol_type(protocol_type)
                .with_group_state(string(state.name()))
                .with_group_type(string(CLASSIC))
        });
    ListGroupsResponse::default().with_groups(listed.collect())
}

/// Deletes groups without members, with their offsets.
pub(crate) fn delete(call: &Call<'_>, request: &DeleteGroupsRequest) -> DeleteGroupsResponse {
    let results = request.groups_names.iter().map(|id| {
        DeletableGroupResult::default()
            .with_group_id(id.clone())
            .with_error_code(code_of(&delete_one(call, id)))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

fn delete_one(call: &Call<'_>, group: &str) -> Result<(), ResponseError> {
    let was_known = call.node.groups.delete(group)?;
    let had_offsets = lock(&call.node.offsets).delete_group(group).map_err(|error| {
        tracing::error!(%error, group, "deleting a group's offsets");
        ResponseError::CoordinatorNotAvailable
    })?;
    if was_known || had_offsets { Ok(()) } else { Err(ResponseError::GroupIdNotFound) }
}
