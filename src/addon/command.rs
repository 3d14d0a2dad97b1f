//! The native half of one `exec()`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either};
use napi_derive::napi;
use tokio::sync::mpsc;

use super::Promise;
use super::deferred::Deferred;
use super::events::Events;
use super::streams::Streams;
use crate::error::{Error, Result};
use crate::runner::Input;
use crate::session::output::{Keep, Overflow};
use crate::session::tap::{self, Tap, TapReader};
use crate::session::termination::{CONTROLS, Control, Limits};
use crate::session::{Command, Options, Ticket};

/// What `exec()` was asked for, checked.
#[napi(object)]
pub struct ExecOptions {
    /// Bytes of each stream to keep.
    pub limit: u32,
    /// `head`, `tail` or `error`.
    pub overflow: String,
    pub all: bool,
    /// Milliseconds.
    pub timeout: Option<u32>,
    /// A name without SIG.
    pub kill_signal: String,
    /// Milliseconds.
    pub kill_grace: u32,
    /// It has an input, through `write` and `end`.
    pub input: bool,
    /// Keep what is needed to replace its shell.
    pub restore: bool,
    /// Measure what the container uses meanwhile.
    pub usage: bool,
    /// Its half is taken in any case, at once: so it waits for that, even when it has settled.
    pub taken: bool,
}

impl ExecOptions {
    pub fn overflow(&self) -> Overflow {
        match self.overflow.as_str() {
            "tail" => Overflow::Tail,
            "error" => Overflow::Error,
            _ => Overflow::Head,
        }
    }

    pub fn limits(&self) -> Limits {
        Limits {
            timeout: self.timeout.map(|ms| Duration::from_millis(ms.into())),
            signal: self.kill_signal.clone().into(),
            grace: Duration::from_millis(self.kill_grace.into()),
        }
    }
}

/// The options of any number of commands: it takes microseconds to read an object.
#[napi]
pub struct NativeExecOptions(ExecOptions);

#[napi]
impl NativeExecOptions {
    #[napi(constructor)]
    pub fn new(options: ExecOptions) -> Self {
        Self(options)
    }
}

/// A command that waits or runs.
#[napi]
pub struct NativeCommand {
    pub(super) ticket: Ticket,
    pub(super) control: mpsc::Sender<Control>,
    pub(super) streams: Streams,
}

#[napi]
impl NativeCommand {
    /// Output of stream 0 (stdout) or 1 (stderr); without any, whether there may be more.
    #[napi]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        stream: u32,
        max: u32,
    ) -> napi::Result<Either<BufferSlice<'env>, bool>> {
        self.streams.read(env, stream, max)
    }

    /// Bytes that nobody read in time, since this was last asked.
    #[napi]
    pub fn dropped(&self, stream: u32) -> f64 {
        self.streams.dropped(stream)
    }

    /// Ends the command by every means; one that hasn't begun never will.
    #[napi]
    pub fn abort(&self) {
        if !self.ticket.withdraw(Error::Aborted) {
            // Refused only by a command that is over.
            let _ = self.control.try_send(Control::Abort);
        }
    }

    /// Sends a signal (a name without SIG) to its processes; `false` where it's too early or too
    /// late.
    #[napi]
    pub fn signal(&self, name: String) -> bool {
        !self.ticket.waits() && self.control.try_send(Control::Signal(name)).is_ok()
    }

    /// Gives it input, once it takes some; `false` when it takes no more.
    #[napi]
    pub fn write<'env>(&self, env: &'env Env, chunk: Buffer) -> Promise<'env, bool> {
        self.streams.write(env, chunk)
    }

    /// The end of its input.
    #[napi]
    pub fn end(&self) {
        self.streams.end();
    }
}

/// Commands that wait or run, by their numbers, until somebody takes them: an object for each
/// would take longer to make, and to collect, than most commands need.
pub(super) struct Commands {
    events: Arc<Events>,
    pending: Mutex<HashMap<u32, NativeCommand>>,
}

impl Commands {
    /// None yet.
    pub(super) fn of(events: Arc<Events>) -> Arc<Self> {
        let pending = Mutex::default();
        Arc::new(Self { events, pending })
    }

    pub(super) fn take(&self, id: u32) -> Option<NativeCommand> {
        self.lock().remove(&id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, NativeCommand>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a command through `queue`, with an input where it's to have one; its events go out
    /// under `id`, and then `promise` settles.
    pub(super) fn submit(
        self: &Arc<Self>,
        id: u32,
        promise: Deferred,
        text: String,
        NativeExecOptions(options): &NativeExecOptions,
        input: impl FnOnce() -> Result<Input>,
        queue: impl FnOnce(Command, Ticket) -> Result<()>,
    ) -> Result<()> {
        let ((stdout, out), (stderr, err)) =
            (stream(&self.events, id, 0), stream(&self.events, id, 1));
        let (control, requests) = mpsc::channel(CONTROLS);
        let input = options.input.then(input).transpose()?;
        let (sender, stdin, guard) = match input {
            Some(input) => (Some(input.sender), Some(input.path), Some(input.guard)),
            None => (None, None, None),
        };
        let keep = Keep {
            limit: options.limit as usize,
            overflow: options.overflow(),
            all: options.all,
            live: Some([stdout, stderr]),
        };
        let handling = Options {
            keep: Some(keep),
            limits: options.limits(),
            restore: options.restore,
            control: Some(requests),
            usage: options.usage,
            explain: true,
            stdin,
        };
        let command = Command {
            text,
            options: Some(Box::new(handling)),
        };
        let (commands, taken) = (self.clone(), options.taken);
        let done = move |outcome| {
            drop(guard);
            if !taken {
                commands.take(id);
            }
            commands.events.executed(promise, id, outcome);
        };
        let ticket = Ticket::of(done);
        let handle = NativeCommand {
            ticket: ticket.clone(),
            control,
            streams: Streams::of([out, err], sender),
        };
        // Before it's queued: it may settle at once.
        self.lock().insert(id, handle);
        queue(command, ticket).inspect_err(|_| drop(self.take(id)))
    }
}

fn stream(events: &Arc<Events>, id: u32, stream: u32) -> (Tap, TapReader) {
    let events = events.clone();
    tap::tap(move |reader| events.output(id, stream, reader))
}
