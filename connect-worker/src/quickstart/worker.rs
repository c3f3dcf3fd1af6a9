//! The worker: this program once more, as a child.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// How long a worker may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Settings of the caller's shell that would lead the worker to other AWS accounts, or past this machine.
const REMOVED: [&str; 10] = [
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CONFIG_FILE",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// How a worker is to be started.
pub(crate) struct Launch<'a> {
    /// The command: `standalone` or `distributed`.
    pub(crate) mode: &'static str,
    /// Property files, the worker's own first.
    pub(crate) properties: &'a [PathBuf],
    /// Environment variables.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Takes both outputs.
    pub(crate) log: &'a Path,
    /// Whether the log goes on instead of beginning anew.
    pub(crate) keeps_log: bool,
    /// Takes the process id.
    pub(crate) pid: &'a Path,
}

/// A running worker. Dropping it kills the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
}

impl Worker {
    /// Starts a worker.
    ///
    /// # Errors
    /// Fails when the program cannot be started.
    pub(crate) fn start(launch: &Launch<'_>) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(launch.log)?;
        if !launch.keeps_log {
            log.set_len(0)?;
        }
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(launch.mode)
            .args(launch.properties)
            .envs(launch.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C in the terminal reaches the whole group: the worker must be told by this process alone, while
            // the broker and the S3 server still run.
            .process_group(0)
            .kill_on_drop(true);
        for name in REMOVED {
            command.env_remove(name);
        }
        let child = command.spawn()?;
        fs::write(launch.pid, child.id().unwrap_or_default().to_string())?;
        Ok(Self { child })
    }

    /// Returns the process id, `None` once the end of the worker was seen.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns how the worker ended, `None` while it runs.
    ///
    /// # Errors
    /// Fails when the system cannot tell.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until the worker ended by itself. Cancel safe.
    ///
    /// # Errors
    /// Fails when the system cannot tell.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks the worker to stop and waits for it; after 30 seconds kills it. Returns whether it stopped in time.
    ///
    /// # Errors
    /// Fails when the system refuses.
    pub(crate) async fn stop(mut self) -> io::Result<bool> {
        if let Some(pid) = self.child.id().and_then(to_pid) {
            terminate(pid)?;
        }
        match tokio::time::timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(ended) => ended.map(|_| true),
            Err(_) => self.child.kill().await.map(|()| false),
        }
    }
}

/// Ends the worker of an earlier run in the same folder that was killed and could not end its worker. `pid` holds its
/// process id, `properties` is its worker file.
///
/// # Errors
/// Fails when the worker does not end.
pub(crate) async fn end_orphan(pid: &Path, properties: &Path) -> io::Result<()> {
    let Ok(text) = fs::read_to_string(pid) else { return Ok(()) };
    let Some(pid) = text.trim().parse().ok().and_then(to_pid) else { return Ok(()) };
    let command_line = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let deadline = Instant::now() + STOP_LIMIT;
    // The process id may belong to another program by now.
    let is_ours = |path: &str| {
        let arguments = fs::read(path).unwrap_or_default();
        arguments
            .split(|byte| *byte == 0)
            .any(|argument| Path::new(&*String::from_utf8_lossy(argument)) == properties)
    };
    if is_ours(&command_line) {
        terminate(pid)?;
    }
    while is_ours(&command_line) {
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("worker with process id {text} does not end"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn to_pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn terminate(pid: Pid) -> io::Result<()> {
    match kill_process(pid, Signal::TERM) {
        // Gone already.
        Err(rustix::io::Errno::SRCH) => Ok(()),
        outcome => Ok(outcome?),
    }
}
