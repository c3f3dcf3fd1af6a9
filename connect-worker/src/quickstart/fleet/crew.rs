//! The workers of the fleet: started, watched, started again when one ended by itself, and stopped together.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::quickstart::fleet::files::{FleetLayout, WorkerFiles, worker_text};
use crate::quickstart::run::free_address;
use crate::quickstart::worker::{Launch, Worker, end_orphan};

const REST_PORT: u16 = 8083;
/// How long the place of a worker that ended stays empty: long enough to see its work move, and back again.
pub(super) const RETURN_AFTER: Duration = Duration::from_secs(20);

/// A worker, or its empty place.
pub(super) struct Seat {
    /// Address of its REST interface.
    pub(super) rest: SocketAddr,
    files: WorkerFiles,
    worker: Option<Worker>,
    end: Option<(ExitStatus, Instant)>,
}

impl Seat {
    async fn take(layout: &FleetLayout, number: usize, broker: SocketAddr) -> io::Result<Self> {
        let files = layout.worker(number);
        end_orphan(&files.pid, &files.properties[0]).await?;
        let usual = REST_PORT.saturating_add(u16::try_from(number - 1).unwrap_or(u16::MAX));
        let rest = free_address(usual).await?;
        fs::write(&files.properties[0], worker_text(broker, rest))?;
        let mut seat = Self { rest, files, worker: None, end: None };
        seat.start(false)?;
        Ok(seat)
    }

    fn start(&mut self, keeps_log: bool) -> io::Result<()> {
        self.worker = Some(Worker::start(&Launch {
            mode: "distributed",
            properties: &self.files.properties,
            variables: Vec::new(),
            log: &self.files.log,
            keeps_log,
            pid: &self.files.pid,
        })?);
        Ok(())
    }

    /// Notes the end of the worker, and starts it again after a while.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        if let Some(worker) = &mut self.worker
            && let Some(status) = worker.ended()?
        {
            self.end = Some((status, now));
            self.worker = None;
        }
        let is_due = |at: Instant| now.saturating_duration_since(at) >= RETURN_AFTER;
        if self.worker.is_none() && self.end.is_some_and(|(_, at)| is_due(at)) {
            self.end = None;
            self.start(true)?;
        }
        Ok(())
    }

    /// Returns the process id, `None` when the place is empty.
    pub(super) fn id(&self) -> Option<u32> {
        self.worker.as_ref().and_then(Worker::id)
    }

    /// Returns how the last worker of an empty place ended, and when.
    pub(super) fn end(&self) -> Option<(ExitStatus, Instant)> {
        self.end
    }

    /// Returns the log.
    pub(super) fn log(&self) -> &std::path::Path {
        &self.files.log
    }
}

/// All workers.
pub(super) struct Crew {
    pub(super) seats: Vec<Seat>,
}

impl Crew {
    /// Starts `count` workers.
    ///
    /// # Errors
    /// Fails when one cannot be started; those that run are killed.
    pub(super) async fn start(layout: &FleetLayout, count: usize, broker: SocketAddr) -> io::Result<Self> {
        let mut seats = Vec::new();
        for number in 1..=count {
            seats.push(Seat::take(layout, number, broker).await?);
        }
        Ok(Self { seats })
    }

    /// Notes which workers ended, and starts again those whose time has come.
    ///
    /// # Errors
    /// Fails when the system does.
    pub(super) fn look(&mut self, now: Instant) -> io::Result<()> {
        self.seats.iter_mut().try_for_each(|seat| seat.look(now))
    }

    /// Returns an ended worker's status and log, when none is left.
    pub(super) fn all_ended(&self) -> Option<(ExitStatus, &std::path::Path)> {
        let is_empty = self.seats.iter().all(|seat| seat.worker.is_none());
        let last = self.seats.iter().filter_map(|seat| Some((seat.end?.0, seat.log()))).next_back();
        last.filter(|_| is_empty)
    }

    /// Asks all workers to stop, all at the same time, and waits for them. Returns whether all did in time.
    ///
    /// # Errors
    /// Fails when the system refuses.
    pub(super) async fn stop(self) -> io::Result<bool> {
        let workers = self.seats.into_iter().filter_map(|seat| seat.worker);
        let stops = tokio::task::JoinSet::from_iter(workers.map(Worker::stop)).join_all().await;
        stops.into_iter().try_fold(true, |all, stopped| Ok(all && stopped?))
    }
}
