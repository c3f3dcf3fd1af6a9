use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use connect_core::config::Props;
use connect_core::data::{Datum, Value};
use connect_core::kit::SystemClock;
use connect_core::task::ErrantRecordReporter;
use connect_core::testkit::{
    HandleCall, RecordingHandle, RecordingReporter, props, record, records, sink_context,
};

use crate::client::fake::{FakeStream, failed};
use crate::errors::{CallError, judge};

use super::*;

struct Rig {
    work: Work,
    stream: Arc<FakeStream>,
    handle: Arc<RecordingHandle>,
    reporter: Arc<RecordingReporter>,
}

fn rig(extra: &[(&str, &str)], stream: FakeStream) -> Rig {
    static STREAMS: AtomicUsize = AtomicUsize::new(0);
    // Tests of one process do not hold each other's streams.
    let name = format!("stream-{}", STREAMS.fetch_add(1, Ordering::Relaxed));
    let mut settings: Props =
        props(&[("deliveryStream", &name), ("retry.backoff.ms", "2"), ("batchSize", "5")]);
    settings.extend(props(extra));
    let (mut context, handle) = sink_context(Arc::new(SystemClock));
    let reporter = Arc::new(RecordingReporter::default());
    context.errant_reporter = Some(Arc::clone(&reporter) as Arc<dyn ErrantRecordReporter>);
    let stream = Arc::new(stream);
    let settings = Settings::parse(&settings).expect("valid");
    let mut work = Work::new(settings, Arc::clone(&stream) as Arc<dyn DeliveryStream>, context);
    work.open(&[TopicPartition::new("t", 0)]);
    Rig { work, stream, handle, reporter }
}

fn batch(offsets: std::ops::Range<i64>) -> Vec<SinkRecord> {
    records("t", 0, offsets, |offset| Datum::schemaless(Value::string(format!("v{offset}"))))
}

fn texts(offsets: impl IntoIterator<Item = i64>) -> Vec<String> {
    offsets.into_iter().map(|offset| format!("v{offset}")).collect()
}

async fn committed(rig: &mut Rig, consumed: i64) -> Option<i64> {
    let partition = TopicPartition::new("t", 0);
    let offsets = rig.work.committable(&Offsets::from([(partition.clone(), consumed)])).await;
    offsets.get(&partition).copied()
}

fn throttled() -> CallError {
    CallError::Again { reason: "slow down".to_owned(), after: None, is_throttle: true }
}

#[tokio::test]
async fn only_failed_entries_are_sent_again_and_in_their_order() {
    let stream = FakeStream::answering(|call, entries| {
        let answer = |index| match (call, index) {
            (0, 1 | 3) => failed("InternalFailure"),
            (1, 0) => failed("ServiceUnavailableException"),
            _ => Ok(()),
        };
        Ok((0..entries.len()).map(answer).collect())
    });
    let mut rig = rig(&[("preserve.order", "true")], stream);
    assert!(rig.work.put(&batch(0..7)).await.expect("taken").is_empty());
    assert_eq!(committed(&mut rig, 7).await, Some(7));
    assert_eq!(
        rig.stream.calls(),
        [texts(0..5), texts([1, 3, 5, 6]), texts([1])],
        "failed entries come before later records of their partition"
    );
    let mut accepted = rig.stream.accepted();
    accepted.sort();
    assert_eq!(accepted, texts(0..7), "nothing twice");
}

#[tokio::test]
async fn one_of_five_hundred_entries_that_fails_again_and_again_is_sent_alone_until_it_is_taken() {
    const FAILURES: usize = 6;
    let stream = FakeStream::answering(|call, entries| {
        let answer = |entry: &connect_core::Bytes| match entry.as_ref() {
            b"v77" if call < FAILURES => failed("ServiceUnavailableException"),
            _ => Ok(()),
        };
        Ok(entries.iter().map(answer).collect())
    });
    let mut rig = rig(&[("batchSize", "500")], stream);
    assert!(rig.work.put(&batch(0..500)).await.expect("taken").is_empty());
    assert_eq!(committed(&mut rig, 500).await, Some(500));
    let calls = rig.stream.calls();
    assert_eq!(calls[0], texts(0..500));
    assert_eq!(calls[1..], vec![texts([77]); FAILURES], "the one alone, and no longer than it fails");
    let expected = texts((0..500).filter(|offset| *offset != 77).chain([77]));
    assert_eq!(rig.stream.accepted(), expected, "each once");
}

