//! Which engine: from what the caller said, or else from what the machine says
//! (context.rs), to one or more [`Endpoint`]s. Nothing is connected here.

mod address;
pub mod context;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Result};
pub use address::port;
use address::{Address, bracketed};
use context::Environment;

/// What a caller may say about the engine, in dockerode's words. All of it is optional.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// A unix socket's path (`/var/run/docker.sock`), or on Windows a named pipe's.
    pub socket_path: Option<String>,
    /// A host, with or without scheme and port; an empty one is this machine.
    pub host: Option<String>,
    /// The host's port; 2375 by default, 2376 with TLS, and ssh's own with ssh.
    pub port: Option<u16>,
    /// `http`, `https` or `ssh`; `ca`, `cert` and `key` imply `https`.
    pub protocol: Option<String>,
    /// The authorities to trust, PEM; the system's when absent.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate chain, PEM.
    pub cert: Option<Vec<u8>>,
    /// The client's private key, PEM.
    pub key: Option<Vec<u8>>,
    /// The API version to speak (`1.41` or `v1.41`) instead of a negotiated one.
    pub version: Option<String>,
    /// How long the engine may take to begin an answer; 60 s by default.
    pub timeout: Option<Duration>,
}

/// How to prove who is who over TLS. Its debug output never shows the content.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities to trust, PEM; the system's when absent.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate chain and private key, PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// One place where an engine may listen. `Display` writes it as in `DOCKER_HOST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Plain HTTP. An IPv6 address has no brackets here.
    Tcp {
        /// Name or address.
        host: String,
        /// Never 0.
        port: u16,
    },
    /// HTTP over TLS.
    Tls {
        /// Name or address; the server's certificate must be for it.
        host: String,
        /// Never 0.
        port: u16,
        /// Whom to trust, and who we are.
        tls: Tls,
    },
    /// `docker system dial-stdio` on another machine, through the `ssh` program.
    Ssh {
        /// `host` or `user@host`; doesn't begin with a hyphen.
        target: String,
        /// ssh's own configuration decides when absent.
        port: Option<u16>,
    },
    /// A Windows named pipe, as `//./pipe/docker_engine`.
    NamedPipe(String),
}

/// The endpoints to try, in this order: what the options say; else `DOCKER_HOST`; else the
/// current docker context; else the usual sockets, the only case with more than one.
///
/// # Errors
/// [`Error::Argument`] for what contradicts itself, can't be parsed or can't be read. It
/// says which value, and what to write instead.
pub fn candidates(options: &EngineOptions, environment: &Environment) -> Result<Vec<Endpoint>> {
    match options.endpoint()? {
        Some(endpoint) => Ok(vec![endpoint]),
        None => context::candidates(environment),
    }
}

impl EngineOptions {
    /// The endpoint that these options name, if they name one.
    fn endpoint(&self) -> Result<Option<Endpoint>> {
        let host = self.host.as_deref().map_or("", str::trim);
        if let Some(path) = self.socket_path.as_deref().filter(|path| !path.is_empty()) {
            return self.socket(path, host).map(Some);
        }
        let tls = Tls::new(self.ca.clone(), self.cert.clone(), self.key.clone())?;
        if !host.is_empty() || self.port.is_some() {
            let address = Address::parse(host)?;
            return address
                .endpoint(self.port, self.protocol.as_deref(), tls)
                .map(Some);
        }
        let plain = matches!(self.protocol.as_deref(), None | Some("http" | ""));
        if tls.is_some() || !plain {
            return argument("protocol, ca, cert and key need a host: give host (and port) too");
        }
        Ok(None)
    }

    fn socket(&self, path: &str, host: &str) -> Result<Endpoint> {
        let plain = matches!(self.protocol.as_deref(), None | Some("http" | ""));
        let keys = self.ca.is_some() || self.cert.is_some() || self.key.is_some();
        if !host.is_empty() || self.port.is_some() || !plain || keys {
            return argument(
                "socketPath names a local socket, so host, port, protocol, ca, cert and key \
                 can't be used with it: give one or the other",
            );
        }
        if path.contains("://") {
            return Address::parse(path)?.endpoint(None, None, None);
        }
        let pipe = path.replace('\\', "/");
        Ok(match pipe.starts_with("//./pipe/") {
            true => Endpoint::NamedPipe(pipe),
            false => Endpoint::Unix(path.into()),
        })
    }
}

impl Tls {
    /// What TLS needs from three PEM contents; `None` when there are none.
    ///
    /// # Errors
    /// [`Error::Argument`] when only one of certificate and key is there.
    pub fn new(
        ca: Option<Vec<u8>>,
        cert: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
    ) -> Result<Option<Self>> {
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) if ca.is_none() => return Ok(None),
            (None, None) => None,
            (Some(_), None) => return argument("cert is given without key: give both, or none"),
            (None, Some(_)) => return argument("key is given without cert: give both, or none"),
        };
        Ok(Some(Self { ca, identity }))
    }
}

impl Endpoint {
    /// What goes into the `Host` header: the address, or `localhost` where there is none.
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => {
                format!("{}:{port}", bracketed(host))
            }
            Self::Unix(_) | Self::Ssh { .. } | Self::NamedPipe(_) => "localhost".into(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.authority()),
            Self::Tls { .. } => write!(f, "https://{}", self.authority()),
            Self::Ssh { target, port } => {
                write!(f, "ssh://{target}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::NamedPipe(path) => write!(f, "npipe://{path}"),
        }
    }
}

impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineOptions")
            .field("socket_path", &self.socket_path)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("protocol", &self.protocol)
            .field("ca", &shown(self.ca.is_some()))
            .field("cert", &shown(self.cert.is_some()))
            .field("key", &shown(self.key.is_some()))
            .field("version", &self.version)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("ca", &shown(self.ca.is_some()))
            .field("identity", &shown(self.identity.is_some()))
            .finish()
    }
}

/// Stands for a secret in debug output.
fn shown(given: bool) -> &'static str {
    if given { "given" } else { "none" }
}

/// A refusal of the caller's value.
pub(super) fn argument<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Argument(message.into()))
}
