//! Rounds of fencing: before tasks of a new generation write exactly once, the producers of the former tasks are
//! kept from writing (KIP-618). The leader does it, once for all tasks of a connector.

use std::sync::Arc;
use std::time::Duration;

use connect_core::async_trait;
use connect_core::error::ConnectError;
use connect_core::task::TaskId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::herder::command::Reply;
use crate::herder::error::{HerderError, HerderErrorKind};
use crate::herder::fleet::message::{FleetMessage, Purpose, Then};
use crate::herder::fleet::requests::read;
use crate::herder::info::{ConnectorType, OffsetRequest};
use crate::herder::run::Herder;
use crate::herder::state::Legacy;
use crate::herder::work::Message;
use crate::stores::config::ConfigRecord;
use crate::task::{SourceFencing, TargetState};

const UNFENCED: &str = "Failed to perform zombie fencing";
const OVERTAKEN: &str = "Failed to complete zombie fencing because a new set of task configs was generated";
const UNSTARTED: &str = "Cannot start source task";
const OFFSETS: &str = "Failed to perform zombie fencing for source connector prior to modifying offsets";

/// How long a task asks whether it may write before it fails: longer than an outage that a cluster gets over by itself.
const PATIENCE: Duration = Duration::from_secs(120);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// One round for a connector.
pub(crate) struct FencingRound {
    generation: u64,
    task_count: u32,
    waiters: Vec<Waiter>,
}

enum Waiter {
    Reply(Reply<()>),
    Offsets { name: String, request: OffsetRequest, reply: Reply<String> },
}

/// What a connector needs before its tasks may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: its former producers are fenced.
    Nothing,
    /// Only the number of its tasks is to be noted: none of its producers can exist, or the new one fences the old.
    Note,
    /// Producers of this many tasks are to be fenced.
    Fence(u32),
}

fn need(legacy: &Legacy, task_count: u32) -> Need {
    match (legacy.is_fencing_due, legacy.fenced_tasks) {
        (false, _) => Need::Nothing,
        (true, None) => Need::Note,
        (true, Some(1)) if task_count == 1 => Need::Note,
        (true, Some(former)) => Need::Fence(former),
    }
}

impl Herder {
    /// Takes the request for a round.
    pub(super) fn fence(&mut self, name: String, reply: Reply<()>) {
        let checked = self
            .must_lead("Only the leader may perform zombie fencing.")
            .and_then(|()| self.known(&name).map(drop))
            .and_then(|()| match self.type_of(&name) {
                ConnectorType::Source => Ok(()),
                _ => Err(HerderError::bad_request(format!("Connector {name} is not a source connector"))),
            });
        match checked {
            Err(error) => drop(reply.send(Err(error))),
            Ok(()) => self.read_to_end(Then::Fence { name, reply }),
        }
    }

