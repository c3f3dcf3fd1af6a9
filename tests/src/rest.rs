//! The differential REST tests: one list of requests, sent to JVM Kafka Connect and to the worker under test.
//!
//! A scenario (`tests/scenarios/*.json`) holds requests and no expectations: the JVM's answers, kept in
//! `tests/golden/rest`, are the expectations. What differs from run to run is replaced by a name in angle brackets,
//! and the same names may be used in requests. A deliberate difference is named in the step that shows it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{kafka::KafkaClient, services::repository, wait};

const ANSWER_LIMIT: Duration = Duration::from_secs(100);
const PLUGIN_LIST: &str = "available connectors are: ";
/// Headers that clients of Kafka Connect look at; dates, lengths and the server's name are left out.
const COMPARED_HEADERS: [&str; 3] = ["content-type", "location", "allow"];

/// A list of steps that run in order against one worker.
#[derive(Debug, Deserialize)]
pub struct Scenario {
    /// What the scenario is about.
    pub about: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step of a scenario.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// Sends a request and keeps the answer under its id.
    Request(Box<Request>),
    /// Waits until a GET of a path gives a body that holds a text, or lacks one, and goes on to for a while.
    Wait {
        wait: String,
        #[serde(default)]
        contains: String,
        lacks: Option<String>,
        /// For what may be true before what was asked for has begun.
        #[serde(default)]
        holds_ms: u64,
    },
    /// Creates a topic with one partition and produces values to it.
    Produce { produce: String, values: Vec<String> },
    /// Writes a file into the scenario's folder.
    Write { write: String, text: String },
}

/// One request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The name of the request in the golden file.
    pub id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The body; a JSON string is sent as it is, anything else as JSON.
    body: Option<Value>,
    /// The content type, `application/json` when there is a body and nothing is said.
    content_type: Option<String>,
    /// Whether the order of the top-level members of the answer is unspecified.
    #[serde(default)]
    unordered: bool,
    /// Why and how the worker under test answers otherwise.
    pub difference: Option<Difference>,
}

/// A deliberate difference from Kafka Connect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The entry in `docs/differences.md`.
    pub entry: String,
    /// The answer of the worker under test; when absent, status, headers and member names must still agree.
    pub answer: Option<Answer>,
}

/// What a worker answered, with the changing parts replaced.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that clients look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body as JSON, or as a string when it is not JSON; absent when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// The answers of one scenario by request id, in the order of the requests.
pub type Answers = Vec<(String, Answer)>;

/// A worker that scenarios are sent to.
pub struct Worker<'a> {
    /// `http://host:port`.
    pub url: String,
    /// `host:port` of its broker.
    pub bootstrap: String,
    /// A client of its broker.
    pub kafka: &'a KafkaClient,
    /// A folder for connectors' files.
    pub folder: PathBuf,
    /// `host:port` of the other workers of its cluster, on which connectors may run too.
    pub others: Vec<String>,
    /// A word in all names that this scenario uses, so that workers may share a broker, and scenarios a worker.
    pub run: String,
}

impl Scenario {
    /// Returns all scenarios with the names of their files, sorted by name.
    pub fn all() -> Vec<(String, Self)> {
        let folder = repository().join("tests/scenarios");
        let mut scenarios: Vec<(String, Self)> = fs::read_dir(&folder)
            .expect("the scenarios are in tests/scenarios")
            .map(|entry| {
                let path = entry.expect("a folder can be listed").path();
                let text = fs::read_to_string(&path).expect("a scenario can be read");
                let scenario = serde_json::from_str(&text);
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                (name, scenario.unwrap_or_else(|error| panic!("reading {}: {error}", path.display())))
            })
            .collect();
        scenarios.sort_by(|left, right| left.0.cmp(&right.0));
        scenarios
    }

    /// Returns the requests of the scenario.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.steps.iter().filter_map(|step| match step {
            Step::Request(request) => Some(&**request),
            _ => None,
        })
    }

    /// Makes the scenario demand the golden answers themselves, as is right for the worker that gave them.
    pub fn forget_differences(&mut self) {
        for step in &mut self.steps {
            if let Step::Request(request) = step {
                request.difference = None;
            }
        }
    }

    /// Runs the scenario against `worker` and returns its answers.
    pub async fn run(&self, worker: &Worker<'_>) -> Answers {
        let client = Client::builder().timeout(ANSWER_LIMIT).build().expect("an HTTP client is made");
        let mut answers = Vec::new();
        for step in &self.steps {
            match step {
                Step::Request(request) => {
                    answers.push((request.id.clone(), worker.answer(&client, request).await))
                }
                Step::Wait { wait, contains, lacks, holds_ms } => {
                    let time = Duration::from_millis(*holds_ms);
                    worker.wait(&client, wait, contains, lacks.as_deref(), time).await;
                }
                Step::Produce { produce, values } => {
                    let topic = worker.filled(produce);
                    worker.kafka.create_topic(&topic, 1).await;
                    worker.kafka.produce(&topic, 0, values).await;
                }
                Step::Write { write, text } => {
                    fs::write(worker.folder.join(worker.filled(write)), text).expect("a file is written");
                }
            }
        }
        answers
    }
}

