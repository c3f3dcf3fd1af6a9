//! The folder of the fleet, the files of its workers, and its connectors.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::quickstart::broker::PARTITIONS;

/// Topics of made-up logs, each with a source of its own.
const TOPICS: [&str; 2] = ["logs_a", "logs_b"];
/// Sinks a topic.
const SINKS: usize = 2;

/// Where things are.
#[derive(Debug, Clone)]
pub(super) struct FleetLayout {
    /// Folder of everything, absolute.
    pub(super) dir: PathBuf,
    /// The broker's logs.
    pub(super) broker: PathBuf,
}

/// The files of one worker.
#[derive(Debug, Clone)]
pub(super) struct WorkerFiles {
    /// Worker properties.
    pub(super) properties: [PathBuf; 1],
    /// Log.
    pub(super) log: PathBuf,
    /// Process id.
    pub(super) pid: PathBuf,
}

impl FleetLayout {
    /// Creates the folder.
    ///
    /// # Errors
    /// Fails when the folder cannot be created.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        Ok(Self { broker: dir.join("broker"), dir })
    }

    /// Returns the files of the worker with the given number.
    pub(super) fn worker(&self, number: usize) -> WorkerFiles {
        let file = |ending: &str| self.dir.join(format!("worker-{number}.{ending}"));
        WorkerFiles { properties: [file("properties")], log: file("log"), pid: file("pid") }
    }
}

/// Returns the text of a worker's file. A session is short, so that the work of a killed worker moves soon.
pub(super) fn worker_text(broker: SocketAddr, rest: SocketAddr) -> String {
    format!(
        "# Written anew by every `sluice fleet`.\n\
         bootstrap.servers={broker}\n\
         group.id=fleet\n\
         listeners=http://{rest}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.json.JsonConverter\n\
         value.converter.schemas.enable=false\n\
         config.storage.topic=fleet-configs\n\
         config.storage.replication.factor=1\n\
         offset.storage.topic=fleet-offsets\n\
         offset.storage.replication.factor=1\n\
         offset.storage.partitions=5\n\
         status.storage.topic=fleet-status\n\
         status.storage.replication.factor=1\n\
         offset.flush.interval.ms=5000\n\
         session.timeout.ms=6000\n\
         heartbeat.interval.ms=1000\n\
         scheduled.rebalance.max.delay.ms=0\n"
    )
}

/// Returns name and configuration of all connectors: logs that are made up go to topics, `rate` a second in all, and
/// from there nowhere, so that the disk does not fill.
pub(super) fn connectors(rate: f64) -> Vec<(String, Value)> {
    let mut connectors = Vec::new();
    for (seed, topic) in TOPICS.iter().enumerate() {
        let source = json!({
            "connector.class": "io.sluice.connect.datagen.DatagenConnector",
            "tasks.max": "1",
            "topic": topic,
            "rate": (rate / TOPICS.len() as f64).to_string(),
            "seed": seed.to_string(),
            "partitions": PARTITIONS.to_string(),
            "topic.creation.default.partitions": PARTITIONS.to_string(),
            "topic.creation.default.replication.factor": "1",
        });
        connectors.push((topic.replace('_', "-"), source));
        for number in 1..=SINKS {
            let sink = json!({
                "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
                "tasks.max": "2",
                "topics": topic,
                "file": "/dev/null",
            });
            connectors.push((format!("{}-sink-{number}", topic.replace('_', "-")), sink));
        }
    }
    connectors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{WorkerConfig, WorkerMode, read_worker};
    use crate::plugins::builtin;

    #[test]
    fn files_of_workers_are_those_of_distributed_mode_without_any_warning() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("worker.properties");
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        fs::write(&path, worker_text(address, address)).expect("written");
        let props = read_worker(&path).expect("read");
        let worker =
            WorkerConfig::parse(&props, WorkerMode::Distributed, &builtin(Vec::new())).expect("valid");
        assert_eq!(worker.warnings(), [] as [&str; 0]);
    }

    #[test]
    fn connectors_share_the_rate_and_have_names_of_their_own() {
        let connectors = connectors(100.0);
        let names: Vec<&str> = connectors.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["logs-a", "logs-a-sink-1", "logs-a-sink-2", "logs-b", "logs-b-sink-1", "logs-b-sink-2"]
        );
        assert_eq!((&connectors[0].1["rate"], &connectors[3].1["seed"]), (&json!("50"), &json!("1")));
    }
}
