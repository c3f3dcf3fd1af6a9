//! One child process: started with its output in a file, ended with its owner, its log shown when a test fails.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::wait;

const LOG_TAIL_LINES: usize = 60;

/// A running child process. Dropping it kills the process and, when the test is failing, prints the end of its log.
///
/// A second process, the guard, waits on a pipe from this one and kills the child when the pipe closes: so the child
/// does not outlive a test run that was itself killed, or one that keeps the process in a static.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Child,
    log: PathBuf,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command`, appending both of its output streams to `log`.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("the log file opens");
        let errors = file.try_clone().expect("a file handle is copied");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name} ({command:?}): {error}"));
        let guard = Command::new("sh")
            .args(["-c", &format!("read -r _; kill -9 {}", child.id())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        Self { name: name.to_owned(), child, guard, log: log.to_owned(), status: None }
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns everything that the process wrote so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns how the process ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("a child process can be asked");
        }
        self.status
    }

    /// Kills the process at once, as a power cut would.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.disarm();
            self.child.kill().expect("a running child can be killed");
            self.status = Some(self.child.wait().expect("a killed child ends"));
        }
    }

    /// Sends a signal such as `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "sending {signal} to {}", self.name);
    }

    /// Asks the process to stop and waits until it did.
    ///
    /// # Panics
    /// When it is still there after 30 seconds.
    pub fn terminate(&mut self) -> ExitStatus {
        if self.ended().is_none() {
            self.signal("TERM");
        }
        self.wait(wait::LIMIT)
    }

    /// Waits until the process ended by itself.
    ///
    /// # Panics
    /// When it is still there after `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        while self.ended().is_none() {
            assert!(start.elapsed() < limit, "{} did not end within {limit:?}", self.name);
            thread::sleep(Duration::from_millis(10));
        }
        self.disarm();
        self.status.expect("the loop above ends with a status")
    }

    /// Waits until something listens on `port`.
    ///
    /// # Panics
    /// When the process ends before, or when `limit` is over; the log is shown.
    pub fn await_port(&mut self, port: u16, limit: Duration) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            self.assert_alive(start, limit, "listens");
        }
    }

    /// Waits until the log holds `text`.
    ///
    /// # Panics
    /// When the process ends before, or when `limit` is over; the log is shown.
    pub fn await_log(&mut self, text: &str, limit: Duration) {
        let start = Instant::now();
        while !self.log().contains(text) {
            self.assert_alive(start, limit, text);
        }
    }

    /// Returns the last lines of the log, without the settings that JVM services list.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        // JVM services print their whole configuration, a setting a line.
        let is_setting = |line: &str| line.starts_with('\t') && line.contains(" = ");
        let lines: Vec<&str> = log.lines().filter(|line| !is_setting(line)).collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    fn assert_alive(&mut self, start: Instant, limit: Duration, awaited: &str) {
        if let Some(status) = self.ended() {
            panic!("{} ended ({status}) before `{awaited}`; its log:\n{}", self.name, self.log_tail());
        }
        let waited = start.elapsed();
        assert!(
            waited < limit,
            "{}: `{awaited}` not seen in {limit:?}; its log:\n{}",
            self.name,
            self.log_tail()
        );
        thread::sleep(Duration::from_millis(20));
    }

    /// Ends the guard. Must happen before the child is reaped, or the guard could kill a later owner of its id.
    fn disarm(&mut self) {
        // Both fail only when the guard has gone already, which is what is wanted.
        drop(self.guard.kill());
        drop(self.guard.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.disarm();
        if self.ended().is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if thread::panicking() {
            eprintln_tail(&self.name, &self.log_tail());
        }
    }
}

/// Returns a port on loopback that is free now.
///
/// Some services are told their port before they start, and must get the same one when they start again. A port that
/// the system picks for a moment comes from the range that clients' connections are given too, so one of those could
/// take it in between; this one lies below that range.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::process::id().wrapping_mul(97);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (base.wrapping_add(step) % 22_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log of a service is what a failing test is judged by")]
pub(crate) fn eprintln_tail(name: &str, tail: &str) {
    eprintln!("---- end of the log of {name}\n{tail}\n----");
}
