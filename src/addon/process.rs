//! The native half of one `spawn()`.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either};
use napi_derive::napi;

use super::events::Events;
use super::streams::Streams;
use super::{Promise, promise};
use crate::error::Result;
use crate::runner::Runner;
use crate::runner::process::{Process, SpawnOptions};
use crate::session::tap::{self, Patience, TapReader};

/// What `spawn()` was asked for, checked.
#[napi(object)]
pub struct NativeSpawnOptions {
    pub file: String,
    pub args: Vec<String>,
    /// Empty for the container's.
    pub cwd: String,
    /// `NAME=value`
    pub env: Vec<String>,
    pub user: Option<String>,
    /// Of a terminal; without, there is none.
    pub columns: Option<u16>,
    pub rows: Option<u16>,
    /// Nothing of its output is ever dropped: it waits for its reader.
    pub endless: bool,
}

impl From<NativeSpawnOptions> for SpawnOptions {
    fn from(options: NativeSpawnOptions) -> Self {
        Self {
            file: options.file,
            args: options.args,
            cwd: options.cwd,
            env: options.env,
            user: options.user,
            tty: options.columns.zip(options.rows),
        }
    }
}

/// A process that was started.
#[napi]
pub struct NativeProcess {
    process: Arc<Process>,
    events: Arc<Events>,
    streams: Streams,
}

/// Starts a process, whose `output` and `exited` go to `events`.
pub(super) async fn spawn(
    runner: Arc<Runner>,
    events: Arc<Events>,
    options: NativeSpawnOptions,
) -> Result<NativeProcess> {
    let patience = match options.endless {
        true => Patience::Endless,
        false => Patience::Long,
    };
    let tap = |stream| {
        let events = events.clone();
        let readable = move |reader: &TapReader| events.output(0, stream, reader);
        tap::patient(patience, readable)
    };
    let ((stdout, out), (stderr, err)) = (tap(0), tap(1));
    let listener = events.clone();
    let exited = move |code| listener.exited(code);
    let (process, stdin) = runner
        .spawn(options.into(), [stdout, stderr], exited)
        .await?;
    Ok(NativeProcess {
        process: Arc::new(process),
        events,
        streams: Streams::of([out, err], Some(stdin)),
    })
}

#[napi]
impl NativeProcess {
    /// Its id in the container.
    #[napi(getter)]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// As of a command.
    #[napi]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        stream: u32,
        max: u32,
    ) -> napi::Result<Either<BufferSlice<'env>, bool>> {
        self.streams.read(env, stream, max)
    }

    /// As of a command.
    #[napi]
    pub fn dropped(&self, stream: u32) -> f64 {
        self.streams.dropped(stream)
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

    /// Sends it a signal (a name without SIG).
    #[napi]
    pub fn signal<'env>(&self, env: &'env Env, name: String) -> Promise<'env, bool> {
        // An engine does nothing for a container while output of it isn't read.
        self.streams.release();
        let process = self.process.clone();
        promise(
            env,
            async move { process.signal(&name).await.map(|()| true) },
        )
    }

    /// Tells its terminal how large it is.
    #[napi]
    pub fn resize<'env>(&self, env: &'env Env, columns: u16, rows: u16) -> Promise<'env, bool> {
        let process = self.process.clone();
        promise(env, async move {
            process.resize(columns, rows).await.map(|()| true)
        })
    }

    /// Keeps the program alive, or stops doing so.
    #[napi]
    pub fn hold(&self, env: Env, on: bool) {
        self.events.hold(env, on);
    }
}
