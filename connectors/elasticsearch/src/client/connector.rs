//! Connections to nodes: plain or by TLS, direct or through a proxy.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection as Connects, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use connect_core::error::{BoxError, ConnectError};

use super::tls;
use crate::settings::{Connection, Proxy};

/// Opens connections.
pub(super) type Connector = HttpsConnector<Tcp>;

/// Returns what opens connections as configured.
///
/// # Errors
/// Fails (config) when certificates or keys cannot be read, or the proxy's address is none.
pub(super) fn connector(connection: &Connection) -> Result<Connector, ConnectError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connection.connect_timeout));
    let via = connection.proxy.as_ref().map(via).transpose()?.map(Arc::new);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(&connection.tls)?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Tcp { tcp, via }))
}

/// Returns the header by which a proxy knows the user.
pub(super) fn proxy_authorization(proxy: &Proxy) -> Result<Option<HeaderValue>, ConnectError> {
    let Some((user, password)) = &proxy.credentials else { return Ok(None) };
    let text = format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())));
    let mut value = HeaderValue::try_from(text)
        .map_err(|error| ConnectError::config("using `proxy.password`").because(error))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn via(proxy: &Proxy) -> Result<Via, ConnectError> {
    let address = format!("http://{}:{}", proxy.host, proxy.port);
    let uri = address.parse().map_err(|_| {
        ConnectError::config(format!(
            "Invalid value {} for configuration proxy.host: it is no host",
            proxy.host
        ))
    })?;
    Ok(Via { uri, authorization: proxy_authorization(proxy)? })
}

#[derive(Debug)]
struct Via {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// Opens TCP connections: to the node, or to the proxy, which is asked for a tunnel where TLS follows.
#[derive(Debug, Clone)]
pub(super) struct Tcp {
    tcp: HttpConnector,
    via: Option<Arc<Via>>,
}

impl Service<Uri> for Tcp {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        let via = self.via.clone();
        Box::pin(async move {
            let Some(via) = via else { return Ok(Stream { io: tcp.call(uri).await?, is_proxied: false }) };
            if uri.scheme_str() != Some("https") {
                return Ok(Stream { io: tcp.call(via.uri.clone()).await?, is_proxied: true });
            }
            let mut tunnel = Tunnel::new(via.uri.clone(), tcp);
            if let Some(authorization) = &via.authorization {
                tunnel = tunnel.with_auth(authorization.clone());
            }
            Ok(Stream { io: tunnel.call(uri).await?, is_proxied: false })
        })
    }
}

/// A connection that knows whether requests on it must name the node.
#[derive(Debug)]
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Connects for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
