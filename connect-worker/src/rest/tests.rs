//! The resources in one process: real plug-ins and validation, tasks that only pretend, no broker. The requests are
//! those of `tests/scenarios`, the expected answers those of JVM Kafka Connect in `tests/golden/rest`.

mod fake;
mod group;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connect_core::async_trait;
use connect_core::config::Props;
use connect_core::connector::SinkOffsetChanges;
use connect_core::data::Map;
use connect_core::error::ConnectError;
use connect_core::kit::SystemClock;
use connect_core::record::Offsets;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{WorkerConfig, WorkerMode};
use crate::herder::ports::{OffsetStore, SinkOffsets, SinkOffsetsError, TaskSpawner};
use crate::herder::{
    Herder, HerderHandle, HerderSettings, MemoryConfigStore, MemoryStatusStore, Ports, door,
};
use crate::obs::logging::LogControl;
use crate::obs::metrics::MetricsRegistry;
use crate::rest::{
    BoundListeners, LoggerState, Readiness, RestConfig, RestServer, RestState, WorkerInfo, admin_router,
    main_router,
};
use crate::task::{TargetState, TaskEvent, TaskHandle, TaskSpec, TaskState};
use crate::worker::catalog;

const RUN: &str = "rinproc";

/// Tasks that reach every state at once and use the topic of their configuration.
struct PretendTasks;

impl TaskSpawner for PretendTasks {
    fn start(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskEvent>) -> TaskHandle {
        let topic = spec.task_props.get("topic").cloned();
        TaskHandle::spawn(&spec, events, move |mut control| async move {
            loop {
                let target = *control.target.borrow_and_update();
                if target == TargetState::Started {
                    control.report_state(TaskState::Running, None);
                    if let Some(topic) = &topic {
                        control.report_topic(topic.as_str().into());
                    }
                } else {
                    control.report_state(TaskState::Paused, None);
                }
                tokio::select! {
                    biased; // Ending comes first.
                    () = control.stop.cancelled() => break,
                    changed = control.target.changed() => if changed.is_err() { break },
                }
            }
            control.report_state(TaskState::Unassigned, None);
        })
    }
}

/// A worker's offsets that nobody committed.
struct NoOffsets;

#[async_trait]
impl SinkOffsets for NoOffsets {
    async fn list(&self, _connector: &str, _props: &Props) -> Result<Offsets, ConnectError> {
        Ok(Offsets::new())
    }

    async fn alter(
        &self,
        _connector: &str,
        _props: &Props,
        _changes: &SinkOffsetChanges,
    ) -> Result<(), SinkOffsetsError> {
        Err(SinkOffsetsError::GroupNotEmpty)
    }

    async fn reset(&self, _connector: &str, _props: &Props) -> Result<(), SinkOffsetsError> {
        Ok(())
    }

    async fn remove_members(&self, _: &str, _: &Props, _: u32) -> Result<(), ConnectError> {
        Ok(())
    }
}

#[async_trait]
impl OffsetStore for NoOffsets {
    async fn list(&self, _connector: &str, _props: &Props) -> Result<Vec<(Map, Map)>, ConnectError> {
        Ok(Vec::new())
    }

    async fn write(&self, _: &str, _: &Props, _: Vec<(Map, Option<Map>)>) -> Result<(), ConnectError> {
        Ok(())
    }
}

/// A worker in this process.
struct Place {
    port: u16,
    /// Port of a worker that requests are sent to instead.
    front: Option<u16>,
    handle: HerderHandle,
    server: RestServer,
    stop: CancellationToken,
    herder: tokio::task::JoinHandle<crate::herder::StopReport>,
    folder: tempfile::TempDir,
}

