//! The actor that owns one connector instance. Every call of the plug-in runs on a thread that may block, so that
//! a hanging connector delays nobody but itself.

use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::connector::{Connector, ConnectorContext, ConnectorHandle, SinkConnector, SourceConnector};
use connect_core::error::ConnectError;
use connect_core::plugin::{Factory, PluginInfo};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::transformer::Transformed;
use crate::herder::ports::ConfigResolver;
use crate::herder::reconfigure::max_tasks;
use crate::herder::work::Message;
use crate::stores::status::RunState;
use crate::task::TargetState;

/// A connector instance of either direction.
pub(crate) enum AnyConnector {
    Sink(Box<dyn SinkConnector>),
    Source(Box<dyn SourceConnector>),
}

impl AnyConnector {
    /// Returns a new instance, or `None` when the plug-in is no connector.
    pub(crate) fn new(plugin: &PluginInfo) -> Option<Self> {
        match &plugin.factory {
            Factory::Sink(make) => Some(AnyConnector::Sink(make())),
            Factory::Source(make) => Some(AnyConnector::Source(make())),
            _ => None,
        }
    }

    fn get(&self) -> &dyn Connector {
        match self {
            AnyConnector::Sink(connector) => connector.as_ref(),
            AnyConnector::Source(connector) => connector.as_ref(),
        }
    }

    fn get_mut(&mut self) -> &mut dyn Connector {
        match self {
            AnyConnector::Sink(connector) => connector.as_mut(),
            AnyConnector::Source(connector) => connector.as_mut(),
        }
    }
}

/// What an actor needs to begin.
pub(crate) struct ConnectorSpec {
    pub(crate) name: Arc<str>,
    /// Distinguishes successive instances; reports of an older one are ignored.
    pub(crate) run: u64,
    pub(crate) raw: Props,
    pub(crate) target: TargetState,
    pub(crate) resolver: Arc<dyn ConfigResolver>,
}

/// Task configurations as a connector generated them.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) task_class: &'static str,
    /// The connector's configuration they were made from.
    pub(crate) resolved: Props,
    pub(crate) configs: Vec<Props>,
}

/// What an actor tells the herder.
#[derive(Debug)]
pub(crate) enum ConnectorReport {
    /// The configuration to start with is resolved: time after which values must be read again, by path.
    Resolved { ttls: Vec<(String, Duration)> },
    /// A state was reached.
    State(RunState),
    /// The connector failed. `message` is for those who asked for the change, if any did.
    Failed { message: String, trace: String },
    /// Task configurations, or why there are none.
    Generated(Result<Generated, ConnectError>),
    /// The connector asks for its task configurations to be generated again.
    ReconfigurationRequested,
}

/// The herder's end of an actor.
pub(crate) struct ConnectorActor {
    target: watch::Sender<TargetState>,
    generate: mpsc::UnboundedSender<()>,
    stop: CancellationToken,
    abandon: CancellationToken,
    join: JoinHandle<()>,
}

impl ConnectorActor {
    /// Starts an actor; it reports to `messages`.
    pub(crate) fn spawn(
        spec: ConnectorSpec,
        connector: AnyConnector,
        messages: mpsc::UnboundedSender<Message>,
    ) -> Self {
        let (target, target_seen) = watch::channel(spec.target);
        // One request at a time: the herder waits for the answer before it asks again.
        let (generate, generate_asked) = mpsc::unbounded_channel();
        let (raise, raised) = mpsc::unbounded_channel();
        let (stop, abandon) = (CancellationToken::new(), CancellationToken::new());
        let actor = Actor {
            reporter: Reporter { name: Arc::clone(&spec.name), run: spec.run, messages, raise },
            spec,
            connector: Some(connector),
            phase: Phase::Initial,
            resolved: Props::new(),
            stop: stop.clone(),
            abandon: abandon.clone(),
        };
        let join = tokio::spawn(actor.run(target_seen, generate_asked, raised));
        Self { target, generate, stop, abandon, join }
    }

    /// Asks for a state. Returns at once.
    pub(crate) fn set_target(&self, target: TargetState) {
        self.target.send_replace(target);
    }

    /// Asks for task configurations. Returns at once.
    pub(crate) fn generate(&self) {
        // An actor that is gone reports its end by itself.
        self.generate.send(()).ok();
    }

    /// Stops the connector and waits for it at most `grace`. Returns whether it ended in time.
    pub(crate) async fn end(mut self, grace: Duration) -> bool {
        self.stop.cancel();
        let has_ended = tokio::time::timeout(grace, &mut self.join).await.is_ok();
        if !has_ended {
            // A call that waits is dropped and gives its thread back; one that blocks keeps it.
            self.abandon.cancel();
            self.join.abort();
        }
        has_ended
    }
}

/// The way from a connector back to the herder.
#[derive(Clone)]
struct Reporter {
    name: Arc<str>,
    run: u64,
    messages: mpsc::UnboundedSender<Message>,
    raise: mpsc::UnboundedSender<ConnectError>,
}

impl Reporter {
    fn report(&self, report: ConnectorReport) {
        // Without a herder there is nobody left to tell.
        self.messages.send(Message::Connector { name: Arc::clone(&self.name), run: self.run, report }).ok();
    }
}

impl ConnectorHandle for Reporter {
    fn request_task_reconfiguration(&self) {
        self.report(ConnectorReport::ReconfigurationRequested);
    }