    pub(super) fn fence_after_read(
        &mut self,
        name: &str,
        reply: Reply<()>,
        outcome: Result<i64, ConnectError>,
    ) {
        match read(outcome).and_then(|()| self.known(name).map(|(name, _)| name)) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(name) => self.join_round(&name, Waiter::Reply(reply)),
        }
    }

    /// Fences producers of a stopped source that writes exactly once before its offsets are changed; else changes
    /// them at once.
    pub(super) fn fence_before_offsets(&mut self, name: &str, request: OffsetRequest, reply: Reply<String>) {
        let is_exactly_once = self.fleet.as_ref().is_some_and(|fleet| fleet.settings.is_exactly_once);
        let is_stopped = self
            .state
            .get(name)
            .is_some_and(|entry| entry.target == TargetState::Stopped && entry.task_count == 0);
        match self.state.name(name) {
            Some(stored) if is_exactly_once && is_stopped && self.type_of(name) == ConnectorType::Source => {
                let waiter = Waiter::Offsets { name: name.to_owned(), request, reply };
                self.join_round(&stored, waiter);
            }
            _ => self.modify_offsets(name, request, reply),
        }
    }

    fn join_round(&mut self, name: &Arc<str>, waiter: Waiter) {
        let legacy = self.state.legacy(name);
        let task_count = self.state.get(name).map_or(0, |entry| entry.task_count);
        let Some(fleet) = self.fleet.as_mut() else { return };
        if let Some(round) = fleet.fencing.get_mut(name) {
            return round.waiters.push(waiter);
        }
        let need = need(&legacy, task_count);
        if need == Need::Nothing {
            return self.answer_fencing(waiter, &Ok(()));
        }
        let round = FencingRound { generation: legacy.generation, task_count, waiters: vec![waiter] };
        fleet.fencing.insert(Arc::clone(name), round);
        match need {
            Need::Fence(former) => self.fence_producers(name, former),
            Need::Nothing | Need::Note => self.write_fencing(name),
        }
    }

    fn fence_producers(&mut self, name: &Arc<str>, former: u32) {
        let (Some(fleet), Some(entry)) = (self.fleet.as_ref(), self.state.get(name)) else { return };
        tracing::info!(connector = %name, tasks = former, "fencing producers of former tasks");
        let group = &fleet.settings.group_id;
        let ids = (0..former).map(|task| format!("{group}-{name}-{task}")).collect();
        let (fencer, resolver) = (Arc::clone(&fleet.fencer), Arc::clone(&self.resolver));
        let (config, messages, name) = (entry.config.clone(), self.messages.clone(), Arc::clone(name));
        self.work.spawn(async move {
            let resolved = tokio::task::spawn_blocking(move || resolver.resolve(&config)).await;
            let outcome = match resolved {
                Ok(Ok(props)) => fencer.fence(&name, &props, ids).await,
                Ok(Err(error)) => Err(error),
                Err(error) => Err(ConnectError::fatal("resolving configuration").because(error)),
            };
            messages.send(Message::Fleet(FleetMessage::Fenced { name, outcome })).ok();
        });
    }

    pub(super) fn on_fenced(&mut self, name: &Arc<str>, outcome: Result<(), ConnectError>) {
        match outcome {
            Ok(()) => self.read_to_end(Then::NoteFencing { name: Arc::clone(name) }),
            Err(error) => {
                tracing::error!(connector = %name, error = %error.trace().trim_end(), "fencing producers");
                let refused = HerderError::internal(UNFENCED);
                self.finish_fencing(name, &Err(refused));
            }
        }
    }

    /// Notes that a round ended, unless it was overtaken.
    pub(super) fn note_fencing(&mut self, name: &Arc<str>, outcome: Result<i64, ConnectError>) {
        let generation = self.state.legacy(name).generation;
        let round = self.fleet.as_ref().and_then(|fleet| fleet.fencing.get(name));
        let Some(begun_with) = round.map(|round| round.generation) else { return };
        match read(outcome) {
            Err(error) => self.finish_fencing(name, &Err(error)),
            Ok(()) if begun_with != generation => {
                let text = "Fencing failed because new task configurations were generated for the connector";
                self.finish_fencing(name, &Err(HerderError::conflict(text)));
            }
            Ok(()) => self.write_fencing(name),
        }
    }

    fn write_fencing(&mut self, name: &Arc<str>) {
        let round = self.fleet.as_ref().and_then(|fleet| fleet.fencing.get(name));
        let Some(count) = round.map(|round| round.task_count) else { return };
        let record = ConfigRecord::FencedTasks { name: Arc::clone(name), count };
        let written = self.config.write(vec![record]);
        self.when_written(written, Purpose::Fenced { name: Arc::clone(name) });
    }

    pub(super) fn on_fencing_noted(&mut self, name: &Arc<str>, outcome: Result<(), HerderError>) {
        self.finish_fencing(name, &outcome);
    }

    /// Ends the round of a connector whose tasks changed.
    pub(super) fn end_fencing(&mut self, name: &Arc<str>) {
        self.finish_fencing(name, &Err(HerderError::conflict(OVERTAKEN)));
    }

    fn finish_fencing(&mut self, name: &Arc<str>, outcome: &Result<(), HerderError>) {
        let round = self.fleet.as_mut().and_then(|fleet| fleet.fencing.remove(name));
        for waiter in round.map(|round| round.waiters).unwrap_or_default() {
            self.answer_fencing(waiter, outcome);
        }
    }

    fn answer_fencing(&mut self, waiter: Waiter, outcome: &Result<(), HerderError>) {
        match (waiter, outcome) {
            (Waiter::Reply(reply), outcome) => drop(reply.send(outcome.clone())),
            (Waiter::Offsets { name, request, reply }, Ok(())) => self.modify_offsets(&name, request, reply),
            (Waiter::Offsets { reply, .. }, Err(_)) => {
                drop(reply.send(Err(HerderError::internal(OFFSETS))));
            }
        }
    }

    /// Has the leader fence the producers of a task's connector.
    pub(super) fn fence_for_task(&mut self, name: Arc<str>, reply: Reply<()>) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        if fleet.leads() {
            return self.fence(name.to_string(), reply);
        }
        let Some(url) = fleet.leader_url() else {
            let error = HerderError::elsewhere("asking the leader for fencing: no leader is known", None);
            return drop(reply.send(Err(error)));
        };
        let (leader, key) = (Arc::clone(&fleet.leader), self.session_key());
        self.work.spawn(async move { drop(reply.send(leader.fence(&url, &name, key.as_ref()).await)) });
    }

    /// Checks whether a task may write, with what the config log says by now.
    pub(super) fn verify_task(&mut self, id: TaskId, generation: u64, reply: Reply<()>) {
        self.read_to_end(Then::Verify { id, generation, reply });
    }

    pub(super) fn verify_after_read(
        &mut self,
        id: &TaskId,
        generation: u64,
        reply: Reply<()>,
        outcome: Result<i64, ConnectError>,
    ) {
        let starting = format!("{UNSTARTED} {}-{} with exactly-once support enabled", id.connector, id.task);
        let is_held = self.fleet.as_ref().is_some_and(|fleet| fleet.held.tasks.contains(id));
        let refused = |why: &str| Err(HerderError::internal(format!("{starting} {why}")));
        let answer = read(outcome).and_then(|()| {
            if self.state.legacy(&id.connector).generation != generation {
                refused("because newer task configurations were generated")
            } else if !is_held {
                refused("because the task was assigned to another worker")
            } else {
                Ok(())
            }
        });
        drop(reply.send(answer));
    }
}

