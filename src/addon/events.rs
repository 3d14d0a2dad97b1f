//! Brings what happens on the runner's tasks to the JavaScript thread, through one weak
//! threadsafe function a runner: it keeps a program alive only while it's told to.

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, FnArgs, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, JsValue, Status, sys};
use napi_derive::napi;
use serde::Serialize;

use super::Failure;
use super::deferred::Deferred;
use crate::error::Result;
use crate::runner::Event;
use crate::session::Outcome;
use crate::session::cgroup::Limit;
use crate::session::tap::TapReader;
use crate::session::termination::Cause;

/// What comes with an event, by its name:
/// `settled`: the outcome, with `failure` or `exitCode`, and the `id` of an `exec` (answers what
/// its promise resolves with); `output`: `id`, `stream`; `readable`: nothing (either answers
/// whether there is somebody who reads); `pull`, `build`: `progress`; `ended`: `failure`;
/// `exited`: `failure` or `exitCode`.
#[napi(object)]
#[derive(Default)]
pub struct Detail {
    pub id: Option<u32>,
    /// 0 for stdout, 1 for stderr.
    pub stream: Option<u32>,
    pub failure: Option<Failure>,
    pub exit_code: Option<u32>,
    /// Nothing where it's empty, as with `truncated` and `shellRestarted` where they're false.
    pub stdout: Option<Buffer>,
    pub stderr: Option<Buffer>,
    pub all: Option<Buffer>,
    pub truncated: Option<bool>,
    /// `timeout`, `abort` or `overflow`, where the command was ended early.
    pub cause: Option<String>,
    pub duration_ms: Option<f64>,
    pub shell_restarted: Option<bool>,
    /// Of the container's processors, while the command ran.
    pub cpu_ms: Option<f64>,
    /// Bytes, the container's most at a time.
    pub memory_peak: Option<f64>,
    /// `memory`, `pids` or `disk`, where the command seems to have failed by it.
    pub limit: Option<String>,
    /// A line of the engine's progress, as JSON.
    pub progress: Option<String>,
}

type Arguments = FnArgs<(String, Detail)>;
type Callback = ThreadsafeFunction<Arguments, Answer, Arguments, Status, false, true>;

/// What a listener answers; see [`Detail`].
pub type Answer = Unknown<'static>;

/// The way to one runner's facade.
pub struct Events(Callback);

impl Events {
    pub fn new(callback: &Function<Arguments, Answer>) -> napi::Result<Self> {
        let builder = callback.build_threadsafe_function::<Arguments>();
        builder
            .weak::<true>()
            .build_callback(|context| Ok(context.value))
            .map(Self)
    }

    pub fn event(&self, event: Event) {
        let (name, detail) = match event {
            Event::Readable(reader) => {
                return self.readable("readable", Detail::default(), &reader);
            }
            Event::Pull(info) => ("pull", progress(&info)),
            Event::Build(info) => ("build", progress(&info)),
            Event::Ended(error) => {
                let failure = Some(Failure::from(&error));
                (
                    "ended",
                    Detail {
                        failure,
                        ..Detail::default()
                    },
                )
            }
        };
        self.send(name, detail);
    }

    /// There is output of a command, after there was none.
    pub fn output(&self, id: u32, stream: u32, reader: &TapReader) {
        let detail = Detail {
            id: Some(id),
            stream: Some(stream),
            ..Detail::default()
        };
        self.readable("output", detail, reader);
    }

    /// There is output for the reader, of whom the facade knows whether there is one. What a
    /// listener of its throws stays thrown.
    fn readable(&self, name: &str, detail: Detail, reader: &TapReader) {
        // What an environment that ends has no use for is never dropped.
        let asked = reader.downgrade();
        let answered = move |reads: napi::Result<Answer>, _| {
            let reads = reads.and_then(|reads| reads.coerce_to_bool());
            if !matches!(reads, Ok(true)) {
                asked.absent();
            }
            reads.map(drop)
        };
        let arguments = FnArgs::from((name.to_owned(), detail));
        let mode = ThreadsafeFunctionCallMode::NonBlocking;
        if self.0.call_with_return_value(arguments, mode, answered) != Status::Ok {
            reader.absent();
        }
    }

