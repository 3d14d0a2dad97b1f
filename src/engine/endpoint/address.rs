//! Reads an engine's address as people write it: `tcp://1.2.3.4:2375`, `[::1]`,
//! `unix:///path`, `127.0.0.1`, or nothing at all.

use std::net::Ipv6Addr;

use super::{Endpoint, Tls, argument};
use crate::Result;

/// The Engine's registered port for plain HTTP.
const PLAIN_PORT: u16 = 2375;
/// The Engine's registered port for TLS.
const TLS_PORT: u16 = 2376;
/// An empty host is this machine.
const THIS_MACHINE: &str = "127.0.0.1";

/// An address cut into its parts. The scheme is lower case.
#[derive(Debug)]
pub(super) struct Address<'a> {
    text: &'a str,
    scheme: Option<String>,
    user: Option<&'a str>,
    /// For unix and npipe the whole path; else a name or address without brackets.
    host: &'a str,
    port: Option<u16>,
}

/// How to talk to a host.
enum Way {
    Plain,
    Tls,
    Ssh,
}

impl<'a> Address<'a> {
    /// Cuts `text` into parts; what the scheme means is looked at later.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        if let Some("unix" | "npipe") = scheme.as_deref() {
            return Ok(Self {
                text,
                scheme,
                user: None,
                host: rest,
                port: None,
            });
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let (host, port) = host_and_port(text, rest)?;
        Ok(Self {
            text,
            scheme,
            user,
            host,
            port,
        })
    }

    /// The endpoint, with what the caller said beside the address. `tls` implies TLS, unless
    /// plain HTTP is demanded by `protocol`, which is a contradiction.
    pub(super) fn endpoint(
        self,
        port: Option<u16>,
        protocol: Option<&str>,
        tls: Option<Tls>,
    ) -> Result<Endpoint> {
        let protocol = protocol.filter(|protocol| !protocol.is_empty());
        if let Some(local @ ("unix" | "npipe")) = self.scheme.as_deref() {
            if port.is_some() || protocol.is_some() || tls.is_some() {
                return argument(format!(
                    "{:?} is a local socket: leave out port, protocol, ca, cert and key",
                    self.text
                ));
            }
            return self.local(local);
        }
        let way = way(self.scheme.as_deref(), protocol, tls.is_some())?;
        let port = self.agreed_port(port)?;
        if matches!(way, Way::Ssh) {
            return self.ssh(port);
        }
        if self.user.is_some() {
            return argument(format!(
                "{:?} has a user name in it, which only ssh:// takes: leave it out",
                self.text
            ));
        }
        let host = if self.host.is_empty() {
            THIS_MACHINE
        } else {
            self.host
        }
        .to_owned();
        Ok(match way {
            Way::Tls => Endpoint::Tls {
                host,
                port: port.unwrap_or(TLS_PORT),
                tls: tls.unwrap_or_default(),
            },
            _ => Endpoint::Tcp {
                host,
                port: port.unwrap_or(PLAIN_PORT),
            },
        })
    }

    fn local(&self, scheme: &str) -> Result<Endpoint> {
        let path = self.host;
        if !path.starts_with('/') {
            return argument(format!(
                "{:?} needs an absolute path, with three slashes: unix:///var/run/docker.sock",
                self.text
            ));
        }
        Ok(match scheme {
            "unix" => Endpoint::Unix(path.into()),
            _ => Endpoint::NamedPipe(path.to_owned()),
        })
    }

    fn ssh(&self, port: Option<u16>) -> Result<Endpoint> {
        // A name that begins with a hyphen would be an option of the ssh program.
        let target = match self.user {
            _ if self.host.is_empty() || self.host.starts_with('-') => None,
            None => Some(self.host.to_owned()),
            Some(user) if is_user(user) => Some(format!("{user}@{}", self.host)),
            Some(_) => None,
        };
        match target {
            Some(target) => Ok(Endpoint::Ssh { target, port }),
            None => argument(format!("{:?} is not ssh://user@host:port", self.text)),
        }
    }

    fn agreed_port(&self, port: Option<u16>) -> Result<Option<u16>> {
        match (self.port, port) {
            (_, Some(0)) => argument("port 0 can't be connected to: it is 1 to 65535"),
            (Some(inside), Some(beside)) if inside != beside => argument(format!(
                "host {:?} has port {inside} in it, but port is {beside}: give one of them",
                self.text
            )),
            (inside, beside) => Ok(inside.or(beside)),
        }
    }
}

/// A port as text.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for what isn't a number from 1 to 65535.
pub fn port(text: &str) -> Result<u16> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => argument(format!("port {text:?} is not a number from 1 to 65535")),
    }
}

/// An IPv6 address in brackets, anything else as it is.
pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn host_and_port<'a>(text: &str, rest: &'a str) -> Result<(&'a str, Option<u16>)> {
    if rest.parse::<Ipv6Addr>().is_ok() {
        return Ok((rest, None));
    }
    let (host, digits) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) if host.parse::<Ipv6Addr>().is_ok() => (host, None),
        Some((host, tail)) if host.parse::<Ipv6Addr>().is_ok() && tail.starts_with(':') => {
            (host, Some(&tail[1..]))
        }
        Some(_) => ("?", None),
        None => match rest.rsplit_once(':') {
            Some((host, digits)) => (host, Some(digits)),
            None => (rest, None),
        },
    };
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if !host.chars().all(named) && host.parse::<Ipv6Addr>().is_err() {
        return argument(format!(
            "host {text:?} is not an engine's address: write it like 127.0.0.1, \
             tcp://host:2375, https://host:2376, ssh://user@host or unix:///path"
        ));
    }
    Ok((host, digits.map(port).transpose()?))
}

fn way(scheme: Option<&str>, protocol: Option<&str>, tls: bool) -> Result<Way> {
    match (scheme, protocol) {
        (_, Some(other)) if !matches!(other, "http" | "https" | "ssh") => {
            argument(format!("protocol {other:?} is not one of http, https, ssh"))
        }
        (None, Some("ssh")) | (Some("ssh"), None | Some("ssh")) if !tls => Ok(Way::Ssh),
        (Some("https"), None | Some("https")) => Ok(Way::Tls),
        (None | Some("http" | "tcp"), Some("https")) => Ok(Way::Tls),
        (None | Some("http" | "tcp"), None) if tls => Ok(Way::Tls),
        (None | Some("http" | "tcp"), None) => Ok(Way::Plain),
        (None | Some("http" | "tcp"), Some("http")) if !tls => Ok(Way::Plain),
        (Some("http" | "tcp" | "https" | "ssh") | None, _) => argument(format!(
            "protocol {}, host scheme {} and {} contradict each other: drop one",
            protocol.unwrap_or("(none)"),
            scheme.unwrap_or("(none)"),
            if tls {
                "certificates"
            } else {
                "no certificates"
            },
        )),
        (Some(other), _) => argument(format!(
            "scheme {other:?} is not one of unix, tcp, http, https, ssh, npipe"
        )),
    }
}

fn is_user(user: &str) -> bool {
    let named = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    !user.is_empty() && !user.starts_with('-') && user.chars().all(named)
}
