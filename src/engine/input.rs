//! Input for a command, streamed: an exec whose stdin nobody reads but the command, by its
//! path in /proc. No file is written, and nothing is quoted.

use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncWriteExt, WriteHalf, split};
use tokio::sync::{mpsc, oneshot};

use super::transport::{Engine, Hijacked};
use super::{exec, frames};
use crate::error::{Error, Result};

/// Pieces of input that may wait for a command that reads slowly.
pub const CHUNKS: usize = 4;

/// Says its process id, and lends its stdin: long enough for a command to open it. One
/// process, since an exec isn't over before its last one is.
const LENDER: &str = "echo $$; exec sleep 86400";

/// Opens it for a shell of that user's or the container's, and gives its path. What comes through `bytes` goes in; their end is the end
/// of the file. It closes when `done` comes or its sender is dropped.
pub async fn open(
    engine: Engine,
    container: String,
    user: Option<String>,
    bytes: mpsc::Receiver<Bytes>,
    done: oneshot::Receiver<()>,
) -> Result<String> {
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        cmd: Some(["/bin/sh", "-c", LENDER].map(Into::into).into()),
        user: user.clone(),
        ..Default::default()
    };
    let id = exec::create(&engine, &container, config).await?;
    let body = json!({ "Detach": false, "Tty": false });
    let connection = engine
        .hijack(&format!("/exec/{id}/start"), Some(body))
        .await?;
    let (output, input) = split(connection);
    let mut output = frames::multiplexed(output);
    let pid = match output.next().await {
        Some(chunk) => String::from_utf8_lossy(&chunk?.1).trim().to_owned(),
        None => return Err(Error::Gone("it ended before its input was opened".into())),
    };
    let path = format!("/proc/{pid}/fd/0");
    tokio::spawn(async move {
        tokio::select! {
            () = pass_on(bytes, input) => {}
            _ = done => {}
        }
        let end = ["-c", "kill -9 \"$1\"", "end", &pid].map(Into::into).into();
        // Gone with its container where this fails.
        let _ = exec::shell(&engine, &container, user.as_deref(), end).await;
        drop(output);
    });
    Ok(path)
}

/// Passes the bytes on, then their end, and stays: the lender is read until it's done.
async fn pass_on(mut bytes: mpsc::Receiver<Bytes>, mut input: WriteHalf<Hijacked>) {
    while let Some(chunk) = bytes.recv().await {
        if input.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let _ = input.shutdown().await;
    drop(bytes);
    std::future::pending().await
}
