//! A worker whose herder is a function.

use std::sync::Arc;

use connect_core::config::Props;
use connect_core::kit::SystemClock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::{WorkerConfig, WorkerMode};
use crate::herder::ports::Session;
use crate::herder::{Command, HerderError, HerderHandle, StageClock, Told};
use crate::obs::logging::LogControl;
use crate::rest::{
    BoundListeners, LoggerState, Peers, Readiness, RestConfig, RestServer, RestState, WorkerInfo,
    admin_router, main_router,
};
use crate::worker::catalog;

/// A REST server in front of a function.
pub(super) struct Fake {
    pub(super) url: String,
    pub(super) port: u16,
    server: RestServer,
    herder: JoinHandle<()>,
}

/// Returns properties as a map.
pub(super) fn props(pairs: &[(&str, &str)]) -> Props {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns how workers speak with each other by default.
pub(super) fn peers(props: &Props) -> Peers {
    Peers::new(props, "HmacSHA256", &["HmacSHA256".to_owned()]).expect("known algorithms")
}

impl Fake {
    /// Starts a worker of a group; `answer` is given each command, one after the other.
    pub(super) async fn start<A, F>(listener: &[(&str, &str)], session: Session, mut answer: A) -> Self
    where
        A: FnMut(Command) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let mut listener = props(listener);
        listener.entry("listeners".to_owned()).or_insert_with(|| "http://127.0.0.1:0".to_owned());
        let rest = RestConfig::from_props(&listener).expect("valid properties");
        let listeners = BoundListeners::bind(&rest).await.expect("a free port");
        let port = listeners.ports()[0];
        let (commands, mut receiver) = mpsc::channel(16);
        let (told, reader) = watch::channel(Told { is_ready: true, session });
        let herder = tokio::spawn(async move {
            while let Some(command) = receiver.recv().await {
                answer(command).await;
            }
            drop(told);
        });
        let handle = HerderHandle::new(commands, StageClock::default(), plugins(), reader);
        let readiness = Readiness::default();
        readiness.open(WorkerInfo { version: "4.3.1", commit: "c", kafka_cluster_id: "k".to_owned() });
        readiness.set_started();
        let levels = Arc::new(LogControl::new("INFO", Arc::new(SystemClock)).expect("a level"));
        let state = RestState {
            herder: handle.clone(),
            readiness,
            levels: Arc::clone(&levels) as _,
            peers: Some(peers(&listener)),
            metrics: Arc::new(String::new),
        };
        let admin = admin_router(LoggerState::new(levels, Some(handle)));
        let server = listeners.serve(&main_router(state, &rest), &admin);
        Self { url: rest.advertised_url(&[port], "127.0.0.1"), port, server, herder }
    }

    /// Starts a worker that refuses everything in the same way.
    pub(super) async fn refusing(error: HerderError) -> Self {
        Self::start(&[], Session::default(), move |command| {
            refuse(command, &error);
            async {}
        })
        .await
    }

    pub(super) async fn end(self) {
        assert!(self.server.stop().await, "requests end");
        self.herder.await.expect("the function does not panic");
    }
}

/// Answers a command with an error.
pub(super) fn refuse(command: Command, error: &HerderError) {
    let error = error.clone();
    match command {
        Command::List { reply } => drop(reply.send(Err(error))),
        Command::Info { reply, .. } => drop(reply.send(Err(error))),
        Command::Config { reply, .. } => drop(reply.send(Err(error))),
        Command::Tasks { reply, .. } => drop(reply.send(Err(error))),
        Command::Status { reply, .. } | Command::Restart { reply, .. } => drop(reply.send(Err(error))),
        Command::TaskStatus { reply, .. } => drop(reply.send(Err(error))),
        Command::Put { reply, .. } => drop(reply.send(Err(error))),
        Command::Topics { reply, .. } => drop(reply.send(Err(error))),
        Command::Offsets { reply, .. } => drop(reply.send(Err(error))),
        Command::ModifyOffsets { reply, .. } => drop(reply.send(Err(error))),
        Command::Ping { reply }
        | Command::Delete { reply, .. }
        | Command::Target { reply, .. }
        | Command::Stop { reply, .. }
        | Command::RestartConnector { reply, .. }
        | Command::RestartTask { reply, .. }
        | Command::ResetTopics { reply, .. }
        | Command::WriteTasks { reply, .. }
        | Command::Fence { reply, .. }
        | Command::SetLevel { reply, .. }
        | Command::Departure { reply, .. } => drop(reply.send(Err(error))),
    }
}

/// Answers a command as another worker's herder does, unless only the leader may.
pub(super) async fn relay(command: Command, leader: &HerderHandle, url: &str) {
    match command {
        Command::Ping { reply } => drop(reply.send(leader.ping().await)),
        Command::List { reply } => drop(reply.send(leader.list().await)),
        Command::Info { name, reply } => drop(reply.send(leader.info(name).await)),
        Command::Config { name, is_for_change: false, reply } => {
            drop(reply.send(leader.config(name).await.map(|config| (config, 0))));
        }
        Command::Tasks { name, reply } => drop(reply.send(leader.tasks(name).await)),
        Command::Status { name, reply } => drop(reply.send(leader.status(name).await)),
        Command::TaskStatus { name, task, reply } => {
            drop(reply.send(leader.task_status(name, task).await));
        }
        Command::Target { name, target, reply } => drop(reply.send(match target {
            crate::task::TargetState::Started => leader.resume(name).await,
            _ => leader.pause(name).await,
        })),
        Command::Topics { name, reply } => drop(reply.send(leader.topics(name).await)),
        Command::ResetTopics { name, reply } => drop(reply.send(leader.reset_topics(name).await)),
        Command::Offsets { name, reply } => drop(reply.send(leader.offsets(name).await)),
        other => refuse(other, &HerderError::elsewhere("only the leader may", Some(url.to_owned()))),
    }
}

fn plugins() -> Arc<dyn crate::herder::ports::PluginCatalog> {
    let registry = crate::plugins::builtin(Vec::new());
    let string = "org.apache.kafka.connect.storage.StringConverter";
    let worker = props(&[
        ("bootstrap.servers", "127.0.0.1:1"),
        ("key.converter", string),
        ("value.converter", string),
        ("offset.storage.file.filename", "unused"),
    ]);
    let worker = WorkerConfig::parse(&worker, WorkerMode::Standalone, &registry).expect("valid properties");
    catalog(registry, Arc::new(worker))
}
