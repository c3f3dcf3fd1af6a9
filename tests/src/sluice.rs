//! The worker under test: the built program `sluice` as a child process.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    api::Api,
    group::Group,
    jvm_connect::worker_properties,
    process::{Process, free_port},
    s3::{ACCESS_KEY, SECRET_KEY},
    wait,
};

/// How a worker is to be started.
#[derive(Clone, Debug)]
pub struct Setup {
    bootstrap: String,
    group: Option<Group>,
    connectors: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    worker: String,
    arguments: Vec<String>,
    program: Option<PathBuf>,
}

impl Setup {
    /// Returns the set-up of a standalone worker without connectors.
    pub fn new(bootstrap: &str) -> Self {
        let variables = vec![("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())];
        Self {
            bootstrap: bootstrap.to_owned(),
            group: None,
            connectors: Vec::new(),
            variables,
            worker: String::new(),
            arguments: Vec::new(),
            program: None,
        }
    }

    /// Returns the set-up of a worker of a cluster.
    pub fn member(group: &Group) -> Self {
        Self { group: Some(group.clone()), ..Self::new(group.bootstrap()) }
    }

    /// Adds a connector file that is given to the program.
    pub fn connector(mut self, file: &str, text: &str) -> Self {
        self.connectors.push((file.to_owned(), text.to_owned()));
        self
    }

    /// Adds a line to the worker's properties.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        self.worker.push_str(&format!("{key}={value}\n"));
        self
    }

    /// Adds an argument to the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Runs another program than [`program`] returns: one with the same command line and plug-ins of its own.
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// Sets an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets the AWS clients in the worker talk to the server at `url`, with the credentials of [`crate::s3`].
    pub fn s3(self, url: &str) -> Self {
        let with_url = self.variable("AWS_ENDPOINT_URL", url);
        with_url.variable("AWS_ACCESS_KEY_ID", ACCESS_KEY).variable("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    }

    /// Starts the worker and waits until it answers.
    pub async fn start(self) -> Sluice {
        let mut sluice = self.spawn();
        sluice.ready().await;
        sluice
    }

    /// Starts the worker without waiting.
    pub fn spawn(self) -> Sluice {
        let folder = tempfile::Builder::new().prefix("sluice").tempdir().expect("a temporary folder is made");
        let port = free_port();
        let text = match &self.group {
            Some(group) => group.file(port),
            None => {
                let offsets = folder.path().join("offsets");
                let own = format!("offset.storage.file.filename={}\n", offsets.display());
                worker_properties(&self.bootstrap, port) + &own
            }
        } + &self.worker;
        fs::write(folder.path().join("worker.properties"), text).expect("a file is written");
        for (file, text) in &self.connectors {
            fs::write(folder.path().join(file), text).expect("a file is written");
        }
        let process = launch(&self, folder.path());
        let api = Api::new(format!("http://127.0.0.1:{port}"));
        Sluice { process, port, setup: self, api, folder }
    }
}

/// A running worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct Sluice {
    process: Process,
    port: u16,
    setup: Setup,
    api: Api,
    folder: TempDir,
}

impl Sluice {
    /// Returns `http://host:port` of the worker.
    pub fn url(&self) -> String {
        self.api.url().to_owned()
    }

    /// Returns the worker's REST interface.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Returns a folder for files that connectors read and write.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the worker's process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns everything that the worker logged, over all of its starts.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the worker's REST interface says that it is healthy.
    pub async fn ready(&mut self) {
        self.process.await_port(self.port, wait::LIMIT);
        wait::until("a healthy worker", wait::LIMIT, async || {
            let answer = self.get("/health").await;
            if answer.0 == 200 { Ok(()) } else { Err(answer) }
        })
        .await;
    }

    /// Kills the worker at once, as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the worker again with the same files, after [`Sluice::kill`] or [`Sluice::terminate`].
    pub fn restart(&mut self) {
        self.process = launch(&self.setup, self.folder.path());
    }

    /// Asks the worker to stop and returns how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.terminate()
    }

    /// Waits until the worker ended by itself.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit)
    }

    /// Returns whether the worker ends by itself within `limit`.
    pub fn ended_within(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while self.process.ended().is_none() && start.elapsed() < limit {
            thread::sleep(Duration::from_millis(10));
        }
        self.process.ended().is_some()
    }

    /// Sends a GET and returns status and body; a body that is not JSON is a string, and no answer is status 0.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request("GET", path, None).await
    }

    /// Sends a request and returns status and body; a body that is not JSON is a string, and no answer is status 0.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.api.request(method, path, body).await
    }

    /// Creates a connector over REST.
    ///
    /// # Panics
    /// When the worker refuses it.
    pub async fn create(&self, name: &str, config: &Value) {
        self.api.create(name, config).await;
    }

    /// Waits until the connector's task 0 is in `state` and returns the status.
    ///
    /// # Panics
    /// When that does not come to pass within a minute.
    pub async fn await_task(&self, name: &str, state: &str) -> Value {
        self.api.await_task(name, state).await
    }

    /// Sends the worker a signal such as `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Waits until the worker's log holds `text`.
    ///
    /// # Panics
    /// When that does not come to pass within a minute, or the worker ends.
    pub fn await_log(&mut self, text: &str) {
        self.process.await_log(text, wait::LIMIT);
    }
}

fn launch(setup: &Setup, folder: &Path) -> Process {
    let mut command = Command::new(setup.program.clone().unwrap_or_else(program));
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.envs(setup.variables.iter().map(|(name, value)| (name, value)));
    command.arg(if setup.group.is_some() { "distributed" } else { "standalone" });
    command.arg(folder.join("worker.properties"));
    command.args(setup.connectors.iter().map(|(file, _)| folder.join(file)));
    command.args(&setup.arguments);
    Process::start("sluice", &mut command, &folder.join("log"))
}

/// Returns the program: the one that `SLUICE_BIN` names, or the one built beside this test.
///
/// # Panics
/// When it is not built.
pub fn program() -> PathBuf {
    if let Some(path) = env::var_os("SLUICE_BIN") {
        return path.into();
    }
    let test = env::current_exe().expect("a running program has a path");
    let folder = test.ancestors().find(|folder| folder.join("sluice").is_file());
    folder.map(|folder| folder.join("sluice")).expect("run `cargo build -p connect-worker` first")
}
