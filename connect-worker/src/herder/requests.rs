//! Commands: reads are answered at once, changes are written to the config log and answered when they are done.

use std::sync::Arc;

use crate::herder::command::{Command, Modified, PutRequest, Replace, Reply, task_name};
use crate::herder::error::HerderError;
use crate::herder::live::Waiter;
use crate::herder::restart::RestartPlan;
use crate::herder::run::Herder;
use crate::stores::config::{ConfigRecord, RestartRequest, Written};
use crate::task::TargetState;

const ALONE_TASKS: &str = "Kafka Connect in standalone mode does not support writing task configurations";
const ALONE_FENCE: &str = "Kafka Connect in standalone mode does not support exactly-once source connectors";

impl Herder {
    /// Takes a command.
    pub(crate) fn on_command(&mut self, command: Command) {
        let Some(command) = self.on_fleet_command(command) else { return };
        // Whoever asked may have gone; then the answer is for nobody, and the sends fail quietly.
        match command {
            Command::Ping { reply } => drop(reply.send(Ok(()))),
            Command::List { reply } => drop(reply.send(Ok(self.state.names()))),
            Command::Info { name, reply } => drop(reply.send(self.info(&name))),
            Command::Config { name, reply, .. } => drop(reply.send(self.config_of(&name))),
            Command::Tasks { name, reply } => drop(reply.send(self.tasks_of(&name))),
            Command::Status { name, reply } => drop(reply.send(self.state_info(&name))),
            Command::TaskStatus { name, task, reply } => drop(reply.send(self.task_state(&name, task))),
            Command::Topics { name, reply } => drop(reply.send(self.topics_of(&name))),
            Command::ResetTopics { name, reply } => drop(reply.send(self.reset_topics(&name))),
            Command::Put { request, reply } => self.put(request, reply),
            Command::Delete { name, reply } => self.delete(&name, reply),
            Command::Target { name, target, reply } => self.set_target(&name, target, reply),
            Command::Stop { name, reply } => self.stop(&name, reply),
            Command::RestartConnector { name, reply } => self.restart_connector(&name, reply),
            Command::Restart { request, reply } => self.restart(request, reply),
            Command::RestartTask { name, task, reply } => self.restart_task(&name, task, reply),
            Command::Offsets { name, reply } => self.read_offsets(&name, reply),
            Command::ModifyOffsets { name, request, reply } => self.modify_offsets(&name, request, reply),
            Command::WriteTasks { reply, .. } => drop(reply.send(Err(HerderError::internal(ALONE_TASKS)))),
            Command::Fence { reply, .. } => drop(reply.send(Err(HerderError::internal(ALONE_FENCE)))),
            Command::Departure { reply, .. } => drop(reply.send(Ok(()))),
            Command::SetLevel { namespace, level, reply } => {
                let stored = self.config.write(vec![ConfigRecord::LoggerLevel { namespace, level }]);
                self.answer_when_stored(stored, reply);
            }
        }
    }

    fn put(&mut self, request: PutRequest, reply: Reply<Modified>) {
        let PutRequest { name, config, target, replace } = request;
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
        let mut records = Vec::new();
        if let Some(target) = target {
            records.push(ConfigRecord::Target { name: Arc::clone(&name), target: Some(target) });
        }
        records.push(ConfigRecord::Connector { name: Arc::clone(&name), config: Some(config) });
        // Numbers grow: the incarnation that the record leads to is above this one.
        let incarnation = self.next_number();
        let waiter = Waiter::Stored { incarnation, is_new: existing.is_none(), reply };
        self.write_and_wait(&name, records, waiter);
    }