impl Place {
    async fn start(extra: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let mut props: Props = [
            ("bootstrap.servers", "127.0.0.1:1"),
            ("listeners", "http://127.0.0.1:0"),
            ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("value.converter", "org.apache.kafka.connect.storage.StringConverter"),
            ("offset.storage.file.filename", "unused"),
        ]
        .into_iter()
        .chain(extra.iter().copied())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
        props.sort_keys();
        let registry = crate::plugins::builtin(Vec::new());
        let worker =
            WorkerConfig::parse(&props, WorkerMode::Standalone, &registry).expect("valid properties");
        let rest = RestConfig::from_props(&props).expect("valid properties");
        let listeners = BoundListeners::bind(&rest).await.expect("a free port");
        let port = listeners.ports()[0];
        let (config, updates) = MemoryConfigStore::new();
        let plugins = catalog(registry.clone(), Arc::new(worker.clone()));
        let ports = Ports {
            resolver: Arc::new(worker.transformer().clone()),
            registry,
            spawner: Arc::new(PretendTasks),
            config: Box::new(config),
            updates,
            status: Box::new(MemoryStatusStore::default()),
            sink_offsets: Arc::new(NoOffsets),
            source_offsets: Arc::new(NoOffsets),
            metrics: MetricsRegistry::for_tests(),
            fleet: None,
        };
        let settings = HerderSettings {
            worker_id: format!("127.0.0.1:{port}").into(),
            task_grace: Duration::from_secs(5),
            tracks_topics: true,
            allows_topic_reset: true,
        };
        let (handle, door) = door(plugins);
        let herder = Herder::new(settings, ports, door);
        let stop = CancellationToken::new();
        let herder = tokio::spawn(herder.run(stop.clone()));
        let readiness = Readiness::default();
        readiness.open(WorkerInfo { version: "4.3.1", commit: "c", kafka_cluster_id: "k".to_owned() });
        readiness.set_started();
        let levels = Arc::new(LogControl::new("INFO", Arc::new(SystemClock)).expect("a level"));
        let state = RestState {
            herder: handle.clone(),
            readiness,
            levels: Arc::clone(&levels) as _,
            peers: None,
            metrics: Arc::new(|| "up 1\n".to_owned()),
        };
        let server =
            listeners.serve(&main_router(state, &rest), &admin_router(LoggerState::new(levels, None)));
        Self { port, front: None, handle, server, stop, herder, folder }
    }

    async fn end(self) {
        assert!(self.server.stop().await, "requests end");
        self.stop.cancel();
        let report = self.herder.await.expect("the herder ends");
        assert_eq!(report.abandoned, 0);
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", "").await
    }

    async fn call(&self, method: &str, path: &str, head: &str, text: &str) -> Answer {
        call(self.front.unwrap_or(self.port), method, path, head, text).await
    }

    fn filled(&self, text: &str) -> String {
        text.replace("<run>", RUN).replace("<dir>", &self.folder.path().to_string_lossy())
    }

    fn generalised(&self, text: &str) -> String {
        text.replace(&*self.folder.path().to_string_lossy(), "<dir>")
            .replace(&format!("127.0.0.1:{}", self.port), "<worker>")
            .replace(&format!("127.0.0.1:{}", self.front.unwrap_or(self.port)), "<worker>")
            .replace(RUN, "<run>")
    }

    /// Plays a scenario and returns the requests that were answered otherwise than by the JVM.
    async fn play(&self, scenario: &str) -> Vec<String> {
        let steps = read(&format!("scenarios/{scenario}.json"));
        let golden = read(&format!("golden/rest/standalone/{scenario}.json"));
        let mut wrong = Vec::new();
        for step in steps["steps"].as_array().expect("steps") {
            if let Some(path) = step["wait"].as_str() {
                self.wait(path, step).await;
            }
            let Some(id) = step["id"].as_str() else { continue };
            let body =
                step.get("body").map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
            let body = body.map(|body| self.filled(&body));
            let ty = step["content_type"].as_str().unwrap_or("application/json");
            let (method, path) =
                (step["method"].as_str().expect("a method"), step["path"].as_str().expect("a path"));
            let head = match &body {
                None => String::new(),
                Some(text) => format!("Content-Type: {ty}\r\nContent-Length: {}\r\n", text.len()),
            };
            let answer = self.call(method, &self.filled(path), &head, &body.unwrap_or_default()).await;
            let found = self.comparable(&answer, step["unordered"] == Json::Bool(true));
            let wanted = json!({
                "status": golden[id]["status"],
                "headers": golden[id].get("headers").cloned().unwrap_or_else(|| json!({})),
                "body": golden[id]["body"],
            });
            // As text, because the order of members counts.
            let (found, wanted) = (found.to_string(), wanted.to_string());
            if found != wanted && step.get("difference").is_none() {
                wrong.push(format!("{id}: {method} {path}\n  wanted {wanted}\n  got    {found}"));
            }
        }
        wrong
    }

