//! Processes of their own in a runner's container, with no shell and no queue.

use std::pin::pin;
use std::time::Duration;

use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt, WriteHalf, split};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{Runner, given_up, why};
use crate::engine::exec;
use crate::engine::terminal::Output;
use crate::engine::transport::{Engine, Hijacked};
use crate::engine::{frames, terminal};
use crate::error::{Error, Result};
use crate::session::Fd;
use crate::session::script;
use crate::session::sentinel::{Event, Scanner};
use crate::session::tap::Tap;
use crate::session::token::Token;

/// Pieces of input that may wait for a process that takes none.
const INPUT: usize = 16;

/// ^D, which at the beginning of a line is a terminal's end of file.
const END_OF_FILE: &[u8] = b"\x04";

/// The pause between two looks at a process that has closed its streams and goes on; it
/// doubles up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// The exit code of what ended by SIGKILL: with its container, say.
const KILLED: i64 = 128 + 9;

/// Sends a signal; says why it couldn't, unless there is no such process.
const KILL: &str = r#"why=$(kill -s "$1" "$2" 2>&1) || { kill -0 "$2" 2>/dev/null || [ -d "/proc/$2" ]; } && echo "$why""#;

/// What `spawn()` was asked for.
#[derive(Debug, Default)]
pub struct SpawnOptions {
    /// A path, or a name to be looked for in the container's `PATH`.
    pub file: String,
    pub args: Vec<String>,
    /// Empty for the container's.
    pub cwd: String,
    /// Added to the container's variables, as `NAME=value`.
    pub env: Vec<String>,
    pub user: Option<String>,
    /// Columns and rows of the terminal that it's to have.
    pub tty: Option<(u16, u16)>,
}

/// A process that was started.
#[derive(Clone)]
pub struct Process {
    engine: Engine,
    container: String,
    exec: String,
    user: Option<String>,
    pid: u32,
    /// The runner's, seen when it was started.
    given_up: watch::Receiver<u32>,
}

/// A process with its streams.
pub(super) struct Started {
    pub process: Process,
    /// What it had printed by the time it was known to run.
    pub first: Vec<(Fd, Bytes)>,
    pub output: Output,
    pub input: WriteHalf<Hijacked>,
}

impl Runner {
    /// Starts a program in the running container. Gives where its input goes, too, which ends
    /// when that is dropped. `taps` take its stdout and stderr; then `exited` is called once,
    /// with its exit code from the engine, or with [`Error::Stopped`] or [`Error::Gone`] when
    /// it ended with its container.
    ///
    /// # Errors
    /// [`Error::Spawn`] when there is no such file or directory, or no right to it.
    pub async fn spawn(
        &self,
        options: SpawnOptions,
        taps: [Tap; 2],
        exited: impl FnOnce(Result<i64>) + Send + 'static,
    ) -> Result<(Process, mpsc::Sender<Bytes>)> {
        let tty = options.tty.is_some();
        let started = self.begin(options).await?;
        let (stdin, queue) = mpsc::channel(INPUT);
        let feeding = tokio::spawn(feed(queue, started.input, tty));
        let process = started.process.clone();
        tokio::spawn(async move {
            let poured = started
                .process
                .pour(started.first, started.output, &taps)
                .await;
            let code = match poured {
                Ok(()) => started.process.code().await,
                Err(error) => Err(started.process.why(error)),
            };
            // An engine may not take the input of a process that takes none.
            feeding.abort();
            drop(taps);
            exited(code);
        });
        Ok((process, stdin))
    }

    /// As [`Runner::spawn`], with the streams as they are.
    pub(super) async fn begin(&self, options: SpawnOptions) -> Result<Started> {
        let (engine, container) = self.place("spawn()")?;
        let given_up = self.given_up.subscribe();
        let started = self.start_in(engine, container, options, given_up.clone());
        started.await.map_err(|error| why(&given_up, error))
    }

    async fn start_in(
        &self,
        engine: Engine,
        container: String,
        options: SpawnOptions,
        given_up: watch::Receiver<u32>,
    ) -> Result<Started> {
        let hello = Token::fresh();
        let command = script::program(&hello, &options.cwd, &options.file, &options.args);
        let config = ExecConfig {
            cmd: Some(command),
            env: Some(options.env),
            user: options.user.clone(),
            tty: Some(options.tty.is_some()),
            detach_keys: Some(terminal::DETACH_KEYS.into()),
            ..ExecConfig::default()
        };
        let (exec, connection) =
            exec::attach(&engine, &container, config)
                .await
                .map_err(|error| match error {
                    // 409: the container is paused, say.
                    Error::Refused {
                        status, message, ..
                    } if status != 409 => failed(&options.file, message),
                    error => error,
                })?;
        let (output, input) = split(connection);
        let mut output: Output = match options.tty {
            Some(_) => Box::new(frames::raw(output)),
            None => Box::new(frames::multiplexed(output)),
        };
        if let Some((columns, rows)) = options.tty {
            // Too late for a program that is over already.
            let _ = terminal::resize(&engine, &exec, columns, rows).await;
        }
        let (pid, first) = greeting(&mut output, hello, &options.file).await?;
        let process = Process {
            engine,
            container,
            exec,
            user: options.user,
            pid,
            given_up,
        };
        Ok(Started {
            process,
            first,
            output,
            input,
        })
    }
}

