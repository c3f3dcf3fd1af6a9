//! Reading, altering and resetting stored offsets (KIP-875). The herder only checks that it may be done; the work
//! goes to other tasks.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::connector::{SinkOffsetChanges, SourceOffsetChanges};
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::plugin::PluginInfo;
use tokio::time::{Instant, sleep, timeout_at};

use crate::herder::command::Reply;
use crate::herder::connector::AnyConnector;
use crate::herder::error::HerderError;
use crate::herder::info::{ConnectorOffset, ConnectorType, OffsetRequest};
use crate::herder::offset_values::{check_primitive, shown_sink, sink_changes, source_change, to_json};
use crate::herder::ports::{ConfigResolver, OffsetStore, SinkOffsets, SinkOffsetsError};
use crate::herder::run::Herder;
use crate::task::TargetState;

/// Time for changing the offsets of a connector, as in the JVM worker.
const MODIFY_LIMIT: Duration = Duration::from_secs(90);
/// Pause before a group that is not empty is asked again.
const GROUP_PAUSE: Duration = Duration::from_millis(100);

/// What work on a connector's offsets needs.
struct Job {
    name: Arc<str>,
    config: Props,
    plugin: Option<PluginInfo>,
    ty: ConnectorType,
    resolver: Arc<dyn ConfigResolver>,
    sinks: Arc<dyn SinkOffsets>,
    sources: Arc<dyn OffsetStore>,
    /// `task.shutdown.graceful.timeout.ms`.
    task_grace: Duration,
}

impl Herder {
    /// Answers with the stored offsets of a connector.
    pub(crate) fn read_offsets(&mut self, name: &str, reply: Reply<Vec<ConnectorOffset>>) {
        match self.offset_job(name) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(job) => {
                self.work.spawn(async move { drop(reply.send(job.read().await)) });
            }
        }
    }

    /// Alters or resets the offsets of a stopped connector.
    pub(crate) fn modify_offsets(&mut self, name: &str, request: OffsetRequest, reply: Reply<String>) {
        let is_stopped = self
            .state
            .get(name)
            .is_some_and(|entry| entry.target == TargetState::Stopped && entry.tasks.is_empty());
        match self.offset_job(name) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(_) if !is_stopped => drop(reply.send(Err(HerderError::bad_request(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for \
                 the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            ))))),
            Ok(job) => {
                self.work.spawn(async move { drop(reply.send(job.modify(request).await)) });
            }
        }
    }

    fn offset_job(&self, name: &str) -> Result<Job, HerderError> {
        let (name, entry) = self.known(name)?;
        Ok(Job {
            config: entry.config.clone(),
            plugin: self.plugin(&name).cloned(),
            ty: self.type_of(&name),
            resolver: Arc::clone(&self.resolver),
            sinks: Arc::clone(&self.sink_offsets),
            sources: Arc::clone(&self.source_offsets),
            task_grace: self.settings.task_grace,
            name,
        })
    }
}

impl Job {
    async fn read(self) -> Result<Vec<ConnectorOffset>, HerderError> {
        let name = &self.name;
        if self.ty == ConnectorType::Sink {
            let refused = || format!("Failed to retrieve consumer group offsets for sink connector {name}");
            let props = self.resolved().await.map_err(|error| failed(refused(), &error))?;
            let offsets = self.sinks.list(name, &props).await.map_err(|error| failed(refused(), &error))?;
            return Ok(offsets.iter().map(|(partition, offset)| shown_sink(partition, *offset)).collect());
        }
        let refused = || format!("Failed to retrieve offsets for source connector {name}");
        let props = self.resolved().await.map_err(|error| failed(refused(), &error))?;
        let offsets = self.sources.list(name, &props).await.map_err(|error| failed(refused(), &error))?;
        let shown = |(partition, offset): &(Map, Map)| ConnectorOffset {
            partition: Some(to_json(partition)),
            offset: Some(to_json(offset)),
        };
        Ok(offsets.iter().map(shown).collect())
    }