    /// A process of `spawn()` has ended.
    pub fn exited(&self, code: Result<i64>) {
        let detail = Detail {
            failure: code.as_ref().err().map(Failure::from),
            exit_code: code.ok().map(|code| code as u32),
            ..Detail::default()
        };
        self.send("exited", detail);
    }

    /// A command of `run` has settled, and so will its promise.
    pub fn ran(&self, promise: Deferred, outcome: &Outcome) {
        self.settled(promise, settled(outcome));
    }

    /// A command of `exec` has settled, and so will its promise.
    pub fn executed(&self, promise: Deferred, id: u32, outcome: Outcome) {
        self.settled(promise, kept(id, outcome));
    }

    fn settled(&self, promise: Deferred, detail: Detail) {
        let arguments = FnArgs::from(("settled".to_owned(), detail));
        let answered = move |answer: napi::Result<Answer>, env| promise.resolve(&env, &answer?);
        let mode = ThreadsafeFunctionCallMode::NonBlocking;
        self.0.call_with_return_value(arguments, mode, answered);
    }

    /// A program that is ending doesn't listen any more.
    fn send(&self, name: &str, detail: Detail) {
        let arguments = FnArgs::from((name.to_owned(), detail));
        self.0
            .call(arguments, ThreadsafeFunctionCallMode::NonBlocking);
    }

    /// Keeps the program alive, or stops doing so. Only on the JavaScript thread.
    pub fn hold(&self, env: Env, on: bool) {
        // SAFETY: `env` is the environment of the call in progress, and the function lives
        // as long as `self`. Either call can only fail when the environment is ending.
        unsafe {
            match on {
                true => sys::napi_ref_threadsafe_function(env.raw(), self.0.raw()),
                false => sys::napi_unref_threadsafe_function(env.raw(), self.0.raw()),
            };
        }
    }
}

fn progress(info: &impl Serialize) -> Detail {
    Detail {
        progress: serde_json::to_string(info).ok(),
        ..Detail::default()
    }
}

fn settled(outcome: &Outcome) -> Detail {
    Detail {
        failure: outcome.exit.as_ref().err().map(Failure::from),
        exit_code: outcome.exit.as_ref().ok().copied().map(u32::from),
        shell_restarted: outcome.shell_restarted.then_some(true),
        ..Detail::default()
    }
}

/// With what was kept of its output.
fn kept(id: u32, outcome: Outcome) -> Detail {
    let detail = settled(&outcome);
    let buffer = |bytes: Bytes| (!bytes.is_empty()).then(|| Buffer::from(Vec::from(bytes)));
    Detail {
        id: Some(id),
        stdout: buffer(outcome.stdout),
        stderr: buffer(outcome.stderr),
        all: outcome.all.map(|bytes| Buffer::from(Vec::from(bytes))),
        truncated: outcome.truncated.then_some(true),
        cause: outcome.cause.map(|cause| cause_name(cause).to_owned()),
        cpu_ms: outcome.usage.map(|usage| usage.cpu.as_secs_f64() * 1000.0),
        memory_peak: outcome
            .usage
            .and_then(|usage| usage.memory)
            .map(|bytes| bytes as f64),
        limit: outcome.limit.map(|limit| limit_name(limit).to_owned()),
        duration_ms: Some(outcome.duration.as_secs_f64() * 1000.0),
        ..detail
    }
}

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Timeout => "timeout",
        Cause::Abort => "abort",
        Cause::Overflow => "overflow",
    }
}

fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::Memory => "memory",
        Limit::Pids => "pids",
        Limit::Disk => "disk",
    }
}
