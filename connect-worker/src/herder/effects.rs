//! What follows from updates and messages: instances are stopped and started until what runs is what is wanted.

use std::sync::Arc;

use connect_core::plugin::PluginInfo;

use crate::herder::connector::ConnectorReport;
use crate::herder::live::{Generation, Phase, Step};
use crate::herder::restart::RestartPlan;
use crate::herder::run::Herder;
use crate::herder::state::Change;
use crate::herder::waiters::dismiss;
use crate::herder::work::Message;
use crate::stores::config::{ConfigUpdate, RestartRequest};
use crate::stores::status::RunState;
use crate::task::{TargetState, TaskEvent, TaskReport, TaskState};

impl Herder {
    /// Applies a record of the config log.
    pub(crate) fn on_update(&mut self, update: ConfigUpdate) {
        self.state.offset = update.offset;
        if let Some(change) = update.record.and_then(|record| self.state.apply(record)) {
            if let Change::Added(name) | Change::Configured(name) | Change::Deleted(name) = &change {
                self.reloads.forget(name);
            }
            if self.fleet.is_some() { self.on_fleet_change(change) } else { self.on_change(change) }
        }
        if self.inbox.updates.is_empty() {
            for request in std::mem::take(&mut self.restarts).into_values() {
                self.on_restart(&request);
            }
        }
    }

    /// Notes a requested restart: of several that were read together the one of the highest impact is carried out,
    /// as in `DistributedHerder.onRestartRequest`.
    pub(crate) fn note_restart(&mut self, request: RestartRequest) {
        let noted = self.restarts.get(&request.connector);
        if noted.is_none_or(|noted| request.compare_impact(noted).is_gt()) {
            self.restarts.insert(Arc::clone(&request.connector), request);
        }
    }

    fn on_change(&mut self, change: Change) {
        match change {
            Change::Added(name) | Change::Configured(name) => {
                let incarnation = self.next_number();
                let live = self.live.entry(Arc::clone(&name)).or_default();
                live.connector.wanted = Some(incarnation);
                self.reconcile(&name);
            }
            Change::Deleted(name) => {
                if let Some(live) = self.live.get_mut(&name) {
                    live.connector.wanted = None;
                    live.tasks.values_mut().for_each(|slot| slot.wanted = None);
                }
                self.reconcile(&name);
            }
            Change::Tasks(name) => self.on_tasks(&name),
            Change::Target(name) => self.on_target(&name),
            Change::Restart(request) => self.note_restart(request),
            // Of groups only.
            Change::SessionKey(_) | Change::Level { .. } => {}
        }
    }

    /// Has the local instance of a connector start again with what is configured now. Its tasks go on until they
    /// change too.
    pub(crate) fn bounce_connector(&mut self, name: &Arc<str>) {
        let incarnation = self.next_number();
        let Some(live) = self.live.get_mut(name).filter(|live| live.connector.wanted.is_some()) else {
            return;
        };
        live.connector.wanted = Some(incarnation);
        self.reconcile(name);
    }

