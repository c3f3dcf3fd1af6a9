//! Opens the stream to a broker: every address of the host in turn.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use crate::connection::{BrokerAddress, ConnectionError, ConnectionSettings, ErrorKind};

/// A stream of bytes to a broker, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl fmt::Debug for dyn Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("stream")
    }
}

/// Opens a stream to `address`.
pub(crate) async fn open(
    address: &BrokerAddress,
    settings: &ConnectionSettings,
) -> Result<Box<dyn Stream>, ConnectionError> {
    let tcp = dial(address, settings.setup_timeout).await?;
    match &settings.security.tls {
        None => Ok(Box::new(tcp)),
        Some(tls) => {
            let shaken = timeout(settings.setup_timeout, tls.connect(address, tcp)).await;
            let late = |_| {
                let text = format!("shaking hands with `{address}`: no answer; does the listener speak TLS?");
                ConnectionError::new(ErrorKind::Timeout, text)
            };
            Ok(Box::new(shaken.map_err(late)??))
        }
    }
}

/// Opens a TCP connection to the first address of the host that accepts one.
pub(crate) async fn dial(address: &BrokerAddress, limit: Duration) -> Result<TcpStream, ConnectionError> {
    let mut last = None;
    for socket in resolve(address, limit).await? {
        match timeout(limit, TcpStream::connect(socket)).await {
            Ok(Ok(tcp)) => {
                // Without it small requests wait for the acknowledgement of earlier ones; failing costs only time.
                drop(tcp.set_nodelay(true));
                return Ok(tcp);
            }
            Ok(Err(error)) => last = Some(error.to_string()),
            Err(_) => last = Some(format!("no answer within {} ms", limit.as_millis())),
        }
    }
    let cause = last.unwrap_or_else(|| "the host has no address".to_owned());
    Err(ConnectionError::new(ErrorKind::Unreachable, format!("connecting to `{address}`: {cause}")))
}

async fn resolve(address: &BrokerAddress, limit: Duration) -> Result<Vec<SocketAddr>, ConnectionError> {
    let unknown = |cause: &dyn fmt::Display| {
        let text = format!("looking up host `{}`: {cause}", address.host);
        ConnectionError::new(ErrorKind::UnknownHost, text)
    };
    let found = timeout(limit, lookup_host((address.host.as_str(), address.port))).await;
    match found {
        Ok(Ok(sockets)) => Ok(sockets.collect()),
        Ok(Err(error)) => Err(unknown(&error)),
        Err(_) => Err(unknown(&io::Error::from(io::ErrorKind::TimedOut))),
    }
}
