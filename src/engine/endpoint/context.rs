//! Where the engine is when the caller doesn't say: `DOCKER_HOST`, the current docker
//! context, the usual sockets. The rules are the docker command's own.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::address::Address;
use super::{Endpoint, Tls, argument};
use crate::Result;

/// The environment variables that matter here.
const VARIABLES: [&str; 6] = [
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "XDG_RUNTIME_DIR",
];

/// What is read of the process's surroundings; a test makes its own.
#[derive(Clone, Default)]
pub struct Environment {
    /// Those of the environment variables that matter; an empty one counts as not set.
    pub variables: HashMap<String, String>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// The user's id, for `/run/user/UID`; none where there is no such thing.
    pub uid: Option<u32>,
}

/// Docker's `config.json`, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    current_context: String,
}

/// A context's `meta.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Option<Docker>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Docker {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl Environment {
    /// This process's. Variables that aren't Unicode are left out.
    ///
    /// Node writes `process.env` without the lock that Rust reads it with, so call this on
    /// the JavaScript thread.
    pub fn of_process() -> Self {
        let text = |name: &str| Some((name.to_owned(), std::env::var(name).ok()?));
        Self {
            variables: VARIABLES.into_iter().filter_map(text).collect(),
            home: std::env::home_dir(),
            uid: uid(),
        }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        debug_assert!(VARIABLES.contains(&name));
        let value = self.variables.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Docker's configuration folder: `$DOCKER_CONFIG`, else `~/.docker`.
    fn config(&self) -> Option<PathBuf> {
        let chosen = self.variable("DOCKER_CONFIG").map(PathBuf::from);
        chosen.or_else(|| Some(self.home.as_ref()?.join(".docker")))
    }

    /// Where the user's own sockets are: `$XDG_RUNTIME_DIR`, else `/run/user/UID`.
    fn runtime(&self) -> Option<PathBuf> {
        let chosen = self.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        chosen.or_else(|| Some(format!("/run/user/{}", self.uid?).into()))
    }
}

/// The endpoints to try when the caller named none.
pub(super) fn candidates(environment: &Environment) -> Result<Vec<Endpoint>> {
    if let Some(host) = environment.variable("DOCKER_HOST") {
        return Ok(vec![docker_host(host, environment)?]);
    }
    match current_context(environment)? {
        Some(name) => Ok(vec![context(&name, environment)?]),
        None => Ok(usual(environment)),
    }
}

/// `DOCKER_HOST`. As for the docker command, any `DOCKER_TLS_VERIFY` turns TLS on for tcp,
/// with `ca.pem`, `cert.pem` and `key.pem` of `DOCKER_CERT_PATH`, else of docker's folder.
fn docker_host(host: &str, environment: &Environment) -> Result<Endpoint> {
    let named = |error| prefixed("DOCKER_HOST", error);
    let verify = environment.variable("DOCKER_TLS_VERIFY").is_some();
    let secure = host.starts_with("https://");
    let local = ["unix://", "npipe://", "ssh://"]
        .iter()
        .any(|scheme| host.starts_with(scheme));
    let address = Address::parse(host.trim()).map_err(named)?;
    if local || !(verify || secure) {
        return address.endpoint(None, None, None).map_err(named);
    }
    let folder = match environment.variable("DOCKER_CERT_PATH") {
        Some(folder) if !Path::new(folder).is_dir() => {
            return argument(format!("DOCKER_CERT_PATH: {folder:?} is not a folder"));
        }
        Some(folder) => Some(PathBuf::from(folder)),
        None if verify => environment.config(),
        None => None,
    };
    let tls = folder
        .map(|folder| tls_files(&folder))
        .transpose()?
        .flatten();
    address.endpoint(None, Some("https"), tls).map_err(named)
}

/// The context that is in use; `default` is none.
fn current_context(environment: &Environment) -> Result<Option<String>> {
    let real = |name: String| Some(name).filter(|name| !name.is_empty() && name != "default");
    if let Some(name) = environment.variable("DOCKER_CONTEXT") {
        return Ok(real(name.to_owned()));
    }
    let Some(path) = environment
        .config()
        .map(|folder| folder.join("config.json"))
    else {
        return Ok(None);
    };
    match read(&path)? {
        None => Ok(None),
        Some(content) => match serde_json::from_slice::<Config>(&content) {
            Ok(config) => Ok(real(config.current_context)),
            Err(error) => argument(format!("{}: {error}", path.display())),
        },
    }
}

fn context(name: &str, environment: &Environment) -> Result<Endpoint> {
    let contexts = environment.config().unwrap_or_default().join("contexts");
    let Some((folder, meta)) = find(&contexts.join("meta"), name) else {
        return argument(format!(
            "docker context {name:?} does not exist: see docker context ls, or unset DOCKER_CONTEXT"
        ));
    };
    let docker = meta
        .endpoints
        .docker
        .filter(|docker| !docker.host.is_empty());
    let Some(docker) = docker else {
        return argument(format!("docker context {name:?} has no docker endpoint"));
    };
    if docker.skip_tls_verify {
        return argument(format!(
            "docker context {name:?} skips the check of the engine's certificate, so anyone on \
             the way could be the engine: give the context its ca, and update it with \
             skip-tls-verify=false"
        ));
    }
    let tls = tls_files(&contexts.join("tls").join(folder).join("docker"))?;
    let named = |error| prefixed(&format!("docker context {name:?}"), error);
    Address::parse(&docker.host)
        .and_then(|host| host.endpoint(None, None, tls))
        .map_err(named)
}

/// The context of that name, and its folder's name. What can't be read isn't it.
fn find(meta: &Path, name: &str) -> Option<(PathBuf, Meta)> {
    std::fs::read_dir(meta).ok()?.flatten().find_map(|entry| {
        let content = std::fs::read(entry.path().join("meta.json")).ok()?;
        let meta: Meta = serde_json::from_slice(&content).ok()?;
        (meta.name == name).then(|| (entry.file_name().into(), meta))
    })
}

/// `ca.pem`, `cert.pem` and `key.pem` of a folder, as far as they are there.
fn tls_files(folder: &Path) -> Result<Option<Tls>> {
    let file = |name| read(&folder.join(name));
    Tls::new(file("ca.pem")?, file("cert.pem")?, file("key.pem")?)
        .map_err(|error| prefixed(&folder.display().to_string(), error))
}

/// The sockets of the system's Docker, rootless Docker, Docker Desktop, Colima and Podman.
fn usual(environment: &Environment) -> Vec<Endpoint> {
    if cfg!(windows) {
        return vec![Endpoint::NamedPipe("//./pipe/docker_engine".into())];
    }
    let home = |path| environment.home.as_ref().map(|home| home.join(path));
    let runtime = |path| environment.runtime().map(|folder| folder.join(path));
    [
        Some("/var/run/docker.sock".into()),
        runtime("docker.sock"),
        home(".docker/run/docker.sock"),
        home(".docker/desktop/docker.sock"),
        home(".colima/default/docker.sock"),
        runtime("podman/podman.sock"),
        Some("/run/podman/podman.sock".into()),
    ]
    .into_iter()
    .flatten()
    .map(Endpoint::Unix)
    .collect()
}

/// A file's content, or `None` when it isn't there.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => argument(format!("{} can't be read: {error}", path.display())),
    }
}

fn prefixed(what: &str, error: crate::Error) -> crate::Error {
    crate::Error::Argument(format!("{what}: {error}"))
}

#[cfg(unix)]
fn uid() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(std::fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}
