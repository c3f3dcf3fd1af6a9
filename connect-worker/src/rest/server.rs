//! Listeners: bound early, served until stopped.

use std::io;
use std::time::Duration;

use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::rest::config::{ListenerAddress, RestConfig, Scheme};
use crate::rest::listener::{ClientAddress, RestListener};
use crate::rest::tls::ListenerTls;

/// Time for requests under way when the server stops.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Listeners that are bound and not yet served.
#[derive(Debug)]
pub struct BoundListeners {
    main: Vec<RestListener>,
    admin: Vec<RestListener>,
    ports: Vec<u16>,
}

impl BoundListeners {
    /// Binds all listeners of the settings.
    ///
    /// # Errors
    /// Fails when an address cannot be bound.
    pub async fn bind(config: &RestConfig) -> io::Result<Self> {
        let main = bind_all(&config.listeners, config.tls.as_ref()).await?;
        let admin_addresses = config.admin_listeners.as_deref().unwrap_or_default();
        let admin = bind_all(admin_addresses, config.admin_tls.as_ref()).await?;
        let ports = main.iter().map(RestListener::port).collect::<io::Result<_>>()?;
        Ok(Self { main, admin, ports })
    }

    /// Returns the ports of the main listeners, in order.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Serves the routers until the server is stopped.
    pub fn serve(self, main: &Router, admin: &Router) -> RestServer {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let routed = self.main.into_iter().map(|listener| (listener, main));
        for (listener, router) in routed.chain(self.admin.into_iter().map(|listener| (listener, admin))) {
            let scheme = if listener.is_tls() { Scheme::Https } else { Scheme::Http };
            let router = router.clone().layer(Extension(scheme));
            let service = router.into_make_service_with_connect_info::<ClientAddress>();
            let stopped = stop.clone().cancelled_owned();
            tasks.spawn(async move { axum::serve(listener, service).with_graceful_shutdown(stopped).await });
        }
        RestServer { stop, tasks }
    }
}

async fn bind_all(addresses: &[ListenerAddress], tls: Option<&ListenerTls>) -> io::Result<Vec<RestListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let tls = tls.filter(|_| address.scheme == Scheme::Https).map(ListenerTls::config);
        listeners.push(RestListener::new(bind(address).await?, tls));
    }
    Ok(listeners)
}

async fn bind(address: &ListenerAddress) -> io::Result<TcpListener> {
    let ListenerAddress { host, port, .. } = address;
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("binding listener `{host}:{port}`: {error}"));
    if host.is_empty() {
        // All interfaces of both protocols where the system has both.
        if let Ok(listener) = TcpListener::bind(("::", *port)).await {
            return Ok(listener);
        }
        return TcpListener::bind(("0.0.0.0", *port)).await.map_err(named);
    }
    TcpListener::bind((host.as_str(), *port)).await.map_err(named)
}

/// A running server.
#[derive(Debug)]
pub struct RestServer {
    stop: CancellationToken,
    tasks: JoinSet<io::Result<()>>,
}

impl RestServer {
    /// Accepts no more requests and waits a moment for those under way. Returns whether all ended.
    pub async fn stop(mut self) -> bool {
        self.stop.cancel();
        let ended = tokio::time::timeout(STOP_LIMIT, async {
            while let Some(outcome) = self.tasks.join_next().await {
                if let Ok(Err(error)) = outcome {
                    tracing::warn!(error = %error, "serving REST");
                }
            }
        });
        ended.await.is_ok()
    }
}
