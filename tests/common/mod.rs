//! A session in a local shell: the same leash, without Docker.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use docker_exec_napi::Error;
use docker_exec_napi::session::tap::{self, Taken, TapReader};
use docker_exec_napi::session::token::Token;
use docker_exec_napi::session::{Beside, Fd, Session, Wiring, script};
use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// The shells that every case is tried on: the one the leash runs in, and the session's.
pub const SHELLS: [(&str, &str); 3] = [("dash", "bash"), ("dash", "dash"), ("busybox", "sh")];

/// A session in a local process, and what its tap has given so far.
pub struct Local {
    pub session: Session,
    pub child: Child,
    pub tap: TapReader,
    pub why: Arc<Mutex<Option<Error>>>,
}

impl Local {
    /// `kind` names the shells, as in [`SHELLS`].
    pub async fn open(kind: (&str, &str)) -> Self {
        Self::try_open(kind).await.expect("a local shell")
    }

    pub async fn try_open((leash, shell): (&str, &str)) -> Result<Self, Error> {
        let hello = Token::fresh();
        let arguments = script::leash(shell, &hello);
        let mut command = match leash {
            "busybox" => Command::new("busybox"),
            other => Command::new(other),
        };
        if leash == "busybox" {
            command.arg("sh");
        }
        let mut child = command
            .args(&arguments[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("a shell on this machine");
        let stdout = chunks(Fd::Stdout, child.stdout.take().unwrap());
        let stderr = chunks(Fd::Stderr, child.stderr.take().unwrap());
        let (tap, reader) = tap::tap(|_| {});
        let wiring = Wiring {
            output: Box::pin(stream::select(stdout, stderr)),
            input: child.stdin.take().unwrap(),
            hello,
            beside: beside(),
            autopsy: Box::pin(async { Error::Gone("the local shell ended".into()) }),
            tap,
            first: true,
            terminal: None,
        };
        let why = Arc::new(Mutex::new(None));
        let noted = why.clone();
        let session =
            Session::open(wiring, move |error| *noted.lock().unwrap() = Some(error)).await?;
        Ok(Self {
            session,
            child,
            tap: reader,
            why,
        })
    }

    /// Runs a command; its exit code and what it printed.
    pub async fn run(&self, text: &str) -> (u8, String, String) {
        let outcome = self
            .session
            .exec(text, 64 << 20)
            .await
            .unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let lossy = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        (
            outcome.exit.expect("an exit code"),
            lossy(&outcome.stdout),
            lossy(&outcome.stderr),
        )
    }

    /// What the tap has right now.
    pub fn tapped(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Taken::Bytes(bytes) = self.tap.take(usize::MAX) {
            all.extend_from_slice(&bytes);
        }
        all
    }
}

fn beside() -> Beside {
    Arc::new(|arguments| {
        Box::pin(async move {
            let output = Command::new("/bin/sh").args(arguments).output().await;
            let output = output.map_err(|error| Error::Lost(error.to_string()))?;
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        })
    })
}

/// A pipe as a stream of chunks.
pub fn chunks(
    fd: Fd,
    pipe: impl AsyncRead + Unpin + Send + 'static,
) -> impl Stream<Item = docker_exec_napi::Result<(Fd, Bytes)>> + Send {
    stream::unfold(pipe, move |mut pipe| async move {
        let mut buffer = vec![0; 32 * 1024];
        match pipe.read(&mut buffer).await {
            Ok(0) | Err(_) => None,
            Ok(n) => {
                buffer.truncate(n);
                Some((Ok((fd, buffer.into())), pipe))
            }
        }
    })
    .boxed()
}
