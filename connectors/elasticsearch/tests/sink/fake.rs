//! A cluster in this process: answers over HTTP as the bulk API does, with faults as a test tells it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

/// What the cluster does with an item instead of writing it.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    /// How often; the item is written afterwards.
    pub(crate) times: usize,
}

/// What the cluster does with a bulk request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Answers with a status, and perhaps a number of seconds in `Retry-After`.
    Answer(u16, Option<u64>),
    /// Writes everything and does not answer in time.
    Silence(Duration),
    /// Hangs up.
    Drop,
    /// Answers after a while.
    Delay(Duration),
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Documents by index and id, each with its version.
    pub(crate) documents: BTreeMap<(String, String), (Json, i64)>,
    pub(crate) indices: HashMap<String, Json>,
    pub(crate) streams: HashSet<String>,
    /// Other things put under a path.
    pub(crate) stored: HashMap<String, Json>,
    /// Refusals by id.
    pub(crate) refusals: HashMap<String, Refusal>,
    /// Faults of the next bulk requests, in order.
    pub(crate) faults: Vec<Fault>,
    /// Items a bulk request may have; more are answered with 413.
    pub(crate) most_items: Option<usize>,
    /// Ids in the order they were written, of each request apart.
    pub(crate) requests: Vec<Vec<String>>,
    /// Queries of the bulk requests.
    pub(crate) queries: Vec<String>,
    /// Paths called other than `_bulk`, with their methods.
    pub(crate) calls: Vec<String>,
    pub(crate) headers: Vec<HashMap<String, String>>,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
    /// Ids of requests under way; two at a time of one id would be a broken order.
    pub(crate) open_ids: HashSet<String>,
    pub(crate) overlaps: Vec<String>,
    pub(crate) serial: u64,
}

