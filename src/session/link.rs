//! A session's connection: reads what comes, and writes meanwhile what is to be written, so
//! that neither waits for the other.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::tap::Tap;
use super::token::Token;
use super::{Fd, Future, Terminal, script};
use crate::error::{Error, Result};

/// When the other end takes no input any more, its output has this long to say why.
const LAST_SAY: Duration = Duration::from_secs(1);

pub(super) struct Link<O, I> {
    /// Fused: it's asked again while the autopsy goes on.
    pub(super) output: Fuse<O>,
    pub(super) input: I,
    /// Input can't be written any more: why, and when to give up on the output.
    pub(super) broken: Option<(Error, Instant)>,
    pub(super) terminal: Option<Terminal>,
    /// Why the session is to end, as soon as it is.
    pub(super) closing: watch::Receiver<Option<Error>>,
    /// Why the output is to end, where that is known before.
    pub(super) expected: Arc<OnceLock<Error>>,
    pub(super) autopsy: Future<Error>,
    pub(super) tap: Tap,
    /// For the shell.
    pub(super) outbox: Outbox,
    /// For the terminal.
    pub(super) keys: Outbox,
}

/// Bytes on their way out.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: BytesMut,
    unflushed: bool,
}

impl<O, I> Link<O, I>
where
    O: Stream<Item = Result<(Fd, Bytes)>> + Unpin,
    I: AsyncWrite + Unpin,
{
    /// The next output. May be dropped and called again.
    ///
    /// # Errors
    /// Why the session is to end, or why its output has ended.
    pub(super) async fn next(&mut self) -> Result<(Fd, Bytes)> {
        loop {
            tokio::select! {
                biased;
                reason = closed(&mut self.closing) => return Err(reason),
                written = self.outbox.write(&mut self.input), if self.outbox.unflushed => {
                    if let Err(error) = written {
                        self.broken.get_or_insert((error, Instant::now() + LAST_SAY));
                    }
                }
                reason = given_up(&self.broken), if !self.output.is_done() => return Err(reason),
                keys = keys(&mut self.terminal, &mut self.keys) => self.keys.put(&keys),
                chunk = self.output.next() => return match chunk {
                    Some(chunk) => chunk,
                    None => Err(match self.expected.get() {
                        Some(reason) => reason.clone(),
                        None => (&mut self.autopsy).await,
                    }),
                },
            }
        }
    }

    /// Why it ends that fails with `error`: an end that was wanted looks like one that wasn't.
    pub(super) fn why(&self, error: Error) -> Error {
        self.expected.get().cloned().unwrap_or(error)
    }

    /// Has the shell execute a line.
    pub(super) fn send(&mut self, line: &str) {
        self.outbox.put(line.as_bytes());
        if let Some(terminal) = &self.terminal {
            let end = Token::fresh();
            self.outbox.put(format!("{end}\n").as_bytes());
            self.keys
                .put(script::typed(&terminal.letters, &end).as_bytes());
        }
    }

    /// Passes output to the session's tap, as fast as that takes it.
    pub(super) async fn spill(&mut self, bytes: Bytes) -> Result<()> {
        tokio::select! {
            () = self.tap.push(bytes) => Ok(()),
            reason = closed(&mut self.closing) => Err(reason),
        }
    }

    /// Passes output to another tap, as fast as that takes it.
    pub(super) async fn pour(&mut self, tap: &Tap, bytes: Bytes) -> Result<()> {
        tokio::select! {
            () = tap.push(bytes) => Ok(()),
            reason = closed(&mut self.closing) => Err(reason),
        }
    }
}

impl Outbox {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.unflushed = true;
    }

    /// Writes it all. May be dropped and called again. What can't be written any more is
    /// dropped.
    async fn write(&mut self, input: &mut (impl AsyncWrite + Unpin)) -> Result<()> {
        let written = async {
            while !self.bytes.is_empty() {
                input.write_buf(&mut self.bytes).await?;
            }
            input.flush().await
        };
        let written = written.await;
        self.bytes.clear();
        self.unflushed = false;
        written.map_err(|error: std::io::Error| Error::Lost(error.to_string()))
    }
}

/// Types what is to be typed, then waits for more of it. May be dropped and called again.
async fn keys(terminal: &mut Option<Terminal>, keys: &mut Outbox) -> Bytes {
    let Some(terminal) = terminal else {
        return std::future::pending().await;
    };
    if keys.unflushed {
        // The terminal's output tells why, when it ends.
        let _ = keys.write(&mut terminal.input).await;
    }
    match terminal.typed.recv().await {
        Some(typed) => typed,
        None => std::future::pending().await,
    }
}

/// Resolves when the output has had its time after input broke.
async fn given_up(broken: &Option<(Error, Instant)>) -> Error {
    match broken {
        Some((error, at)) => {
            sleep_until(*at).await;
            error.clone()
        }
        None => std::future::pending().await,
    }
}

/// Resolves when the session is to end.
async fn closed(closing: &mut watch::Receiver<Option<Error>>) -> Error {
    let reason = closing
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|reason| reason.clone());
    reason.unwrap_or(Error::Stopped(""))
}
