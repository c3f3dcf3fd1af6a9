//! Commands as a worker in a group takes them: changes go to the leader, restarts to the owner.

use std::sync::Arc;

use connect_cluster::assignor::Owner;
use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::herder::command::{Command, Modified, PutRequest, Replace, Reply, task_id, task_name};
use crate::herder::error::HerderError;
use crate::herder::fleet::member::{Fleet, Sync};
use crate::herder::fleet::message::{Purpose, Then};
use crate::herder::info::ConnectorInfo;
use crate::herder::restart::RestartPlan;
use crate::herder::run::Herder;
use crate::stores::config::{ConfigRecord, RestartRequest};
use crate::task::TargetState;

/// Commands that may wait for the group at the same time.
const WAITING_LIMIT: usize = 1024;

const LEADER_SETS: &str = "Only the leader can set connector configs.";
const LEADER_RESTARTS: &str = "Only the leader can process restart requests.";
const NOT_ASSIGNED: &str = "Cannot restart connector since it is not assigned to this member";
const TASK_NOT_ASSIGNED: &str = "Cannot restart task since it is not assigned to this member";

impl Herder {
    /// Takes a command as a worker of a group does. Returns it when it is taken as everywhere.
    pub(crate) fn on_fleet_command(&mut self, command: Command) -> Option<Command> {
        let Some(fleet) = self.fleet.as_mut() else { return Some(command) };
        if must_wait(fleet, &command) {
            if fleet.waiting.len() < WAITING_LIMIT {
                fleet.waiting.push_back(command);
            }
            return None;
        }
        match command {
            Command::Config { is_for_change: true, reply, name } => {
                let config = self.must_lead(LEADER_SETS).and_then(|()| self.config_of(&name));
                drop(reply.send(config));
            }
            Command::Put { request, reply } => self.put_in_fleet(request, reply),
            Command::Delete { name, reply } => self.delete_in_fleet(&name, reply),
            Command::Target { name, target, reply } => self.target_in_fleet(&name, target, reply),
            Command::Stop { name, reply } => self.read_to_end(Then::Stop { name, reply }),
            Command::RestartConnector { name, reply } => self.restart_connector_in_fleet(&name, reply),
            Command::Restart { request, reply } => self.restart_in_fleet(request, reply),
            Command::RestartTask { name, task, reply } => self.restart_task_in_fleet(&name, task, reply),
            Command::WriteTasks { name, configs, reply } => self.write_tasks(&name, configs, reply),
            Command::Fence { name, reply } => self.fence(name, reply),
            Command::ModifyOffsets { name, request, reply } => {
                match self.must_lead("Only the leader can modify offsets.") {
                    Err(error) => drop(reply.send(Err(error))),
                    Ok(()) => self.read_to_end(Then::Offsets { name, request, reply }),
                }
            }
            Command::Departure { member, reply } => {
                if let Some(fleet) = self.fleet.as_mut().filter(|fleet| fleet.leads()) {
                    tracing::info!(member, "a worker is about to leave for good");
                    fleet.departed.insert(member);
                }
                drop(reply.send(Ok(())));
            }
            other => return Some(other),
        }
        None
    }

    /// Takes the commands that can be taken by now.
    pub(super) fn resume_commands(&mut self) {
        let Some(fleet) = self.fleet.as_mut() else { return };
        // Those that still have to wait line up again.
        for command in std::mem::take(&mut fleet.waiting) {
            self.on_command(command);
        }
    }

    /// Checks that this worker leads.
    ///
    /// # Errors
    /// Fails with the leader's URL.
    pub(super) fn must_lead(&self, text: &str) -> Result<(), HerderError> {
        match self.fleet.as_ref() {
            Some(fleet) if !fleet.leads() => Err(HerderError::elsewhere(text, fleet.leader_url())),
            _ => Ok(()),
        }
    }