    fn raise_error(&self, error: ConnectError) {
        // The actor that would listen may have ended.
        self.raise.send(error).ok();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Initial,
    Started,
    Idle,
    Failed,
}

struct Actor {
    spec: ConnectorSpec,
    reporter: Reporter,
    /// Absent while a call that panicked took it away.
    connector: Option<AnyConnector>,
    phase: Phase,
    resolved: Props,
    stop: CancellationToken,
    abandon: CancellationToken,
}

impl Actor {
    async fn run(
        mut self,
        mut target: watch::Receiver<TargetState>,
        mut generate: mpsc::UnboundedReceiver<()>,
        mut raised: mpsc::UnboundedReceiver<ConnectError>,
    ) {
        let first = *target.borrow_and_update();
        self.change_to(first).await;
        loop {
            tokio::select! {
                biased; // Ending comes first, then errors, then changes; generation works on the settled state.
                () = self.stop.cancelled() => break,
                Some(error) = raised.recv() => self.fail(&error, None),
                changed = target.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let wanted = *target.borrow_and_update();
                    self.change_to(wanted).await;
                }
                Some(()) = generate.recv() => self.generate().await,
            }
        }
        if self.phase == Phase::Started
            && let Err(error) = self.stop_connector().await
        {
            tracing::warn!(connector = %self.spec.name, error = %error, "stopping connector");
        }
    }

    async fn change_to(&mut self, target: TargetState) {
        if self.phase == Phase::Failed && target != TargetState::Stopped {
            let name = &self.spec.name;
            tracing::warn!(connector = %name, target = ?target, "connector has failed and keeps its state");
            return;
        }
        let outcome = match (self.phase, target) {
            (Phase::Started, TargetState::Started) => Ok(()),
            (_, TargetState::Started) => self.start_connector().await,
            (Phase::Started, TargetState::Paused) => self.stop_connector().await,
            (Phase::Started, TargetState::Stopped) => {
                if let Err(error) = self.stop_connector().await {
                    tracing::warn!(connector = %self.spec.name, error = %error, "stopping connector");
                }
                Ok(())
            }
            (_, TargetState::Paused | TargetState::Stopped) => Ok(()),
        };
        match outcome {
            Ok(()) => {
                self.phase = if target == TargetState::Started { Phase::Started } else { Phase::Idle };
                self.reporter.report(ConnectorReport::State(RunState::reached(target)));
            }
            Err(error) => self.fail(&error, Some(target)),
        }
    }

    fn fail(&mut self, error: &ConnectError, target: Option<TargetState>) {
        tracing::error!(connector = %self.spec.name, error = %error, "connector failed");
        self.phase = Phase::Failed;
        let message = match target {
            Some(target) => {
                let state = match target {
                    TargetState::Started => "STARTED",
                    TargetState::Paused => "PAUSED",
                    TargetState::Stopped => "STOPPED",
                };
                format!("Failed to transition connector {} to state {state}", self.spec.name)
            }
            None => error.to_string(),
        };
        self.reporter.report(ConnectorReport::Failed { message, trace: error.trace() });
    }

    async fn start_connector(&mut self) -> Result<(), ConnectError> {
        let (resolver, raw) = (Arc::clone(&self.spec.resolver), self.spec.raw.clone());
        let context =
            ConnectorContext { name: Arc::clone(&self.spec.name), handle: Arc::new(self.reporter.clone()) };
        let (abandon, reporter) = (self.abandon.clone(), self.reporter.clone());
        let started = self.call(move |connector, runtime| {
            let Transformed { props: resolved, ttls, .. } = resolver.transform(&raw)?;
            // Told first: a start that fails with these values is tried again with others.
            reporter.report(ConnectorReport::Resolved { ttls });
            runtime.block_on(until(&abandon, connector.get_mut().start(context, &resolved)))?;
            Ok(resolved)
        });
        self.resolved = started.await?;
        Ok(())
    }

    async fn stop_connector(&mut self) -> Result<(), ConnectError> {
        let abandon = self.abandon.clone();
        self.call(move |connector, runtime| runtime.block_on(until(&abandon, connector.get_mut().stop())))
            .await
    }

    async fn generate(&mut self) {
        if self.phase != Phase::Started {
            return;
        }
        let resolved = self.resolved.clone();
        let generated = self.call(move |connector, _| {
            let configs = connector.get().task_configs(max_tasks(&resolved))?;
            Ok(Generated { task_class: connector.get().task_class(), resolved, configs })
        });
        let generated = generated.await;
        self.reporter.report(ConnectorReport::Generated(generated));
    }

    /// Runs a call of the plug-in on a thread that may block.
    async fn call<T: Send + 'static>(
        &mut self,
        body: impl FnOnce(&mut AnyConnector, &Handle) -> Result<T, ConnectError> + Send + 'static,
    ) -> Result<T, ConnectError> {
        let Some(mut connector) = self.connector.take() else {
            return Err(ConnectError::fatal("connector panicked earlier"));
        };
        let runtime = Handle::current();
        let called = tokio::task::spawn_blocking(move || {
            let outcome = body(&mut connector, &runtime);
            (connector, outcome)
        });
        match called.await {
            Ok((connector, outcome)) => {
                self.connector = Some(connector);
                outcome
            }
            Err(error) => Err(ConnectError::fatal("connector panicked").because(error)),
        }
    }
}

/// Waits for a call unless the connector is abandoned.
async fn until(
    abandon: &CancellationToken,
    call: impl Future<Output = Result<(), ConnectError>>,
) -> Result<(), ConnectError> {
    tokio::select! {
        biased; // What has ended counts, even if it was late.
        outcome = call => outcome,
        () = abandon.cancelled() => Err(ConnectError::fatal("connector was abandoned")),
    }
}
