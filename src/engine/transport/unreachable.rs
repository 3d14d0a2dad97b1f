//! Why an engine can't be reached, in plain words, and what to do about it.

use std::error::Error as Cause;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use hyper::StatusCode;
use tokio_rustls::rustls::{self, InvalidMessage};

use super::{connector, ssh};
use crate::Error;
use crate::engine::endpoint::Endpoint;

/// What happened at one endpoint. `Display` says it in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such socket.
    Missing,
    /// Nothing listens there.
    Refused,
    /// The user may not open the socket.
    Permission,
    /// The name can't be resolved.
    UnknownHost,
    /// It took longer than this.
    NoAnswer(Duration),
    /// It speaks TLS, and we didn't.
    WantsTls,
    /// It speaks plain HTTP, and we spoke TLS.
    WantsPlain,
    /// Its certificate doesn't hold; rustls says why.
    Untrusted(String),
    /// It ended the TLS connection with this alert, mostly because of our certificate.
    Rejected(String),
    /// It closed the connection without a word.
    Closed,
    /// It said something else than a Docker engine does.
    NotDocker(String),
    /// The ssh program's own words.
    Ssh(String),
    /// Anything else, in the system's words.
    Other(String),
}

impl Failure {
    /// What an error of the transport comes down to.
    pub fn of(error: &(dyn Cause + 'static)) -> Self {
        let causes = causes(error);
        if let Some(ssh) = find::<ssh::Failed>(&causes) {
            return Self::Ssh(ssh.to_string());
        }
        if let Some(connector::Slow(limit)) = find(&causes) {
            return Self::NoAnswer(*limit);
        }
        if let Some(tls) = find::<rustls::Error>(&causes) {
            return Self::of_tls(tls);
        }
        if causes.iter().any(|cause| cause.to_string() == "dns error") {
            return Self::UnknownHost;
        }
        if let Some(http) = find::<hyper::Error>(&causes) {
            if http.is_parse() {
                return Self::NotDocker("not HTTP".into());
            }
            if http.is_incomplete_message() {
                return Self::Closed;
            }
        }
        let kinds = causes
            .iter()
            .filter_map(|cause| cause.downcast_ref::<io::Error>());
        let kind = kinds
            .map(io::Error::kind)
            .find(|kind| *kind != ErrorKind::Other);
        match kind {
            Some(ErrorKind::NotFound | ErrorKind::NotADirectory) => Self::Missing,
            Some(ErrorKind::ConnectionRefused) => Self::Refused,
            Some(ErrorKind::PermissionDenied) => Self::Permission,
            Some(
                ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe,
            ) => Self::Closed,
            _ => Self::Other(causes.last().map_or_else(String::new, ToString::to_string)),
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::WantsPlain,
            rustls::Error::InvalidCertificate(why) => Self::Untrusted(why.to_string()),
            rustls::Error::AlertReceived(alert) => Self::Rejected(format!("{alert:?}")),
            other => Self::Other(other.to_string()),
        }
    }

    /// What an answer to a ping that isn't an engine's comes down to.
    pub fn of_answer(status: StatusCode, body: &str) -> Self {
        if body.contains("HTTP request to an HTTPS server") {
            return Self::WantsTls;
        }
        let line = body.trim().lines().next().unwrap_or_default();
        let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
        Self::NotDocker(format!("HTTP {}: {line}", status.as_u16()))
    }

    /// What to do about it.
    pub fn advice(&self, endpoint: &Endpoint) -> &'static str {
        match self {
            Self::Missing => {
                "Is the path right, and is the engine running? Start it with: systemctl start \
                 docker, or Docker Desktop."
            }
            Self::Refused => {
                "Is the engine running, and are host and port right? An engine listens on TCP only \
                 when dockerd was started with -H tcp://...; locally its socket is \
                 /var/run/docker.sock."
            }
            Self::Permission => {
                "Add your user to the docker group (sudo usermod -aG docker $USER, then log in \
                 again), or use rootless Docker, or run this with sudo."
            }
            Self::UnknownHost => "Check the host's spelling, and that this machine can resolve it.",
            Self::NoAnswer(_) => {
                "Check the address and the firewalls on the way; where the engine is only slow or \
                 overloaded, raise the option timeout (milliseconds)."
            }
            Self::WantsTls => {
                "Use protocol: 'https' (mostly port 2376) with ca, cert and key, or set \
                 DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH."
            }
            Self::WantsPlain => {
                "Leave out ca, cert, key and protocol: 'https', or unset DOCKER_TLS_VERIFY; or use \
                 the engine's TLS port (mostly 2376)."
            }
            Self::Untrusted(_) => {
                "Give the authority that signed the engine's certificate as ca (or as ca.pem in \
                 DOCKER_CERT_PATH), and use a host that the certificate is for."
            }
            Self::Rejected(_) => {
                "The engine wants a client certificate that its own authority signed: give cert \
                 and key (or cert.pem and key.pem in DOCKER_CERT_PATH)."
            }
            Self::Closed if matches!(endpoint, Endpoint::Tcp { .. }) => {
                "Is it the engine's port? If the engine speaks TLS there, use protocol: 'https'."
            }
            Self::Closed if matches!(endpoint, Endpoint::Tls { .. }) => {
                "Is it the engine's port? The engine may want a client certificate (cert and key)."
            }
            Self::Closed => "The engine may be starting or stopping: try again, or see its log.",
            Self::NotDocker(_) => {
                "Something else listens there: check the socket's path, or host and port; if it \
                 speaks TLS, use protocol: 'https'."
            }
            Self::Ssh(_) => {
                "Try the same by hand: ssh HOST docker system dial-stdio. It must log in without \
                 asking anything (a key, an agent, a known host), and docker must be there."
            }
            Self::Other(_) => {
                "Check the address, and that the docker command gets an answer from it."
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such socket"),
            Self::Refused => f.write_str("refused: nothing listens there"),
            Self::Permission => f.write_str("permission denied"),
            Self::UnknownHost => f.write_str("no such host"),
            Self::NoAnswer(limit) => write!(f, "no answer within {} ms", limit.as_millis()),
            Self::WantsTls => f.write_str("it speaks TLS, but was spoken to in plain HTTP"),
            Self::WantsPlain => f.write_str("it speaks plain HTTP, but was spoken to in TLS"),
            Self::Untrusted(why) => write!(f, "its certificate can't be trusted: {why}"),
            Self::Rejected(alert) => write!(f, "it rejected the TLS connection: {alert}"),
            Self::Closed => f.write_str("it closed the connection without an answer"),
            Self::NotDocker(what) => {
                write!(f, "it answered, but not like a Docker engine ({what})")
            }
            Self::Ssh(words) => f.write_str(&words.lines().collect::<Vec<_>>().join("; ")),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// The typed error for everything that was tried. The advice is for the most telling
/// failure: the first that isn't just a socket that isn't there.
pub fn unreachable(tried: &[(Endpoint, Failure)]) -> Error {
    let telling = tried
        .iter()
        .find(|(_, failure)| *failure != Failure::Missing);
    let advice = match telling.or(tried.first().filter(|_| tried.len() == 1)) {
        Some((endpoint, failure)) => failure.advice(endpoint),
        None => {
            "Start an engine (systemctl start docker, Docker Desktop, colima start or podman \
             system service), or say where it is: DOCKER_HOST, or the options socketPath, or host \
             and port."
        }
    };
    let line = |(endpoint, failure): &(Endpoint, Failure)| format!("  {endpoint}: {failure}");
    Error::Unreachable {
        tried: tried.iter().map(line).collect(),
        advice: advice.into(),
    }
}

/// The error and everything below it. `io::Error` hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Cause + 'static)) -> Vec<&'a (dyn Cause + 'static)> {
    std::iter::successors(Some(error), |&cause| {
        match cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => cause.source(),
        }
    })
    .collect()
}

fn find<'a, T: Cause + 'static>(causes: &[&'a (dyn Cause + 'static)]) -> Option<&'a T> {
    causes.iter().find_map(|cause| cause.downcast_ref::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_the_user_may_not_open_is_said_with_the_group_to_join() {
        let denied = io::Error::other(io::Error::from(ErrorKind::PermissionDenied));
        let tried = [
            (Endpoint::Unix("/none".into()), Failure::Missing),
            (
                Endpoint::Unix("/var/run/docker.sock".into()),
                Failure::of(&denied),
            ),
        ];
        let message = unreachable(&tried).to_string();
        assert!(
            message.contains("\n  unix:///none: no such socket\n"),
            "{message}"
        );
        assert!(
            message.contains("unix:///var/run/docker.sock: permission denied\n"),
            "{message}"
        );
        assert!(message.ends_with("or run this with sudo."), "{message}");
    }

    #[test]
    fn when_no_socket_is_there_it_is_said_how_to_start_or_name_an_engine() {
        let missing = |path: &str| (Endpoint::Unix(path.into()), Failure::Missing);
        let message = unreachable(&[missing("/a"), missing("/b")]).to_string();
        assert!(
            message.contains("Start an engine") && message.contains("DOCKER_HOST"),
            "{message}"
        );
    }
}
