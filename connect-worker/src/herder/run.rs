//! The herder's loop: takes updates, messages and commands one at a time, and never waits for anything else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use connect_cluster::membership::GroupEvent;
use connect_core::plugin::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::herder::command::Command;
use crate::herder::door::HerderDoor;
use crate::herder::fleet::{Fleet, FleetPorts};
use crate::herder::handle::Told;
use crate::herder::live::Live;
use crate::herder::ports::{ConfigResolver, OffsetStore, SinkOffsets, TaskSpawner};
use crate::herder::reloads::Reloads;
use crate::herder::stage::StageClock;
use crate::herder::state::ClusterState;
use crate::herder::work::Message;
use crate::obs::metrics::MetricsRegistry;
use crate::stores::config::{ConfigStore, ConfigUpdate, RestartRequest};
use crate::stores::status::{RunState, Status, StatusStore};
use crate::task::TaskEvent;

/// The worker's settings that the herder follows.
#[derive(Debug, Clone)]
pub struct HerderSettings {
    /// `host:port` of the advertised URL.
    pub worker_id: Arc<str>,
    /// `task.shutdown.graceful.timeout.ms`: time for all tasks that stop together.
    pub task_grace: Duration,
    /// `topic.tracking.enable`.
    pub tracks_topics: bool,
    /// `topic.tracking.allow.reset`.
    pub allows_topic_reset: bool,
}

/// What the herder needs of the rest of the worker.
pub struct Ports {
    /// Connector plug-ins.
    pub registry: Registry,
    /// Resolver of `${…}` references.
    pub resolver: Arc<dyn ConfigResolver>,
    /// Starts tasks.
    pub spawner: Arc<dyn TaskSpawner>,
    /// Config log.
    pub config: Box<dyn ConfigStore>,
    /// Updates of the config log.
    pub updates: mpsc::UnboundedReceiver<ConfigUpdate>,
    /// States.
    pub status: Box<dyn StatusStore>,
    /// Offsets of sinks.
    pub sink_offsets: Arc<dyn SinkOffsets>,
    /// Offsets of sources.
    pub source_offsets: Arc<dyn OffsetStore>,
    /// Metrics of connectors.
    pub metrics: Arc<MetricsRegistry>,
    /// The group; `None` in standalone mode.
    pub fleet: Option<FleetPorts>,
}

/// How the stop of a herder went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// Connectors and tasks that the stop found running and that did not end in time.
    pub abandoned: usize,
    /// Why the herder ended by itself, if it did.
    pub failure: Option<String>,
}

/// The owner of all connectors of this worker.
pub struct Herder {
    pub(crate) settings: HerderSettings,
    pub(crate) registry: Registry,
    pub(crate) resolver: Arc<dyn ConfigResolver>,
    pub(crate) spawner: Arc<dyn TaskSpawner>,
    pub(crate) config: Box<dyn ConfigStore>,
    pub(crate) status: Box<dyn StatusStore>,
    pub(crate) sink_offsets: Arc<dyn SinkOffsets>,
    pub(crate) source_offsets: Arc<dyn OffsetStore>,
    pub(crate) metrics: Arc<MetricsRegistry>,
    pub(crate) state: ClusterState,
    pub(crate) live: HashMap<Arc<str>, Live>,
    /// Sends messages to the loop; given to work.
    pub(crate) messages: mpsc::UnboundedSender<Message>,
    /// Sends task events to the loop; given to tasks.
    pub(crate) task_events: mpsc::UnboundedSender<TaskEvent>,
    /// Work given away.
    pub(crate) work: JoinSet<()>,
    pub(crate) stages: StageClock,
    pub(crate) told: watch::Sender<Told>,
    /// The group; `None` in standalone mode.
    pub(crate) fleet: Option<Box<Fleet>>,
    /// Why the herder has to end by itself.
    pub(crate) failure: Option<String>,
    /// Requested restarts that were read and not begun, the one of the highest impact for each connector.
    pub(crate) restarts: BTreeMap<Arc<str>, RestartRequest>,
    /// Restarts for values of config providers that run out.
    pub(crate) reloads: Reloads,
    last_number: u64,
    pub(crate) inbox: Inbox,
}