impl Process {
    /// Its id, in the container's namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its exit code, once its output has ended: waits for its own end.
    pub(super) async fn code(&self) -> Result<i64> {
        let mut pause = FIRST_PAUSE;
        loop {
            match exec::exit_code(&self.engine, &self.exec).await {
                Ok(Some(KILLED)) if given_up(&self.given_up) => return Err(Error::Stopped("")),
                Ok(Some(code)) => return Ok(code),
                Ok(None) => {}
                Err(error) => return Err(self.why(error)),
            }
            sleep(pause).await;
            pause = LAST_PAUSE.min(pause * 2);
        }
    }

    /// Passes its output on, to the end.
    async fn pour(&self, first: Vec<(Fd, Bytes)>, output: Output, taps: &[Tap; 2]) -> Result<()> {
        let mut pouring = pin!(pour(first, output, taps));
        tokio::select! {
            poured = &mut pouring => poured,
            () = self.stopped() => {
                // An engine removes no container while output of it isn't read.
                taps.iter().for_each(Tap::release);
                pouring.await
            }
        }
    }

    /// Resolves when its container is given up, with its runner at the latest.
    async fn stopped(&self) {
        let _ = self.given_up.clone().changed().await;
    }

    /// Why it was lost: with its runner, a stop.
    fn why(&self, error: Error) -> Error {
        why(&self.given_up, error)
    }

    /// Sends it a signal (a name without SIG), and nothing else. As its user, who may do so. One
    /// that has ended is as good.
    ///
    /// # Errors
    /// [`Error::Spawn`] when it wasn't allowed.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid.to_string();
        let arguments = ["-c", KILL, "kill", name, &pid].map(Into::into).into();
        let user = self.user.as_deref();
        let words = exec::shell(&self.engine, &self.container, user, arguments).await?;
        match words.trim() {
            "" => Ok(()),
            words => Err(failed("kill", words.into())),
        }
    }

    /// Tells its terminal how large it is.
    pub async fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        terminal::resize(&self.engine, &self.exec, columns, rows).await
    }
}

/// Waits for what comes before the program: its process id. What it has printed by then comes
/// with it; on stderr that may be before the id.
async fn greeting(
    output: &mut Output,
    hello: Token,
    file: &str,
) -> Result<(u32, Vec<(Fd, Bytes)>)> {
    let mut scanner = Scanner::default();
    scanner.expect([hello]);
    let (mut payload, mut printed) = (None, Vec::new());
    while let Some(chunk) = output.next().await {
        match chunk? {
            (Fd::Stdout, bytes) => scanner.feed(bytes, |event| match event {
                Event::Mark(_, text) => payload = Some(text),
                Event::Data(bytes) => printed.push((Fd::Stdout, bytes)),
            }),
            stderr => printed.push(stderr),
        }
        if let Some(pid) = payload {
            printed.push((Fd::Stdout, scanner.finish()));
            return match (script::refusal(&pid), pid.parse()) {
                (Some(reason), _) => Err(failed(file, reason.into())),
                (None, Ok(pid)) => Ok((pid, printed)),
                (None, Err(_)) => Err(Error::Protocol(format!("{pid:?} for a process id"))),
            };
        }
    }
    // The engine says in the output why it couldn't.
    printed.push((Fd::Stdout, scanner.finish()));
    let words: Vec<u8> = printed.into_iter().flat_map(|(_, bytes)| bytes).collect();
    Err(failed(file, String::from_utf8_lossy(&words).trim().into()))
}

fn failed(file: &str, reason: String) -> Error {
    Error::Spawn {
        file: file.into(),
        reason,
    }
}

/// Passes the output on, to its end.
async fn pour(first: Vec<(Fd, Bytes)>, mut output: Output, taps: &[Tap; 2]) -> Result<()> {
    for (fd, bytes) in first.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
        taps[fd as usize].push(bytes).await;
    }
    while let Some(chunk) = output.next().await {
        let (fd, bytes) = chunk?;
        taps[fd as usize].push(bytes).await;
    }
    Ok(())
}

/// Passes input on, to its end: the process sees that too. One that takes none any more ends
/// it as well. Of a terminal the end is typed: an engine would close its output with its input.
async fn feed(mut queue: mpsc::Receiver<Bytes>, mut input: impl AsyncWrite + Unpin, tty: bool) {
    while let Some(bytes) = queue.recv().await {
        if input.write_all(&bytes).await.is_err() {
            return;
        }
    }
    // Fails where the process is gone, which its exit tells.
    let _ = match tty {
        true => input.write_all(END_OF_FILE).await,
        false => input.shutdown().await,
    };
}
