//! Starts everything in order, tells what goes on, and stops everything in the reverse order.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use dev_broker::BrokerError;

use crate::quickstart::broker::{BROKER_PORT, PARTITIONS, RETENTION_BYTES, start_broker};
use crate::quickstart::bucket::{MAX_OBJECTS, Survey};
use crate::quickstart::files::Layout;
use crate::quickstart::progress::Progress;
use crate::quickstart::s3::{ACCESS_KEY, S3Server, SECRET_KEY, listen};
use crate::quickstart::scrape;
use crate::quickstart::stop::Stop;
use crate::quickstart::worker::{Launch, Worker, end_orphan};

const S3_PORT: u16 = 9000;
const REST_PORT: u16 = 8083;
/// Errors of the worker's log shown when it ends by itself.
const MAX_ERRORS_SHOWN: usize = 3;
const LOOK_INTERVAL: Duration = Duration::from_secs(3);

/// How the quickstart is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of all data; created when absent.
    pub dir: PathBuf,
    /// Logs made a second.
    pub rate: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { dir: PathBuf::from(".quickstart"), rate: 100.0 }
    }
}

/// Why the quickstart ended.
#[derive(Debug, thiserror::Error)]
pub enum QuickstartError {
    /// A file or folder could not be used.
    #[error("using folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The broker did not start.
    #[error("starting the broker")]
    Broker(#[source] BrokerError),
    /// Another quickstart runs in the folder.
    #[error("using folder `{}`: another quickstart runs in it; stop that one, or name another folder with `--dir`", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The S3 server did not start.
    #[error("starting the S3 server")]
    S3(#[source] io::Error),
    /// The worker could not be started or watched.
    #[error("running the worker")]
    Worker(#[source] io::Error),
    /// The worker ended by itself.
    #[error("worker ended with {status}; its log is `{}`{}", log.display(), last_errors(log))]
    WorkerEnded {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
    },
}

/// Runs a broker, an S3 server and a worker until Ctrl-C, SIGTERM or SIGHUP. Started again in the same folder, it goes
/// on where it stopped.
///
/// # Errors
/// Fails when one of the three does not start, or when the worker ends by itself.
pub async fn run(options: &Options) -> Result<(), QuickstartError> {
    let folder = |source| QuickstartError::Folder { path: options.dir.clone(), source };
    let layout = Layout::create(&options.dir).map_err(folder)?;
    let mut stop = Stop::new().map_err(QuickstartError::Worker)?;
    // Whoever has the broker's folder has the whole folder: a worker found in it afterwards is nobody's.
    let broker = start_broker(&layout.broker, &layout.dir).await?;
    end_orphan(&layout.pid, &layout.properties[0]).await.map_err(QuickstartError::Worker)?;
    let s3 = S3Server::start(&layout.s3, S3_PORT).await.map_err(QuickstartError::S3)?;
    let rest = free_address(REST_PORT).await.map_err(QuickstartError::Worker)?;
    layout.write_properties(broker.address(), rest, options.rate).map_err(folder)?;
    let mut worker = Worker::start(&launch(&layout, s3.address())).map_err(QuickstartError::Worker)?;
    say(&welcome(&layout, broker.address(), s3.address(), rest, options));
    let outcome = watch(&mut worker, &mut stop, &layout, rest).await;
    say("stopping");
    let stopped = worker.stop().await;
    s3.shutdown().await;
    broker.shutdown().await;
    if outcome.is_ok() {
        let in_time = stopped.map_err(QuickstartError::Worker)?;
        let how = if in_time { "stopped" } else { "stopped; the worker did not end in time and was killed" };
        say(&format!("{how}. Start again to go on, or delete {} to begin anew.", layout.dir.display()));
    }
    outcome
}

fn launch(layout: &Layout, s3: SocketAddr) -> Launch<'_> {
    Launch {
        mode: "standalone",
        properties: &layout.properties,
        variables: vec![
            ("AWS_ENDPOINT_URL", format!("http://{s3}")),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ],
        log: &layout.log,
        keeps_log: false,
        pid: &layout.pid,
    }
}

/// Returns the last errors in a worker's log, each on a line of its own after a line break.
pub(crate) fn last_errors(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let is_error = |line: &&str| line.contains("] ERROR ") || line.starts_with("sluice: ");
    let errors: Vec<&str> = text.lines().filter(is_error).collect();
    let last = errors.len().saturating_sub(MAX_ERRORS_SHOWN);
    errors[last..].iter().map(|line| format!("\n{line}")).collect()
}

/// Returns an address that is free now; the worker listens on it a moment later.
pub(crate) async fn free_address(port: u16) -> io::Result<SocketAddr> {
    listen(port).await?.local_addr()
}

/// Tells what goes on until asked to stop.
async fn watch(
    worker: &mut Worker,
    stop: &mut Stop,
    layout: &Layout,
    rest: SocketAddr,
) -> Result<(), QuickstartError> {
    let mut progress = Progress::default();
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased; // Being asked to stop is no failure of the worker, even if both come together.
            () = stop.asked() => return Ok(()),
            ended = worker.wait() => {
                let status = ended.map_err(QuickstartError::Worker)?;
                return Err(QuickstartError::WorkerEnded { status, log: layout.log.clone() });
            }
            _ = ticks.tick() => look(&mut progress, layout, rest).await,
        }
    }
}

