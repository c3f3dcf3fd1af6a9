//! The worker around a task, and the part of Kafka that matters to it: a log, and a group's offset that only the
//! latest member may commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinHandle;

use connect_core::CancellationToken;
use connect_core::config::Props;
use connect_core::data::{Datum, Value};
use connect_core::error::ConnectError;
use connect_core::kit::Clock;
use connect_core::record::{Offsets, SinkRecord, TopicPartition};
use connect_core::task::{CloseReason, SinkTask};
use connect_core::testkit::{HandleCall, RecordingHandle, props, record, sink_context};

use crate::task::S3SinkTask;

use super::store::WiredStore;

/// Returns whether a transform drops the record.
pub(super) fn is_filtered(offset: i64) -> bool {
    offset % 7 == 5
}

/// Time that a history moves.
#[derive(Debug)]
pub(super) struct SimClock {
    started: Instant,
    state: Mutex<(Duration, Rng)>,
}

impl SimClock {
    pub(super) fn new(seed: u64) -> Self {
        Self { started: Instant::now(), state: Mutex::new((Duration::ZERO, Rng::with_seed(seed))) }
    }

    pub(super) fn advance(&self, by: Duration) {
        locked(&self.state).0 += by;
    }
}

impl Clock for SimClock {
    fn wall_ms(&self) -> i64 {
        1_767_225_600_000 + i64::try_from(locked(&self.state).0.as_millis()).expect("a short history")
    }

    fn now(&self) -> Instant {
        self.started + locked(&self.state).0
    }

    fn chance(&self) -> f64 {
        locked(&self.state).1.f64()
    }
}

/// The log of one partition, and its consumer group.
#[derive(Debug, Default)]
pub(super) struct Kafka {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    end: i64,
    committed: Option<i64>,
    generation: u64,
    error: Option<String>,
}

impl Kafka {
    pub(super) fn append(&self, count: i64) {
        locked(&self.state).end += count;
    }

    pub(super) fn end(&self) -> i64 {
        locked(&self.state).end
    }

    pub(super) fn committed(&self) -> Option<i64> {
        locked(&self.state).committed
    }

    pub(super) fn error(&self) -> Option<String> {
        locked(&self.state).error.clone()
    }

    fn commit(&self, generation: u64, offset: i64) {
        let mut state = locked(&self.state);
        if state.generation == generation {
            state.committed = Some(offset);
        }
    }

    fn fail(&self, error: &ConnectError) {
        locked(&self.state).error = Some(error.trace());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker with one task that believes to own the partition.
pub(super) struct Owner {
    running: JoinHandle<()>,
    leaves: CancellationToken,
}

impl Owner {
    pub(super) fn start(
        store: WiredStore,
        clock: Arc<SimClock>,
        kafka: Arc<Kafka>,
        extra: &[(&str, &str)],
        seed: u64,
    ) -> Self {
        let mut all = props(&[
            ("s3.bucket.name", "b"),
            ("storage.class", "io.confluent.connect.s3.storage.S3Storage"),
            ("format.class", "io.confluent.connect.s3.format.json.JsonFormat"),
        ]);
        all.extend(props(extra));
        let leaves = CancellationToken::new();
        let member = Member {
            task: S3SinkTask::with_store(Arc::new(store)),
            handle: Arc::default(),
            generation: {
                let mut state = locked(&kafka.state);
                state.generation += 1;
                state.generation
            },
            kafka: Arc::clone(&kafka),
            leaves: leaves.clone(),
            position: 0,
            delivered: None,
            is_paused: false,
            random: Rng::with_seed(seed),
        };
        let running = tokio::spawn(async move {
            if let Err(error) = member.run(clock, &all).await {
                kafka.fail(&error);
            }
        });
        Self { running, leaves }
    }

    /// Ends it between two requests, as by a power cut.
    pub(super) fn kill(self) {
        self.running.abort();
    }

    /// Tells it to commit and close.
    pub(super) fn leave(&self) {
        self.leaves.cancel();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.running.is_finished()
    }
}

struct Member {
    task: S3SinkTask,
    handle: Arc<RecordingHandle>,
    generation: u64,
    kafka: Arc<Kafka>,
    leaves: CancellationToken,
    position: i64,
    /// Next offset after what the task took, once there is one.
    delivered: Option<i64>,
    is_paused: bool,
    random: Rng,
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Member {
    async fn run(mut self, clock: Arc<SimClock>, props: &Props) -> Result<(), ConnectError> {
        let (mut context, _) = sink_context(clock);
        context.handle = Arc::clone(&self.handle) as _;
        context.id.connector = "contract".into();
        self.task.start(context, props).await?;
        self.delivered = self.kafka.committed();
        self.position = self.delivered.unwrap_or(0);
        let committed = self.delivered.into_iter().map(|offset| (partition(), offset)).collect();
        self.task.open_at(&[partition()], &committed).await?;
        loop {
            self.follow_signals();
            if self.leaves.is_cancelled() {
                self.commit().await?;
                self.task.close(&[partition()], CloseReason::Revoked).await?;
                return self.task.stop().await;
            }
            if self.random.u8(..4) == 0 {
                self.commit().await?;
                self.follow_signals();
            }
            let batch = self.poll();
            let report = self.task.put(&batch).await?;
            assert!(report.failed.is_empty(), "{:?}", report.failed);
            if self.position > self.delivered.unwrap_or(0) {
                self.delivered = Some(self.position);
            }
            let pause = self.task.next_wakeup_ms().unwrap_or(50).clamp(1, 50);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn follow_signals(&mut self) {
        for call in self.handle.take() {
            match call {
                HandleCall::Rewind(_, offset) => {
                    self.position = offset;
                    self.delivered = Some(offset);
                }
                HandleCall::Pause(_) => self.is_paused = true,
                HandleCall::Resume(_) => self.is_paused = false,
                _ => {}
            }
        }
    }

    fn poll(&mut self) -> Vec<SinkRecord> {
        // Sometimes a pause comes too late.
        if self.is_paused && self.random.u8(..8) != 0 {
            return Vec::new();
        }
        let until = (self.position + self.random.i64(0..5)).min(self.kafka.end());
        let first = std::mem::replace(&mut self.position, until);
        (first..until).filter(|offset| !is_filtered(*offset)).map(text).collect()
    }

    async fn commit(&mut self) -> Result<(), ConnectError> {
        let Some(delivered) = self.delivered else { return Ok(()) };
        let asked = Offsets::from([(partition(), delivered)]);
        if let Some(offset) = self.task.pre_commit(&asked).await?.get(&partition()) {
            self.kafka.commit(self.generation, *offset);
        }
        Ok(())
    }
}

fn text(offset: i64) -> SinkRecord {
    let mut record = record("t", 0, offset, Datum::schemaless(Value::string(format!("v#{offset}"))));
    record.record.key = Datum::schemaless(Value::string(format!("{}#{offset}", offset % 3)));
    record
}