/// Everything that comes in.
pub(crate) struct Inbox {
    pub(crate) updates: mpsc::UnboundedReceiver<ConfigUpdate>,
    group_events: Option<mpsc::UnboundedReceiver<GroupEvent>>,
    messages: mpsc::UnboundedReceiver<Message>,
    task_events: mpsc::UnboundedReceiver<TaskEvent>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

enum Input {
    Stop,
    Update(ConfigUpdate),
    Message(Message),
    TaskEvent(TaskEvent),
    Command(Command),
    Group(GroupEvent),
    Tick,
    WorkDone,
}

impl Herder {
    /// Returns a herder behind a door, not yet running.
    pub fn new(settings: HerderSettings, ports: Ports, door: HerderDoor) -> Self {
        let HerderDoor { commands, stages, told } = door;
        // Unbounded, because those who send must never wait for the herder; bounded in fact by the few messages
        // that each connector and task has under way.
        let (messages, message_receiver) = mpsc::unbounded_channel();
        let (task_events, task_event_receiver) = mpsc::unbounded_channel();
        if ports.fleet.is_none() {
            told.send_modify(|told| told.is_ready = true);
        }
        let (fleet, group_events) = ports.fleet.map(Fleet::new).unzip();
        let fleet = fleet.map(Box::new);
        let inbox = Inbox {
            updates: ports.updates,
            group_events,
            messages: message_receiver,
            task_events: task_event_receiver,
            commands,
        };
        Self {
            settings,
            registry: ports.registry,
            resolver: ports.resolver,
            spawner: ports.spawner,
            config: ports.config,
            status: ports.status,
            sink_offsets: ports.sink_offsets,
            source_offsets: ports.source_offsets,
            metrics: ports.metrics,
            state: ClusterState::default(),
            live: HashMap::new(),
            messages,
            task_events,
            work: JoinSet::new(),
            stages,
            told,
            fleet,
            failure: None,
            restarts: BTreeMap::new(),
            reloads: Reloads::default(),
            last_number: 0,
            inbox,
        }
    }

    /// Runs until `stop` is cancelled, then stops everything: tasks together within their grace, connectors within
    /// theirs. What does not end in time is abandoned.
    pub async fn run(mut self, stop: CancellationToken) -> StopReport {
        self.begin_fleet();
        loop {
            match self.next_input(&stop).await {
                Input::Stop => break,
                Input::Update(record) => self.on_update(record),
                Input::Message(message) => self.on_message(message),
                Input::TaskEvent(event) => self.on_task_event(event),
                Input::Command(command) => self.on_command(command),
                Input::Group(event) => self.on_group_event(event),
                Input::Tick => {
                    self.on_tick();
                    self.restart_expired();
                }
                Input::WorkDone => {}
            }
            self.go_on_releasing();
            if self.failure.is_some() {
                break;
            }
        }
        self.shut_down().await
    }

    async fn next_input(&mut self, stop: &CancellationToken) -> Input {
        let inbox = &mut self.inbox;
        let fleet_due = self.fleet.as_ref().and_then(|fleet| fleet.next_due());
        let due = [fleet_due, self.reloads.next()].into_iter().flatten().min();
        tokio::select! {
            biased; // Stop first; then what happened, updates before all; then what is asked, on the newest state.
            () = stop.cancelled() => Input::Stop,
            Some(record) = inbox.updates.recv() => Input::Update(record),
            Some(message) = inbox.messages.recv() => Input::Message(message),
            Some(event) = next_event(&mut inbox.group_events) => Input::Group(event),
            () = until(due) => Input::Tick,
            Some(event) = inbox.task_events.recv() => Input::TaskEvent(event),
            Some(_) = self.work.join_next() => Input::WorkDone,
            Some(command) = inbox.commands.recv() => Input::Command(command),
            else => Input::Stop,
        }
    }

    /// Returns a number that was not used before, for runs and incarnations.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Returns a state to store.
    pub(crate) fn status_of(&self, name: &str, state: RunState, trace: Option<String>) -> Status {
        let plugin = self.plugin(name).filter(|_| state.has_instance());
        Status {
            state,
            worker_id: Arc::clone(&self.settings.worker_id),
            version: plugin.map(|plugin| plugin.version.into()),
            generation: self.fleet.as_ref().map_or(0, |fleet| fleet.generation()),
            trace,
        }
    }
}

/// Returns the next event of the membership; never when there is none.
async fn next_event(events: &mut Option<mpsc::UnboundedReceiver<GroupEvent>>) -> Option<GroupEvent> {
    match events {
        Some(events) => events.recv().await,
        None => None,
    }
}

/// Waits until a time, or for ever.
async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
