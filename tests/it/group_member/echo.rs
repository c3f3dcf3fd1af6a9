//! A herder that answers at once: it runs nothing, and as a leader gives each member one task.

use connect_tests::wait;
use std::{collections::BTreeMap, time::Duration};

use connect_cluster::{
    Work,
    connection::ConnectionSettings,
    membership::{GroupEvent, GroupHandle, GroupSettings, JoinState, LossCause, Round, spawn},
    protocol::{Assignment, AssignmentError, GroupProtocol},
};
use connect_core::task::TaskId;
use tokio::{sync::mpsc, time::timeout};

/// Returns settings with a session of two seconds.
pub(super) fn settings(
    props: &[(String, String)],
    group: &str,
    name: &str,
) -> Result<GroupSettings, connect_cluster::connection::ConnectionError> {
    Ok(GroupSettings {
        group: group.to_owned(),
        url: format!("http://{name}:8083/"),
        client_id: format!("sluice-{name}"),
        protocol: GroupProtocol::Sessioned,
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(60),
        heartbeat_interval: Duration::from_millis(300),
        connection: ConnectionSettings::from_props(&props.iter().cloned().collect())?,
    })
}

/// Returns the settings of a client without security.
pub(super) fn plain(bootstrap: &str) -> Vec<(String, String)> {
    vec![("bootstrap.servers".to_owned(), bootstrap.to_owned())]
}

/// What a membership told, without the ways back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Joining,
    Leading(Vec<String>),
    Assigned { generation: i32, member: String, assignment: Assignment },
    Lost(LossCause),
    Failed(String),
    End,
}

pub(super) struct Echo {
    pub(super) handle: GroupHandle,
    events: mpsc::UnboundedReceiver<GroupEvent>,
    pub(super) offset: i64,
}

impl Echo {
    pub(super) fn new(settings: GroupSettings) -> Self {
        let (handle, events) = spawn(settings).expect("a thread starts");
        Self { handle, events, offset: 0 }
    }

    /// Takes the next event and answers it.
    pub(super) async fn step(&mut self) -> Told {
        match timeout(wait::LIMIT, self.events.recv()).await.expect("an event comes in time") {
            None => Told::End,
            Some(GroupEvent::Joining { reply, .. }) => {
                // Fails when the round was given up meanwhile.
                drop(reply.send(JoinState { offset: self.offset, allocation: None }));
                Told::Joining
            }
            Some(GroupEvent::Leading { round, reply }) => {
                let members = round.members.keys().cloned().collect();
                drop(reply.send(one_each(&round)));
                Told::Leading(members)
            }
            Some(GroupEvent::Assigned { generation, member_id, assignment, .. }) => {
                Told::Assigned { generation, member: member_id, assignment }
            }
            Some(GroupEvent::Lost(cause)) => Told::Lost(cause),
            Some(GroupEvent::Failed(text)) => Told::Failed(text),
        }
    }

    /// Steps until `is_wanted`, and returns that event.
    pub(super) async fn until(&mut self, is_wanted: impl Fn(&Told) -> bool) -> Told {
        loop {
            let told = self.step().await;
            if is_wanted(&told) {
                return told;
            }
            assert!(!matches!(told, Told::End | Told::Failed(_)), "{told:?}");
        }
    }

    /// Takes the next event without answering it.
    pub(super) async fn take(&mut self) -> GroupEvent {
        let event = timeout(wait::LIMIT, self.events.recv()).await.expect("an event comes in time");
        event.expect("the membership lives")
    }

    /// Returns what waits to be taken, if anything does.
    pub(super) fn waiting(&mut self) -> Option<GroupEvent> {
        self.events.try_recv().ok()
    }

    /// Steps until an assignment, and returns generation, member id and assignment.
    pub(super) async fn assigned(&mut self) -> (i32, String, Assignment) {
        match self.until(|told| matches!(told, Told::Assigned { .. })).await {
            Told::Assigned { generation, member, assignment } => (generation, member, assignment),
            other => panic!("{other:?}"),
        }
    }

    /// Steps until the membership fails, and returns why.
    pub(super) async fn failed(&mut self) -> String {
        match self.until(|told| matches!(told, Told::Failed(_))).await {
            Told::Failed(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Steps both members until their last events are assignments of one generation.
    pub(super) async fn settle_with(&mut self, other: &mut Self) -> i32 {
        let (mut mine, mut theirs) = (None, None);
        let generation = |told: &Told| match told {
            Told::Assigned { generation, .. } => Some(*generation),
            Told::End | Told::Failed(_) => panic!("{told:?}"),
            _ => None,
        };
        loop {
            tokio::select! {
                told = self.step() => mine = generation(&told),
                told = other.step() => theirs = generation(&told),
            }
            if let Some(mine) = mine.filter(|_| mine == theirs) {
                return mine;
            }
        }
    }
}

pub(super) fn one_each(round: &Round) -> BTreeMap<String, Assignment> {
    let offset = round.members.values().map(|state| state.offset).max().unwrap_or(0);
    let members = round.members.keys().enumerate();
    let given = members.map(|(number, member)| {
        let task = TaskId { connector: "c".into(), task: u32::try_from(number).unwrap_or(0) };
        let assignment = Assignment {
            version: round.protocol.version(),
            error: AssignmentError::None,
            leader: round.leader.clone(),
            leader_url: round.members[&round.leader].url.clone(),
            offset,
            assigned: Work { tasks: [task].into(), ..Work::default() },
            revoked: Work::default(),
            delay_ms: 0,
        };
        (member.clone(), assignment)
    });
    given.collect()
}
