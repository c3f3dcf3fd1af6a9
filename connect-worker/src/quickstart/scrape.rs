//! Small requests to workers, and their metrics, as Prometheus reads them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(3);
/// Largest answer read, in bytes.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Returns the body of `GET path`.
///
/// # Errors
/// Fails when nothing answers within 3 seconds, or not with status 200.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    exchange(address, "GET", path, "").await
}

/// Sends JSON with `PUT path` and returns the body of the answer.
///
/// # Errors
/// Fails when nothing answers within 3 seconds, or not with status 200 or 201.
pub(crate) async fn put(address: SocketAddr, path: &str, json: &str) -> io::Result<String> {
    exchange(address, "PUT", path, json).await
}

async fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        // HTTP/1.0: the answer ends with the connection and comes in one piece.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(MAX_BYTES).read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = tokio::time::timeout(LIMIT, exchange).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    match head.split(' ').nth(1) {
        Some("200" | "201") => Ok(body.to_owned()),
        _ => Err(io::Error::other(head.lines().next().unwrap_or_default().to_owned())),
    }
}

/// Returns the sum of a metric over all its labels; `None` when it is not there.
pub(crate) fn sum(metrics: &str, name: &str) -> Option<f64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labelled) => labelled.rsplit_once('}')?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_is_summed_over_its_labels_and_not_taken_for_a_longer_name() {
        let metrics =
            "# TYPE lag gauge\nlag{task=\"0\"} 3\nlag{task=\"a} b\"} 4.5 1700\nlag_max{task=\"0\"} 9\nup 1\n";
        assert_eq!(["lag", "up", "la"].map(|name| sum(metrics, name)), [Some(7.5), Some(1.0), None]);
    }
}
