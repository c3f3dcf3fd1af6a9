//! Task configurations: asked of the connector, completed, compared and stored; asked for again when that fails.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::error::ConnectError;

use crate::herder::connector::Generated;
use crate::herder::live::{Generation, Phase};
use crate::herder::reconfigure;
use crate::herder::run::Herder;
use crate::herder::work::Message;
use crate::stores::config::{ConfigRecord, ConfigWriteError};
use crate::stores::status::RunState;
use crate::task::TargetState;

impl Herder {
    /// Asks the connector for its task configurations, if it runs and should.
    pub(crate) fn ask_for_tasks(&mut self, name: &Arc<str>) {
        let Some(live) = self.live.get_mut(name) else { return };
        if live.reached != Some(Ok(TargetState::Started)) {
            return;
        }
        if live.generation == Generation::Asked {
            live.is_generation_stale = true;
            return;
        }
        if let Phase::Up(actor) = &live.connector.phase {
            self.stages.begin(format!("generating task configs for connector {name}"));
            live.generation = Generation::Asked;
            actor.generate();
        }
    }

    pub(crate) fn on_generated(&mut self, name: &Arc<str>, generated: Generated) {
        self.stages.complete();
        let (Some(entry), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        if self.fleet.is_none() {
            live.failed_generations = 0;
        }
        if entry.target != TargetState::Started {
            live.generation = Generation::Idle;
            return;
        }
        if let Some(text) = reconfigure::too_many(name, generated.configs.len(), &generated.resolved) {
            live.generation = Generation::Done;
            live.reached = Some(Err(text.clone()));
            let class = "org.apache.kafka.connect.runtime.TooManyTasksException";
            self.put_connector_status(name, RunState::Failed, Some(format!("{class}: {text}\n")));
            return;
        }
        let resolved = generated.resolved;
        let configs =
            reconfigure::complete(generated.configs, generated.task_class, &entry.config, &resolved);
        let applied = self.applied_config(name, &resolved);
        let (Some(entry), Some(live)) = (self.state.get(name), self.live.get_mut(name)) else { return };
        if !reconfigure::is_changed(&entry.tasks, &configs, applied.as_ref(), &resolved) {
            live.generation = Generation::Done;
        } else if self.fleet.is_some() {
            self.publish_tasks(name, configs);
        } else {
            live.applied = Some(resolved);
            self.store_tasks(name, configs);
        }
        let is_stale =
            self.live.get_mut(name).is_some_and(|live| std::mem::take(&mut live.is_generation_stale));
        if is_stale {
            let run = self.live.get(name).map_or(0, |live| live.connector.run);
            self.messages.send(Message::Regenerate { name: Arc::clone(name), run }).ok();
        }
    }

    pub(crate) fn store_tasks(&mut self, name: &Arc<str>, configs: Vec<Props>) {
        let stored = self.config.write(vec![ConfigRecord::Tasks { name: Arc::clone(name), configs }]);
        let (messages, name) = (self.messages.clone(), Arc::clone(name));
        self.work.spawn(async move {
            let outcome = match stored.await {
                Ok(outcome) => outcome.map_err(ConfigWriteError::into_error),
                Err(_) => Err(ConnectError::fatal("config store is gone")),
            };
            if let Err(error) = outcome {
                messages.send(Message::TasksNotStored { name, error }).ok();
            }
        });
    }

    pub(crate) fn on_generation_failed(&mut self, name: &Arc<str>, error: &ConnectError) {
        tracing::error!(connector = %name, error = %error, "generating task configs");
        self.retry_generation(name);
    }

    /// Has task configurations generated again after a wait that grows.
    pub(crate) fn retry_generation(&mut self, name: &Arc<str>) {
        self.stages.complete();
        let Some(live) = self.live.get_mut(name) else { return };
        let delay = live.next_retry();
        live.generation = Generation::Failed;
        live.applied = None;
        let run = live.connector.run;
        tracing::debug!(connector = %name, retry_ms = delay.as_millis(), "generating task configs again");
        let (messages, name) = (self.messages.clone(), Arc::clone(name));
        self.work.spawn(async move {
            tokio::time::sleep(delay).await;
            messages.send(Message::Regenerate { name, run }).ok();
        });
    }
}
