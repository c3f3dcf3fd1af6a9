//! From bytes to handlers: which APIs exist in which versions, decoding, faults, encoding.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    error::ResponseError,
    messages::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AlterConfigsRequest, ApiKey, ApiVersionsRequest,
        CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest,
        DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest,
        DescribeLogDirsRequest, DescribeProducersRequest, DescribeTransactionsRequest, EndTxnRequest,
        FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
        InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest,
        ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest,
        OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader, ResponseHeader,
        SyncGroupRequest, TxnOffsetCommitRequest,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, VersionRange},
};

use crate::{
    faults::Fault,
    handlers::{
        cluster, configs, error_answer::ErrorAnswer, fetch, groups, list_offsets, offsets, produce, topics,
        transactions,
    },
    node::Node,
    server::Connection,
};

/// What becomes of a request.
pub(crate) enum Outcome {
    /// These bytes are sent.
    Answer(Bytes),
    /// Nothing is sent: a produce with `acks=0`.
    Silence,
    /// The connection ends.
    Close,
}

/// One request on its way to a handler.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) connection: &'a Connection,
    pub(crate) version: i16,
    pub(crate) client_id: String,
}

/// The supported versions of each API. Where the newest of Kafka is missing, it needs something this broker does not
/// do: transactions of version 2 (`EndTxn` 5, `TxnOffsetCommit` 5, `InitProducerId` 5), verification between brokers
/// (`AddPartitionsToTxn` 4).
const SUPPORTED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 13),
    (ApiKey::Fetch, 4, 17),
    (ApiKey::ListOffsets, 1, 9),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 2, 9),
    (ApiKey::FindCoordinator, 0, 6),
    (ApiKey::JoinGroup, 0, 9),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 6),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 4),
    (ApiKey::EndTxn, 0, 4),
    (ApiKey::TxnOffsetCommit, 0, 4),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::AlterConfigs, 0, 2),
    (ApiKey::DescribeLogDirs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::DescribeCluster, 0, 2),
    (ApiKey::DescribeProducers, 0, 0),
    (ApiKey::DescribeTransactions, 0, 0),
    (ApiKey::ListTransactions, 0, 1),
];

/// Carries out one request.
///
/// # Errors
/// When it does not parse or is of an unknown kind; the connection cannot go on then.
pub(crate) async fn handle(node: &Node, connection: &Connection, request: BytesMut) -> io::Result<Outcome> {
    let mut bytes = request.freeze();
    if bytes.len() < 4 {
        return Err(malformed("too short"));
    }
    let mut peek = bytes.slice(..4);
    let (key, version) = (peek.get_i16(), peek.get_i16());
    let api = ApiKey::try_from(key).map_err(|()| malformed(format!("unknown api `{key}`")))?;
    let is_supported = supported(api).is_some_and(|range| (range.min..=range.max).contains(&version));
    // A client newer than this broker asks in a version of its own; it is told ours in version 0 (KIP-511).
    let header_version = if is_supported { api.request_header_version(version) } else { 1 };
    let header = RequestHeader::decode(&mut bytes, header_version).map_err(malformed)?;
    let correlation_id = header.correlation_id;
    if !is_supported {
        return match api {
            ApiKey::ApiVersions => {
                let response = cluster::api_versions(SUPPORTED)
                    .with_error_code(ResponseError::UnsupportedVersion.code());
                encode::<ApiVersionsRequest>(&response, 0, correlation_id)
            }
            _ => Err(malformed(format!("unsupported version `{version}` of `{api:?}`"))),
        };
    }
    let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    let call = Call { node, connection, version, client_id };
    match node.faults.next(api, &call.client_id) {
        None => route(api, &call, bytes, correlation_id, None).await,
        Some(Fault::Error(error)) => route(api, &call, bytes, correlation_id, Some(error)).await,
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            route(api, &call, bytes, correlation_id, None).await
        }
        Some(Fault::Disconnect) => Ok(Outcome::Close),
        Some(Fault::LoseAnswer) => {
            route(api, &call, bytes, correlation_id, None).await?;
            Ok(Outcome::Close)
        }
    }
}

