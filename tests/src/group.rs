//! Workers of one Connect cluster, JVM and Sluice: what is the same in all their files.

use std::{collections::BTreeMap, process::ExitStatus, time::Duration};

use serde_json::Value;

use crate::{
    api::Api,
    jvm_connect::{JvmConnect, worker_properties},
    sluice::{Setup, Sluice},
    wait,
};

/// A Connect cluster by the settings of its workers.
#[derive(Clone, Debug)]
pub struct Group {
    bootstrap: String,
    name: String,
    lines: Vec<(String, String)>,
}

impl Group {
    /// Returns a cluster with topics of its own, a session of six seconds and no delay for lost workers.
    pub fn new(bootstrap: &str, name: &str) -> Self {
        let group = Self { bootstrap: bootstrap.to_owned(), name: name.to_owned(), lines: Vec::new() };
        let lines = [
            ("config.storage.replication.factor", "1"),
            ("offset.storage.replication.factor", "1"),
            ("offset.storage.partitions", "5"),
            ("status.storage.replication.factor", "1"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1000"),
            ("rebalance.timeout.ms", "20000"),
            ("scheduled.rebalance.max.delay.ms", "0"),
        ];
        lines.into_iter().fold(group, |group, (key, value)| group.property(key, value))
    }

    /// Sets a key in the files of all workers that are started from now on.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.lines.retain(|(known, _)| known != key);
        self.lines.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Returns the group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns `host:port` of the broker.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Returns the text of a worker's file.
    pub fn file(&self, port: u16) -> String {
        let name = &self.name;
        let own = format!(
            "group.id={name}\n\
             config.storage.topic={name}-configs\n\
             offset.storage.topic={name}-offsets\n\
             status.storage.topic={name}-status\n"
        );
        let lines = self.lines.iter().map(|(key, value)| format!("{key}={value}\n"));
        worker_properties(&self.bootstrap, port) + &own + &lines.collect::<String>()
    }
}

/// A worker of either kind.
#[derive(Debug)]
pub enum Member {
    /// JVM Kafka Connect.
    Jvm(JvmConnect),
    /// The program under test.
    Sluice(Box<Sluice>),
}

impl Member {
    /// Starts a JVM worker and waits until it has joined.
    pub fn jvm(group: &Group) -> Self {
        Member::Jvm(JvmConnect::member(group))
    }

    /// Starts a Sluice worker and waits until it is healthy.
    pub async fn sluice(group: &Group) -> Self {
        Member::Sluice(Box::new(Setup::member(group).start().await))
    }

    /// Returns the worker's REST interface.
    pub fn api(&self) -> &Api {
        match self {
            Member::Jvm(worker) => worker.api(),
            Member::Sluice(worker) => worker.api(),
        }
    }

    /// Returns the worker's name in states: `host:port`.
    pub fn worker_id(&self) -> String {
        self.api().url().trim_start_matches("http://").to_owned()
    }

    /// Returns the worker's process id.
    pub fn pid(&self) -> u32 {
        match self {
            Member::Jvm(worker) => worker.pid(),
            Member::Sluice(worker) => worker.pid(),
        }
    }

    /// Kills the worker at once, as a power cut would.
    pub fn kill(&mut self) {
        match self {
            Member::Jvm(worker) => worker.kill(),
            Member::Sluice(worker) => worker.kill(),
        }
    }

    /// Stops the worker in the ordinary way.
    pub fn stop(&mut self) -> ExitStatus {
        match self {
            Member::Jvm(worker) => worker.stop(),
            Member::Sluice(worker) => worker.terminate(),
        }
    }

    /// Sends the worker a signal such as `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        match self {
            Member::Jvm(worker) => worker.signal(signal),
            Member::Sluice(worker) => worker.signal(signal),
        }
    }

    /// Returns everything that the worker logged.
    pub fn log(&self) -> String {
        match self {
            Member::Jvm(worker) => worker.log(),
            Member::Sluice(worker) => worker.log(),
        }
    }
}

/// Who runs what, as a worker tells it: worker and state by name (`name`, and `name-0` for tasks).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Connector instances.
    pub connectors: BTreeMap<String, (String, String)>,
    /// Tasks.
    pub tasks: BTreeMap<String, (String, String)>,
}

impl Picture {
    /// Asks a worker.
    ///
    /// # Errors
    /// Fails with the answer when it is none.
    pub async fn of(api: &Api) -> Result<Self, (u16, Value)> {
        let answer = api.get("/connectors?expand=status").await;
        let Some(connectors) = answer.1.as_object().filter(|_| answer.0 == 200) else { return Err(answer) };
        let mut picture = Self::default();
        let place = |entry: &Value| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            (text("worker_id"), text("state"))
        };
        for (name, connector) in connectors {
            let status = &connector["status"];
            picture.connectors.insert(name.clone(), place(&status["connector"]));
            for task in status["tasks"].as_array().into_iter().flatten() {
                picture.tasks.insert(format!("{name}-{}", task["id"]), place(task));
            }
        }
        Ok(picture)
    }

    /// Returns whether so many connectors and tasks are there, and all of them RUNNING on `workers`.
    pub fn runs_on(&self, workers: &[String], connectors: usize, tasks: usize) -> bool {
        let is_fine =
            |(worker, state): &(String, String)| state == "RUNNING" && workers.iter().any(|id| id == worker);
        (self.connectors.len(), self.tasks.len()) == (connectors, tasks)
            && self.connectors.values().chain(self.tasks.values()).all(is_fine)
    }

    /// Returns whether `workers` workers have connectors and tasks, and none has two more of either than another.
    pub fn is_balanced(&self, workers: usize) -> bool {
        [&self.connectors, &self.tasks].into_iter().all(|places| {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for (worker, _) in places.values() {
                *counts.entry(worker).or_default() += 1;
            }
            let ends = counts.values().min().zip(counts.values().max());
            counts.len() == workers && ends.is_some_and(|(least, most)| most - least <= 1)
        })
    }

    /// Returns the worker that runs a task.
    pub fn owner(&self, task: &str) -> Option<&str> {
        self.tasks.get(task).map(|(worker, _)| worker.as_str())
    }
}

/// Waits until a worker tells a picture that `is_wanted`, and returns it.
///
/// # Panics
/// When that does not come to pass within `limit`.
pub async fn await_picture(
    what: &str,
    limit: Duration,
    api: &Api,
    is_wanted: impl Fn(&Picture) -> bool,
) -> Picture {
    wait::until(what, limit, async || match Picture::of(api).await {
        Ok(picture) if is_wanted(&picture) => Ok(picture),
        Ok(picture) => Err(format!("{picture:?}")),
        Err(answer) => Err(format!("{answer:?}")),
    })
    .await
}
