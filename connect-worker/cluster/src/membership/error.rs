//! Why a request about a group did not succeed.

use kafka_protocol::error::ResponseError;
use thiserror::Error;

use crate::connection::ConnectionError;

/// An error of a request about a group.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The coordinator cannot be talked to.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The coordinator refused; the text says what to do.
    #[error("{text}")]
    Refused {
        /// Kafka's error code.
        code: i16,
        /// What was refused and why.
        text: String,
    },
    /// The membership has ended.
    #[error("the worker is no member of its group any more")]
    Ended,
}

impl GroupError {
    /// Returns whether the same request can succeed later without a human.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_retriable(),
            Self::Refused { code, .. } => is_passing(*code),
            Self::Ended => false,
        }
    }

    /// Returns whether the coordinator has to be looked for again.
    pub(crate) fn is_move(&self) -> bool {
        match self {
            Self::Connection(_) => true,
            Self::Refused { code, .. } => matches!(
                ResponseError::try_from_code(*code),
                Some(ResponseError::CoordinatorNotAvailable | ResponseError::NotCoordinator)
            ),
            Self::Ended => false,
        }
    }

    /// Returns the error of a response code that is not zero.
    pub(crate) fn refused(doing: &str, group: &str, code: i16) -> Self {
        Self::Refused { code, text: format!("{doing} `{group}`: {}", advice(group, code)) }
    }
}

/// Returns whether an error code tells of something that passes.
fn is_passing(code: i16) -> bool {
    use ResponseError as E;
    matches!(
        ResponseError::try_from_code(code),
        None | Some(
            E::UnknownServerError
                | E::LeaderNotAvailable
                | E::NotLeaderOrFollower
                | E::RequestTimedOut
                | E::BrokerNotAvailable
                | E::NetworkException
                | E::CoordinatorLoadInProgress
                | E::CoordinatorNotAvailable
                | E::NotCoordinator
                | E::RebalanceInProgress
                | E::NotEnoughReplicas
                | E::NotEnoughReplicasAfterAppend
                | E::KafkaStorageError
                | E::ThrottlingQuotaExceeded
        )
    )
}

fn advice(group: &str, code: i16) -> String {
    use ResponseError as E;
    match ResponseError::try_from_code(code) {
        Some(E::GroupAuthorizationFailed) => {
            format!("not authorised; the worker's user needs the ACLs READ and DESCRIBE on group `{group}`")
        }
        Some(E::ClusterAuthorizationFailed) => {
            "not authorised; the worker's user needs the ACL CLUSTER_ACTION or DESCRIBE on the cluster"
                .to_owned()
        }
        Some(E::InvalidGroupId) => "the broker does not accept this `group.id`".to_owned(),
        Some(E::InvalidSessionTimeout) => "`session.timeout.ms` is outside of what the broker allows \
             (`group.min.session.timeout.ms` to `group.max.session.timeout.ms`)"
            .to_owned(),
        Some(E::GroupMaxSizeReached) => {
            "the group is full; raise `group.max.size` of the brokers or use fewer workers".to_owned()
        }
        Some(E::InconsistentGroupProtocol) => {
            "its members speak other protocols; choose another `group.id`".to_owned()
        }
        Some(E::UnsupportedVersion) => "the broker does not know this version of the request".to_owned(),
        Some(error) => format!("{error:?} (code {code})"),
        None => format!("error code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_authorisation_names_the_acl_and_is_final() {
        let error = GroupError::refused("joining group", "g", ResponseError::GroupAuthorizationFailed.code());
        assert_eq!(
            error.to_string(),
            "joining group `g`: not authorised; the worker's user needs the ACLs READ and DESCRIBE on group `g`"
        );
        assert!(!error.is_retriable());
    }

    #[test]
    fn errors_of_a_moving_coordinator_pass_and_those_of_settings_do_not() {
        use ResponseError as E;
        let passes = |error: E| GroupError::refused("joining group", "g", error.code()).is_retriable();
        assert!(
            [E::NotCoordinator, E::CoordinatorLoadInProgress, E::RebalanceInProgress].map(passes)
                == [true; 3]
        );
        assert!(
            [E::InconsistentGroupProtocol, E::InvalidSessionTimeout, E::GroupMaxSizeReached].map(passes)
                == [false; 3]
        );
    }
}
