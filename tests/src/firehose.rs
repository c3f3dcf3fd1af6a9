//! A server that speaks Firehose's protocol and keeps its limits, and fails entries and calls as a test tells it.
//!
//! It stands in for the service, whose emulators accept everything: requests must carry a signature of the right form
//! (it is not computed again), and counts and sizes beyond the service's are refused.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::s3::ACCESS_KEY;

const MAX_ENTRIES: usize = 500;
const MAX_CALL_BYTES: usize = 4 * 1024 * 1024;
const MAX_ENTRY_BYTES: usize = 1000 * 1024;

/// What happens to a call that is in order.
#[derive(Clone, Debug, Default)]
pub enum Outcome {
    /// Every entry is accepted.
    #[default]
    Accept,
    /// The entries at these positions fail, the others are accepted.
    Fail(Vec<usize>),
    /// Nothing is accepted, with this status and error code.
    Refuse(u16, &'static str),
    /// Nothing is accepted, and no answer comes.
    Silence,
    /// Every entry is accepted, and the answer is lost.
    LoseAnswer,
    /// Every entry is accepted, after a while.
    Slow(Duration),
}

/// A call as the server saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation, such as `PutRecordBatch`.
    pub operation: String,
    /// The entries, decoded.
    pub entries: Vec<Vec<u8>>,
    head: Vec<String>,
}

impl Call {
    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

type Rule = Box<dyn FnMut(&Call) -> Outcome + Send>;

/// A running server with one active stream. It ends with the test process.
pub struct Firehose {
    port: u16,
    state: Arc<State>,
}

struct State {
    stream: String,
    rule: Mutex<Rule>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    accepted: Vec<Vec<u8>>,
}

struct Answer {
    status: u16,
    body: Value,
}

impl Firehose {
    /// Starts a server that has a stream of this name and accepts everything until told otherwise.
    pub fn start(stream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let rule: Rule = Box::new(|_| Outcome::Accept);
        let state =
            Arc::new(State { stream: stream.to_owned(), rule: Mutex::new(rule), seen: Mutex::default() });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that hangs up in the middle is no failure of the server.
                thread::spawn(move || drop(state.serve(client)));
            }
        });
        Self { port, state }
    }

    /// Returns `http://host:port` of the server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the rule for calls with entries from now on.
    pub fn set(&self, rule: impl FnMut(&Call) -> Outcome + Send + 'static) {
        *locked(&self.state.rule) = Box::new(rule);
    }

    /// Returns what was accepted so far, in order.
    pub fn accepted(&self) -> Vec<Vec<u8>> {
        locked(&self.state.seen).accepted.clone()
    }

    /// Returns all calls with entries so far, refused ones too.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.state.seen).calls.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Serves the requests of one connection.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client.try_clone()?);
        loop {
            let head = read_head(&mut reader)?;
            let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            match self.answer(&head, &body) {
                Some(Answer { status, body }) => {
                    let body = body.to_string();
                    write!(
                        client,
                        "HTTP/1.1 {status} Answer\r\nContent-Type: application/x-amz-json-1.1\r\n\
                         x-amzn-RequestId: 1\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    )?;
                }
                None => return client.shutdown(Shutdown::Both),
            }
        }
    }

    fn answer(&self, head: &[String], body: &[u8]) -> Option<Answer> {
        if let Some(refusal) = unsigned(head) {
            return Some(refusal);
        }
        let target = header(head, "x-amz-target").unwrap_or_default();
        let Some(operation) = target.strip_prefix("Firehose_20150804.") else {
            return Some(refusal(400, "UnknownOperationException", "no such target"));
        };
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return Some(refusal(400, "SerializationException", "the body is no JSON"));
        };
        if request["DeliveryStreamName"] != *self.stream {
            let text = format!("Firehose {} not found.", request["DeliveryStreamName"]);
            return Some(refusal(400, "ResourceNotFoundException", &text));
        }
        let records = match operation {
            "DescribeDeliveryStream" => return Some(Answer { status: 200, body: self.description() }),
            "PutRecord" => vec![request["Record"].clone()],
            "PutRecordBatch" => request["Records"].as_array().cloned().unwrap_or_default(),
            _ => return Some(refusal(400, "UnknownOperationException", operation)),
        };
        match entries(&records) {
            Ok(entries) => self.put(Call { operation: operation.to_owned(), entries, head: head.to_vec() }),
            Err(text) => Some(refusal(400, "InvalidArgumentException", &text)),
        }
    }

    fn put(&self, call: Call) -> Option<Answer> {
        let outcome = (locked(&self.rule))(&call);
        if let Outcome::Slow(pause) = &outcome {
            thread::sleep(*pause);
        }
        let mut seen = locked(&self.seen);
        seen.calls.push(call.clone());
        let failing: &[usize] = match &outcome {
            Outcome::Accept | Outcome::LoseAnswer | Outcome::Slow(_) => &[],
            Outcome::Fail(failing) => failing,
            Outcome::Refuse(status, code) => return Some(refusal(*status, code, "injected by the test")),
            Outcome::Silence => return None,
        };
        let entries = call.entries.iter().enumerate();
        let accepted = entries.clone().filter(|(index, _)| !failing.contains(index));
        seen.accepted.extend(accepted.map(|(_, entry)| entry.clone()));
        if matches!(outcome, Outcome::LoseAnswer) {
            return None;
        }
        let result = |index: usize| match failing.contains(&index) {
            true => json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." }),
            false => json!({ "RecordId": format!("id-{index}") }),
        };
        let results: Vec<Value> = entries.map(|(index, _)| result(index)).collect();
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        let body = match (call.operation.as_str(), failed) {
            ("PutRecord", 0) => results[0].clone(),
            ("PutRecord", _) => return Some(refusal(503, "ServiceUnavailableException", "Slow down.")),
            _ => json!({ "FailedPutCount": failed, "Encrypted": false, "RequestResponses": results }),
        };
        Some(Answer { status: 200, body })
    }

    fn description(&self) -> Value {
        json!({ "DeliveryStreamDescription": {
            "DeliveryStreamName": self.stream,
            "DeliveryStreamARN": format!("arn:aws:firehose:eu-west-1:1:deliverystream/{}", self.stream),
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": "DirectPut",
            "VersionId": "1",
            "Destinations": [],
            "HasMoreDestinations": false,
        } })
    }
}

