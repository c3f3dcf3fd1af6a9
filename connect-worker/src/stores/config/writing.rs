//! The writing side of the config topic: one operation after the other, each with half a minute in total
//! (`KafkaConfigBackingStore.READ_WRITE_TOTAL_TIMEOUT_MS`).

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect_core::config::Props;
use connect_core::error::ConnectError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::kafka::port::KafkaError;
use crate::stores::config::codec::{Entry, encode};
use crate::stores::config::kafka::{SharedReplay, into_connect};
use crate::stores::config::leader::Leader;
use crate::stores::config::{ConfigRecord, ConfigWriteError, RestartRequest};
use crate::stores::log::TopicLog;

const OPERATION_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an operation may go on after the store was dropped.
const LAST_TIMEOUT: Duration = Duration::from_secs(2);

type Outcome = Result<(), ConfigWriteError>;

/// What the store is asked for.
pub(super) enum Job {
    Write { records: Vec<ConfigRecord>, done: oneshot::Sender<Outcome> },
    ReadToEnd { done: oneshot::Sender<Result<i64, ConnectError>> },
    Claim { done: oneshot::Sender<Outcome> },
}

pub(super) struct Writing {
    log: Arc<TopicLog>,
    replay: SharedReplay,
    /// `None` where the leader writes as everyone does.
    leader: Option<Leader>,
}

/// The steps of an operation, with the text of each that fails.
enum Step {
    /// One batch: a transaction where the leader writes those.
    Send {
        entries: Vec<Entry>,
        failure: String,
    },
    /// Records that any worker may write, never in a transaction.
    SendPlain {
        entries: Vec<Entry>,
        failure: String,
    },
    ReadToEnd {
        failure: String,
    },
}

impl Writing {
    pub(super) fn new(log: TopicLog, replay: SharedReplay, leader: Option<Leader>) -> Self {
        Self { log: Arc::new(log), replay, leader }
    }