/// Returns the versions of `api` this broker speaks.
pub(crate) fn supported(api: ApiKey) -> Option<VersionRange> {
    let known = SUPPORTED.iter().find(|(known, _, _)| *known == api)?;
    Some(VersionRange { min: known.1, max: known.2 })
}

/// Decodes a request, lets its handler (or the injected error) answer, and encodes the answer.
macro_rules! serve {
    ($request:ty, $bytes:ident, $call:ident, $id:ident, $error:ident, |$decoded:ident| $answer:expr) => {{
        let $decoded = <$request>::decode(&mut $bytes, $call.version).map_err(malformed)?;
        let response = match $error {
            Some(error) => $decoded.error_answer(error),
            None => $answer,
        };
        encode::<$request>(&response, $call.version, $id)
    }};
}

/// Routes the APIs of reading, writing and the cluster; the others go on to the next function.
async fn route(
    api: ApiKey,
    call: &Call<'_>,
    mut bytes: Bytes,
    id: i32,
    error: Option<ResponseError>,
) -> io::Result<Outcome> {
    match api {
        ApiKey::Produce => {
            let request = ProduceRequest::decode(&mut bytes, call.version).map_err(malformed)?;
            let wants_answer = request.acks != 0;
            let response = match error {
                Some(error) => request.error_answer(error),
                None => produce::produce(call, request),
            };
            match wants_answer {
                true => encode::<ProduceRequest>(&response, call.version, id),
                false => Ok(Outcome::Silence),
            }
        }
        ApiKey::ApiVersions => {
            serve!(ApiVersionsRequest, bytes, call, id, error, |_r| cluster::api_versions(SUPPORTED))
        }
        ApiKey::Fetch => serve!(FetchRequest, bytes, call, id, error, |r| fetch::fetch(call, &r).await),
        ApiKey::ListOffsets => {
            serve!(ListOffsetsRequest, bytes, call, id, error, |r| list_offsets::list(call, &r))
        }
        ApiKey::OffsetForLeaderEpoch => {
            serve!(OffsetForLeaderEpochRequest, bytes, call, id, error, |r| list_offsets::leader_epoch(
                call, &r
            ))
        }
        ApiKey::Metadata => serve!(MetadataRequest, bytes, call, id, error, |r| cluster::metadata(call, &r)),
        ApiKey::DescribeCluster => {
            serve!(DescribeClusterRequest, bytes, call, id, error, |r| cluster::describe(call, &r))
        }
        ApiKey::FindCoordinator => {
            serve!(FindCoordinatorRequest, bytes, call, id, error, |r| cluster::find_coordinator(call, &r))
        }
        ApiKey::DescribeLogDirs => {
            serve!(DescribeLogDirsRequest, bytes, call, id, error, |r| cluster::log_dirs(call, &r))
        }
        _ => route_groups(api, call, bytes, id, error).await,
    }
}

async fn route_groups(
    api: ApiKey,
    call: &Call<'_>,
    mut bytes: Bytes,
    id: i32,
    error: Option<ResponseError>,
) -> io::Result<Outcome> {
    match api {
        ApiKey::JoinGroup => {
            serve!(JoinGroupRequest, bytes, call, id, error, |r| groups::join(call, &r).await)
        }
        ApiKey::SyncGroup => {
            serve!(SyncGroupRequest, bytes, call, id, error, |r| groups::sync(call, &r).await)
        }
        ApiKey::Heartbeat => {
            serve!(HeartbeatRequest, bytes, call, id, error, |r| groups::heartbeat(call, &r))
        }
        ApiKey::LeaveGroup => serve!(LeaveGroupRequest, bytes, call, id, error, |r| groups::leave(call, &r)),
        ApiKey::DescribeGroups => {
            serve!(DescribeGroupsRequest, bytes, call, id, error, |r| groups::describe(call, &r))
        }
        ApiKey::ListGroups => serve!(ListGroupsRequest, bytes, call, id, error, |r| groups::list(call, &r)),
        ApiKey::DeleteGroups => {
            serve!(DeleteGroupsRequest, bytes, call, id, error, |r| groups::delete(call, &r))
        }
        ApiKey::OffsetCommit => {
            serve!(OffsetCommitRequest, bytes, call, id, error, |r| offsets::commit(call, &r))
        }
        ApiKey::OffsetFetch => {
            serve!(OffsetFetchRequest, bytes, call, id, error, |r| offsets::fetch(call, &r))
        }
        ApiKey::OffsetDelete => {
            serve!(OffsetDeleteRequest, bytes, call, id, error, |r| offsets::delete(call, &r))
        }
        _ => route_admin(api, call, bytes, id, error),
    }
}

