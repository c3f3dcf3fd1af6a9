//! An HTTP proxy before an S3 server, which answers with errors, waits, or hangs up as a test tells it.
//!
//! Requests are passed on byte for byte, with the `Host` header as the client wrote it, so that signatures hold. What
//! the server took is kept in mind: a test can tell whether an object ever changed.

mod bulk;
mod versions;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

pub use versions::Version;
use versions::Versions;

/// What to do with a request instead of just passing it on.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with a status and an S3 error code, and does not pass the request on.
    Answer(u16, &'static str),
    /// Waits before the request is passed on.
    Delay(Duration),
    /// Hangs up before the request is passed on.
    Drop,
    /// Passes the request on and hangs up instead of sending the answer back.
    DropAnswer,
    /// Hangs up, and passes the request on after a while: the client has tried again by then.
    Late(Duration),
    /// Passes a bulk request of Elasticsearch on without every n-th item, and answers 429 for those.
    RejectEvery(usize),
}

/// A request as the proxy saw it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The method, such as `PUT`.
    pub method: String,
    /// Path and query.
    pub target: String,
}

type Rule = Box<dyn FnMut(&Seen) -> Option<Fault> + Send>;

/// A running proxy. It ends with the test process.
pub struct FaultS3 {
    port: u16,
    state: Arc<State>,
}

struct State {
    upstream: u16,
    rule: Mutex<Rule>,
    seen: Mutex<Vec<Seen>>,
    heads: Mutex<Vec<Vec<String>>>,
    faults: AtomicUsize,
    versions: Mutex<Versions>,
}

impl FaultS3 {
    /// Starts a proxy before the server on port `upstream`; it passes everything on until told otherwise.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = State {
            upstream,
            rule: Mutex::new(Box::new(|_| None)),
            seen: Mutex::default(),
            heads: Mutex::default(),
            faults: AtomicUsize::new(0),
            versions: Mutex::default(),
        };
        let state = Arc::new(state);
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that hangs up in the middle is no failure of the proxy.
                thread::spawn(move || drop(state.serve(client)));
            }
        });
        Self { port, state }
    }

    /// Returns `http://host:port` of the proxy.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the rule for requests from now on.
    pub fn set(&self, rule: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        *self.state.rule.lock().expect("no rule panics") = Box::new(rule);
    }

    /// Passes everything on from now on.
    pub fn clear(&self) {
        self.set(|_| None);
    }

    /// Returns all requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("no rule panics").clone()
    }

    /// Returns how many requests were not just passed on so far.
    pub fn faults(&self) -> usize {
        self.state.faults.load(Ordering::Relaxed)
    }

    /// Returns the contents that the server took under each path so far, in order, whatever became of the answer.
    pub fn versions(&self) -> std::collections::BTreeMap<String, Vec<Version>> {
        self.state.versions.lock().expect("no rule panics").stored()
    }

    /// Returns the first line and the headers of all requests so far, as they were sent.
    pub fn heads(&self) -> Vec<Vec<String>> {
        self.state.heads.lock().expect("no rule panics").clone()
    }
}

impl State {
    /// Serves one request; the connection is then closed, so each request is looked at.
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let head = read_head(&mut reader)?;
        let mut words = head[0].split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let seen = Seen { method, target };
        self.seen.lock().expect("no rule panics").push(seen.clone());
        self.heads.lock().expect("no rule panics").push(head.clone());
        let fault = (self.rule.lock().expect("no rule panics"))(&seen);
        let mut client = client;
        if has(&head, "expect", "100-continue") {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = read_body(&mut reader, &head)?;
        self.faults.fetch_add(usize::from(fault.is_some()), Ordering::Relaxed);
        match fault {
            Some(Fault::Drop) => return client.shutdown(Shutdown::Both),
            Some(Fault::Answer(status, code)) => return answer(&mut client, status, code),
            Some(Fault::Delay(delay)) => thread::sleep(delay),
            Some(Fault::Late(delay)) => {
                client.shutdown(Shutdown::Both)?;
                thread::sleep(delay);
            }
            Some(Fault::RejectEvery(every)) => {
                let (passed, rejected) = bulk::split(&body, every);
                let response = self.pass(&head, &seen, &passed)?;
                let response = without_continue(&response);
                client.write_all(&bulk::merge(response, &rejected).unwrap_or_else(|| response.to_vec()))?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::DropAnswer) | None => {}
        }
        let response = self.pass(&head, &seen, &body)?;
        if !matches!(fault, Some(Fault::DropAnswer | Fault::Late(_))) {
            client.write_all(without_continue(&response))?;
        }
        client.shutdown(Shutdown::Both)
    }

    /// Sends a request to the server and returns its answer.
    fn pass(&self, head: &[String], seen: &Seen, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut upstream = TcpStream::connect(("127.0.0.1", self.upstream))?;
        let length = format!("content-length: {}", body.len());
        for line in head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
            let is_length = line.to_ascii_lowercase().starts_with("content-length:");
            write!(upstream, "{}\r\n", if is_length { &length } else { line })?;
        }
        write!(upstream, "Connection: close\r\n\r\n")?;
        upstream.write_all(body)?;
        let mut response = Vec::new();
        upstream.read_to_end(&mut response)?;
        let answer = without_continue(&response);
        if answer.starts_with(b"HTTP/1.1 2") {
            self.versions.lock().expect("no rule panics").note(head, seen, body, answer);
        }
        Ok(response)
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() && !head.is_empty() {
            return Ok(head);
        }
        head.push(line.to_owned());
    }
}

/// Reads the body as it was sent: chunks stay chunks.
fn read_body(reader: &mut impl BufRead, head: &[String]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if has(head, "transfer-encoding", "chunked") {
        loop {
            let start = body.len();
            reader.read_until(b'\n', &mut body)?;
            let size = String::from_utf8_lossy(&body[start..]).trim().to_owned();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).unwrap_or(0);
            let end = body.len();
            body.resize(end + size + 2, 0);
            reader.read_exact(&mut body[end..])?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = header(head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn answer(client: &mut TcpStream, status: u16, code: &str) -> io::Result<()> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Error><Code>{code}</Code><Message>injected by the test</Message><RequestId>1</RequestId></Error>"
    );
    write!(
        client,
        "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    client.shutdown(Shutdown::Write)
}

/// The proxy has told the client to continue already.
fn without_continue(response: &[u8]) -> &[u8] {
    const END: &[u8] = b"\r\n\r\n";
    match response.strip_prefix(b"HTTP/1.1 100") {
        Some(rest) => {
            rest.windows(END.len()).position(|part| part == END).map_or(rest, |at| &rest[at + END.len()..])
        }
        None => response,
    }
}

fn has(head: &[String], name: &str, value: &str) -> bool {
    header(head, name).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let fields = head.iter().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
