//! Starting and stopping of connector instances and tasks. Nothing here waits: ends come back as messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use connect_core::error::ConnectError;
use connect_core::plugin::Factory;
use connect_core::task::TaskId;
use tokio::time::Instant;

use crate::herder::command::task_id;
use crate::herder::connector::{AnyConnector, ConnectorActor, ConnectorSpec};
use crate::herder::fleet::FencingDoor;
use crate::herder::live::{Generation, Phase};
use crate::herder::run::Herder;
use crate::herder::work::{Message, ReadyTask};
use crate::stores::status::RunState;
use crate::task::{ExactlyOnce, StopReason, TargetState, TaskKind, TaskSpec};

/// Time for a connector to stop, as in the JVM worker.
pub(crate) const CONNECTOR_GRACE: Duration = Duration::from_secs(5);

impl Herder {
    pub(crate) fn start_connector(&mut self, name: &Arc<str>, incarnation: u64) {
        let run = self.next_number();
        let (Some(_), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        live.connector.has = incarnation;
        live.connector.run = run;
        live.reached = None;
        live.generation = Generation::Idle;
        self.meter_connector(name);
        let (Some(entry), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        let plugin = self.registry.connector(entry.config.get("connector.class").map_or("", String::as_str));
        let made = plugin.ok().and_then(AnyConnector::new);
        match made {
            Some(connector) => {
                self.stages.begin(format!("starting connector {name}"));
                let spec = ConnectorSpec {
                    name: Arc::clone(name),
                    run,
                    raw: entry.config.clone(),
                    target: entry.target,
                    resolver: Arc::clone(&self.resolver),
                };
                live.connector.phase =
                    Phase::Up(ConnectorActor::spawn(spec, connector, self.messages.clone()));
                self.stages.complete();
            }
            None => {
                let class = entry.config.get("connector.class").map_or("null", String::as_str);
                let message = format!(
                    "Failed to find any class that implements Connector and which name matches {class}"
                );
                let error = ConnectError::fatal(message.clone());
                live.reached = Some(Err(message));
                self.metrics.worker().connector_started(false);
                self.put_connector_status(name, RunState::Failed, Some(error.trace()));
            }
        }
    }

    pub(crate) fn stop_connector(&mut self, name: &Arc<str>) {
        let Some(live) = self.live.get_mut(name) else { return };
        if let Phase::Up(actor) = std::mem::replace(&mut live.connector.phase, Phase::Stopping) {
            self.stages.begin(format!("stopping connector {name}"));
            let (messages, name, run) = (self.messages.clone(), Arc::clone(name), live.connector.run);
            self.work.spawn(async move {
                let has_ended = actor.end(CONNECTOR_GRACE).await;
                messages.send(Message::ConnectorStopped { name, run, has_ended }).ok();
            });
            self.stages.complete();
        }
    }

    pub(crate) fn on_connector_stopped(&mut self, name: &Arc<str>, run: u64, has_ended: bool) {
        if !has_ended {
            tracing::error!(connector = %name, "connector did not stop in time and is abandoned");
        }
        let Some(live) = self.live.get_mut(name).filter(|live| live.connector.run == run) else { return };
        live.connector.phase = Phase::Down;
        // Reports of what was abandoned must not be taken for those of the next instance.
        live.connector.run = 0;
        let is_restarting = std::mem::take(&mut live.connector.is_restarting);
        // A worker that lost its place may have slept through the first word of the next owner.
        if self.fleet.as_ref().is_none_or(|fleet| fleet.has_place()) {
            self.put_connector_status(name, RunState::Unassigned, None);
        }
        if is_restarting {
            self.put_connector_status(name, RunState::Restarting, None);
        }
        self.reconcile(name);
    }

    pub(crate) fn prepare_task(&mut self, name: &Arc<str>, task: u32, incarnation: u64) {
        let run = self.next_number();
        let index = usize::try_from(task).unwrap_or(usize::MAX);
        let (Some(entry), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        let (Some(slot), Some(task_props)) = (live.tasks.get_mut(&task), entry.tasks.get(index)) else {
            return;
        };
        slot.phase = Phase::Preparing;
        slot.has = incarnation;
        slot.run = run;
        slot.is_restarting = false;
        slot.has_failed = false;
        let (id, resolver) = (task_id(name, task), Arc::clone(&self.resolver));
        let (connector_props, task_props) = (entry.config.clone(), task_props.clone());
        let messages = self.messages.clone();
        self.work.spawn_blocking(move || {
            let resolve = || {
                let connector = resolver.transform(&connector_props)?;
                let task = resolver.transform(&task_props)?;
                let ttls = [connector.ttls, task.ttls].concat();
                Ok(ReadyTask { connector_props: connector.props, task_props: task.props, ttls })
            };
            messages.send(Message::TaskReady { id, run, resolved: resolve() }).ok();
        });
    }

    pub(crate) fn on_task_ready(&mut self, id: &TaskId, run: u64, resolved: Result<ReadyTask, ConnectError>) {
        let kind = match self.plugin(&id.connector).map(|plugin| &plugin.factory) {
            Some(Factory::Source(_)) => TaskKind::Source,
            _ => TaskKind::Sink,
        };
        let target = self.state.get(&id.connector).map(|entry| entry.target);
        let Some(slot) = self.live.get_mut(&id.connector).and_then(|live| live.tasks.get_mut(&id.task))
        else {
            return;
        };
        if slot.run != run {
            return;
        }
        let is_exactly_once =
            kind == TaskKind::Source && self.fleet.as_ref().is_some_and(|fleet| fleet.is_exactly_once());
        let exactly_once = is_exactly_once.then(|| ExactlyOnce {
            fencing: Arc::new(FencingDoor { messages: self.messages.clone() }),
            generation: self.state.legacy(&id.connector).generation,
        });
        match resolved {
            Ok(ReadyTask { connector_props, task_props, ttls }) => {
                let target = if target == Some(TargetState::Started) {
                    TargetState::Started
                } else {
                    TargetState::Paused
                };
                let registry = self.registry.clone();
                let spec = TaskSpec {
                    id: id.clone(),
                    run,
                    kind,
                    connector_props,
                    task_props,
                    target,
                    registry,
                    topic_resets: self.status.topic_resets(),
                    exactly_once,
                };
                slot.phase = Phase::Up(self.spawner.start(spec, self.task_events.clone()));
                self.schedule_reloads(&id.connector, ttls);
            }
            Err(error) => {
                slot.phase = Phase::Down;
                let status = self.status_of(&id.connector, RunState::Failed, Some(error.trace()));
                self.status.put_task(&id.connector, id.task, Some(status));
            }
        }
        self.reconcile(&id.connector);
    }

    /// Stops tasks together: one deadline for all.
    pub(crate) fn stop_tasks(&mut self, name: &Arc<str>, tasks: &BTreeSet<u32>) {
        let Some(live) = self.live.get(name) else { return };
        let reasons: BTreeMap<u32, StopReason> = tasks
            .iter()
            .filter_map(|task| Some((*task, live.tasks.get(task)?.wanted.is_some())))
            .map(|(task, is_wanted)| (task, self.stop_reason(name, task, is_wanted)))
            .collect();
        let Some(live) = self.live.get_mut(name) else { return };
        let deadline = Instant::now().into_std() + self.settings.task_grace;
        for (task, slot) in live.tasks.iter_mut().filter(|(task, _)| tasks.contains(task)) {
            let (messages, id, run) = (self.messages.clone(), task_id(name, *task), slot.run);
            match std::mem::replace(&mut slot.phase, Phase::Stopping) {
                Phase::Up(handle) => {
                    handle.stop_for(reasons.get(task).copied().unwrap_or(StopReason::EndsForGood));
                    self.work.spawn(async move {
                        let has_ended = handle.join(deadline).await;
                        messages.send(Message::TaskStopped { id, run, has_ended }).ok();
                    });
                }
                // Nothing runs yet; what is being prepared is not started.
                _ => {
                    messages.send(Message::TaskStopped { id, run, has_ended: true }).ok();
                }
            }
        }
    }

    pub(crate) fn on_task_stopped(&mut self, id: &TaskId, run: u64, has_ended: bool) {
        if !has_ended {
            tracing::error!(connector = %id.connector, task = id.task, "task did not stop in time and is abandoned");
        }
        let Some(slot) = self.live.get_mut(&id.connector).and_then(|live| live.tasks.get_mut(&id.task))
        else {
            return;
        };
        if slot.run != run {
            return;
        }
        slot.phase = Phase::Down;
        slot.run = 0;
        let is_alone = self.fleet.is_none();
        let has_failed = std::mem::take(&mut slot.has_failed);
        let states: &[RunState] = match (slot.wanted, std::mem::take(&mut slot.is_restarting)) {
            (None, _) if is_alone => &[],
            // A task that failed has ended before: `WorkerTask` writes a state only where it ends.
            (Some(_), true) if has_failed => &[RunState::Restarting],
            _ if has_failed => &[],
            // What does not end in time falls silent; its next owner speaks for it.
            (_, false) if !is_alone && !has_ended => &[],
            (None, _) | (Some(_), false) => &[RunState::Unassigned],
            (Some(_), true) => &[RunState::Unassigned, RunState::Restarting],
        };
        for state in states {
            let status = self.status_of(&id.connector, *state, None);
            self.status.put_task(&id.connector, id.task, Some(status));
        }
        self.reconcile(&id.connector);
    }
}