    async fn modify(self, request: OffsetRequest) -> Result<String, HerderError> {
        let is_alter = request.is_some();
        let deadline = Instant::now() + MODIFY_LIMIT;
        let is_handled = match self.ty {
            ConnectorType::Sink => self.modify_sink(request, deadline).await?,
            _ => self.modify_source(request, deadline).await?,
        };
        let done = if is_alter { "altered" } else { "reset" };
        Ok(if is_handled {
            format!("The offsets for this connector have been {done} successfully")
        } else {
            format!(
                "The Connect framework-managed offsets for this connector have been {done} successfully. However, if \
                 this connector manages offsets externally, they will need to be manually {done} in the system that \
                 the connector uses."
            )
        })
    }

    async fn modify_sink(self, request: OffsetRequest, deadline: Instant) -> Result<bool, HerderError> {
        let name = Arc::clone(&self.name);
        let refused = || format!("Failed to modify offsets for sink connector {name}");
        let requested = request.as_deref().map(sink_changes).transpose()?;
        let props = self.resolved().await.map_err(|error| failed(refused(), &error))?;
        let changes = match &requested {
            Some(changes) => changes.clone(),
            None => {
                let refused = format!("Failed to list consumer group offsets for connector {name}");
                let known = timeout_at(deadline, self.sinks.list(&name, &props)).await;
                let known = known.map_err(|_| HerderError::internal(refused.clone()))?;
                let known = known.map_err(|error| failed(refused, &error))?;
                known.into_keys().map(|partition| (partition, None)).collect()
            }
        };
        if changes.iter().any(|(_, offset)| offset.is_some_and(|offset| offset < 0)) {
            return Err(HerderError::internal(refused()));
        }
        let asked = changes.clone();
        let is_handled = self
            .ask_plugin(deadline, props.clone(), move |connector, props| match connector {
                AnyConnector::Sink(sink) => sink.alter_offsets(props, &asked),
                AnyConnector::Source(_) => Ok(false),
            })
            .await?;
        let verb = if requested.is_some() { "alter" } else { "reset" };
        let changed = self.change_group(&props, requested.is_some().then_some(&changes));
        let late = |_| SinkOffsetsError::Other(ConnectError::fatal("the brokers did not answer in time"));
        let outcome = timeout_at(deadline, changed).await.unwrap_or_else(|elapsed| Err(late(elapsed)));
        outcome.map_err(|error| group_failure(&name, verb, &error))?;
        Ok(is_handled)
    }

    /// Alters or resets the offsets of a stopped sink's group. Its tasks may just be ending, which is waited for; a
    /// member that is still there after their grace is what a worker left that died, and is removed.
    async fn change_group(
        &self,
        props: &Props,
        changes: Option<&SinkOffsetChanges>,
    ) -> Result<(), SinkOffsetsError> {
        let patience = Instant::now() + self.task_grace;
        loop {
            let outcome = match changes {
                Some(changes) => self.sinks.alter(&self.name, props, changes).await,
                None => self.sinks.reset(&self.name, props).await,
            };
            let is_over = Instant::now() >= patience;
            match outcome {
                Err(SinkOffsetsError::GroupNotEmpty) if !is_over => sleep(GROUP_PAUSE).await,
                Err(SinkOffsetsError::GroupNotEmpty) => break,
                outcome => return outcome,
            }
        }
        let removed = self.sinks.remove_members(&self.name, props, 0).await;
        removed.map_err(SinkOffsetsError::Other)?;
        match changes {
            Some(changes) => self.sinks.alter(&self.name, props, changes).await,
            None => self.sinks.reset(&self.name, props).await,
        }
    }

