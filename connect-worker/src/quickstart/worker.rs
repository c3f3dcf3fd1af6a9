//! The worker: this program once more, as a child.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::quickstart::files::Layout;
use crate::quickstart::s3::{ACCESS_KEY, SECRET_KEY};

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

/// A running worker. Dropping it kills the worker.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
}

impl Worker {
    /// Starts a standalone worker with the property files of the folder and the S3 server at `s3`.
    ///
    /// # Errors
    /// Fails when the program cannot be started.
    pub(crate) fn start(layout: &Layout, s3: SocketAddr) -> io::Result<Self> {
        let log = File::create(&layout.log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("standalone")
            .args(&layout.properties)
            .env("AWS_ENDPOINT_URL", format!("http://{s3}"))
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
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
        fs::write(&layout.pid, child.id().unwrap_or_default().to_string())?;
        Ok(Self { child })
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

/// Ends the worker of an earlier quickstart in the same folder that was killed and could not end its worker.
///
/// # Errors
/// Fails when the worker does not end.
pub(crate) async fn end_orphan(layout: &Layout) -> io::Result<()> {
    let Ok(text) = fs::read_to_string(&layout.pid) else { return Ok(()) };
    let Some(pid) = text.trim().parse().ok().and_then(to_pid) else { return Ok(()) };
    let command_line = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let deadline = Instant::now() + STOP_LIMIT;
    // The process id may belong to another program by now.
    let is_ours = |path: &str| {
        let arguments = fs::read(path).unwrap_or_default();
        arguments
            .split(|byte| *byte == 0)
            .any(|argument| Path::new(&*String::from_utf8_lossy(argument)) == layout.properties[0])
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