async fn look(progress: &mut Progress, layout: &Layout, rest: SocketAddr) {
    let metrics = match scrape::get(rest, "/metrics").await {
        Ok(metrics) => metrics,
        Err(error) => {
            tracing::debug!(%error, "reading the worker's metrics");
            return;
        }
    };
    let (bucket, root) = (layout.bucket(), layout.s3.clone());
    let survey = tokio::task::spawn_blocking(move || {
        let survey = Survey::of(&bucket)?;
        survey.prune(&root, MAX_OBJECTS)?;
        Ok::<_, io::Error>(survey)
    });
    match survey.await.map_err(io::Error::other).and_then(|survey| survey) {
        Ok(survey) => {
            let newest = survey.newest().and_then(|path| path.strip_prefix(layout.bucket()).ok());
            let newest = newest.map(|path| format!("   newest {}", path.display())).unwrap_or_default();
            say(&format!("{}{newest}", progress.line(&metrics, &survey, Instant::now())));
        }
        Err(error) => tracing::warn!(%error, "looking through the bucket"),
    }
}

fn welcome(
    layout: &Layout,
    broker: SocketAddr,
    s3: SocketAddr,
    rest: SocketAddr,
    options: &Options,
) -> String {
    format!(
        "Sluice quickstart: {rate} logs a second, made by Datagen, go through topic `raw_logs` to S3.\n\
         \n\
         \x20 worker     http://{rest}/connectors?expand=status{rest_note}\n\
         \x20 page       http://{rest}/ui\n\
         \x20 metrics    http://{rest}/metrics\n\
         \x20 Kafka      {broker} (topic raw_logs, {PARTITIONS} partitions){broker_note}\n\
         \x20 S3         http://{s3} (bucket, as files: {bucket}){s3_note}\n\
         \x20 settings   {dir}/*.properties\n\
         \x20 log        {log}\n\
         \n\
         All data is in {dir}. It stays below about 500 MiB: the broker keeps {retention} MiB a partition, the bucket\n\
         its newest {MAX_OBJECTS} objects. Ctrl-C stops; a second start goes on.\n\
         Lag counts records whose offsets are not committed yet; commits come every 5 s.\n",
        rest_note = port_note(rest, REST_PORT),
        broker_note = port_note(broker, BROKER_PORT),
        s3_note = port_note(s3, S3_PORT),
        rate = options.rate,
        bucket = layout.bucket().display(),
        dir = layout.dir.display(),
        log = layout.log.display(),
        retention = RETENTION_BYTES >> 20,
    )
}

/// Says why an address has another port than the usual one.
pub(crate) fn port_note(address: SocketAddr, usual: u16) -> String {
    if address.port() == usual { String::new() } else { format!(" ({usual} is taken)") }
}

pub(crate) fn say(text: &str) {
    // Without a terminal there is nobody to tell, and no reason to stop.
    writeln!(io::stdout(), "{text}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_worker_is_told_with_its_last_errors() {
        let folder = tempfile::tempdir().expect("folder");
        let log = folder.path().join("worker.log");
        std::fs::write(&log, "[t] INFO a (x)\n[t] ERROR b (x)\nsluice: c\n[t] INFO d (x)\n")
            .expect("written");
        let error = QuickstartError::WorkerEnded { status: ExitStatus::default(), log: log.clone() };
        assert_eq!(
            error.to_string(),
            format!(
                "worker ended with exit status: 0; its log is `{}`\n[t] ERROR b (x)\nsluice: c",
                log.display()
            )
        );
    }

    #[test]
    fn another_port_than_the_usual_one_is_explained() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8083));
        assert_eq!([port_note(address, 8083), port_note(address, 9092)], ["", " (9092 is taken)"]);
    }
}
