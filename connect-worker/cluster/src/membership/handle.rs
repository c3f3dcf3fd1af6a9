//! Starts a membership and talks to it.

use std::{sync::Arc, thread, time::Instant};

use kafka_protocol::messages::describe_groups_response::DescribedGroupMember;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot, watch},
};

use crate::membership::{
    coordinator::Coordinator,
    error::GroupError,
    event::GroupEvent,
    heart::Heart,
    inbox::{Command, Inbox},
    lease::Lease,
    member::Member,
    settings::GroupSettings,
};

/// Questions that may wait for the coordinator at the same time.
const QUESTION_BOUND: usize = 16;

/// A member of the group, as its coordinator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Member id.
    pub member_id: String,
    /// Client id; that of a worker of this program tells that it is one.
    pub client_id: String,
    /// Host as the broker saw it.
    pub client_host: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
}

impl From<DescribedGroupMember> for GroupMember {
    fn from(member: DescribedGroupMember) -> Self {
        Self {
            member_id: member.member_id.to_string(),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.to_string(),
            instance_id: member.group_instance_id.map(|id| id.to_string()),
        }
    }
}

type Answer = oneshot::Sender<Result<Vec<GroupMember>, GroupError>>;

/// Speaks to a membership. When the last handle is dropped the member leaves its group.
#[derive(Debug, Clone)]
pub struct GroupHandle {
    commands: mpsc::UnboundedSender<Command>,
    questions: mpsc::Sender<Answer>,
    stage: watch::Receiver<&'static str>,
    lease: Arc<Lease>,
}

impl GroupHandle {
    /// Asks for a round. A wish during a round is granted after it, unless it came before the answer to `Joining`.
    pub fn rejoin(&self) {
        // A membership that has ended said so by an event.
        drop(self.commands.send(Command::Rejoin));
    }

    /// Leaves the group, taking three seconds at most, and ends the membership.
    pub async fn leave(&self) {
        let (done, left) = oneshot::channel();
        if self.commands.send(Command::Leave(done)).is_ok() {
            // Dropped unanswered when the membership ends for another reason meanwhile.
            drop(left.await);
        }
    }

    /// Returns the members of the group.
    ///
    /// # Errors
    /// Fails when the coordinator does not answer, or refuses, or when the membership has ended.
    pub async fn members(&self) -> Result<Vec<GroupMember>, GroupError> {
        let (reply, answer) = oneshot::channel();
        self.questions.send(reply).await.map_err(|_| GroupError::Ended)?;
        answer.await.unwrap_or(Err(GroupError::Ended))
    }

    /// Returns what the membership is doing, to follow `the worker is`.
    pub fn stage(&self) -> &'static str {
        *self.stage.borrow()
    }

    /// Returns whether the member's session can still be alive, by this machine's clock. Turns false without any
    /// thread having run, so it also fences work that goes on after the whole process was stopped for a while.
    pub fn holds_place(&self) -> bool {
        self.lease.is_held(Instant::now())
    }

    #[cfg(test)]
    pub(crate) fn freeze(&self, time: std::time::Duration) {
        self.commands.send(Command::Freeze(time)).expect("the membership lives");
    }
}

/// Starts a membership on a thread of its own.
///
/// # Errors
/// Fails when the system gives no thread or no runtime.
pub fn spawn(settings: GroupSettings) -> std::io::Result<(GroupHandle, mpsc::UnboundedReceiver<GroupEvent>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // Unbounded: a member tells a handful of events a round and waits for the answers; wishes come one a change.
    let (events, receiver) = mpsc::unbounded_channel();
    let (commands, wishes) = mpsc::unbounded_channel();
    let (questions, asked) = mpsc::channel(QUESTION_BOUND);
    let (stage, stage_seen) = watch::channel("starting its membership");
    let lease = Arc::new(Lease::new());
    let handle = GroupHandle { commands, questions, stage: stage_seen, lease: lease.clone() };
    thread::Builder::new().name("group-member".to_owned()).spawn(move || {
        let settings = Arc::new(settings);
        let (places, place) = watch::channel(None);
        // One report a heartbeat.
        let (reports, findings) = mpsc::unbounded_channel();
        let heart = Heart::new(&settings, lease.clone(), place, reports);
        let member =
            Member::new(settings.clone(), Inbox::new(wishes, findings), events, places, lease, stage);
        runtime.block_on(async {
            tokio::select! {
                () = member.run() => {}
                ((), ()) = async { tokio::join!(heart.run(), answer(&settings, asked)) } => {}
            }
        });
        // A look-up of a host may still be running on a thread that nothing can stop.
        runtime.shutdown_background();
    })?;
    Ok((handle, receiver))
}

async fn answer(settings: &GroupSettings, mut questions: mpsc::Receiver<Answer>) {
    let mut coordinator = Coordinator::new(&settings.group, settings.calm());
    while let Some(reply) = questions.recv().await {
        let mut answer = members(&mut coordinator).await;
        if answer.as_ref().is_err_and(GroupError::is_retriable) {
            // The line may have been idle since the coordinator moved.
            coordinator.forget();
            answer = members(&mut coordinator).await;
        }
        drop(reply.send(answer));
    }
}

async fn members(coordinator: &mut Coordinator) -> Result<Vec<GroupMember>, GroupError> {
    let described = coordinator.describe().await?;
    Ok(described.members.into_iter().map(GroupMember::from).collect())
}