    fn delete(&mut self, name: &str, reply: Reply<()>) {
        match self.known(name).map(|(stored, _)| stored) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(name) => {
                let records = vec![
                    ConfigRecord::Connector { name: Arc::clone(&name), config: None },
                    ConfigRecord::Target { name: Arc::clone(&name), target: None },
                ];
                self.write_and_wait(&name, records, Waiter::Gone { reply });
            }
        }
    }

    fn set_target(&mut self, name: &str, target: TargetState, reply: Reply<()>) {
        let Some(name) = self.state.name(name) else {
            return drop(reply.send(Err(HerderError::not_found(format!("Unknown connector {name}")))));
        };
        let stored = self.config.write(vec![ConfigRecord::Target { name, target: Some(target) }]);
        self.answer_when_stored(stored, reply);
    }

    fn stop(&mut self, name: &str, reply: Reply<()>) {
        let Some(name) = self.state.name(name) else {
            // The text and kind are those of the JVM's in-memory store.
            return drop(reply.send(Err(HerderError::internal(format!("No connector `{name}` configured")))));
        };
        // The empty task set comes first: a target without it would leave tasks of a stopped connector.
        let records = vec![
            ConfigRecord::Tasks { name: Arc::clone(&name), configs: Vec::new() },
            ConfigRecord::Target { name: Arc::clone(&name), target: Some(TargetState::Stopped) },
        ];
        self.write_and_wait(&name, records, Waiter::TasksDown { reply });
    }

    pub(crate) fn restart_connector(&mut self, name: &str, reply: Reply<()>) {
        let incarnation = self.next_number();
        let name = self.state.name(name);
        let Some((name, live)) = name.and_then(|name| Some((Arc::clone(&name), self.live.get_mut(&name)?)))
        else {
            // StandaloneHerder.restartConnector goes on after its check and fails here.
            let text = "Cannot invoke \"java.util.Map.get(Object)\" because \"connProps\" is null";
            return drop(reply.send(Err(HerderError::internal(text))));
        };
        live.connector.wanted = Some(incarnation);
        live.waiters.push(Waiter::Restarted { incarnation, reply });
        self.reconcile(&name);
    }

    fn restart(&mut self, request: RestartRequest, reply: Reply<crate::herder::info::ConnectorStateInfo>) {
        let name = &request.connector;
        if self.state.get(name).is_none() {
            return drop(reply.send(Err(HerderError::not_found(format!("Unknown connector: {name}")))));
        }
        let Some(status) = self.status.connector(name) else {
            let error = HerderError::not_found(format!("Status for connector {name} not found"));
            return drop(reply.send(Err(error)));
        };
        let plan = RestartPlan::new(&request, status, self.status.tasks(name));
        let answer = self.state_answer(name, plan.connector_status, plan.task_statuses);
        let (name, after) = (Arc::clone(name), self.next_number());
        let waiter = Waiter::AllRestarted { after, answer, reply };
        self.write_and_wait(&name, vec![ConfigRecord::Restart(request)], waiter);
    }

    pub(crate) fn restart_task(&mut self, name: &str, task: i32, reply: Reply<()>) {
        let id = task_name(name, task);
        let Some(stored) = self.state.name(name) else {
            // StandaloneHerder.restartTask goes on after its check and fails here.
            let text =
                format!("Failed to start task {id} since it is not a recognizable type (source or sink)");
            return drop(reply.send(Err(HerderError::internal(text))));
        };
        let incarnation = self.next_number();
        let slot = u32::try_from(task)
            .ok()
            .and_then(|number| Some((number, self.live.get_mut(&stored)?)))
            .filter(|(number, live)| live.tasks.get(number).is_some_and(|slot| slot.wanted.is_some()));
        let Some((number, live)) = slot else {
            return drop(reply.send(Err(HerderError::not_found(format!("Task {id} not found")))));
        };
        if let Some(slot) = live.tasks.get_mut(&number) {
            slot.wanted = Some(incarnation);
        }
        live.waiters.push(Waiter::TaskRestarted { task: number, incarnation, reply });
        self.reconcile(&stored);
    }

    /// Writes records and lets someone wait for what they lead to.
    fn write_and_wait(&mut self, name: &Arc<str>, records: Vec<ConfigRecord>, waiter: Waiter) {
        let mut stored = self.config.write(records);
        self.live.entry(Arc::clone(name)).or_default().waiters.push(waiter);
        let name = Arc::clone(name);
        // Only a failure needs words: success comes back as updates. It may be known already.
        if !matches!(stored.try_recv(), Ok(Ok(()))) {
            self.work.spawn(async move {
                if let Err(error) = outcome(stored).await {
                    tracing::error!(connector = %name, error = %error, "writing to the config store");
                }
            });
        }
    }

    fn answer_when_stored(&mut self, stored: Written, reply: Reply<()>) {
        self.work.spawn(async move { drop(reply.send(outcome(stored).await)) });
    }
}

async fn outcome(stored: Written) -> Result<(), HerderError> {
    match stored.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(HerderError::internal(error.into_error().to_string())),
        Err(_) => Err(HerderError::internal("Worker is shutting down")),
    }
}
