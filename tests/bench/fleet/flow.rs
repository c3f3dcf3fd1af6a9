//! Lines that flow into a topic, and the files that sinks write them to.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use connect_tests::kafka::{Kafka, KafkaClient};
use connect_tests::wait;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::BUSY;

pub(super) const TOPIC: &str = "fleet_lines";
/// Time between two lines.
const PAUSE: Duration = Duration::from_millis(50);
/// How often a watch looks at the files.
const LOOK: Duration = Duration::from_millis(5);
/// Longer than any line.
const TAIL_BYTES: u64 = 64;

/// The lines and files.
pub(super) struct Flow {
    folder: TempDir,
    files: Vec<PathBuf>,
    produced: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    producing: Option<JoinHandle<()>>,
}

impl Flow {
    /// Makes the topic; nothing flows yet.
    pub(super) async fn new(kafka: &Kafka) -> Self {
        kafka.client().create_topic(TOPIC, 1).await;
        let folder = tempfile::Builder::new().prefix("fleet").tempdir().expect("a temporary folder is made");
        let files = (0..BUSY).map(|number| folder.path().join(number.to_string())).collect();
        let (produced, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        Self { folder, files, produced, stop, producing: None }
    }

    /// Lets lines flow.
    pub(super) fn begin(&mut self, client: KafkaClient) {
        let (produced, stop) = (Arc::clone(&self.produced), Arc::clone(&self.stop));
        self.producing = Some(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let number = produced.load(Ordering::Relaxed) + 1;
                client.produce(TOPIC, 0, [number.to_string()]).await;
                produced.store(number, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        }));
    }

    /// Ends the flow.
    pub(super) async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(producing) = self.producing.take() {
            producing.await.expect("the producer ends well");
        }
    }

    /// Returns the file of a sink.
    pub(super) fn file(&self, number: usize) -> PathBuf {
        self.files.get(number).cloned().unwrap_or_default()
    }

    /// Gives a sink another file.
    pub(super) fn move_file(&mut self, number: usize) -> PathBuf {
        self.files[number] = self.folder.path().join(format!("{number}-moved"));
        self.files[number].clone()
    }

    /// Waits until a line that is produced from now on is in each of the files.
    pub(super) async fn await_fresh(&self, sinks: Range<usize>, limit: Duration) {
        let wanted = self.produced.load(Ordering::Relaxed) + 1;
        let files = &self.files[sinks];
        wait::until("fresh lines", limit, async || {
            let behind: Vec<_> = files.iter().filter(|file| newest(file) < wanted).collect();
            if behind.is_empty() { Ok(()) } else { Err(behind.len()) }
        })
        .await;
    }

    /// Begins to watch how long each file stands still.
    pub(super) fn watch(&self) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let (files, told) = (self.files.clone(), Arc::clone(&stop));
        let watching = std::thread::spawn(move || longest_pause(&files, &told));
        Watch { stop, watching }
    }
}

/// A look at all files since some moment.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    watching: std::thread::JoinHandle<Duration>,
}

impl Watch {
    /// Returns the longest time that any of the files stood still.
    pub(super) async fn end(self) -> Duration {
        // A pause that has just ended is seen at the next look.
        tokio::time::sleep(PAUSE * 4).await;
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().expect("the watch ends")
    }
}

fn longest_pause(files: &[PathBuf], stop: &AtomicBool) -> Duration {
    let mut seen: Vec<(u64, Instant)> = files.iter().map(|file| (newest(file), Instant::now())).collect();
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
        for (file, (number, since)) in files.iter().zip(&mut seen) {
            let now = newest(file);
            if now > *number {
                longest = longest.max(since.elapsed());
                (*number, *since) = (now, Instant::now());
            }
        }
    }
    longest
}

/// Returns the number in the last whole line of a file, 0 when there is none.
fn newest(path: &Path) -> u64 {
    let Ok(mut file) = File::open(path) else { return 0 };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let mut tail = String::new();
    let read = file
        .seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))
        .and_then(|_| file.read_to_string(&mut tail));
    let whole = tail.rsplit_once('\n').map_or("", |(whole, _)| whole);
    if read.is_err() { 0 } else { whole.rsplit('\n').next().and_then(|line| line.parse().ok()).unwrap_or(0) }
}