/// The group as tasks see it that write exactly once.
pub(crate) struct FencingDoor {
    pub(crate) messages: mpsc::UnboundedSender<Message>,
}

impl FencingDoor {
    /// Asks until there is an answer that stays. A task that starts while the leader or the config topic moves to
    /// another place would fail otherwise, and stay failed when everything is well again.
    async fn ask(&self, ask: impl Fn(Reply<()>) -> FleetMessage) -> Result<(), ConnectError> {
        let start = Instant::now();
        loop {
            let (reply, answer) = oneshot::channel();
            let gone = || ConnectError::fatal("Worker is shutting down");
            self.messages.send(Message::Fleet(ask(reply))).map_err(|_| gone())?;
            match answer.await.map_err(|_| gone())? {
                Err(error) if may_pass(&error) && start.elapsed() < PATIENCE => {
                    tracing::warn!(%error, "a source task cannot make sure that it may write; asking again");
                    sleep(ASK_AGAIN).await;
                }
                answer => return answer.map_err(|error| ConnectError::fatal(error.message)),
            }
        }
    }
}

/// Returns whether the same question can be answered otherwise a moment later.
fn may_pass(error: &HerderError) -> bool {
    match error.kind {
        HerderErrorKind::Conflict
        | HerderErrorKind::Elsewhere
        | HerderErrorKind::RebalanceNeeded
        | HerderErrorKind::Unavailable => true,
        HerderErrorKind::BadRequest | HerderErrorKind::Forbidden | HerderErrorKind::NotFound => false,
        // Whoever fences has tried again already; and a task that is not to start is replaced or told to stop.
        HerderErrorKind::Internal => {
            ![UNFENCED, UNSTARTED].iter().any(|text| error.message.starts_with(text))
        }
    }
}

#[async_trait]
impl SourceFencing for FencingDoor {
    async fn fence(&self, connector: &Arc<str>) -> Result<(), ConnectError> {
        self.ask(|reply| FleetMessage::FenceWanted { name: Arc::clone(connector), reply }).await
    }

    async fn verify(&self, id: &TaskId, generation: u64) -> Result<(), ConnectError> {
        self.ask(|reply| FleetMessage::VerifyWanted { id: id.clone(), generation, reply }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn need_follows_what_was_noted() {
        let legacy =
            |is_fencing_due, fenced_tasks| Legacy { is_fencing_due, fenced_tasks, ..Legacy::default() };
        let cases = [
            (legacy(false, Some(3)), 2, Need::Nothing),
            (legacy(true, None), 2, Need::Note),
            (legacy(true, Some(1)), 1, Need::Note),
            (legacy(true, Some(1)), 2, Need::Fence(1)),
            (legacy(true, Some(3)), 1, Need::Fence(3)),
        ];
        for (legacy, count, expected) in cases {
            assert_eq!(need(&legacy, count), expected, "{legacy:?} {count}");
        }
    }

    /// Asks for fencing where each question gets the next of `answers`; returns the outcome and how many are left.
    async fn asked(answers: Vec<HerderError>) -> (Result<(), String>, usize) {
        let (messages, mut inbox) = mpsc::unbounded_channel();
        let mut answers = answers.into_iter();
        let herder = async {
            while let Some(message) = inbox.recv().await {
                let Message::Fleet(FleetMessage::FenceWanted { reply, .. }) = message else {
                    panic!("only fencing is asked for")
                };
                reply.send(answers.next().map_or(Ok(()), Err)).expect("the task waits");
            }
        };
        let asking = async {
            let outcome = FencingDoor { messages }.fence(&Arc::from("c")).await;
            outcome.map_err(|error| error.to_string())
        };
        let (outcome, ()) = tokio::join!(asking, herder);
        (outcome, answers.count())
    }

    #[tokio::test(start_paused = true)]
    async fn task_that_starts_while_leader_or_config_topic_moves_asks_until_it_is_answered() {
        let passing = vec![
            HerderError::internal("Failed to read to end of config topic: took too long"),
            HerderError::internal("IO Error trying to forward REST request: Connection refused"),
            HerderError::elsewhere("asking the leader for fencing: no leader is known", None),
            HerderError::conflict(OVERTAKEN),
        ];
        assert_eq!(asked(passing).await, (Ok(()), 0));
        let lasting = vec![HerderError::internal("nobody answers"); 10_000];
        let (outcome, left) = asked(lasting).await;
        assert!(outcome.is_err_and(|text| text == "nobody answers") && left > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn refusal_that_stays_fails_the_task_at_once() {
        let refusals = [
            HerderError::internal(UNFENCED),
            HerderError::internal(format!(
                "{UNSTARTED} c-0 because newer task configurations were generated"
            )),
            HerderError::not_found("Connector c not found"),
            HerderError::forbidden("Invalid internal request signature"),
        ];
        for refusal in refusals {
            let text = refusal.message.clone();
            assert_eq!(asked(vec![refusal]).await, (Err(text), 0));
        }
    }
}
