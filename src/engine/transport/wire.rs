//! HTTP to one engine: a pool of connections that a process has once for each engine, the
//! version in every path, one time limit.

use std::error::Error as Cause;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::{self, Handle};
use tokio::time::timeout;

use super::connector::Connector;
use super::unreachable::{Failure, unreachable};
use super::version::Version;
use crate::engine::endpoint::Endpoint;
use crate::{Error, Result};

/// An idle connection is of use only to a burst of requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections that are kept; a burst of starts is limited to about as many.
const IDLE_CONNECTIONS: usize = 8;
/// What is read of an answer that is only a message, in bytes.
const MESSAGE: usize = 64 * 1024;

/// A request's body, bollard's or ours.
pub(super) type Body = UnsyncBoxBody<Bytes, Box<dyn Cause + Send + Sync>>;

/// The connections to one engine.
type Connections = Client<Connector, Body>;

/// Those of this process, while somebody uses them. What goes on with a connection is a task of
/// one runtime, so other runtimes have others.
static SHARED: Mutex<Vec<(runtime::Id, Connector, Weak<Connections>)>> = Mutex::new(Vec::new());

/// The connections that a connector like this one makes.
fn connections(connector: Connector) -> Arc<Connections> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.retain(|(.., connections)| connections.strong_count() > 0);
    let runtime = Handle::current().id();
    let known = shared
        .iter()
        .find(|(of, known, _)| *of == runtime && *known == connector)
        .and_then(|(.., connections)| connections.upgrade());
    known.unwrap_or_else(|| {
        let made = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        let made = Arc::new(made);
        shared.push((runtime, connector, Arc::downgrade(&made)));
        made
    })
}

/// An engine that has answered a ping.
pub(super) struct Wire {
    pub(super) endpoint: Endpoint,
    pub(super) version: Version,
    pub(super) timeout: Duration,
    connections: Arc<Connections>,
}

impl Wire {
    /// Pings the engine for at most `limit`. The version is `pinned`, or else the newest
    /// that both sides know.
    pub(super) async fn connect(
        connector: Connector,
        pinned: Option<Version>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let endpoint = connector.endpoint().clone();
        let connections = connections(connector);
        let theirs = timeout(limit, ping(&connections, &endpoint)).await;
        let theirs = theirs.unwrap_or(Err(Failure::NoAnswer(limit)))?;
        let version = pinned.unwrap_or(theirs.min(Version::newest()));
        Ok(Self {
            endpoint,
            version,
            timeout: limit,
            connections,
        })
    }

    /// Sends a request whose path has no version yet, and waits for the beginning of its
    /// answer: at most [`timeout`](Self::timeout), unless it [`answers_late`].
    pub(super) async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>> {
        let doing = format!("{} {}", request.method(), request.uri().path());
        let late = answers_late(request.method(), request.uri().path());
        *request.uri_mut() = versioned(request.uri(), self.version)?;
        let answer = self.connections.request(request);
        let answer = if late {
            answer.await
        } else {
            let after = self.timeout;
            match timeout(after, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Error::Timeout { doing, after }),
            }
        };
        answer.map_err(|error| match error.is_connect() {
            true => unreachable(&[(self.endpoint.clone(), Failure::of(&error))]),
            false => self.broken(&doing, &error),
        })
    }

    /// The error for a connection that broke under a request.
    pub(super) fn broken(&self, doing: &str, error: &(dyn Cause + 'static)) -> Error {
        let failure = Failure::of(error);
        Error::Lost(format!("{doing} at {}: {failure}", self.endpoint))
    }

    /// An answer that is only a message; what doesn't come in time is left out.
    pub(super) async fn text(&self, response: Response<Incoming>) -> String {
        timeout(self.timeout, text(response))
            .await
            .unwrap_or_default()
    }
}

/// Asks for a sign of life, and gives the engine's newest API version.
async fn ping(connections: &Connections, endpoint: &Endpoint) -> Result<Version, Failure> {
    let uri = format!("http://{}/_ping", endpoint.authority());
    let request = Request::get(uri).body(boxed(Full::default()));
    let request = request.map_err(|error| Failure::Other(error.to_string()))?;
    let answer = connections.request(request).await;
    let response = answer.map_err(|error| Failure::of(&error))?;
    let status = response.status();
    let header = response.headers().get("api-version");
    let version = header.and_then(|text| Version::parse(text.to_str().ok()?));
    let text = text(response).await;
    match version.or((text.trim() == "OK").then_some(Version::OLDEST)) {
        Some(version) if status.is_success() => Ok(version),
        _ => Err(Failure::of_answer(status, &text)),
    }
}

/// Whether the engine answers only when it has done the work, so that the time limit would
/// end it: by moby's handlers, and Podman's for `wait`. Everything else begins at once.
fn answers_late(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    matches!(
        (method.as_str(), &parts[..]),
        ("POST", [.., "containers", _, "wait" | "stop" | "restart"])
            | ("POST", [.., "images", "create" | "load"])
            | ("POST", [.., "build" | "commit"])
            | ("PUT", [.., "containers", _, "archive"])
    )
}

/// The same URI with the version before its path, unless bollard has put it there (its
/// 0.21 drops it; a later one won't).
fn versioned(uri: &Uri, version: Version) -> Result<Uri> {
    let unfit = |error: &dyn std::fmt::Display| Error::Argument(format!("{uri}: {error}"));
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let digit = path
        .strip_prefix("/v")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if digit {
        return Ok(uri.clone());
    }
    let mut parts = uri.clone().into_parts();
    let path = format!("/v{version}{path}")
        .parse()
        .map_err(|error| unfit(&error))?;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|error| unfit(&error))
}

/// An answer that is only a message; what can't be read of it is left out.
async fn text(response: Response<Incoming>) -> String {
    match Limited::new(response.into_body(), MESSAGE).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => String::new(),
    }
}

/// Any body as the client's.
pub(super) fn boxed<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Cause + Send + Sync>>,
{
    body.map_err(Into::into).boxed_unsync()
}