impl Worker<'_> {
    /// Sends a request; again while the worker says that it is in the middle of a rebalance, as clients must.
    async fn answer(&self, client: &Client, request: &Request) -> Answer {
        wait::until(&format!("an answer to `{}`", request.id), wait::LIMIT, async || {
            let answer = self.send(client, request).await;
            let text = answer.body.as_ref().map(Value::to_string).unwrap_or_default();
            if answer.status >= 400 && text.contains("rebalance") { Err(answer) } else { Ok(answer) }
        })
        .await
    }

    async fn send(&self, client: &Client, request: &Request) -> Answer {
        let method = Method::from_bytes(request.method.as_bytes()).expect("a method is a token");
        let mut call = client.request(method, format!("{}{}", self.url, self.filled(&request.path)));
        if let Some(body) = &request.body {
            let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            call = call.body(self.filled(&text));
            call = call.header("Content-Type", request.content_type.as_deref().unwrap_or("application/json"));
        }
        let response =
            call.send().await.unwrap_or_else(|error| panic!("request `{}`: {error:?}", request.id));
        self.normalised(response, request.unordered).await
    }

    async fn wait(&self, client: &Client, path: &str, contains: &str, lacks: Option<&str>, time: Duration) {
        let (path, contains) = (self.filled(path), self.filled(contains));
        let lacks = lacks.map(|text| self.filled(text));
        let url = format!("{}{path}", self.url);
        let mut since = None;
        wait::until(&format!("`{contains}` without {lacks:?} at {path}"), wait::LIMIT, async || {
            let body = match client.get(&url).send().await {
                Ok(response) => response.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            let is_free = lacks.as_ref().is_none_or(|text| !body.contains(text));
            if !is_free || !body.contains(&contains) {
                since = None;
                return Err(body);
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= time { Ok(()) } else { Err(body) }
        })
        .await;
    }

    /// Puts this worker's values in the place of names in angle brackets.
    fn filled(&self, text: &str) -> String {
        let folder = self.folder.to_string_lossy();
        text.replace("<run>", &self.run).replace("<dir>", &folder).replace("<bootstrap>", &self.bootstrap)
    }

    /// Does the opposite of [`Worker::filled`].
    fn generalised(&self, text: &str) -> String {
        let worker_id = self.url.trim_start_matches("http://");
        let text = text
            .replace(&*self.folder.to_string_lossy(), "<dir>")
            .replace(&self.bootstrap, "<bootstrap>")
            .replace(worker_id, "<worker>")
            .replace(&self.run, "<run>");
        self.others.iter().fold(text, |text, other| text.replace(other, "<worker>"))
    }

    async fn normalised(&self, response: Response, unordered: bool) -> Answer {
        let status = response.status().as_u16();
        let is_refused_method = status == 405;
        let headers = COMPARED_HEADERS.iter().filter_map(|name| {
            // HTTP demands the methods here; the JVM leaves them out, see `allow-header` in the differences.
            if is_refused_method && *name == "allow" {
                return None;
            }
            let value = response.headers().get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), self.generalised(value)))
        });
        let headers = headers.collect();
        let text = self.generalised(&response.text().await.expect("a body arrives whole"));
        let text = without_columns(&text);
        let body = match serde_json::from_str::<Value>(&text) {
            _ if text.is_empty() => None,
            Ok(mut value) => {
                hide_changing(&mut value);
                if unordered {
                    sort(&mut value);
                }
                Some(value)
            }
            Err(_) => Some(Value::String(text)),
        };
        Answer { status, headers, body }
    }
}

/// Hides the columns in a JSON parser's messages: they depend on the length of what was filled in.
fn without_columns(text: &str) -> String {
    let mut parts = text.split("column: ");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("column: <n>");
        result.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    result
}

/// Replaces values that no two workers share, and puts what has no order into one.
fn hide_changing(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), &mut *member) {
                    ("commit" | "kafka_cluster_id", Value::String(text)) => *text = format!("<{key}>"),
                    ("last_modified", Value::Number(_)) => *member = Value::String("<time>".to_owned()),
                    // Each worker explains its keys in its own words.
                    ("documentation", Value::String(text)) if !text.is_empty() => *text = "<text>".to_owned(),
                    ("message", Value::String(text)) => {
                        // Which plug-ins there are is a matter of the installation.
                        if let Some(at) = text.find(PLUGIN_LIST) {
                            text.truncate(at + PLUGIN_LIST.len());
                            text.push_str("<plugins>");
                        }
                    }
                    ("trace", Value::String(text)) => {
                        text.truncate(text.find('\n').unwrap_or(text.len()));
                    }
                    // Which plug-ins there are is a matter of the installation; those of Kafka itself must be there.
                    ("recommended_values", Value::Array(names)) if names.iter().any(is_kafkas) => {
                        names.retain(is_kafkas);
                    }
                    // A hash map in the JVM.
                    ("config" | "partition", inner @ Value::Object(_)) => sort(inner),
                    _ => hide_changing(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_changing),
        _ => {}
    }
}

fn is_kafkas(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.starts_with("org.apache.kafka."))
}

fn sort(value: &mut Value) {
    match value {
        Value::Object(members) => members.sort_keys(),
        Value::Array(items) => items.sort_by_key(Value::to_string),
        _ => {}
    }
}
