//! An S3 server over a local folder.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Access key that the server accepts.
pub(crate) const ACCESS_KEY: &str = "quickstart";
/// Secret key that the server accepts. It guards nothing: the server listens on this machine alone.
pub(crate) const SECRET_KEY: &str = "quickstart-secret";

/// A running S3 server. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct S3Server {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl S3Server {
    /// Starts a server over `root` on the given port of this machine, or on a free one when that is taken.
    ///
    /// # Errors
    /// Fails when the folder cannot be used or no port is free.
    pub(crate) async fn start(root: &Path, port: u16) -> io::Result<Self> {
        let files = FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, builder.build(), stop.clone(), tasks.clone()));
        Ok(Self { address, stop, tasks })
    }

    /// Returns the address the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds a port of this machine, or a free one when it is taken.
///
/// # Errors
/// Fails when no port can be had.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
        }
        bound => bound,
    }
}

async fn accept(listener: TcpListener, service: S3Service, stop: CancellationToken, tasks: TaskTracker) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((socket, _)) => {
                tasks.spawn(serve(socket, service.clone(), stop.clone()));
            }
            // A client that went away, or a lack of file handles that passes.
            Err(error) => {
                tracing::warn!(%error, "accepting a connection of the S3 server");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, service: S3Service, stop: CancellationToken) {
    let builder = Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(socket), service);
    if let Some(Err(error)) = stop.run_until_cancelled(connection).await {
        tracing::debug!(%error, "connection of the S3 server ended");
    }
}