fn route_admin(
    api: ApiKey,
    call: &Call<'_>,
    mut bytes: Bytes,
    id: i32,
    error: Option<ResponseError>,
) -> io::Result<Outcome> {
    match api {
        ApiKey::CreateTopics => {
            serve!(CreateTopicsRequest, bytes, call, id, error, |r| topics::create(call, &r))
        }
        ApiKey::DeleteTopics => {
            serve!(DeleteTopicsRequest, bytes, call, id, error, |r| topics::delete(call, &r))
        }
        ApiKey::CreatePartitions => {
            serve!(CreatePartitionsRequest, bytes, call, id, error, |r| topics::create_partitions(call, &r))
        }
        ApiKey::DeleteRecords => {
            serve!(DeleteRecordsRequest, bytes, call, id, error, |r| topics::delete_records(call, &r))
        }
        ApiKey::DescribeConfigs => {
            serve!(DescribeConfigsRequest, bytes, call, id, error, |r| configs::describe(call, &r))
        }
        ApiKey::AlterConfigs => {
            serve!(AlterConfigsRequest, bytes, call, id, error, |r| configs::alter(call, &r))
        }
        ApiKey::IncrementalAlterConfigs => {
            serve!(IncrementalAlterConfigsRequest, bytes, call, id, error, |r| configs::alter_some(call, &r))
        }
        _ => route_transactions(api, call, bytes, id, error),
    }
}

fn route_transactions(
    api: ApiKey,
    call: &Call<'_>,
    mut bytes: Bytes,
    id: i32,
    error: Option<ResponseError>,
) -> io::Result<Outcome> {
    match api {
        ApiKey::InitProducerId => {
            serve!(InitProducerIdRequest, bytes, call, id, error, |r| transactions::init_producer(call, &r))
        }
        ApiKey::AddPartitionsToTxn => {
            serve!(AddPartitionsToTxnRequest, bytes, call, id, error, |r| transactions::add_partitions(
                call, &r
            ))
        }
        ApiKey::AddOffsetsToTxn => {
            serve!(AddOffsetsToTxnRequest, bytes, call, id, error, |r| transactions::add_offsets(call, &r))
        }
        ApiKey::TxnOffsetCommit => {
            serve!(TxnOffsetCommitRequest, bytes, call, id, error, |r| transactions::commit_offsets(call, &r))
        }
        ApiKey::EndTxn => serve!(EndTxnRequest, bytes, call, id, error, |r| transactions::end(call, &r)),
        ApiKey::DescribeProducers => {
            serve!(DescribeProducersRequest, bytes, call, id, error, |r| transactions::describe_producers(
                call, &r
            ))
        }
        ApiKey::DescribeTransactions => {
            serve!(DescribeTransactionsRequest, bytes, call, id, error, |r| transactions::describe(call, &r))
        }
        ApiKey::ListTransactions => {
            serve!(ListTransactionsRequest, bytes, call, id, error, |r| transactions::list(call, &r))
        }
        _ => Err(malformed(format!("unexpected api `{api:?}`"))),
    }
}

fn encode<R: Request>(response: &R::Response, version: i16, correlation_id: i32) -> io::Result<Outcome> {
    let mut bytes = BytesMut::new();
    bytes.put_i32(0);
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut bytes, R::Response::header_version(version)).map_err(malformed)?;
    response.encode(&mut bytes, version).map_err(malformed)?;
    let length = (bytes.len() - 4) as i32;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(Outcome::Answer(bytes.freeze()))
}

fn malformed(error: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("handling a request: {}", error.to_string()))
}
