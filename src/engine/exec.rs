//! Processes beside the container's main one, through the Engine's exec API.

use bollard::models::ExecConfig;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;

use super::transport::{Engine, Hijacked, engine_error};
use super::{frames, options};
use crate::error::{Error, Result};
use crate::session::token::Token;
use crate::session::{Fd, script};

/// What is kept of such a process's stdout, in bytes.
const OUTPUT: usize = 64 * 1024;

/// Runs `/bin/sh` with these arguments in the container, as a user or the container's, and gives the beginning of what
/// it printed.
///
/// # Errors
/// [`Error::Gone`] when there is no such container any more; [`Error::Timeout`] when the
/// engine says nothing; else as [`Engine`]'s requests.
pub async fn shell(
    engine: &Engine,
    container: &str,
    user: Option<&str>,
    arguments: Vec<String>,
) -> Result<String> {
    let time = engine.timeout();
    let run = run(engine, container, user, arguments);
    match tokio::time::timeout(time, run).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout {
            doing: "POST /exec/…/start".into(),
            after: time,
        }),
    }
}

async fn run(
    engine: &Engine,
    container: &str,
    user: Option<&str>,
    arguments: Vec<String>,
) -> Result<String> {
    let command = std::iter::once("/bin/sh".to_owned())
        .chain(arguments)
        .collect();
    let config = ExecConfig {
        attach_stdout: Some(true),
        cmd: Some(command),
        user: user.map(Into::into),
        ..Default::default()
    };
    let id = create(engine, container, config).await?;
    let body = json!({ "Detach": false, "Tty": false });
    let connection = engine
        .hijack(&format!("/exec/{id}/start"), Some(body))
        .await?;
    let mut output = frames::multiplexed(connection);
    let mut text = Vec::new();
    while let Some(chunk) = output.next().await {
        match chunk? {
            (Fd::Stdout, bytes) if text.len() < OUTPUT => text.extend_from_slice(&bytes),
            _ => {}
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What `session()` was asked for: fields of the Engine API's "Create an exec instance", and
/// the shell.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SessionOptions {
    #[serde(rename = "Shell")]
    shell: Option<String>,
    #[serde(rename = "WorkingDir")]
    working_dir: Option<String>,
    #[serde(rename = "Env")]
    env: Option<Vec<String>>,
    #[serde(rename = "User")]
    user: Option<String>,
}

impl SessionOptions {
    /// Reads them, as JSON.
    ///
    /// # Errors
    /// [`Error::Argument`], which names the option.
    pub fn parse(options: &str) -> Result<Self> {
        options::read("session", options::json(options)?)
    }

    /// Who the shell is, if not the container's user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The request for a leash that says `hello`.
    pub fn config(self, hello: &Token) -> ExecConfig {
        ExecConfig {
            cmd: Some(script::leash(
                self.shell.as_deref().unwrap_or_default(),
                hello,
            )),
            working_dir: self.working_dir,
            env: self.env,
            user: self.user,
            ..ExecConfig::default()
        }
    }
}

/// Runs a process with all three streams, and takes its connection over. Gives the exec's
/// id too.
pub async fn attach(
    engine: &Engine,
    container: &str,
    config: ExecConfig,
) -> Result<(String, Hijacked)> {
    let all = Some(true);
    let tty = config.tty.unwrap_or(false);
    let config = ExecConfig {
        attach_stdin: all,
        attach_stdout: all,
        attach_stderr: all,
        ..config
    };
    let id = create(engine, container, config).await?;
    let body = json!({ "Detach": false, "Tty": tty });
    let connection = engine
        .hijack(&format!("/exec/{id}/start"), Some(body))
        .await?;
    Ok((id, connection))
}

/// Whether the process of an exec runs, or its exit code.
///
/// # Errors
/// [`Error::Gone`] when it went with its container.
pub async fn exit_code(engine: &Engine, exec: &str) -> Result<Option<i64>> {
    match engine.docker().inspect_exec(exec).await {
        Ok(process) if process.running == Some(true) => Ok(None),
        Ok(process) => Ok(process.exit_code),
        Err(error) => match engine_error("inspect exec", error) {
            Error::Refused {
                status: 404 | 409,
                message,
                ..
            } => Err(Error::Gone(message)),
            error => Err(error),
        },
    }
}

/// Creates an exec, and gives its id.
///
/// # Errors
/// [`Error::Gone`] when there is no such container any more.
pub async fn create(engine: &Engine, container: &str, config: ExecConfig) -> Result<String> {
    match engine.docker().create_exec(container, config).await {
        Ok(created) => Ok(created.id),
        Err(error) => match engine_error("create exec", error) {
            Error::Refused {
                status: 404,
                message,
                ..
            } => Err(Error::Gone(message)),
            error => Err(error),
        },
    }
}