#[tokio::test]
async fn a_call_accepted_without_an_answer_is_repeated_and_nothing_else_is() {
    let stream = FakeStream::answering(|call, entries| match call {
        // As `AwsFirehose` tells of a request that ran into its time limit.
        0 => Err(judge(None, None, "no answer within 30000 ms", None)),
        _ => Ok(vec![Ok(()); entries.len()]),
    });
    let mut rig = rig(&[], stream);
    rig.work.put(&batch(0..10)).await.expect("taken");
    assert_eq!(committed(&mut rig, 10).await, Some(10));
    assert_eq!(rig.stream.calls(), [texts(0..5), texts(5..10), texts(0..5)]);
    assert!(rig.reporter.take().is_empty());
}

#[tokio::test]
async fn offsets_stop_before_an_entry_that_is_not_accepted() {
    let stream = FakeStream::answering(|_, entries| {
        let answer = |entry: &connect_core::Bytes| match entry.as_ref() {
            b"v3" => failed("InternalFailure"),
            _ => Ok(()),
        };
        Ok(entries.iter().map(answer).collect())
    });
    let mut rig = rig(&[("flush.timeout.ms", "200")], stream);
    rig.work.put(&batch(0..8)).await.expect("taken");
    assert_eq!(committed(&mut rig, 8).await, Some(3));
    let accepted = rig.stream.accepted();
    assert_eq!(accepted, texts([0, 1, 2, 4, 5, 6, 7]), "each once, whatever happens to the one");
    assert!(
        rig.handle
            .take()
            .iter()
            .any(|call| matches!(call, HandleCall::Trouble(Some(text)) if text.contains("offset 3"))),
        "the trouble is told"
    );
}

#[tokio::test]
async fn an_entry_that_firehose_refuses_is_found_reported_and_passed() {
    let stream = FakeStream::answering(|_, entries| {
        match entries.iter().any(|entry| entry.windows(2).any(|part| part == b"v2")) {
            true => Err(CallError::Invalid("1 validation error".to_owned())),
            false => Ok(vec![Ok(()); entries.len()]),
        }
    });
    let mut rig = rig(&[("aggregation.max.records", "2")], stream);
    rig.work.put(&batch(0..6)).await.expect("taken");
    assert_eq!(committed(&mut rig, 6).await, Some(6));
    let mut sent = rig.stream.accepted();
    sent.sort();
    // Joined entries come apart where one of their records is refused.
    assert_eq!(sent, ["v0v1", "v3", "v4v5"]);
    let reports = rig.reporter.take();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].1, 2);
}

#[tokio::test]
async fn a_stream_that_refuses_every_record_fails_the_task_and_reports_none() {
    let stream = FakeStream::answering(|_, _| Err(CallError::Invalid("nothing is right".to_owned())));
    let mut rig = rig(&[], stream);
    rig.work.put(&batch(0..5)).await.expect("taken");
    assert_eq!(committed(&mut rig, 5).await, None);
    let error = rig.work.put(&[]).await.expect_err("the stream is at fault");
    assert!(error.to_string().contains("every record of a request is refused"), "{error}");
    assert!(rig.reporter.take().is_empty());
}

