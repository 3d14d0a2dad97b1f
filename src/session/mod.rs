//! The heart: one shell, driven over bytes. A command goes in as one line; its output
//! comes back on two streams and ends at a mark on each. Nothing here knows Docker or
//! Node: a session runs against a container, a local `sh`, or another engine.
//!
//! - [`script`]: every byte of shell that is sent; [`cgroup`]: what a shell can read of its
//!   control group
//! - [`sentinel`]: finds the marks
//! - [`output`]: what is kept of it for a result; [`tap`]: a way to a reader; both bounded
//! - [`watchdog`]: finds a shell that can't report any more; [`termination`]: ends a command
//! - `command`: what is asked of one, how it ended, its place in the queue
//! - `driver`: the one task that owns the connection; `inline`: on whose thread it goes on;
//!   `link`: the connection; `marks`: what has come over it

pub mod cgroup;
mod command;
mod driver;
mod inline;
mod link;
mod marks;
pub mod output;
pub mod script;
pub mod sentinel;
pub mod tap;
pub mod termination;
pub mod token;
pub mod watchdog;

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, Result};
use command::Request;
pub use command::{Command, Options, Outcome, Ticket};
use inline::Inline;
use output::Keep;
use tap::Tap;
use token::Token;

/// Commands that may wait in one session. A waiting one costs its text and some 100 bytes.
pub const MAX_QUEUED: usize = 1 << 20;

/// A stream of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fd {
    /// Descriptor 1; of a terminal, everything.
    Stdout = 0,
    /// Descriptor 2.
    Stderr = 1,
}

/// A boxed future.
pub type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// Runs `/bin/sh` with these arguments beside the session's shell, in the same process
/// namespace, and gives what it printed.
pub type Beside = Arc<dyn Fn(Vec<String>) -> Future<Result<String>> + Send + Sync>;

/// What a session is made of: where its leash ([`script::leash`]) runs, as bytes.
pub struct Wiring<O, I> {
    /// The leash's output.
    pub output: O,
    /// The leash's input.
    pub input: I,
    /// What the leash was told to say hello with.
    pub hello: Token,
    /// Runs a script beside the shell.
    pub beside: Beside,
    /// Says why the output has ended; asked once, when it has.
    pub autopsy: Future<Error>,
    /// Takes the output that belongs to no result.
    pub tap: Tap,
    /// It's the first one in its control group, whose limits nothing has reached yet.
    pub first: bool,
    /// Where the shell runs in a terminal, which is then the only stream of output.
    pub terminal: Option<Terminal>,
}

/// A terminal with a shell in it, beside a letter box ([`script::letterbox`]).
pub struct Terminal {
    /// Types into it.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// What others have typed.
    pub typed: mpsc::Receiver<Bytes>,
    /// Where the letter box is read ([`script::letters`]).
    pub letters: String,
}

/// A handle on a session. The session ends when this is dropped, and the container of its
/// leash with it.
pub struct Session {
    requests: mpsc::Sender<Request>,
    driver: Inline,
    end: End,
    beside: Beside,
    leader: String,
}

/// Why the session is to end, or has ended: the first reason stays.
#[derive(Debug, Clone)]
struct End(Arc<watch::Sender<Option<Error>>>, Arc<OnceLock<Error>>);

impl End {
    fn set(&self, reason: Error) {
        self.0.send_if_modified(|end| {
            let first = end.is_none();
            end.get_or_insert(reason);
            first
        });
    }

    fn get(&self) -> Error {
        self.0.borrow().clone().unwrap_or(Error::Stopped(""))
    }
}

impl Session {
    /// Starts the session's task on the current tokio runtime. Resolves when the shell is
    /// ready, or with the reason why there can't be one. `ended` is called once, after the
    /// last command was settled; from then on everything fails with that reason.
    pub async fn open<O, I>(
        wiring: Wiring<O, I>,
        ended: impl FnOnce(Error) + Send + 'static,
    ) -> Result<Self>
    where
        O: Stream<Item = Result<(Fd, Bytes)>> + Unpin + Send + 'static,
        I: AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, queue) = mpsc::channel(MAX_QUEUED);
        let end = End(Arc::new(watch::Sender::new(None)), Arc::default());
        let (ready, is_ready) = oneshot::channel();
        let beside = wiring.beside.clone();
        let driver = driver::drive(wiring, queue, end.clone(), ready, ended);
        let mut session = Self {
            requests,
            driver: Inline::spawn(driver),
            end,
            beside,
            leader: String::new(),
        };
        session.leader = match is_ready.await {
            Ok(ready) => ready?,
            Err(_) => return Err(Error::Lost("its task has ended".into())),
        };
        Ok(session)
    }

    /// Queues a command: they run one at a time, in the order of these calls. `done` is
    /// called exactly once, unless this call fails, which it does before anything was sent.
    pub fn submit(
        &self,
        command: Command,
        done: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<Ticket> {
        let ticket = Ticket::of(done);
        self.queue(command, ticket.clone()).map(|()| ticket)
    }

    /// As [`submit`](Self::submit), with a ticket.
    pub fn queue(&self, command: Command, ticket: Ticket) -> Result<()> {
        check(&command.text)?;
        let request = Request { command, ticket };
        self.driver.hand(|| match self.requests.try_send(request) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(Error::QueueFull(MAX_QUEUED)),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.end.get()),
            Ok(()) => Ok(()),
        })
    }

    /// Runs a command to its end, and keeps the first `limit` bytes of each of its streams.
    pub async fn exec(&self, text: &str, limit: usize) -> Result<Outcome> {
        let keep = Keep {
            limit,
            ..Keep::default()
        };
        let options = Options {
            keep: Some(keep),
            ..Options::default()
        };
        self.execute(Command {
            text: text.into(),
            options: Some(Box::new(options)),
        })
        .await
    }

    /// Runs a command to its end. Its outcome has an exit code.
    pub async fn execute(&self, command: Command) -> Result<Outcome> {
        let (done, outcome) = oneshot::channel();
        self.submit(command, |outcome| {
            let _ = done.send(outcome);
        })?;
        let outcome = outcome.await.map_err(|_| self.end.get())?;
        outcome.exit.clone().map(|_| outcome)
    }

    /// Runs `/bin/sh` beside the shell ([`Wiring::beside`]).
    pub fn beside(&self, arguments: Vec<String>) -> Future<Result<String>> {
        (self.beside)(arguments)
    }

    /// The leash's process id, in its own namespace.
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// Ends the session: whatever runs or waits fails with `reason`.
    pub fn close(&self, reason: Error) {
        self.end.set(reason);
    }

    /// When its output ends from now on, that was wanted: whatever runs or waits fails with
    /// `reason` then.
    pub fn expect_end(&self, reason: Error) {
        let _ = self.end.1.set(reason);
    }

    /// Resolves when the session has ended and its connection is closed.
    pub async fn ended(&self) {
        self.requests.closed().await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end
            .set(Error::Stopped(", because nothing refers to it any more"));
    }
}

fn check(text: &str) -> Result<()> {
    if text.len() > script::MAX_COMMAND {
        return Err(Error::Argument(format!(
            "the command has {} bytes, and {} is the most: put it into a file in the container",
            text.len(),
            script::MAX_COMMAND
        )));
    }
    match text.bytes().position(|byte| byte == 0) {
        Some(at) => Err(Error::Argument(format!(
            "the command has a NUL character at byte {at}, which no shell can take"
        ))),
        None => Ok(()),
    }
}
