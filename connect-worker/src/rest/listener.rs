//! A listener of the REST interface, with or without TLS. A client that is slow to shake hands keeps nobody waiting.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Time for a client to shake hands.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Clients that shake hands at once; further ones wait in the system's queue.
const HANDSHAKES: usize = 256;

/// A bound listener.
#[derive(Debug)]
pub(crate) struct RestListener {
    tcp: TcpListener,
    tls: Option<Tls>,
}

struct Tls {
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls")
    }
}

/// A client's connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) SocketAddr);

impl RestListener {
    /// Returns a listener on a bound socket, with TLS when there is a configuration of it.
    pub(crate) fn new(tcp: TcpListener, tls: Option<Arc<ServerConfig>>) -> Self {
        let tls = tls.map(|config| Tls { acceptor: config.into(), handshakes: JoinSet::new() });
        Self { tcp, tls }
    }

    /// Returns the port.
    ///
    /// # Errors
    /// Fails when the system does not tell.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.tcp.local_addr()?.port())
    }

    /// Returns whether the listener speaks TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}

impl Listener for RestListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let Some(tls) = &mut self.tls else {
            let (stream, address) = Listener::accept(&mut self.tcp).await;
            return (Connection::Plain(stream), address);
        };
        loop {
            tokio::select! {
                biased; // Who has shaken hands is served before new ones are let in.
                Some(shaken) = tls.handshakes.join_next() => {
                    if let Ok(Some((stream, address))) = shaken {
                        return (Connection::Tls(Box::new(stream)), address);
                    }
                }
                (stream, address) = Listener::accept(&mut self.tcp), if tls.handshakes.len() < HANDSHAKES => {
                    let acceptor = tls.acceptor.clone();
                    tls.handshakes.spawn(shake_hands(acceptor, stream, address));
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
    match timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some((stream, address)),
        Ok(Err(error)) => {
            tracing::warn!(client = %address, error = %error, "shaking hands with a REST client")
        }
        Err(_) => tracing::warn!(client = %address, "a REST client did not shake hands in time"),
    }
    None
}

impl Connected<IncomingStream<'_, RestListener>> for ClientAddress {
    fn connect_info(stream: IncomingStream<'_, RestListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Connection::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Connection::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_flush(context),
            Connection::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Connection::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Connection::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
