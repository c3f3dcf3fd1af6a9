use std::sync::{Mutex, PoisonError};

use tokio::task::yield_now;

use super::*;
use crate::stores::status::codec::{StatusKey, encode_status};
use crate::stores::status::{RunState, Status};

type Answer = oneshot::Sender<Result<(), KafkaError>>;

/// A log that answers when the test says so.
#[derive(Default)]
struct Log {
    sent: Mutex<Vec<(String, Answer)>>,
}

impl StatusLog for Log {
    fn send(&self, key: &[u8], value: Option<&[u8]>) -> Acknowledgement {
        let (answer, receiver) = oneshot::channel();
        let state = value.map_or("-".to_owned(), |value| {
            crate::stores::status::codec::decode_status(value).expect("a status").state.name().to_owned()
        });
        let shown = format!("{} {state}", String::from_utf8_lossy(key));
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push((shown, answer));
        receiver
    }
}

struct World {
    log: Arc<Log>,
    cache: SharedCache,
    commands: mpsc::UnboundedSender<Command>,
    writer: tokio::task::JoinHandle<()>,
}

impl World {
    fn new() -> Self {
        let (log, cache) = (Arc::new(Log::default()), SharedCache::default());
        let (commands, received) = mpsc::unbounded_channel();
        let writer = tokio::spawn(Writer::new(Arc::clone(&log), cache.clone()).run(received));
        Self { log, cache, commands, writer }
    }

    fn put(&self, task: u32, state: RunState) {
        let worker_id = "w".into();
        let status = Status { state, worker_id, version: None, generation: 1, trace: None };
        let write = self.cache.lock().put_task(&"c".into(), task, Some(status)).expect("wanted");
        self.commands.send(Command::Write(write)).expect("running");
    }

    fn flush(&self) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        self.commands.send(Command::Flush(done)).expect("running");
        receiver
    }

    /// Returns what was sent since the last call.
    async fn sent(&self) -> Vec<(String, Answer)> {
        for _ in 0..20 {
            yield_now().await;
        }
        std::mem::take(&mut *self.log.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers what was sent since the last call, once that is as much as there are answers.
    async fn answer(&self, outcomes: &[Result<(), KafkaError>]) -> Vec<String> {
        let mut sent = self.sent().await;
        let deadline = Instant::now() + Duration::from_secs(120);
        while sent.len() < outcomes.len() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
            sent.extend(self.sent().await);
        }
        assert_eq!(sent.len(), outcomes.len());
        let mut shown = Vec::new();
        for ((text, answer), outcome) in sent.into_iter().zip(outcomes) {
            answer.send(outcome.clone()).expect("awaited");
            shown.push(text);
        }
        shown
    }
}

fn retriable() -> Result<(), KafkaError> {
    Err(KafkaError::Retriable("not now".to_owned()))
}

#[tokio::test]
async fn states_are_sent_in_the_order_they_were_put() {
    let world = World::new();
    world.put(0, RunState::Unassigned);
    world.put(0, RunState::Restarting);
    world.put(1, RunState::Running);
    let sent = world.answer(&[Ok(()), Ok(()), Ok(())]).await;
    assert_eq!(sent, ["status-task-c-0 UNASSIGNED", "status-task-c-0 RESTARTING", "status-task-c-1 RUNNING"]);
    drop(world.commands);
    world.writer.await.expect("ended by itself");
}

#[tokio::test]
async fn flush_is_told_when_all_before_it_is_settled() {
    let world = World::new();
    assert!(world.flush().await.is_ok(), "nothing to wait for");
    world.put(0, RunState::Running);
    let mut flushed = world.flush();
    world.put(1, RunState::Running);
    let mut sent = world.sent().await;
    let (later, earlier) = (sent.remove(1), sent.remove(0));
    later.1.send(Ok(())).expect("awaited");
    assert!(world.sent().await.is_empty() && flushed.try_recv().is_err());
    earlier.1.send(Err(KafkaError::Fatal("refused".to_owned()))).expect("awaited");
    flushed.await.expect("given up counts as settled");
}

#[tokio::test]
async fn failed_sends_are_repeated_until_they_succeed() {
    let world = World::new();
    world.put(0, RunState::Running);
    let flushed = world.flush();
    for _ in 0..3 {
        assert_eq!(world.answer(&[retriable()]).await, ["status-task-c-0 RUNNING"]);
    }
    world.answer(&[Ok(())]).await;
    flushed.await.expect("stored");
}

#[tokio::test(start_paused = true)]
async fn refused_states_are_sent_again_later_while_they_are_wanted_and_hold_up_no_flush() {
    let world = World::new();
    world.put(0, RunState::Running);
    world.put(1, RunState::Running);
    let flush = world.flush();
    let refused = || Err(KafkaError::Fatal("WRITE on the topic `t` is missing".to_owned()));
    world.answer(&[refused(), refused()]).await;
    flush.await.expect("told");
    world.put(1, RunState::Paused);
    assert_eq!(world.answer(&[Ok(())]).await, ["status-task-c-1 PAUSED"]);
    for outcome in [refused(), Ok(())] {
        let before = Instant::now();
        assert_eq!(world.answer(&[outcome]).await, ["status-task-c-0 RUNNING"]);
        assert!(before.elapsed() > REFUSED_BACKOFF / 2, "{:?}", before.elapsed());
    }
    drop(world.commands);
    world.writer.await.expect("ended");
    assert!(world.log.sent.lock().expect("unpoisoned").is_empty());
}

#[tokio::test]
async fn failed_sends_that_are_out_of_date_are_given_up() {
    let world = World::new();
    world.put(0, RunState::Running);
    world.put(0, RunState::Paused);
    world.put(1, RunState::Running);
    world.put(2, RunState::Running);
    let flushed = world.flush();
    world.answer(&[retriable(), Ok(()), retriable(), retriable()]).await;
    world.sent().await;
    world.cache.lock().read(&StatusKey::Task("c".into(), 1).to_bytes(), None);
    assert_eq!(world.answer(&[retriable()]).await, ["status-task-c-2 RUNNING"], "0 is newer, 1 was deleted");
    world.sent().await;
    let (state, worker_id) = (RunState::Running, "other".into());
    let newer = encode_status(&Status { state, worker_id, version: None, generation: 2, trace: None });
    world.cache.lock().read(&StatusKey::Task("c".into(), 2).to_bytes(), Some(&newer));
    flushed.await.expect("given up");
    assert!(world.sent().await.is_empty(), "a newer owner tells its own states");
}
