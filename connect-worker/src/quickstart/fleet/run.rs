//! Starts the broker and the workers, creates the connectors, tells who runs what, and stops everything.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::quickstart::broker::start_broker;
use crate::quickstart::fleet::crew::{Crew, RETURN_AFTER, Seat};
use crate::quickstart::fleet::files::{FleetLayout, connectors};
use crate::quickstart::fleet::picture::{Pictures, WorkerView};
use crate::quickstart::run::{QuickstartError, say};
use crate::quickstart::scrape;
use crate::quickstart::stop::Stop;

const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How often the picture is told where it cannot be redrawn.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// Moves the cursor to the top and clears the terminal below it.
const CLEAR: &str = "\x1b[H\x1b[J";

/// How the fleet is to run.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// Folder of all data; created when absent.
    pub dir: PathBuf,
    /// Number of workers.
    pub workers: usize,
    /// Logs made a second.
    pub rate: f64,
    /// Time after which everything stops; `None` for never.
    pub limit: Option<Duration>,
}

/// Runs a broker and workers of one group, until Ctrl-C, SIGTERM, SIGHUP or the limit. Started again in the same folder,
/// it goes on where it stopped.
///
/// # Errors
/// Fails when something does not start, or when no worker is left.
pub async fn run_fleet(options: &FleetOptions) -> Result<(), QuickstartError> {
    let folder = |source| QuickstartError::Folder { path: options.dir.clone(), source };
    let layout = FleetLayout::create(&options.dir).map_err(folder)?;
    let mut stop = Stop::new().map_err(QuickstartError::Worker)?;
    let broker = start_broker(&layout.broker, &layout.dir).await?;
    let crew = Crew::start(&layout, options.workers, broker.address()).await;
    let mut crew = crew.map_err(QuickstartError::Worker)?;
    let welcome = welcome(&layout, broker.address(), &crew);
    let limit = async {
        match options.limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        biased; // Being asked to stop is no failure of a worker, even if both come together.
        () = stop.asked() => Ok(()),
        outcome = watch(&mut crew, &welcome, options.rate) => outcome,
        () = limit => Ok(()),
    };
    say("stopping");
    let stopped = crew.stop().await;
    broker.shutdown().await;
    if outcome.is_ok() {
        let in_time = stopped.map_err(QuickstartError::Worker)?;
        let how = if in_time { "stopped" } else { "stopped; a worker did not end in time and was killed" };
        say(&format!("{how}. Start again to go on, or delete {} to begin anew.", layout.dir.display()));
    }
    outcome
}

/// Creates the connectors as soon as the workers take them, and tells who runs what. Ends when no worker is left.
async fn watch(crew: &mut Crew, welcome: &str, rate: f64) -> Result<(), QuickstartError> {
    let is_terminal = io::stdout().is_terminal();
    if !is_terminal {
        say(welcome);
    }
    let (mut pictures, mut told) = (Pictures::default(), None);
    let mut missing = connectors(rate);
    let mut ticks = tokio::time::interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        crew.look(now).map_err(QuickstartError::Worker)?;
        if let Some((status, log)) = crew.all_ended() {
            return Err(QuickstartError::WorkerEnded { status, log: log.to_owned() });
        }
        create(crew, &mut missing).await;
        let picture = picture(crew, &mut pictures, now).await;
        if is_terminal {
            say(&format!("{CLEAR}{welcome}\n{picture}"));
        } else if told.is_none_or(|at| now.saturating_duration_since(at) >= TELL_INTERVAL) {
            say(&picture);
            told = Some(now);
        }
    }
}

/// Creates connectors until one is refused: a group in the middle of a rebalance takes none.
async fn create(crew: &Crew, missing: &mut Vec<(String, Value)>) {
    let Some(seat) = crew.seats.iter().find(|seat| seat.id().is_some()) else { return };
    while let Some((name, config)) = missing.first() {
        let path = format!("/connectors/{name}/config");
        if let Err(error) = scrape::put(seat.rest, &path, &config.to_string()).await {
            tracing::debug!(connector = name.as_str(), %error, "creating a connector is tried again");
            return;
        }
        missing.remove(0);
    }
}

async fn picture(crew: &Crew, pictures: &mut Pictures, now: Instant) -> String {
    let (mut views, mut statuses) = (Vec::new(), Value::Null);
    for seat in &crew.seats {
        let metrics = match seat.id() {
            Some(_) => scrape::get(seat.rest, "/metrics").await.ok(),
            None => None,
        };
        if statuses.is_null() && metrics.is_some() {
            let answer = scrape::get(seat.rest, "/connectors?expand=status").await;
            statuses = answer.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        }
        views.push(WorkerView {
            id: seat.rest.to_string(),
            process: process(seat, now),
            is_up: seat.id().is_some(),
            metrics,
        });
    }
    pictures.draw(&views, &statuses, now)
}

fn process(seat: &Seat, now: Instant) -> String {
    match (seat.id(), seat.end()) {
        (Some(id), _) => format!("pid {id}"),
        (None, Some((status, at))) => {
            let left = RETURN_AFTER.saturating_sub(now.saturating_duration_since(at));
            format!("ended with {status}, starts again in {} s", left.as_secs())
        }
        (None, None) => "not started".to_owned(),
    }
}

fn welcome(layout: &FleetLayout, broker: SocketAddr, crew: &Crew) -> String {
    let first = crew.seats.first().map_or_else(String::new, |seat| seat.rest.to_string());
    format!(
        "Sluice fleet: {count} workers of one group, with all their state in the topics of a broker.\n\
         \n\
         \x20 any worker http://{first}/connectors?expand=status, page http://{first}/ui\n\
         \x20 Kafka      {broker} (topics fleet-configs, fleet-offsets, fleet-status, logs_a, logs_b)\n\
         \x20 files      {dir}/worker-*.properties, worker-*.log\n\
         \n\
         `kill -9 PID` of a worker: its work moves to the others within 6 s. `kill PID`: at once. Either way the\n\
         worker comes back after {back} s and takes its share again. Ctrl-C stops all.\n",
        count = crew.seats.len(),
        dir = layout.dir.display(),
        back = RETURN_AFTER.as_secs(),
    )
}
