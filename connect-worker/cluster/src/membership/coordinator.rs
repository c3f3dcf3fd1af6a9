//! A line of requests to the coordinator of a group, wherever it is now.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        DescribeGroupsRequest, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
        describe_groups_response::DescribedGroup,
    },
    protocol::{Request, StrBytes},
};

use crate::{
    connection::{
        BrokerAddress, BrokerConnection, ConnectionError, ConnectionSettings, Directory, ErrorKind,
    },
    membership::error::GroupError,
};

/// First version of `FindCoordinator` that takes several keys, and one in another field.
const FIND_MANY: i16 = 4;

/// One connection to the coordinator, opened when needed. Requests on it wait for each other: a join holds it until
/// all members joined, so heartbeats have a line of their own.
#[derive(Debug)]
pub(crate) struct Coordinator {
    directory: Directory,
    group: StrBytes,
    connection: Option<BrokerConnection>,
}

impl Coordinator {
    pub(crate) fn new(group: &str, settings: ConnectionSettings) -> Self {
        Self {
            directory: Directory::new(settings),
            group: StrBytes::from_string(group.to_owned()),
            connection: None,
        }
    }

    /// Returns the group's id for requests.
    pub(crate) fn group_id(&self) -> GroupId {
        GroupId(self.group.clone())
    }

    /// Looks for the coordinator again before the next request.
    pub(crate) fn forget(&mut self) {
        self.connection = None;
    }

    /// Forgets the coordinator when an error says that it moved or cannot be reached.
    pub(crate) fn forget_if_moved(&mut self, error: &GroupError) {
        if error.is_move() {
            self.forget();
        }
    }

    /// Returns the open connection, after finding the coordinator if there is none.
    pub(crate) async fn ensure(&mut self) -> Result<&mut BrokerConnection, GroupError> {
        let connection = match self.connection.take().filter(|open| !open.is_broken()) {
            Some(open) => open,
            None => self.find().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Sends a request and waits for its answer, for `limit` or else for the request time-out.
    pub(crate) async fn call<R: Request>(
        &mut self,
        request: &R,
        limit: Option<Duration>,
    ) -> Result<R::Response, GroupError> {
        let limit = limit.unwrap_or(self.directory.settings().request_timeout);
        Ok(self.ensure().await?.call_within(request, limit).await?)
    }

    /// Asks for the state of the group.
    pub(crate) async fn describe(&mut self) -> Result<DescribedGroup, GroupError> {
        let request = DescribeGroupsRequest::default().with_groups(vec![self.group_id()]);
        let response = self.call(&request, None).await?;
        let described = response.groups.into_iter().next().ok_or_else(|| nobody(&self.group))?;
        match described.error_code {
            0 => Ok(described),
            code => Err(GroupError::refused("describing group", &self.group, code)),
        }
    }

    async fn find(&mut self) -> Result<BrokerConnection, GroupError> {
        let mut any = self.directory.connect_any().await?;
        let request = if any.version::<FindCoordinatorRequest>()? >= FIND_MANY {
            FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![self.group.clone()])
        } else {
            FindCoordinatorRequest::default().with_key_type(0).with_key(self.group.clone())
        };
        let response = any.call(&request).await?;
        let (code, address) = located(response);
        if code != 0 {
            return Err(GroupError::refused("finding the coordinator of group", &self.group, code));
        }
        let address = address.ok_or_else(|| nobody(&self.group))?;
        if address == *any.address() {
            return Ok(any);
        }
        Ok(self.directory.connect(&address).await?)
    }
}

fn located(response: FindCoordinatorResponse) -> (i16, Option<BrokerAddress>) {
    let (code, host, port) = match response.coordinators.into_iter().next() {
        Some(found) => (found.error_code, found.host, found.port),
        None => (response.error_code, response.host, response.port),
    };
    let port = u16::try_from(port).ok().filter(|port| *port != 0);
    (code, port.map(|port| BrokerAddress { host: host.to_string(), port }))
}

fn nobody(group: &str) -> GroupError {
    let text = format!("asking for group `{group}`: the broker's answer does not name it");
    ConnectionError::new(ErrorKind::Protocol, text).into()
}