    fn put_in_fleet(&mut self, request: PutRequest, reply: Reply<Modified>) {
        let PutRequest { name, config, target, replace } = request;
        if let Err(error) = self.must_lead(LEADER_SETS) {
            return drop(reply.send(Err(error)));
        }
        let existing = self.state.get(&name).map(|entry| entry.revision);
        match (replace, existing) {
            (Replace::Never, Some(_)) => {
                let error = HerderError::conflict(format!("Connector {name} already exists"));
                return drop(reply.send(Err(error)));
            }
            (Replace::Revision(wanted), found) if found != Some(wanted) => {
                return drop(reply.send(Ok(Modified::Outdated)));
            }
            _ => {}
        }
        self.stages.begin(format!("writing a config for connector {name} to the config topic"));
        let mut records = Vec::new();
        if let Some(target) = target {
            records.push(ConfigRecord::Target { name: Arc::clone(&name), target: Some(target) });
        }
        records.push(ConfigRecord::Connector { name: Arc::clone(&name), config: Some(config.clone()) });
        let written = self.config.write(records);
        self.when_written(written, Purpose::Put { name, config, is_new: existing.is_none(), reply });
    }

    /// Returns the answer to a configuration that was stored: it shows the configuration as it came.
    pub(super) fn modified(&self, name: &str, config: Props, is_new: bool) -> Modified {
        let info = match self.info(name) {
            Ok(info) => ConnectorInfo { config, ..info },
            // Deleted again meanwhile.
            Err(_) => {
                ConnectorInfo { name: name.to_owned(), config, tasks: Vec::new(), ty: self.type_of(name) }
            }
        };
        if is_new { Modified::Created(info) } else { Modified::Updated(info) }
    }

    fn delete_in_fleet(&mut self, name: &str, reply: Reply<()>) {
        let known = self
            .must_lead("Only the leader can delete connector configs.")
            .and_then(|()| self.known(name).map(|(name, _)| name));
        let name = match known {
            Ok(name) => name,
            Err(error) => return drop(reply.send(Err(error))),
        };
        self.stages.begin(format!("removing the config for connector {name} from the config topic"));
        let written = self.config.write(vec![
            ConfigRecord::Connector { name: Arc::clone(&name), config: None },
            ConfigRecord::Target { name, target: None },
        ]);
        self.when_written(written, Purpose::Answer { reply });
    }

    fn target_in_fleet(&mut self, name: &str, target: TargetState, reply: Reply<()>) {
        let Some(name) = self.state.name(name) else {
            return drop(reply.send(Err(HerderError::not_found(format!("Unknown connector {name}")))));
        };
        let written = self.config.write(vec![ConfigRecord::Target { name, target: Some(target) }]);
        self.when_written(written, Purpose::Answer { reply });
    }

    pub(super) fn stop_after_read(
        &mut self,
        name: &str,
        reply: Reply<()>,
        outcome: Result<i64, ConnectError>,
    ) {
        let known = read(outcome)
            .and_then(|()| {
                let missing = || HerderError::not_found(format!("Unknown connector {name}"));
                self.state.name(name).ok_or_else(missing)
            })
            .and_then(|name| {
                self.must_lead("Only the leader can transition connectors to the STOPPED state.")?;
                Ok(name)
            });
        let name = match known {
            Ok(name) => name,
            Err(error) => return drop(reply.send(Err(error))),
        };
        // The empty task set comes first: a target without it would leave tasks of a stopped connector.
        let written = self.config.write(vec![
            ConfigRecord::Tasks { name: Arc::clone(&name), configs: Vec::new() },
            ConfigRecord::Target { name: Arc::clone(&name), target: Some(TargetState::Stopped) },
        ]);
        if let Some(fleet) = self.fleet.as_mut() {
            fleet.stopping.insert(Arc::clone(&name));
        }
        self.when_written(written, Purpose::Stop { name, reply });
    }

