//! Processes beside the container's main one, through the Engine's exec API.

use bollard::models::ExecConfig;
use futures_util::StreamExt;
use serde_json::json;

use super::frames;
use super::transport::{Engine, engine_error};
use crate::error::{Error, Result};
use crate::session::Fd;

/// What is kept of such a process's stdout, in bytes.
const OUTPUT: usize = 64 * 1024;

/// Runs `/bin/sh` with these arguments in the container, and gives the beginning of what
/// it printed.
///
/// # Errors
/// [`Error::Gone`] when there is no such container any more; [`Error::Timeout`] when the
/// engine says nothing; else as [`Engine`]'s requests.
pub async fn shell(engine: &Engine, container: &str, arguments: Vec<String>) -> Result<String> {
    let time = engine.timeout();
    let run = run(engine, container, arguments);
    match tokio::time::timeout(time, run).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout {
            doing: "POST /exec/…/start".into(),
            after: time,
        }),
    }
}

async fn run(engine: &Engine, container: &str, arguments: Vec<String>) -> Result<String> {
    let command = std::iter::once("/bin/sh".to_owned())
        .chain(arguments)
        .collect();
    let config = ExecConfig {
        attach_stdout: Some(true),
        cmd: Some(command),
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
