//! Servers that read what they are sent and accept it, as cheaply as they can: the machine's processors are the
//! worker's. They speak as much HTTP as the worker's clients do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Returns the answer to a request: its body, JSON.
type Answer = fn(&Request<'_>) -> String;

/// A request.
pub(super) struct Request<'r> {
    /// Method, path and version.
    line: &'r str,
    body: &'r [u8],
}

/// A running server; it ends with the process.
pub(super) struct Stub {
    port: u16,
}

impl Stub {
    pub(super) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that hangs up is no failure.
                thread::spawn(move || drop(serve(client, answer)));
            }
        });
        Self { port }
    }

    /// Returns `http://host:port` of the server.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Serves the requests of one connection.
fn serve(mut client: TcpStream, answer: Answer) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 * 1024, client.try_clone()?);
    let (mut head, mut body) = (String::new(), Vec::new());
    loop {
        head.clear();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        body.resize(length.unwrap_or(0), 0);
        reader.read_exact(&mut body)?;
        let line = head.lines().next().unwrap_or_default();
        let text = answer(&Request { line, body: &body });
        let size = text.len();
        let shown = if line.starts_with("HEAD ") { "" } else { &text };
        write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n\
             Content-Length: {size}\r\n\r\n{shown}"
        )?;
    }
}

/// Answers as a node of Elasticsearch that has every index, and writes every document of a bulk request.
pub(super) fn search(request: &Request<'_>) -> String {
    if !request.line.starts_with("POST /_bulk") {
        return r#"{"version":{"number":"8.19.0"}}"#.to_owned();
    }
    // Two lines an item: the operation and its document.
    let lines = request.body.iter().filter(|byte| **byte == b'\n').count();
    let items = vec![r#"{"index":{"status":201}}"#; lines / 2].join(",");
    format!(r#"{{"errors":false,"items":[{items}]}}"#)
}

/// Answers as an active stream of Firehose that accepts every record.
pub(super) fn firehose(request: &Request<'_>) -> String {
    if !request.body.windows(10).any(|window| window == b"\"Records\":") {
        return r#"{"DeliveryStreamDescription":{"DeliveryStreamName":"bench","DeliveryStreamARN":"arn:aws:firehose:eu-west-1:1:deliverystream/bench","DeliveryStreamStatus":"ACTIVE","DeliveryStreamType":"DirectPut","VersionId":"1","Destinations":[],"HasMoreDestinations":false}}"#
            .to_owned();
    }
    let key = b"{\"Data\":";
    let records = request
        .body
        .iter()
        .enumerate()
        .filter(|(at, byte)| **byte == b'{' && request.body[*at..].starts_with(key));
    let entries = vec![r#"{"RecordId":"1"}"#; records.count()].join(",");
    format!(r#"{{"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{entries}]}}"#)
}
