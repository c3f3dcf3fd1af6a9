//! The contracts, and what the file connectors do beyond them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use connect_core::Bytes;
use connect_core::config::Props;
use connect_core::data::json::decode_canonical;
use connect_core::data::{Datum, Map, Value, logical};
use connect_core::plugin::{Factory, PluginInfo};
use connect_core::record::{Offsets, SourceRecord, TopicPartition};
use connect_core::task::{SinkTask, SourceTask};
use connect_core::testkit::{
    FakeClock, HandleCall, MemoryOffsets, connector_context, props, record, records, sink_context,
    sink_contract, source_context, source_contract,
};

use crate::plugins;

fn plugin(suffix: &str) -> PluginInfo {
    plugins().into_iter().find(|plugin| plugin.class.ends_with(suffix)).expect("registered")
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn new_source() -> Box<dyn SourceTask> {
    let Factory::Source(make) = plugin("SourceConnector").factory else { panic!("not a source") };
    make().task()
}

fn new_sink() -> Box<dyn SinkTask> {
    let Factory::Sink(make) = plugin("SinkConnector").factory else { panic!("not a sink") };
    make().task()
}

fn text(value: &str) -> Datum {
    Datum::new(Some(Arc::clone(&logical::STRING)), Value::string(value))
}

fn source_props(file: &Path) -> Props {
    props(&[("file", path_text(file)), ("topic", "lines"), ("batch.size", "3")])
}

/// Each record as its text and the position after it.
fn shown(records: &[SourceRecord]) -> Vec<(String, i64)> {
    let show = |record: &SourceRecord| {
        let offset = record.source_offset.as_ref().and_then(|offset| offset.get("position").cloned());
        let Some(Value::Int64(position)) = offset else { panic!("no position in {record:?}") };
        (record.value.value().as_str().unwrap_or_default().to_owned(), position)
    };
    records.iter().map(show).collect()
}

fn map(key: &str, value: Value) -> Map {
    Map { entries: vec![(Value::string(key), value)] }
}

#[tokio::test]
async fn source_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("in.txt");
    let lines: String = (0..5_000).map(|number| format!("line {number} ä\n")).collect();
    fs::write(&file, lines).expect("write");
    source_contract(
        &plugin("SourceConnector"),
        &source_props(&file),
        &[("topic", ""), ("batch.size", "x")],
        5_000,
    )
    .await;
}

#[tokio::test]
async fn sink_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("folder");
    let props = props(&[("file", path_text(&folder.path().join("out.txt")))]);
    sink_contract(&plugin("SinkConnector"), &props, &[], &text("a")).await;
}

#[tokio::test]
async fn source_connector_has_one_task_whatever_is_allowed() {
    let Factory::Source(make) = plugin("SourceConnector").factory else { panic!("not a source") };
    let mut connector = make();
    let props = props(&[("topic", "t")]);
    connector.start(connector_context().0, &props).await.expect("start");
    assert_eq!(connector.task_configs(7).expect("configs"), [props]);
}

#[tokio::test]
async fn positions_count_bytes_and_batches_are_limited() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("in.txt");
    fs::write(&file, "a\nää\r\nb\n\nwaits").expect("write");
    let mut task = new_source();
    task.start(source_context(Arc::default()), &source_props(&file)).await.expect("start");
    let first = task.poll().await.expect("poll");
    assert_eq!(shown(&first), [("a".to_owned(), 2), ("ää".to_owned(), 8), ("b".to_owned(), 10)]);
    assert_eq!(first[0].source_partition.as_deref(), Some(&map("filename", Value::string(path_text(&file)))));
    assert_eq!((&*first[0].topic, first[0].partition, first[0].key.clone()), ("lines", None, Datum::NULL));
    assert_eq!(shown(&task.poll().await.expect("poll")), [(String::new(), 11)]);
    assert_eq!(task.poll().await.expect("poll"), []);
    let mut handle = fs::OpenOptions::new().append(true).open(&file).expect("open");
    handle.write_all(b" no more\n").expect("write");
    assert_eq!(shown(&task.poll().await.expect("poll")), [("waits no more".to_owned(), 25)]);
}

#[tokio::test]
async fn missing_file_is_waited_for_and_read_from_its_stored_position() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("later.txt");
    let offsets = Arc::new(MemoryOffsets::default());
    offsets.store(map("filename", Value::string(path_text(&file))), map("position", Value::Int64(4)));
    let mut task = new_source();
    task.start(source_context(offsets), &source_props(&file)).await.expect("start");
    assert_eq!(task.poll().await.expect("poll"), []);
    fs::write(&file, "one\ntwo\n").expect("write");
    assert_eq!(shown(&task.poll().await.expect("poll")), [("two".to_owned(), 8)]);
}