    /// Works until the store is dropped, then closes the clients.
    pub(super) async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        // Reads do not wait behind writes. Both are bounded by the herder, whose requests wait for their outcome.
        let (mut reads, mut queue) = (JoinSet::new(), VecDeque::new());
        let mut is_open = true;
        while is_open || !queue.is_empty() {
            while reads.try_join_next().is_some() {}
            let (log, replay) = (Arc::clone(&self.log), self.replay.clone());
            let read = |done| read_to_end(Arc::clone(&log), replay.clone(), done);
            let Some(job) = queue.pop_front() else {
                match jobs.recv().await {
                    Some(Job::ReadToEnd { done }) => drop(reads.spawn(read(done))),
                    Some(job) => queue.push_back(job),
                    None => is_open = false,
                }
                continue;
            };
            let mut working = std::pin::pin!(self.work(job));
            let mut is_working = true;
            while is_working && is_open {
                tokio::select! {
                    () = &mut working => is_working = false,
                    next = jobs.recv() => match next {
                        Some(Job::ReadToEnd { done }) => drop(reads.spawn(read(done))),
                        Some(next) => queue.push_back(next),
                        None => is_open = false,
                    },
                }
            }
            if is_working {
                // Nobody waits for the outcome any more.
                tokio::time::timeout(LAST_TIMEOUT, working).await.ok();
            }
        }
        reads.shutdown().await;
        if let Some(leader) = self.leader {
            leader.close().await;
        }
        if let Some(log) = Arc::into_inner(self.log) {
            log.close().await;
        }
    }

    async fn work(&mut self, job: Job) {
        match job {
            Job::Write { records, done } => {
                let outcome = self.write(records).await;
                done.send(outcome).ok();
            }
            Job::Claim { done } => {
                let outcome = match &mut self.leader {
                    Some(leader) => leader.claim().await,
                    None => Ok(()),
                };
                done.send(outcome).ok();
            }
            Job::ReadToEnd { .. } => {}
        }
    }

    async fn write(&mut self, records: Vec<ConfigRecord>) -> Outcome {
        let deadline = Instant::now() + OPERATION_TIMEOUT;
        for step in steps(records) {
            match step {
                Step::Send { entries, failure } => match &mut self.leader {
                    Some(leader) => leader.write(&entries, deadline).await?,
                    None => self.send(&entries, deadline).await.map_err(|error| failed(failure, error))?,
                },
                Step::SendPlain { entries, failure } => {
                    self.send(&entries, deadline).await.map_err(|error| failed(failure, error))?;
                }
                Step::ReadToEnd { failure } => {
                    let read = timeout_at(deadline, self.log.read_to_end()).await;
                    flatten(read).map_err(|error| failed(failure, error))?;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, entries: &[Entry], deadline: Instant) -> Result<(), ConnectError> {
        // All are on their way before the first is waited for.
        let sent: Vec<_> = entries
            .iter()
            .map(|entry| {
                let (key, value) = encode(entry);
                self.log.write(key.as_bytes(), value.as_deref())
            })
            .collect();
        for acknowledgement in sent {
            flatten(timeout_at(deadline, acknowledgement).await)?;
        }
        Ok(())
    }
}

async fn read_to_end(
    log: Arc<TopicLog>,
    replay: SharedReplay,
    mut done: oneshot::Sender<Result<i64, ConnectError>>,
) {
    // Whoever gave up is not waited for.
    tokio::select! {
        () = done.closed() => {}
        read = log.read_to_end() => {
            let outcome = flatten(Ok(read)).map(|()| replay.lock().offset());
            done.send(outcome).ok();
        }
    }
}

fn flatten<T>(
    outcome: Result<Result<Result<T, KafkaError>, oneshot::error::RecvError>, tokio::time::error::Elapsed>,
) -> Result<T, ConnectError> {
    match outcome {
        Ok(Ok(outcome)) => outcome.map_err(into_connect),
        Ok(Err(_)) => Err(ConnectError::fatal("the config topic is closed")),
        Err(_) => Err(ConnectError::retriable("no answer from Kafka in time")),
    }
}

fn failed(text: String, cause: ConnectError) -> ConfigWriteError {
    tracing::error!(cause = %cause.context(), "{text}");
    ConfigWriteError::Failed(ConnectError::fatal(text).because(cause))
}

/// Returns what has to be done to write records, in the order of `KafkaConfigBackingStore`'s methods.
fn steps(records: Vec<ConfigRecord>) -> Vec<Step> {
    let is_configuring =
        records.iter().any(|record| matches!(record, ConfigRecord::Connector { config: Some(_), .. }));
    let mut steps = Vec::new();
    let mut batch = Vec::new();
    for record in records {
        match record {
            // With its connector it is part of one batch (KIP-980).
            ConfigRecord::Target { name, target } if is_configuring => {
                batch.push(Entry::Target { name, target });
            }
            ConfigRecord::Connector { name, config: Some(config) } => {
                batch.push(Entry::Connector { name, config: Some(config) });
                let entries = std::mem::take(&mut batch);
                steps.extend(write_and_read(entries, "Error writing connector configuration to Kafka"));
            }
            ConfigRecord::Connector { name, config: None } => {
                let connector = Entry::Connector { name: Arc::clone(&name), config: None };
                let entries = vec![connector, Entry::Target { name, target: None }];
                steps.extend(write_and_read(entries, "Error removing connector configuration from Kafka"));
            }
            ConfigRecord::Tasks { name, configs } => steps.extend(task_steps(&name, configs)),
            ConfigRecord::IncompleteTasks { name, .. } => {
                tracing::error!(connector = %name, "incomplete task configurations are only read");
            }
            ConfigRecord::Target { name, target } => {
                let entries = vec![Entry::Target { name, target }];
                steps.extend(plain(entries, "Error writing target state to Kafka"));
            }
            ConfigRecord::LoggerLevel { namespace, level } => {
                let entries = vec![Entry::LoggerLevel { namespace, level }];
                steps.extend(plain(entries, "Error writing logger level to Kafka"));
            }
            ConfigRecord::FencedTasks { name, count } => {
                let entries = vec![Entry::FencedTasks { name, count }];
                steps.extend(write_and_read(entries, "Error writing task count record to Kafka"));
            }
            ConfigRecord::Restart(request) => {
                let failure = format!("Error writing {} to Kafka", JavaRestart(&request));
                steps.extend(write_and_read(vec![Entry::Restart(request)], failure));
            }
            ConfigRecord::SessionKey(key) => {
                let entries = vec![Entry::SessionKey(key)];
                steps.extend(write_and_read(entries, "Error writing session key to Kafka"));
            }
        }
    }
    steps
}

fn write_and_read(entries: Vec<Entry>, failure: impl Into<String>) -> [Step; 2] {
    let failure = failure.into();
    [Step::Send { entries, failure: failure.clone() }, Step::ReadToEnd { failure }]
}

fn plain(entries: Vec<Entry>, failure: &str) -> [Step; 2] {
    let failure = failure.to_owned();
    [Step::SendPlain { entries, failure: failure.clone() }, Step::ReadToEnd { failure }]
}

/// The commit follows when all task records are known to be in the log (`putTaskConfigs`).
fn task_steps(name: &Arc<str>, configs: Vec<Props>) -> Vec<Step> {
    let root = || "Error writing root configuration to Kafka".to_owned();
    let mut steps = vec![Step::ReadToEnd { failure: root() }];
    let count = u32::try_from(configs.len()).unwrap_or(u32::MAX);
    let tasks = (0..).zip(configs).map(|(task, config)| Entry::Task { name: Arc::clone(name), task, config });
    let entries: Vec<Entry> = tasks.collect();
    if !entries.is_empty() {
        steps.push(Step::Send { entries, failure: "Error writing task configurations to Kafka".to_owned() });
        steps.push(Step::ReadToEnd { failure: root() });
    }
    let commit = Entry::Commit { name: Arc::clone(name), count };
    steps.push(Step::Send { entries: vec![commit], failure: root() });
    steps.push(Step::ReadToEnd { failure: root() });
    steps
}

/// Java's text of a restart request.
struct JavaRestart<'a>(&'a RestartRequest);

impl fmt::Display for JavaRestart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RestartRequest { connector, only_failed, include_tasks } = self.0;
        write!(
            formatter,
            "restart request for {{connectorName='{connector}', onlyFailed={only_failed}, \
             includeTasks={include_tasks}}}"
        )
    }
}
