//! JVM Kafka Connect, the oracle: what it answers and writes is right unless `docs/differences.md` says otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    kafka::java,
    process::{Process, free_port},
};

const START_LIMIT: Duration = Duration::from_secs(120);

/// A running JVM worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct JvmConnect {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl JvmConnect {
    /// Starts a standalone worker with the given connector files.
    pub fn standalone(bootstrap: &str, connectors: &[&Path]) -> Self {
        let folder = folder();
        let offsets = folder.path().join("offsets");
        let own = format!("offset.storage.file.filename={}\n", offsets.display());
        Self::start(folder, "ConnectStandalone", bootstrap, &own, connectors)
    }

    /// Starts a distributed worker as the only member of the group `group`.
    pub fn distributed(bootstrap: &str, group: &str) -> Self {
        let own = format!(
            "group.id={group}\n\
             config.storage.topic={group}-configs\n\
             config.storage.replication.factor=1\n\
             offset.storage.topic={group}-offsets\n\
             offset.storage.replication.factor=1\n\
             offset.storage.partitions=5\n\
             status.storage.topic={group}-status\n\
             status.storage.replication.factor=1\n\
             scheduled.rebalance.max.delay.ms=0\n"
        );
        Self::start(folder(), "ConnectDistributed", bootstrap, &own, &[])
    }

    /// Returns `http://host:port` of the worker.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns a folder for files that connectors read and write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the worker's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Stops the worker in the ordinary way.
    pub fn stop(&mut self) {
        self.process.terminate();
    }

    fn start(folder: TempDir, class: &str, bootstrap: &str, own: &str, connectors: &[&Path]) -> Self {
        let port = free_port();
        let properties: PathBuf = folder.path().join("worker.properties");
        fs::write(&properties, format!("{}{own}", worker_properties(bootstrap, port)))
            .expect("a file is written");
        let mut command = java("512m");
        command.arg(format!("org.apache.kafka.connect.cli.{class}")).arg(&properties).args(connectors);
        let mut process = Process::start("jvm connect", &mut command, &folder.path().join("log"));
        process.await_log("Kafka Connect started", START_LIMIT);
        process.await_port(port, START_LIMIT);
        if class == "ConnectDistributed" {
            process.await_log("Starting connectors and tasks using config offset", START_LIMIT);
        }
        Self { process, port, folder }
    }
}

/// Returns the worker properties that a JVM worker and the worker under test are both given.
pub(crate) fn worker_properties(bootstrap: &str, port: u16) -> String {
    format!(
        "bootstrap.servers={bootstrap}\n\
         listeners=http://127.0.0.1:{port}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.flush.interval.ms=1000\n\
         plugin.discovery=service_load\n"
    )
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("connect").tempdir().expect("a temporary folder is made")
}