/// A running cluster; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct FakeCluster {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl FakeCluster {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let cluster = Self { url, state: Arc::default() };
        let serving = cluster.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let cluster = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let cluster = cluster.clone();
                        async move { cluster.answer(request).await }
                    });
                    // A fault may end a connection in the middle.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        cluster
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the ids of an index.
    pub(crate) fn ids(&self, index: &str) -> Vec<String> {
        let state = self.state();
        state.documents.keys().filter(|(name, _)| name == index).map(|(_, id)| id.clone()).collect()
    }

    pub(crate) fn document(&self, index: &str, id: &str) -> Option<Json> {
        let key = (index.to_owned(), id.to_owned());
        self.state().documents.get(&key).map(|(document, _)| document.clone())
    }

    pub(crate) fn refuse(&self, id: &str, status: u16, kind: &'static str, times: usize) {
        self.state().refusals.insert(id.to_owned(), Refusal { status, kind, times });
    }

    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let path = parts.uri.path().to_owned();
        if path != "/_bulk" {
            return Ok(self.other(&parts.method, &path, &body));
        }
        self.state().queries.push(parts.uri.query().unwrap_or_default().to_owned());
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let headers: HashMap<String, String> = headers.collect();
        let body = match headers.get("content-encoding").map(String::as_str) {
            Some("gzip") => inflate(&body),
            _ => body.to_vec(),
        };
        let items = items(&body);
        let fault = {
            let mut state = self.state();
            state.headers.push(headers);
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            for id in items.iter().filter_map(Item::keyed).collect::<HashSet<_>>() {
                if !state.open_ids.insert(id.clone()) && !state.overlaps.contains(&id) {
                    state.overlaps.push(id);
                }
            }
            if state.faults.is_empty() { None } else { Some(state.faults.remove(0)) }
        };
        let answer = self.bulk(&items, fault).await;
        let mut state = self.state();
        state.in_flight -= 1;
        for id in items.iter().filter_map(Item::keyed) {
            state.open_ids.remove(&id);
        }
        answer
    }

    async fn bulk(
        &self,
        items: &[Item],
        fault: Option<Fault>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let most = self.state().most_items;
        if most.is_some_and(|most| items.len() > most) {
            return Ok(response(413, "too large", None));
        }
        match fault {
            Some(Fault::Answer(status, after)) => return Ok(response(status, "a fault", after)),
            Some(Fault::Drop) => return Err(std::io::ErrorKind::ConnectionReset.into()),
            Some(Fault::Silence(time)) => {
                self.state().write(items);
                tokio::time::sleep(time).await;
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
            Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
            None => {}
        }
        let results = self.state().write(items);
        let errors = results.iter().any(|result| result.to_string().contains("\"error\""));
        let body = json!({ "errors": errors, "items": results });
        Ok(response(200, &body.to_string(), None))
    }

    fn other(&self, method: &Method, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
        let mut state = self.state();
        state.calls.push(format!("{method} {path}"));
        let name = path.trim_start_matches('/');
        let sent: Json = serde_json::from_slice(body).unwrap_or(json!({}));
        let is_known = match name.strip_prefix("_data_stream/") {
            Some(stream) => state.streams.contains(stream),
            None => {
                state.indices.contains_key(name)
                    || state.streams.contains(name)
                    || state.stored.contains_key(path)
            }
        };
        match (method.as_str(), name) {
            (_, "") => match state.stored.get("/") {
                Some(Json::Number(status)) => response(
                    status.as_u64().and_then(|status| status.try_into().ok()).unwrap_or(500),
                    "",
                    None,
                ),
                Some(about) => response(200, &about.to_string(), None),
                None => response(200, r#"{"version":{"number":"8.19.9"}}"#, None),
            },
            ("HEAD" | "GET", _) if name.ends_with("/_mapping") => {
                let index = name.trim_end_matches("/_mapping");
                let mappings =
                    state.indices.get(index).map(|body| body["mappings"].clone()).unwrap_or_default();
                let mappings = if mappings.is_null() { json!({}) } else { mappings };
                let mut answer = json!({});
                answer[index]["mappings"] = mappings;
                response(200, &answer.to_string(), None)
            }
            ("HEAD" | "GET", _) => response(if is_known { 200 } else { 404 }, "", None),
            ("PUT", _) if name.ends_with("/_mapping") => {
                let index = name.trim_end_matches("/_mapping").to_owned();
                state.indices.entry(index).or_insert(json!({}))["mappings"] = sent;
                response(200, "{}", None)
            }
            ("PUT", _) if is_known => {
                response(400, r#"{"error":{"type":"resource_already_exists_exception"}}"#, None)
            }
            ("PUT", _) => {
                if let Some(stream) = name.strip_prefix("_data_stream/") {
                    state.streams.insert(stream.to_owned());
                } else if name.starts_with('_') {
                    state.stored.insert(path.to_owned(), sent);
                } else {
                    state.indices.insert(name.to_owned(), sent);
                }
                response(200, "{}", None)
            }
            _ => response(405, "", None),
        }
    }
}

impl State {
    fn write(&mut self, items: &[Item]) -> Vec<Json> {
        self.requests.push(items.iter().map(|item| item.id.clone().unwrap_or_default()).collect());
        items.iter().map(|item| json!({ item.action.clone(): self.write_item(item) })).collect()
    }

    fn write_item(&mut self, item: &Item) -> Json {
        self.serial += 1;
        let id = item.id.clone().unwrap_or_else(|| format!("auto-{}", self.serial));
        if let Some(refusal) = self.refusals.get_mut(&id).filter(|refusal| refusal.times > 0) {
            refusal.times -= 1;
            return json!({ "status": refusal.status, "error": { "type": refusal.kind, "reason": "injected" } });
        }
        if !self.indices.contains_key(&item.index) && !self.streams.contains(&item.index) {
            return json!({ "status": 404, "error": { "type": "index_not_found_exception", "reason": "no such index" } });
        }
        let key = (item.index.clone(), id);
        let known = self.documents.get(&key).map(|(_, version)| *version);
        let conflict = json!({ "status": 409, "error": { "type": "version_conflict_engine_exception", "reason": "conflict" } });
        let is_stale = item.version.zip(known).is_some_and(|(version, known)| version <= known);
        if is_stale || (item.action == "create" && known.is_some()) {
            return conflict;
        }
        let version = item.version.unwrap_or(known.unwrap_or(0) + 1);
        match item.action.as_str() {
            "delete" => {
                self.documents.remove(&key);
            }
            "update" => {
                let entry = self.documents.entry(key).or_insert((json!({}), 0));
                for (name, value) in item.document["doc"].as_object().into_iter().flatten() {
                    entry.0[name] = value.clone();
                }
                entry.1 = version;
            }
            _ => {
                self.documents.insert(key, (item.document.clone(), version));
            }
        }
        json!({ "status": 200 })
    }
}

struct Item {
    action: String,
    index: String,
    id: Option<String>,
    version: Option<i64>,
    document: Json,
}

impl Item {
    /// Returns index and id of an item whose order matters.
    fn keyed(&self) -> Option<String> {
        self.id.as_ref().map(|id| format!("{}/{id}", self.index))
    }
}

fn items(body: &[u8]) -> Vec<Item> {
    let text = String::from_utf8_lossy(body).into_owned();
    let mut lines = text.lines();
    let mut items = Vec::new();
    while let Some(line) = lines.next() {
        let line: Json = serde_json::from_str(line).expect("an action is JSON");
        let (action, meta) = line.as_object().and_then(|members| members.iter().next()).expect("one action");
        let document = match action.as_str() {
            "delete" => Json::Null,
            _ => serde_json::from_str(lines.next().expect("a document")).expect("a document is JSON"),
        };
        items.push(Item {
            action: action.clone(),
            index: meta["_index"].as_str().expect("an index").to_owned(),
            id: meta["_id"].as_str().map(str::to_owned),
            version: meta["version"].as_i64(),
            document,
        });
    }
    items
}

fn inflate(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut out).expect("gzip");
    out
}

fn response(status: u16, body: &str, retry_after: Option<u64>) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status).header("content-type", "application/json");
    if let Some(seconds) = retry_after {
        builder = builder.header("retry-after", seconds);
    }
    builder.body(Full::new(Bytes::from(body.to_owned()))).expect("a response")
}