    fn on_tasks(&mut self, name: &Arc<str>) {
        let count = self.state.get(name).map_or(0, |entry| entry.tasks.len());
        let incarnation = self.next_number();
        let live = self.live.entry(Arc::clone(name)).or_default();
        for task in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            live.tasks.entry(task).or_default();
        }
        for (task, slot) in &mut live.tasks {
            slot.wanted = (usize::try_from(*task).unwrap_or(usize::MAX) < count).then_some(incarnation);
        }
        if live.generation == Generation::Asked {
            live.generation = Generation::Done;
        }
        self.reconcile(name);
    }

    pub(crate) fn on_target(&mut self, name: &Arc<str>) {
        let (Some(entry), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        if let Phase::Up(actor) = &live.connector.phase {
            actor.set_target(entry.target);
        }
        for slot in live.tasks.values() {
            if let (Phase::Up(task), TargetState::Started | TargetState::Paused) = (&slot.phase, entry.target)
            {
                task.set_target(entry.target);
            }
        }
    }

    fn on_restart(&mut self, request: &RestartRequest) {
        let name = &request.connector;
        let Some(status) = self.status.connector(name) else { return };
        let plan = RestartPlan::new(request, status, self.status.tasks(name));
        let incarnation = self.next_number();
        let Some(live) = self.live.get_mut(name) else { return };
        if plan.connector && live.connector.wanted.is_some() {
            live.connector.wanted = Some(incarnation);
            live.connector.is_restarting = true;
        }
        for task in plan.tasks {
            if let Some(slot) = live.tasks.get_mut(&task).filter(|slot| slot.wanted.is_some()) {
                slot.wanted = Some(incarnation);
                slot.is_restarting = true;
            }
        }
        self.reconcile(name);
    }

    /// Takes a message of work that was given away.
    pub(crate) fn on_message(&mut self, message: Message) {
        match message {
            Message::Connector { name, run, report } => self.on_connector_report(&name, run, report),
            Message::ConnectorStopped { name, run, has_ended } => {
                self.on_connector_stopped(&name, run, has_ended);
            }
            Message::TaskReady { id, run, resolved } => self.on_task_ready(&id, run, resolved),
            Message::TaskStopped { id, run, has_ended } => self.on_task_stopped(&id, run, has_ended),
            Message::Regenerate { name, run } => {
                if self.live.get(&name).is_some_and(|live| live.connector.run == run) {
                    self.ask_for_tasks(&name);
                }
            }
            Message::TasksNotStored { name, error } => self.on_generation_failed(&name, &error),
            Message::Fleet(message) => self.on_fleet_message(message),
        }
    }

    fn on_connector_report(&mut self, name: &Arc<str>, run: u64, report: ConnectorReport) {
        let Some(live) = self.live.get_mut(name).filter(|live| live.connector.run == run) else { return };
        match report {
            // The values of a configuration that was replaced meanwhile do not count.
            ConnectorReport::Resolved { ttls } => {
                if live.connector.wanted == Some(live.connector.has) {
                    self.schedule_reloads(name, ttls);
                }
            }
            ConnectorReport::State(state) => {
                let target = match state {
                    RunState::Running => TargetState::Started,
                    RunState::Stopped => TargetState::Stopped,
                    _ => TargetState::Paused,
                };
                if live.reached.is_none() {
                    self.metrics.worker().connector_started(true);
                }
                live.reached = Some(Ok(target));
                self.put_connector_status(name, state, None);
                if target == TargetState::Started {
                    self.ask_for_tasks(name);
                }
            }
            ConnectorReport::Failed { message, trace } => {
                if live.reached.is_none() {
                    self.metrics.worker().connector_started(false);
                }
                live.reached = Some(Err(message));
                self.put_connector_status(name, RunState::Failed, Some(trace));
            }
            ConnectorReport::Generated(Ok(generated)) => self.on_generated(name, generated),
            ConnectorReport::Generated(Err(error)) => self.on_generation_failed(name, &error),
            ConnectorReport::ReconfigurationRequested => self.ask_for_tasks(name),
        }
        self.answer_waiters(name);
    }

    /// Takes a report of a task.
    pub(crate) fn on_task_event(&mut self, event: TaskEvent) {
        let TaskEvent { id, run, report } = event;
        let Some(slot) = self.live.get_mut(&id.connector).and_then(|live| live.tasks.get_mut(&id.task))
        else {
            return;
        };
        if slot.run != run {
            return;
        }
        match report {
            // `on_task_stopped` says it, once, when everything of the task has ended (`WorkerTask.doClose`).
            TaskReport::State { state: TaskState::Unassigned, .. }
                if matches!(slot.phase, Phase::Stopping) => {}
            TaskReport::State { state, trace } => {
                slot.has_failed = state == TaskState::Failed;
                let status = self.status_of(&id.connector, state.into(), trace);
                self.status.put_task(&id.connector, id.task, Some(status));
            }
            TaskReport::TopicUsed(topic) => {
                if self.settings.tracks_topics && self.state.get(&id.connector).is_some() {
                    self.status.add_topic(&id.connector, id.task, &topic);
                }
            }
        }
    }

    /// Takes the next steps of a connector and its tasks, and answers those who waited for them.
    pub(crate) fn reconcile(&mut self, name: &Arc<str>) {
        let Some(live) = self.live.get(name) else { return };
        match live.connector.step() {
            Step::None => {}
            Step::Stop => self.stop_connector(name),
            Step::Start(incarnation) => self.start_connector(name, incarnation),
        }
        let steps: Vec<(u32, Step)> = self
            .live
            .get(name)
            .map(|live| live.tasks.iter().map(|(task, slot)| (*task, slot.step())).collect())
            .unwrap_or_default();
        let stops = steps.iter().filter(|(_, step)| *step == Step::Stop).map(|(task, _)| *task).collect();
        self.stop_tasks(name, &stops);
        for (task, step) in steps {
            if let Step::Start(incarnation) = step {
                self.prepare_task(name, task, incarnation);
            }
        }
        self.forget_if_gone(name);
        self.answer_waiters(name);
    }

    /// Removes what is no longer wanted and no longer runs.
    fn forget_if_gone(&mut self, name: &Arc<str>) {
        let is_alone = self.fleet.is_none();
        let Some(live) = self.live.get_mut(name) else { return };
        let gone: Vec<u32> = live
            .tasks
            .iter()
            .filter(|(_, slot)| slot.wanted.is_none() && slot.is_down())
            .map(|(task, _)| *task)
            .collect();
        for task in gone {
            live.tasks.remove(&task);
            // In a group the leader removes states, of what is not configured any more.
            if is_alone {
                self.status.put_task(name, task, None);
            }
        }
        let is_gone = if is_alone { self.state.get(name).is_none() } else { live.is_idle() };
        if is_gone && live.is_down() {
            if is_alone {
                self.status.put_connector(name, None);
            }
            let waiters = self.live.remove(name).map(|live| live.waiters).unwrap_or_default();
            waiters.into_iter().for_each(|waiter| dismiss(name, waiter));
        }
    }

    pub(crate) fn put_connector_status(&mut self, name: &Arc<str>, state: RunState, trace: Option<String>) {
        self.meter_state(name, state);
        let status = self.status_of(name, state, trace);
        self.status.put_connector(name, Some(status));
    }

    /// Returns the plug-in of a configured connector.
    pub(crate) fn plugin(&self, name: &str) -> Option<&PluginInfo> {
        let class = self.state.get(name)?.config.get("connector.class")?;
        self.registry.connector(class).ok()
    }
}
