//! JVM Kafka Connect, the oracle: what it answers and writes is right unless `docs/differences.md` says otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use tempfile::TempDir;

use crate::{
    api::Api,
    group::Group,
    kafka::java,
    process::{Process, free_port},
    services::kafka_home,
    wait,
};

/// A running JVM worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct JvmConnect {
    process: Process,
    api: Api,
    folder: TempDir,
}

impl JvmConnect {
    /// Starts a standalone worker with the given connector files.
    pub fn standalone(bootstrap: &str, connectors: &[&Path]) -> Self {
        let folder = folder();
        let offsets = folder.path().join("offsets");
        let own = format!("offset.storage.file.filename={}\n", offsets.display());
        let port = free_port();
        let file = worker_properties(bootstrap, port) + &own;
        Self::start(folder, "ConnectStandalone", port, &file, connectors)
    }

    /// Starts a standalone worker that also finds the plug-ins in the folder `classes`, which lists them as a jar does.
    pub fn with_classes(bootstrap: &str, classes: &Path) -> Self {
        let folder = folder();
        let offsets = folder.path().join("offsets");
        let port = free_port();
        let own = format!("offset.storage.file.filename={}\n", offsets.display());
        let file = worker_properties(bootstrap, port) + &own;
        let mut command = java("256m");
        // The last class path counts.
        command.arg("-cp").arg(format!("{}:{}/lib/*", classes.display(), kafka_home().display()));
        Self::launch(command, folder, "ConnectStandalone", port, &file, &[])
    }

    /// Starts a distributed worker as the only member of the group `group`.
    pub fn distributed(bootstrap: &str, group: &str) -> Self {
        Self::member(&Group::new(bootstrap, group))
    }

    /// Starts a worker of a cluster and waits until it has joined.
    pub fn member(group: &Group) -> Self {
        let port = free_port();
        Self::start(folder(), "ConnectDistributed", port, &group.file(port), &[])
    }

    /// Returns `http://host:port` of the worker.
    pub fn url(&self) -> String {
        self.api.url().to_owned()
    }

    /// Returns the worker's REST interface.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Returns everything that the worker logged.
    pub fn log(&self) -> String {
        self.process.log()
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
    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate()
    }

    /// Kills the worker at once, as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends the worker a signal such as `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    fn start(folder: TempDir, class: &str, port: u16, file: &str, connectors: &[&Path]) -> Self {
        Self::launch(java("256m"), folder, class, port, file, connectors)
    }

    fn launch(
        mut command: Command,
        folder: TempDir,
        class: &str,
        port: u16,
        file: &str,
        connectors: &[&Path],
    ) -> Self {
        let properties: PathBuf = folder.path().join("worker.properties");
        fs::write(&properties, file).expect("a file is written");
        command.arg(format!("org.apache.kafka.connect.cli.{class}")).arg(&properties).args(connectors);
        let mut process = Process::start("jvm connect", &mut command, &folder.path().join("log"));
        process.await_log("Kafka Connect started", wait::LIMIT);
        process.await_port(port, wait::LIMIT);
        if class == "ConnectDistributed" {
            process.await_log("Starting connectors and tasks using config offset", wait::LIMIT);
        }
        let api = Api::new(format!("http://127.0.0.1:{port}"));
        Self { process, api, folder }
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