#[tokio::test]
async fn records_that_cannot_be_entries_are_failures_of_the_batch() {
    let mut rig = rig(&[("record.delimiter", "\\n")], FakeStream::accepting());
    let text = |size: usize| Datum::schemaless(Value::string("x".repeat(size)));
    let limit = 1000 * 1024;
    let batch = [
        record("t", 0, 0, text(limit)),
        record("t", 0, 1, text(limit - 1)),
        record("t", 0, 2, Datum::NULL),
        record("t", 0, 3, text(0)),
    ];
    let failed = rig.work.put(&batch).await.expect("taken");
    assert_eq!(failed.iter().map(|failure| failure.index).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(committed(&mut rig, 4).await, Some(4));
    assert_eq!(rig.stream.accepted().iter().map(String::len).collect::<Vec<_>>(), [limit, 1]);
}

#[tokio::test]
async fn calls_that_fail_are_made_again_with_every_entry_and_throttles_hold_all_tasks_of_the_stream() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let stream = FakeStream::answering(move |call, entries| {
        seen.lock().expect("not poisoned").push(Instant::now());
        if call == 0 { Err(throttled()) } else { Ok(vec![Ok(()); entries.len()]) }
    });
    let mut rig = rig(&[], stream);
    rig.work.put(&batch(0..5)).await.expect("taken");
    assert_eq!(committed(&mut rig, 5).await, Some(5));
    assert_eq!(rig.stream.calls(), [texts(0..5), texts(0..5)]);
    let times = times.lock().expect("not poisoned").clone();
    assert!(times[1] - times[0] >= Duration::from_millis(240), "{:?}", times[1] - times[0]);
}

#[tokio::test]
async fn partitions_are_paused_while_too_much_is_held_and_resumed_when_it_is_gone() {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let stream = FakeStream::answering(move |_, entries| {
        let answer = if opened.load(Ordering::Relaxed) { Ok(()) } else { failed("InternalFailure") };
        Ok(vec![answer; entries.len()])
    });
    let mut rig = rig(&[("max.buffered.records", "5")], stream);
    rig.work.put(&batch(0..10)).await.expect("taken");
    let all = vec![TopicPartition::new("t", 0)];
    assert!(rig.handle.take().contains(&HandleCall::Pause(all.clone())), "ten are held, five are allowed");
    is_open.store(true, Ordering::Relaxed);
    assert_eq!(committed(&mut rig, 10).await, Some(10));
    assert!(rig.handle.take().contains(&HandleCall::Resume(all)));
    let mut accepted = rig.stream.accepted();
    accepted.sort();
    assert_eq!(accepted, texts(0..10), "each once");
}

#[tokio::test]
async fn records_whose_topic_a_transform_renamed_commit_their_own_partition() {
    let mut rig = rig(&[], FakeStream::accepting());
    let mut renamed = batch(0..5);
    renamed.iter_mut().for_each(|record| record.topic = Arc::from("elsewhere"));
    rig.work.put(&renamed).await.expect("taken");
    assert_eq!(committed(&mut rig, 5).await, Some(5));
    assert_eq!(rig.stream.accepted(), texts(0..5));
}

#[tokio::test]
async fn a_batch_that_comes_again_is_taken_only_once() {
    let mut rig = rig(&[], FakeStream::accepting());
    rig.work.put(&batch(0..3)).await.expect("taken");
    rig.work.put(&batch(0..5)).await.expect("taken");
    assert_eq!(committed(&mut rig, 5).await, Some(5));
    assert_eq!(rig.stream.accepted(), texts(0..5));
}

#[tokio::test]
async fn records_tried_for_too_long_fail_the_task() {
    let stream = FakeStream::answering(|_, entries| Ok(vec![failed("InternalFailure"); entries.len()]));
    let mut rig = rig(&[("retry.max.time.ms", "50"), ("flush.timeout.ms", "5000")], stream);
    rig.work.put(&batch(0..1)).await.expect("taken");
    assert_eq!(committed(&mut rig, 1).await, None);
    let error = rig.work.put(&[]).await.expect_err("given up");
    assert!(error.to_string().contains("`retry.max.time.ms`"), "{error}");
}
