//! What can go wrong with an admin request, told apart by what the caller can do about it.

use connect_core::error::ConnectError;
use connect_core::record::TopicPartition;
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;

/// The failure of an admin request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdminError {
    /// The client settings are not usable.
    #[error("creating Kafka admin client: {0}")]
    Config(String),
    /// No broker answered in time.
    #[error("reaching a Kafka broker at bootstrap.servers `{bootstrap}`: {reason}")]
    Unreachable {
        /// Brokers that were tried.
        bootstrap: String,
        /// What the client last complained of.
        reason: String,
    },
    /// The brokers do not accept the client's credentials or certificates.
    #[error("authenticating to the Kafka brokers at bootstrap.servers `{bootstrap}`: {reason}")]
    Authentication {
        /// Brokers that were tried.
        bootstrap: String,
        /// What the client complained of.
        reason: String,
    },
    /// An ACL is missing.
    #[error("{what}: not authorised; the principal needs {acl}")]
    Unauthorised {
        /// The request.
        what: String,
        /// Operation and resource that must be allowed.
        acl: String,
    },
    /// The group has members, so its offsets cannot be changed.
    #[error("{what}: the group `{group}` has active members")]
    GroupActive {
        /// The request.
        what: String,
        /// Group id.
        group: String,
    },
    /// The topic or partition does not exist.
    #[error("{what}: the partition `{partition}` does not exist")]
    UnknownPartition {
        /// The request.
        what: String,
        /// The partition.
        partition: TopicPartition,
    },
    /// There are fewer brokers than replicas asked for.
    #[error("{what}: {reason}")]
    TooFewBrokers {
        /// The request.
        what: String,
        /// Kafka's words.
        reason: String,
    },
    /// The brokers do not know the request.
    #[error("{what}: {reason}")]
    Unsupported {
        /// The request.
        what: String,
        /// Kafka's words.
        reason: String,
    },
    /// The broker did not answer this request in time.
    #[error("{what}: no answer within {timeout_ms} ms")]
    Timeout {
        /// The request.
        what: String,
        /// The limit.
        timeout_ms: u128,
    },
    /// The broker refused.
    #[error("{what}: {reason}")]
    Refused {
        /// The request.
        what: String,
        /// Kafka's words.
        reason: String,
        /// Whether the same request may succeed later.
        is_retriable: bool,
    },
}

impl AdminError {
    /// Returns whether the same request may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self {
            AdminError::Config(_) | AdminError::Authentication { .. } | AdminError::Unauthorised { .. } => {
                false
            }
            AdminError::UnknownPartition { .. }
            | AdminError::TooFewBrokers { .. }
            | AdminError::Unsupported { .. } => false,
            AdminError::GroupActive { .. } => true,
            AdminError::Unreachable { .. } | AdminError::Timeout { .. } => true,
            AdminError::Refused { is_retriable, .. } => *is_retriable,
        }
    }

    /// Sorts an error code of a broker or the client. `resource` is what the request was about, as in ACLs.
    pub(super) fn from_code(what: &str, resource: &Resource<'_>, code: Code, reason: String) -> Self {
        let what = what.to_owned();
        match code {
            Code::GroupAuthorizationFailed
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed => {
                AdminError::Unauthorised { acl: resource.missing_acl(code), what }
            }
            // `UnknownMemberId` is the answer to a commit from outside of a group that has members.
            Code::NonEmptyGroup | Code::UnknownMemberId | Code::GroupSubscribedToTopic => {
                AdminError::GroupActive { what, group: resource.group().to_owned() }
            }
            Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopic => {
                let partition = resource.partition().unwrap_or_else(|| TopicPartition::new("", -1));
                AdminError::UnknownPartition { what, partition }
            }
            Code::InvalidReplicationFactor => AdminError::TooFewBrokers { what, reason },
            Code::UnsupportedVersion | Code::UnsupportedFeature => AdminError::Unsupported { what, reason },
            _ => AdminError::Refused { what, reason, is_retriable: is_retriable(code) },
        }
    }
}

impl From<AdminError> for ConnectError {
    fn from(error: AdminError) -> Self {
        let text = error.to_string();
        if error.is_retriable() { ConnectError::retriable(text) } else { ConnectError::fatal(text) }
    }
}

/// What a request is about.
pub(super) enum Resource<'a> {
    Cluster,
    Group { group: &'a str, operation: &'static str },
    GroupPartition { group: &'a str, operation: &'static str, partition: &'a TopicPartition },
    Topic { topic: &'a str, operation: &'static str },
    Partition { partition: &'a TopicPartition },
}

impl Resource<'_> {
    fn group(&self) -> &str {
        match self {
            Resource::Group { group, .. } | Resource::GroupPartition { group, .. } => group,
            _ => "",
        }
    }

    fn partition(&self) -> Option<TopicPartition> {
        match self {
            Resource::GroupPartition { partition, .. } | Resource::Partition { partition } => {
                Some((*partition).clone())
            }
            Resource::Topic { topic, .. } => Some(TopicPartition::new(*topic, -1)),
            _ => None,
        }
    }

    fn missing_acl(&self, code: Code) -> String {
        let topic_of = |partition: &TopicPartition| format!("READ on the topic `{}`", partition.topic);
        match (self, code) {
            (Resource::GroupPartition { partition, .. }, Code::TopicAuthorizationFailed) => {
                topic_of(partition)
            }
            (Resource::Partition { partition }, _) => {
                format!("DESCRIBE on the topic `{}`", partition.topic)
            }
            (Resource::Topic { topic, operation }, _) => format!("{operation} on the topic `{topic}`"),
            (Resource::Group { group, operation } | Resource::GroupPartition { group, operation, .. }, _) => {
                format!("{operation} on the consumer group `{group}`")
            }
            (Resource::Cluster, _) => "DESCRIBE on the cluster".to_owned(),
        }
    }
}

fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotController
            | Code::LeaderNotAvailable
            // No partition asked for has a leader now.
            | Code::NoEnt
            | Code::NotLeaderForPartition
            | Code::NetworkException
            | Code::RebalanceInProgress
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
    )
}