/// Refuses what carries no signature of version 4 for this service.
fn unsigned(head: &[String]) -> Option<Answer> {
    let signature = header(head, "authorization").unwrap_or_default();
    let is_signed = signature.starts_with(&format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"))
        && signature.contains("/firehose/aws4_request, SignedHeaders=")
        && signature.contains("host")
        && signature.contains(", Signature=")
        && header(head, "x-amz-date").is_some();
    if !is_signed {
        return Some(refusal(400, "IncompleteSignatureException", "a signature of version 4 is needed"));
    }
    let is_json = header(head, "content-type") == Some("application/x-amz-json-1.1");
    (!is_json).then(|| refusal(400, "SerializationException", "the content type is wrong"))
}

/// Returns the entries of a call that keeps the service's limits.
fn entries(records: &[Value]) -> Result<Vec<Vec<u8>>, String> {
    if !(1..=MAX_ENTRIES).contains(&records.len()) {
        return Err(format!("{} records, 1 to {MAX_ENTRIES} are allowed", records.len()));
    }
    let decode = |record: &Value| {
        let data = record["Data"].as_str().ok_or("a record without data")?;
        STANDARD.decode(data).map_err(|error| error.to_string())
    };
    let entries: Vec<Vec<u8>> = records.iter().map(decode).collect::<Result<_, String>>()?;
    if entries.iter().any(|entry| !(1..=MAX_ENTRY_BYTES).contains(&entry.len())) {
        return Err(format!("a record must hold 1 to {MAX_ENTRY_BYTES} bytes"));
    }
    match entries.iter().map(Vec::len).sum::<usize>() {
        size if size > MAX_CALL_BYTES => Err(format!("{size} bytes, {MAX_CALL_BYTES} are allowed")),
        _ => Ok(entries),
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer { status, body: json!({ "__type": code, "message": message }) }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" if !head.is_empty() => return Ok(head),
            line => head.push(line.to_owned()),
        }
    }
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let fields = head.iter().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