    async fn wait(&self, path: &str, step: &Json) {
        let contains = self.filled(step["contains"].as_str().unwrap_or_default());
        let lacks = step["lacks"].as_str().map(|text| self.filled(text));
        let mut body = String::new();
        for _ in 0..500 {
            body = self.get(&self.filled(path)).await.body;
            if body.contains(&contains) && lacks.as_ref().is_none_or(|lacks| !body.contains(lacks)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waiting for `{contains}` at {path}, saw {body}");
    }

    fn comparable(&self, answer: &Answer, is_unordered: bool) -> Json {
        let mut headers = serde_json::Map::new();
        for name in ["allow", "content-type", "location"] {
            // The JVM does not tell the methods when it refuses one.
            if let Some(value) = answer.headers.get(name).filter(|_| answer.status != 405 || name != "allow")
            {
                headers.insert(name.to_owned(), Json::from(self.generalised(value)));
            }
        }
        let text = without_columns(&self.generalised(&answer.body));
        let mut body = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.is_empty() => Json::Null,
            Err(_) => Json::String(text),
        };
        hide(&mut body);
        if is_unordered {
            sort(&mut body);
        }
        json!({"status": answer.status, "headers": headers, "body": body})
    }
}

/// Sends a request; `head` holds header lines, each with its line end.
async fn call(port: u16, method: &str, path: &str, head: &str, text: &str) -> Answer {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{head}\r\n{text}"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("the server answers");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Answer { status: status.expect("a status"), headers, body: body.to_owned() }
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

fn read(file: &str) -> Json {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests").join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    serde_json::from_str(&without_columns(&text)).expect("JSON")
}

/// Hides what depends on the length of filled-in names.
fn without_columns(text: &str) -> String {
    let mut parts = text.split("column: ");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches("<n>").trim_start_matches(|c: char| c.is_ascii_digit());
        result.push_str("column: <n>");
        result.push_str(rest);
    }
    result
}

/// Hides what no two workers share, and orders what has no order.
fn hide(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(hide),
        Json::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), &mut *member) {
                    ("commit" | "kafka_cluster_id", Json::String(text)) => *text = format!("<{key}>"),
                    ("last_modified", Json::Number(_)) => *member = Json::from("<time>"),
                    ("message", Json::String(text)) => {
                        if let Some((head, _)) = text.split_once("available connectors are: ") {
                            *text = format!("{head}available connectors are: <plugins>");
                        }
                    }
                    ("config", inner @ Json::Object(_)) => sort(inner),
                    (_, inner) => hide(inner),
                }
            }
        }
        _ => {}
    }
}

fn sort(value: &mut Json) {
    match value {
        Json::Object(members) => members.sort_keys(),
        Json::Array(items) => items.sort_by_key(Json::to_string),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_the_jvm() {
    let place = Place::start(&[]).await;
    let mut wrong = Vec::new();
    for scenario in ["connector", "create", "http", "loggers"] {
        wrong.extend(place.play(scenario).await.into_iter().map(|line| format!("{scenario}: {line}")));
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    place.end().await;
}

#[tokio::test]
async fn headers_and_cross_origin_rules_apply_to_the_main_listeners() {
    let place = Place::start(&[
        ("access.control.allow.origin", "http://good"),
        ("response.http.headers.config", "set X-Frame-Options: DENY"),
        ("admin.listeners", ""),
    ])
    .await;
    let answer = place.call("GET", "/", "Origin: http://good\r\n", "").await;
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    assert_eq!(header("access-control-allow-origin"), Some("http://good"));
    assert_eq!(header("x-frame-options"), Some("DENY"));
    assert_eq!(place.get("/admin/loggers").await.status, 404);
    assert_eq!(place.get("/metrics").await.body, "up 1\n");
    place.end().await;
}

#[tokio::test]
async fn page_is_served_and_may_load_nothing_from_elsewhere() {
    let place = Place::start(&[]).await;
    let answer = place.get("/ui").await;
    let header = |name: &str| answer.headers.get(name).map(String::as_str);
    assert_eq!((answer.status, header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
    assert!(answer.body.contains("/connectors?expand=status&expand=info"));
    assert!(
        !answer.body.contains("http://") && !answer.body.contains("https://"),
        "no address of another server"
    );
    place.end().await;
}
