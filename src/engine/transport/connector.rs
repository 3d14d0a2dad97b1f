//! Opens one connection to an [`Endpoint`], whatever its kind, as a byte stream for hyper.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

#[cfg(unix)]
use super::local::Local;
use super::{ssh, tls};
use crate::Result;
use crate::engine::endpoint::Endpoint;

/// A vanished peer is noticed after about a minute: 30 s of silence and three probes.
const KEEPALIVE: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;

/// Connecting took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
pub(super) struct Slow(pub(super) Duration);

/// A connection of any kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection for Box<dyn Stream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// hyper's connector for one endpoint; the URI that hyper asks for is not looked at.
#[derive(Clone)]
pub(super) struct Connector(Arc<Target>);

struct Target {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
    limit: Duration,
}

impl PartialEq for Connector {
    /// Makes the same connections.
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (&self.0, &other.0);
        one.endpoint == other.endpoint && one.limit == other.limit
    }
}

impl Connector {
    /// Connecting, the TLS handshake included, fails after `limit`.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for certificates that can't be used.
    pub(super) fn new(endpoint: Endpoint, limit: Duration) -> Result<Self> {
        let tls = match &endpoint {
            Endpoint::Tls { tls, .. } => Some(tls::connector(tls)?),
            _ => None,
        };
        Ok(Self(Arc::new(Target {
            endpoint,
            tls,
            limit,
        })))
    }

    /// Where it connects to.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let target = Arc::clone(&self.0);
        Box::pin(async move {
            match tokio::time::timeout(target.limit, target.open()).await {
                Ok(stream) => stream.map(TokioIo::new),
                Err(_) => Err(io::Error::other(Slow(target.limit))),
            }
        })
    }
}

impl Target {
    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => Ok(Box::new(Local::connect(path).await?)),
            Endpoint::Tcp { .. } => Ok(Box::new(self.tcp().await?)),
            Endpoint::Tls { host, .. } => self.tls(host).await,
            Endpoint::Ssh { target, port } => Ok(Box::new(ssh::dial("ssh", target, *port)?)),
            #[cfg(windows)]
            Endpoint::NamedPipe(path) => Ok(Box::new(pipe(path).await?)),
            // The other systems' kind of local socket.
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no such kind of socket",
            )),
        }
    }

    async fn tcp(&self) -> io::Result<TcpStream> {
        let uri = format!("http://{}", self.endpoint.authority());
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(PROBE));
        tcp.set_keepalive_retries(Some(PROBES));
        let stream = tcp.call(uri.parse().map_err(io::Error::other)?).await;
        Ok(stream.map_err(io::Error::other)?.into_inner())
    }

    async fn tls(&self, host: &str) -> io::Result<Box<dyn Stream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = self.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Box::new(tls.connect(name, self.tcp().await?).await?))
    }
}

/// Opens a pipe; while all its instances are taken it tries again until the caller's limit.
#[cfg(windows)]
async fn pipe(path: &str) -> io::Result<tokio::net::windows::named_pipe::NamedPipeClient> {
    const ERROR_PIPE_BUSY: i32 = 231;
    loop {
        match tokio::net::windows::named_pipe::ClientOptions::new().open(path) {
            Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done,
        }
    }
}