    async fn modify_source(self, request: OffsetRequest, deadline: Instant) -> Result<bool, HerderError> {
        let name = Arc::clone(&self.name);
        let refused = |error: ConnectError| {
            failed(format!("Failed to modify offsets for source connector {name}"), &error)
        };
        let props = self.resolved().await.map_err(refused)?;
        let changes: SourceOffsetChanges = match request {
            Some(offsets) => offsets.iter().map(source_change).collect(),
            None => {
                let known = timeout_at(deadline, self.sources.list(&name, &props)).await;
                let reading = "trying to read to the end of the offsets topic prior to modifying offsets";
                let known = known.map_err(|_| self.timed_out(reading))?.map_err(refused)?;
                known.into_iter().map(|(partition, _)| (Some(partition), None)).collect()
            }
        };
        let asked = changes.clone();
        let is_handled = self
            .ask_plugin(deadline, props.clone(), move |connector, props| match connector {
                AnyConnector::Source(source) => source.alter_offsets(props, &asked),
                AnyConnector::Sink(_) => Ok(false),
            })
            .await?;
        let mut writes = Vec::new();
        for (partition, offset) in changes {
            // A partition that is null names nothing that could be stored.
            let Some(partition) = partition else { continue };
            check_primitive(&partition)?;
            offset.as_ref().map(check_primitive).transpose()?;
            writes.push((partition, offset));
        }
        if !writes.is_empty() {
            let written = timeout_at(deadline, self.sources.write(&name, &props, writes)).await;
            written.map_err(|_| self.timed_out("attempting to modify offsets"))?.map_err(refused)?;
        }
        Ok(is_handled)
    }

    fn timed_out(&self, doing: &str) -> HerderError {
        HerderError::internal(format!(
            "Timed out while {doing} for {} connector {}",
            self.ty.name(),
            self.name
        ))
    }

    /// Resolves the connector's configuration where blocking is allowed.
    async fn resolved(&self) -> Result<Props, ConnectError> {
        let (resolver, config) = (Arc::clone(&self.resolver), self.config.clone());
        let resolved = tokio::task::spawn_blocking(move || resolver.resolve(&config));
        resolved
            .await
            .unwrap_or_else(|error| Err(ConnectError::fatal("resolving configuration").because(error)))
    }

    /// Asks a connector instance of its own, where blocking is allowed.
    async fn ask_plugin(
        &self,
        deadline: Instant,
        props: Props,
        ask: impl FnOnce(&AnyConnector, &Props) -> Result<bool, ConnectError> + Send + 'static,
    ) -> Result<bool, HerderError> {
        let Some(connector) = self.plugin.as_ref().and_then(AnyConnector::new) else { return Ok(false) };
        let asked = tokio::task::spawn_blocking(move || ask(&connector, &props));
        let name = &self.name;
        match timeout_at(deadline, asked)
            .await
            .map_err(|_| self.timed_out("calling the 'alterOffsets' method"))?
        {
            Ok(Ok(is_handled)) => Ok(is_handled),
            Ok(Err(error)) => Err(HerderError::internal(error.context())),
            Err(_) => Err(HerderError::internal(format!(
                "Failed to modify offsets for {} connector {name}",
                self.ty.name()
            ))),
        }
    }
}

fn failed(message: String, error: &ConnectError) -> HerderError {
    tracing::error!(error = %error.trace().trim_end(), "{message}");
    HerderError::internal(message)
}

fn group_failure(name: &str, verb: &str, error: &SinkOffsetsError) -> HerderError {
    let message = format!("Failed to {verb} consumer group offsets for connector {name}");
    match error {
        SinkOffsetsError::Other(error) => failed(message, error),
        SinkOffsetsError::GroupNotEmpty => HerderError::internal(format!(
            "{message} either because its tasks haven't stopped completely yet or the connector was resumed before \
             the request to {verb} its offsets could be successfully completed. If the connector is in a stopped \
             state, this operation can be safely retried. If it doesn't eventually succeed, the Connect cluster may \
             need to be restarted to get rid of the zombie sink tasks."
        )),
    }
}
