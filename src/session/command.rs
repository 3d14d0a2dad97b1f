//! A command: what is asked of it, how it ended, and its place in the queue.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Future;
use super::cgroup::{Limit, Usage};
use super::output::Keep;
use super::termination::{Cause, Control, Limits};
use crate::error::{Error, Result};

/// A command. Small, since many may wait.
pub struct Command {
    /// The text, for the shell.
    pub text: String,
    /// What else is asked of it; without it its output goes to the session's tap.
    pub options: Option<Box<Options>>,
}

impl Command {
    /// Of which nothing else is asked.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            options: None,
        }
    }
}

/// What is to become of a command.
#[derive(Default)]
pub struct Options {
    /// What to keep of its output; without it that goes to the session's tap.
    pub keep: Option<Keep>,
    /// When and how it is ended, if not as by default.
    pub limits: Limits,
    /// Bring directory and exported variables back, as they were before it, should its
    /// shell have to be replaced. Costs a round trip.
    pub restore: bool,
    /// What its caller asks for while it runs.
    pub control: Option<mpsc::Receiver<Control>>,
    /// Measure what its control group uses while it runs.
    pub usage: bool,
    /// Look whether a limit of its control group was reached, should it fail: a round trip
    /// then.
    pub explain: bool,
    /// Awaited when its turn has come: where its stdin is, as a path in the container.
    pub stdin: Option<Future<Result<String>>>,
}

/// How a command ended, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// 0 to 255, from the shell, or from the supervisor where the shell ended with it; or
    /// why there is none.
    pub exit: Result<u8>,
    /// What was kept of stdout.
    pub stdout: Bytes,
    /// What was kept of stderr.
    pub stderr: Bytes,
    /// What was kept of both, in the order of its coming, if that was asked for.
    pub all: Option<Bytes>,
    /// More was printed than was to be kept.
    pub truncated: bool,
    /// It was ended early, for this reason.
    pub cause: Option<Cause>,
    /// The shell was replaced, with this command or since the one before it: files are
    /// kept; directory and exported variables only with [`Options::restore`].
    pub shell_restarted: bool,
    /// What was used between its beginning and its end, with [`Options::usage`], where
    /// the shell could read it before and after.
    pub usage: Option<Usage>,
    /// The limit of its control group that it seems to have failed by, with
    /// [`Options::explain`]: one that was reached since the last look.
    pub limit: Option<Limit>,
    /// From the beginning of the command to its end; zero if it never began.
    pub duration: Duration,
}

impl Outcome {
    /// Of a command that never began.
    fn never(error: Error) -> Self {
        Self {
            exit: Err(error),
            stdout: Bytes::new(),
            stderr: Bytes::new(),
            all: None,
            truncated: false,
            cause: None,
            shell_restarted: false,
            usage: None,
            limit: None,
            duration: Duration::ZERO,
        }
    }
}

pub(super) type Done = Box<dyn FnOnce(Outcome) + Send>;

/// What waits in the queue.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) ticket: Ticket,
}

/// A command's place in the queue.
#[derive(Clone)]
pub struct Ticket(Arc<Mutex<dyn Waiting>>);

/// What is called when a command has settled, until somebody takes it; in place, since many
/// may wait.
trait Waiting: Send {
    fn waits(&self) -> bool;
    fn take(&mut self) -> Option<Done>;
}

impl<F: FnOnce(Outcome) + Send + 'static> Waiting for Option<F> {
    fn waits(&self) -> bool {
        self.is_some()
    }

    fn take(&mut self) -> Option<Done> {
        self.take().map(|done| Box::new(done) as Done)
    }
}

impl Ticket {
    /// For a command that is yet to be queued; `done` is called once, when it has settled.
    pub fn of(done: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(done))))
    }

    /// Settles the command with `error` now, if it hasn't begun. It never will then.
    pub fn withdraw(&self, error: Error) -> bool {
        let done = self.take();
        let withdrawn = done.is_some();
        if let Some(done) = done {
            done(Outcome::never(error));
        }
        withdrawn
    }

    /// The command hasn't begun.
    pub fn waits(&self) -> bool {
        self.lock().waits()
    }

    /// Whoever takes it settles the command.
    pub(super) fn take(&self) -> Option<Done> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, dyn Waiting + 'static> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