#[tokio::test]
async fn stored_position_of_another_type_and_a_folder_fail_the_task() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("in.txt");
    fs::write(&file, "one\n").expect("write");
    let offsets = Arc::new(MemoryOffsets::default());
    offsets.store(map("filename", Value::string(path_text(&file))), map("position", Value::string("4")));
    let cases = [
        (file.as_path(), "Offset position is the incorrect type".to_owned()),
        (folder.path(), format!("opening file `{}`: it is a directory", path_text(folder.path()))),
    ];
    for (path, expected) in cases {
        let mut task = new_source();
        task.start(source_context(Arc::clone(&offsets)), &source_props(path)).await.expect("start");
        let error = task.poll().await.expect_err("fatal");
        assert_eq!((error.to_string(), error.is_retriable()), (expected, false));
    }
}

#[tokio::test]
async fn sink_appends_the_java_text_of_values() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("out.txt");
    fs::write(&file, "before\n").expect("write");
    let mut task = new_sink();
    let (context, handle) = sink_context(Arc::new(FakeClock::new()));
    task.start(context, &props(&[("file", path_text(&file))])).await.expect("start");
    let entries =
        vec![(Value::string("a"), Value::Int64(1)), (Value::string("b"), Value::Array(vec![Value::Null]))];
    let json = Bytes::from_static(br#"{"level":"ERROR","count":2,"tags":[true,null]}"#);
    let undecoded = Datum::from_json(json, decode_canonical);
    let values = [text("x"), Datum::NULL, Datum::schemaless(Value::Map(Map { entries })), undecoded];
    let batch: Vec<_> = (0..).zip(values).map(|(offset, value)| record("t", 0, offset, value)).collect();
    let report = task.put(&batch).await.expect("put");
    assert!(report.failed.is_empty() && handle.take().is_empty());
    let consumed = Offsets::from([(TopicPartition::new("t", 0), 4)]);
    assert_eq!(task.pre_commit(&consumed).await.expect("pre_commit"), consumed);
    let expected = "before\nx\nnull\n{a=1, b=[null]}\n{level=ERROR, count=2, tags=[true, null]}\n";
    assert_eq!(fs::read_to_string(&file).expect("read"), expected);
}

#[test]
fn preview_shows_the_line_of_each_record_and_touches_no_file() {
    let Factory::Sink(make) = plugin("SinkConnector").factory else { panic!("not a sink") };
    let batch = [record("t", 0, 0, text("x")), record("t", 0, 1, Datum::NULL)];
    let preview = make().preview(&props(&[("file", "/no/such/folder/out.txt")]), &batch, 0);
    let outputs = preview.expect("valid").expect("shown").outputs;
    let shown: Vec<_> =
        outputs.iter().map(|output| (&*output.target, &*output.content, &*output.records)).collect();
    let file = "/no/such/folder/out.txt";
    assert_eq!(shown, [(file, b"x\n".as_slice(), [0].as_slice()), (file, b"null\n", &[1])]);
}

#[tokio::test]
async fn sink_that_cannot_create_its_file_fails_with_kafkas_text() {
    let error = new_sink()
        .start(sink_context(Arc::new(FakeClock::new())).0, &props(&[("file", "/no/such/folder/out.txt")]))
        .await
        .expect_err("fatal");
    assert_eq!(
        error.trace().lines().next(),
        Some(
            "org.apache.kafka.connect.errors.ConnectException: Couldn't find or create file \
             '/no/such/folder/out.txt' for FileStreamSinkTask"
        )
    );
}

/// `/dev/full` refuses every write for want of space.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_disk_is_retriable_told_and_commits_nothing() {
    let mut task = new_sink();
    let (context, handle) = sink_context(Arc::new(FakeClock::new()));
    task.start(context, &props(&[("file", "/dev/full")])).await.expect("start");
    let batch = records("t", 0, 5..8, |_| text("a"));
    for _ in 0..2 {
        let error = task.put(&batch).await.expect_err("full");
        assert!(error.is_retriable());
        let calls = handle.take();
        let [HandleCall::RetryIn(_), HandleCall::Trouble(Some(trouble))] = calls.as_slice() else {
            panic!("{calls:?}")
        };
        assert!(trouble.starts_with("writing to file `/dev/full`: no space left"), "{trouble}");
        let partition = TopicPartition::new("t", 0);
        let offered = task.pre_commit(&Offsets::from([(partition.clone(), 8)])).await.expect("pre_commit");
        assert_eq!(offered, Offsets::from([(partition, 5)]));
    }
}
