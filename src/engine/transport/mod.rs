//! One client for every request to one engine, bollard's too: one pool of connections, the
//! negotiated version in every path, one time limit, one set of errors.

mod connector;
#[cfg(unix)]
mod local;
mod ssh;
mod tls;
mod unreachable;
mod version;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::endpoint::context::Environment;
use super::endpoint::{Endpoint, EngineOptions, candidates};
use crate::{Error, Result};
use connector::Connector;
use unreachable::{Failure, unreachable};
use version::Version;
use wire::{Wire, boxed};

/// How long an engine may take to begin its answer when the caller doesn't say.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Connecting takes a round trip or three; what takes longer than this isn't there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// bollard counts whole seconds, so the limit is the wire's, and bollard's never comes.
const NO_TIMEOUT: u64 = u64::MAX;

/// A connection that the engine handed over: bytes both ways. Dropping it closes it.
pub type Hijacked = TokioIo<Upgraded>;

/// An engine that has answered. Clones share its connections.
#[derive(Clone)]
pub struct Engine {
    wire: Arc<Wire>,
    version: String,
    docker: Docker,
}

impl Engine {
    /// The first engine that answers of those that [`candidates`] names, in this process's
    /// environment.
    ///
    /// # Errors
    /// [`Error::Argument`] for options that can't be used; [`Error::Unreachable`], with one
    /// line an endpoint, when none answers a ping in time.
    pub async fn connect(options: &EngineOptions) -> Result<Self> {
        Self::connect_in(options, &Environment::of_process()).await
    }

    /// [`connect`](Self::connect) in another environment.
    pub async fn connect_in(options: &EngineOptions, environment: &Environment) -> Result<Self> {
        let limit = options.timeout.unwrap_or(TIMEOUT);
        if limit.is_zero() {
            return Err(Error::Argument(
                "timeout 0 leaves no time: leave it out".into(),
            ));
        }
        let pinned = options
            .version
            .as_deref()
            .map(Version::chosen)
            .transpose()?;
        let mut tried = Vec::new();
        for endpoint in candidates(options, environment)? {
            let connector = Connector::new(endpoint.clone(), limit.min(CONNECT_TIMEOUT))?;
            match Wire::connect(connector, pinned, limit).await {
                Ok(wire) => return Self::over(Arc::new(wire)),
                Err(failure) => tried.push((endpoint, failure)),
            }
        }
        Err(unreachable(&tried))
    }

    fn over(wire: Arc<Wire>) -> Result<Self> {
        let shared = Arc::clone(&wire);
        let send = move |request: Request<_>| {
            let wire = Arc::clone(&shared);
            async move { wire.send(request.map(boxed)).await.map_err(carried) }
        };
        let address = format!("http://{}", wire.endpoint.authority());
        let version = wire.version.for_bollard();
        let docker =
            Docker::connect_with_custom_transport(send, Some(address), NO_TIMEOUT, &version)
                .map_err(|error| engine_error("connect", error))?;
        let version = wire.version.to_string();
        Ok(Self {
            wire,
            version,
            docker,
        })
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.wire.endpoint
    }

    /// The API version in every request's path, as `1.41`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How long the engine may take to begin an answer.
    pub fn timeout(&self) -> Duration {
        self.wire.timeout
    }

    /// bollard over this transport. Give its errors to [`engine_error`].
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// POSTs to `path_and_query` (without the version) and takes the connection over, as
    /// attach and exec start want it. Nothing else holds the connection.
    ///
    /// # Errors
    /// [`Error::Refused`] with the engine's words; [`Error::Timeout`], [`Error::Lost`] or
    /// [`Error::Unreachable`] when there is no answer; [`Error::Protocol`] for a success that
    /// hands nothing over.
    pub async fn hijack(&self, path_and_query: &str, body: Option<Value>) -> Result<Hijacked> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let doing = format!("POST {path}");
        let uri = format!("http://{}{path_and_query}", self.endpoint().authority());
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::post(uri)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .header(CONTENT_TYPE, "application/json")
            .body(boxed(Full::from(body)))
            .map_err(|error| Error::Argument(format!("{doing}: {error}")))?;
        let response = self.wire.send(request).await?;
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let upgraded = hyper::upgrade::on(response).await;
            return match upgraded {
                Ok(upgraded) => Ok(TokioIo::new(upgraded)),
                Err(error) => Err(self.wire.broken(&doing, &error)),
            };
        }
        if status.is_success() {
            let wrong = format!("{doing} was answered with HTTP {status} instead of 101");
            return Err(Error::Protocol(wrong));
        }
        let message = message(self.wire.text(response).await);
        Err(Error::Refused {
            doing,
            status: status.as_u16(),
            message,
        })
    }
}

/// The engine's words out of `{"message": …}`, else the text itself.
fn message(text: String) -> String {
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let words = json.as_ref().and_then(|json| json.get("message")?.as_str());
    words.map_or_else(|| text.trim().to_owned(), str::to_owned)
}

/// Our error in the one coat that bollard lets through, for [`engine_error`] to take off.
fn carried(error: Error) -> bollard::errors::Error {
    std::io::Error::other(error).into()
}

/// What an error of bollard's means to us. `doing` says what was asked of the engine.
pub fn engine_error(doing: &str, error: bollard::errors::Error) -> Error {
    use bollard::errors::Error as Theirs;
    let doing = doing.to_owned();
    let lost = |error: &(dyn std::error::Error + 'static)| {
        Error::Lost(format!("{doing}: {}", Failure::of(error)))
    };
    match error {
        Theirs::IOError { err } => match err.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(ours) => Error::clone(ours),
            None => lost(&err),
        },
        Theirs::HyperResponseError { err } => lost(&err),
        Theirs::DockerResponseServerError {
            status_code: status,
            message,
        } => Error::Refused {
            doing,
            status,
            message,
        },
        // The work failed after the answer had begun well.
        Theirs::DockerStreamError { error: message }
        | Theirs::DockerContainerWaitError { error: message, .. } => Error::Refused {
            doing,
            status: StatusCode::OK.as_u16(),
            message,
        },
        Theirs::URLEncodedError { .. }
        | Theirs::URLParseError { .. }
        | Theirs::InvalidURIError { .. }
        | Theirs::InvalidURIPartsError { .. }
        | Theirs::HttpClientError { .. } => Error::Argument(format!("{doing}: {error}")),
        other => Error::Protocol(format!("{doing}: {other}")),
    }
}
