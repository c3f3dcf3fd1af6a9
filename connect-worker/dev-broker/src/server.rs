//! Sockets: accepting connections, cutting the stream into requests, writing answers back.
//!
//! A connection handles one request at a time, as Kafka's broker does: a waiting fetch or join holds back what was
//! sent behind it. That also keeps answers in order.

use std::{io, sync::Arc};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_util::task::TaskTracker;

use crate::{
    dispatch::{self, Outcome},
    node::Node,
};

/// Kafka's `socket.request.max.bytes`; a longer one is not a Kafka client.
const MAX_REQUEST_BYTES: usize = 100 << 20;

/// What a request needs to know of its connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The client's address as Kafka shows it.
    pub(crate) host: String,
    /// Wakes the connection's waiting fetch.
    pub(crate) wake: Arc<Notify>,
}

/// Accepts connections until the broker stops.
pub(crate) async fn accept(node: Arc<Node>, listener: TcpListener, tasks: TaskTracker) {
    let refusing = node.faults.refusing();
    while let Some(accepted) = node.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) if *refusing.borrow() => drop(stream),
            Ok((stream, peer)) => {
                let host = format!("/{}", peer.ip());
                tasks.spawn(serve(Arc::clone(&node), stream, host));
            }
            Err(error) => {
                // Out of file descriptors, most likely: others may be closed soon.
                tracing::warn!(error = &error as &dyn std::error::Error, "accepting a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// Serves one connection until it ends, the broker stops, or it plays dead.
async fn serve(node: Arc<Node>, mut stream: TcpStream, host: String) {
    let mut refusing = node.faults.refusing();
    let connection = Connection { host, wake: Arc::default() };
    let result = tokio::select! {
        result = converse(&node, &mut stream, &connection) => result,
        _ = refusing.wait_for(|is_refusing| *is_refusing) => Ok(()),
        () = node.stop.cancelled() => Ok(()),
    };
    if let Err(error) = result {
        tracing::debug!(
            client = connection.host,
            error = &error as &dyn std::error::Error,
            "connection ended"
        );
    }
}

async fn converse(node: &Node, stream: &mut TcpStream, connection: &Connection) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BytesMut::with_capacity(64 << 10);
    loop {
        let Some(request) = read_request(stream, &mut input).await? else {
            return Ok(());
        };
        match dispatch::handle(node, connection, request).await? {
            Outcome::Answer(bytes) => stream.write_all(&bytes).await?,
            Outcome::Silence => {}
            Outcome::Close => return Ok(()),
        }
    }
}

/// Reads one request without its length, or `None` at the end of the stream.
async fn read_request(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    loop {
        if input.len() >= 4 {
            let length = (&input[..4]).get_i32();
            let length = usize::try_from(length).ok().filter(|length| *length <= MAX_REQUEST_BYTES);
            let length = length
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "reading a request: bad length"))?;
            if input.len() >= 4 + length {
                input.advance(4);
                return Ok(Some(input.split_to(length)));
            }
            input.reserve(4 + length - input.len());
        }
        if stream.read_buf(input).await? == 0 {
            return if input.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}