    fn restart_connector_in_fleet(&mut self, name: &str, reply: Reply<()>) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        if self.state.get(name).is_none() {
            let error = HerderError::not_found(format!("Unknown connector: {name}"));
            return drop(reply.send(Err(error)));
        }
        if fleet.held.connectors.contains(name) {
            return self.restart_connector(name, reply);
        }
        let error = if fleet.leads() {
            HerderError::elsewhere(NOT_ASSIGNED, url(fleet.owners.connector(name)))
        } else {
            HerderError::elsewhere(LEADER_RESTARTS, fleet.leader_url())
        };
        drop(reply.send(Err(error)));
    }

    fn restart_task_in_fleet(&mut self, name: &str, task: i32, reply: Reply<()>) {
        let Some(fleet) = self.fleet.as_ref() else { return };
        let Some((name, entry)) = self.known(name).ok() else {
            let error = HerderError::not_found(format!("Unknown connector: {name}"));
            return drop(reply.send(Err(error)));
        };
        let number = u32::try_from(task).ok();
        let number = number.filter(|task| usize::try_from(*task).is_ok_and(|task| task < entry.tasks.len()));
        let Some(number) = number else {
            let error = HerderError::not_found(format!("Unknown task: {}", task_name(&name, task)));
            return drop(reply.send(Err(error)));
        };
        let id = task_id(&name, number);
        if fleet.held.tasks.contains(&id) {
            return self.restart_task(&name, task, reply);
        }
        let owner = if fleet.leads() { url(fleet.owners.task(&id)) } else { fleet.leader_url() };
        drop(reply.send(Err(HerderError::elsewhere(TASK_NOT_ASSIGNED, owner))));
    }

    fn restart_in_fleet(
        &mut self,
        request: RestartRequest,
        reply: Reply<crate::herder::info::ConnectorStateInfo>,
    ) {
        let name = Arc::clone(&request.connector);
        let refused = match self.state.get(&name) {
            None => Err(HerderError::not_found(format!("Unknown connector: {name}"))),
            Some(_) => self.must_lead(LEADER_RESTARTS),
        };
        if let Err(error) = refused {
            return drop(reply.send(Err(error)));
        }
        let answer = match self.status.connector(&name) {
            None => Err(HerderError::not_found(format!("Status for connector {name} not found"))),
            Some(status) => {
                let plan = RestartPlan::new(&request, status, self.status.tasks(&name));
                Ok(self.state_answer(&name, plan.connector_status, plan.task_statuses))
            }
        };
        // The record is written even when nothing can be answered, as by the JVM.
        let written = self.config.write(vec![ConfigRecord::Restart(request)]);
        self.when_written(written, Purpose::Restart { answer, reply });
    }

    fn write_tasks(&mut self, name: &str, configs: Vec<Props>, reply: Reply<()>) {
        let known = self.must_lead("Only the leader may write task configurations.").and_then(|()| {
            let (name, entry) = self.known(name)?;
            let is_stopped = entry.target == TargetState::Stopped || self.is_stopping(&name);
            if !configs.is_empty() && is_stopped {
                return Err(HerderError::bad_request(format!(
                    "Cannot submit non-empty set of task configs for stopped connector {name}"
                )));
            }
            Ok(name)
        });
        let name = match known {
            Ok(name) => name,
            Err(error) => return drop(reply.send(Err(error))),
        };
        self.stages.begin(format!(
            "writing {} task configs for connector {name} to the config topic",
            configs.len()
        ));
        let written = self.config.write(vec![ConfigRecord::Tasks { name, configs }]);
        self.when_written(written, Purpose::Answer { reply });
    }

    /// Returns whether the stop of a connector is being written.
    pub(super) fn is_stopping(&self, name: &Arc<str>) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| fleet.stopping.contains(name))
    }

    pub(super) fn modify_offsets_after_read(
        &mut self,
        name: &str,
        request: crate::herder::info::OffsetRequest,
        reply: Reply<String>,
        outcome: Result<i64, ConnectError>,
    ) {
        if let Err(error) = read(outcome) {
            return drop(reply.send(Err(error)));
        }
        self.fence_before_offsets(name, request, reply);
    }
}

/// Returns whether a command has to wait: all for the config log, those that need a leader or an owner until they
/// are known.
fn must_wait(fleet: &Fleet, command: &Command) -> bool {
    match command {
        Command::Ping { .. } => false,
        Command::RestartConnector { .. } | Command::RestartTask { .. } => {
            fleet.place.is_none() || !fleet.is_settled()
        }
        Command::Config { is_for_change: true, .. }
        | Command::Put { .. }
        | Command::Delete { .. }
        | Command::Stop { .. }
        | Command::Restart { .. }
        | Command::WriteTasks { .. }
        | Command::Fence { .. }
        | Command::ModifyOffsets { .. } => fleet.place.is_none(),
        _ => fleet.sync == Sync::Replaying,
    }
}

/// Checks that the config log could be read to its end.
pub(super) fn read(outcome: Result<i64, ConnectError>) -> Result<(), HerderError> {
    outcome.map(drop).map_err(|error| {
        HerderError::internal(format!("Failed to read to end of config topic: {}", error.context()))
    })
}

fn url(owner: Option<&Owner>) -> Option<String> {
    owner.map(|owner| owner.url.clone()).filter(|url| !url.is_empty())
}
