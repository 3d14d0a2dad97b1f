//! The native half of `DockerRunner`.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, BufferSlice, Either, FnArgs, Function};
use napi_derive::napi;

use super::command::{Commands, NativeCommand, NativeExecOptions};
use super::deferred::{Queued, queued};
use super::events::{Answer, Detail, Events};
use super::process::{NativeProcess, NativeSpawnOptions, spawn};
use super::session::NativeSession;
use super::streams::taken;
use super::{Promise, promise};
use crate::engine::container;
use crate::engine::endpoint::EngineOptions;
use crate::engine::endpoint::context::Environment;
use crate::engine::owner::Pruned;
use crate::runner::{Event, Runner};
use crate::session::tap::{self, TapReader};
use crate::session::{Command, Ticket};
use crate::tree::Bounds;

/// Where the engine is; each field as in the facade's options.
#[napi(object)]
pub struct NativeOptions {
    pub socket_path: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub protocol: Option<String>,
    pub ca: Option<Buffer>,
    pub cert: Option<Buffer>,
    pub key: Option<Buffer>,
    pub version: Option<String>,
    /// Milliseconds.
    pub timeout: Option<u32>,
}

impl From<NativeOptions> for EngineOptions {
    fn from(options: NativeOptions) -> Self {
        let pem = |pem: Option<Buffer>| pem.map(Vec::from);
        Self {
            socket_path: options.socket_path,
            host: options.host,
            port: options.port,
            protocol: options.protocol,
            ca: pem(options.ca),
            cert: pem(options.cert),
            key: pem(options.key),
            version: options.version,
            timeout: options.timeout.map(|ms| Duration::from_millis(ms.into())),
        }
    }
}

/// How much may come out of a container.
#[napi(object)]
pub struct NativeBounds {
    pub max_bytes: f64,
    pub max_entries: f64,
    pub max_depth: u32,
}

impl From<NativeBounds> for Bounds {
    fn from(bounds: NativeBounds) -> Self {
        Self {
            bytes: bounds.max_bytes as u64,
            entries: bounds.max_entries as u64,
            depth: bounds.max_depth as usize,
        }
    }
}

/// Containers, by id: those that were removed, and those whose owner isn't known.
#[napi(object)]
pub struct NativePruned {
    pub removed: Vec<String>,
    pub unknown: Vec<String>,
}

/// Which engine was found.
#[napi(object)]
pub struct EngineInfo {
    pub endpoint: String,
    pub version: String,
}

/// One runner. Dropping it ends its container.
#[napi]
pub struct NativeRunner {
    runner: Arc<Runner>,
    events: Arc<Events>,
    commands: Arc<Commands>,
}

#[napi]
impl NativeRunner {
    /// `onEvent` is held strongly: it must not refer to the facade.
    #[napi(constructor)]
    pub fn new(
        options: NativeOptions,
        on_event: Function<FnArgs<(String, Detail)>, Answer>,
    ) -> napi::Result<Self> {
        let events = Arc::new(Events::new(&on_event)?);
        let listener = events.clone();
        let on_event = Arc::new(move |event| listener.event(event));
        // Read here, on the JavaScript thread: Node writes it without Rust's lock.
        let environment = Environment::of_process();
        let runner = Runner::new(options.into(), environment, on_event);
        Ok(Self {
            runner: Arc::new(runner),
            commands: Commands::of(events.clone()),
            events,
        })
    }

    /// What `create`, `attach` and `launch` of one start are to be given.
    #[napi]
    pub fn turn(&self) -> u32 {
        self.runner.turn()
    }

    #[napi]
    pub fn create<'env>(
        &self,
        env: &'env Env,
        options: String,
        turn: u32,
    ) -> Promise<'env, String> {
        let runner = self.runner.clone();
        promise(env, async move { runner.create(&options, turn).await })
    }

    /// Gets the image that `create` would use; its id.
    #[napi]
    pub fn image<'env>(&self, env: &'env Env, options: String, turn: u32) -> Promise<'env, String> {
        let runner = self.runner.clone();
        promise(env, async move { runner.image(&options, turn).await })
    }

    #[napi]
    pub fn attach<'env>(&self, env: &'env Env, turn: u32) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move { runner.attach(turn).await.map(|()| true) })
    }

    #[napi]
    pub fn launch<'env>(&self, env: &'env Env, turn: u32) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move { runner.launch(turn).await.map(|()| true) })
    }

    /// A fresh container in the place of the one that runs, to be attached to and launched.
    #[napi]
    pub fn reset<'env>(&self, env: &'env Env, turn: u32) -> Promise<'env, String> {
        let runner = self.runner.clone();
        promise(env, async move { runner.reset(turn).await })
    }

    /// Overtakes whatever step is under way.
    #[napi]
    pub fn stop<'env>(&self, env: &'env Env) -> Promise<'env, bool> {
        self.runner.interrupt();
        let runner = self.runner.clone();
        promise(env, async move { runner.stop().await.map(|()| true) })
    }

    /// Removes a container that doesn't run yet: for a program that is about to end.
    #[napi]
    pub fn discard(&self) {
        self.runner.discard();
    }

    #[napi]
    pub fn pull<'env>(&self, env: &'env Env, image: String) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move { runner.pull(&image).await.map(|()| true) })
    }

    /// Builds an image, until `stop`.
    #[napi]
    pub fn build<'env>(&self, env: &'env Env, options: String, turn: u32) -> Promise<'env, String> {
        let runner = self.runner.clone();
        promise(env, async move { runner.build(&options, turn).await })
    }

    /// Makes an image of the running container.
    #[napi]
    pub fn commit<'env>(&self, env: &'env Env, options: String) -> Promise<'env, String> {
        let runner = self.runner.clone();
        promise(env, async move { runner.commit(&options).await })
    }

    /// Puts a folder's content into the container.
    #[napi]
    pub fn upload<'env>(
        &self,
        env: &'env Env,
        local: String,
        remote: String,
    ) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move {
            runner.upload(local.into(), &remote).await.map(|()| true)
        })
    }

    /// Brings a folder or a file out of it.
    #[napi]
    pub fn download<'env>(
        &self,
        env: &'env Env,
        remote: String,
        local: String,
        bounds: NativeBounds,
    ) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move {
            let downloaded = runner.download(&remote, local.into(), bounds.into()).await;
            downloaded.map(|()| true)
        })
    }

    /// Starts a process of its own; `onEvent` is held strongly.
    #[napi]
    pub fn spawn<'env>(
        &self,
        env: &'env Env,
        options: NativeSpawnOptions,
        on_event: Function<FnArgs<(String, Detail)>, Answer>,
    ) -> Promise<'env, NativeProcess> {
        let events = Arc::new(Events::new(&on_event)?);
        promise(env, spawn(self.runner.clone(), events, options))
    }

    /// Waits for the end of a container; its exit code.
    #[napi]
    pub fn wait<'env>(&self, env: &'env Env, container: String) -> Promise<'env, i64> {
        let runner = self.runner.clone();
        promise(env, async move {
            container::wait(runner.engine().await?, &container, "not-running").await
        })
    }

    #[napi]
    pub fn kill<'env>(&self, env: &'env Env, container: String) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move {
            container::kill(runner.engine().await?, &container)
                .await
                .map(|()| true)
        })
    }

    #[napi]
    pub fn remove<'env>(&self, env: &'env Env, container: String) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move {
            container::remove(runner.engine().await?, &container)
                .await
                .map(|()| true)
        })
    }

    /// Removes the containers whose owner has died.
    #[napi]
    pub fn prune<'env>(&self, env: &'env Env) -> Promise<'env, NativePruned> {
        let runner = self.runner.clone();
        promise(env, async move {
            let Pruned { removed, unknown } = runner.prune().await?;
            Ok(NativePruned { removed, unknown })
        })
    }

    /// Connects, if that hasn't happened yet.
    #[napi]
    pub fn engine<'env>(&self, env: &'env Env) -> Promise<'env, EngineInfo> {
        let runner = self.runner.clone();
        promise(env, async move {
            let engine = runner.engine().await?;
            let (endpoint, version) = (engine.endpoint().to_string(), engine.version().to_owned());
            Ok(EngineInfo { endpoint, version })
        })
    }

    /// Queues a command, whose output is for [`read`](Self::read); the promise resolves with
    /// what the listener says to its `settled`.
    #[napi]
    pub fn run<'env>(&self, env: &'env Env, text: String) -> Queued<'env> {
        let events = self.events.clone();
        queued(env, |promise| {
            let ticket = Ticket::of(move |outcome| events.ran(promise, &outcome));
            self.runner.queue(Command::plain(text), ticket)
        })
    }

    /// Queues a command, with its output; the promise resolves with what the listener says to
    /// its `settled`, which comes under `id`.
    #[napi]
    pub fn exec<'env>(
        &self,
        env: &'env Env,
        id: u32,
        text: String,
        options: &NativeExecOptions,
    ) -> Queued<'env> {
        let input = || self.runner.input(None);
        let queue = |command, ticket| self.runner.queue(command, ticket);
        queued(env, |promise| {
            let commands = &self.commands;
            commands.submit(id, promise, text, options, input, queue)
        })
    }

    /// What can be done about a command of `exec` that hasn't settled; once.
    #[napi]
    pub fn command(&self, id: u32) -> Option<NativeCommand> {
        self.commands.take(id)
    }

    /// Opens another shell, with events of its own.
    #[napi]
    pub fn session<'env>(
        &self,
        env: &'env Env,
        options: String,
        on_event: Function<FnArgs<(String, Detail)>, Answer>,
    ) -> Promise<'env, NativeSession> {
        let runner = self.runner.clone();
        let events = Arc::new(Events::new(&on_event)?);
        promise(env, async move {
            let (readable, ended) = (events.clone(), events.clone());
            let readable =
                move |reader: &TapReader| readable.event(Event::Readable(reader.clone()));
            let (tap, reader) = tap::tap(readable);
            let ended = move |reason| ended.event(Event::Ended(reason));
            let (session, user) = runner.session(&options, tap, ended).await?;
            Ok(NativeSession {
                runner,
                session,
                user,
                commands: Commands::of(events.clone()),
                events,
                tap: reader,
            })
        })
    }

    /// Output that belongs to no result; without any, whether there may be more.
    #[napi]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        max: u32,
    ) -> napi::Result<Either<BufferSlice<'env>, bool>> {
        taken(env, self.runner.read(max as usize))
    }

    /// Bytes that nobody read in time, since this was last asked.
    #[napi]
    pub fn dropped(&self) -> f64 {
        self.runner.dropped() as f64
    }

    /// Types into the terminal; `false` where there is none.
    #[napi(js_name = "type")]
    pub fn type_in<'env>(&self, env: &'env Env, text: Buffer) -> Promise<'env, bool> {
        let (runner, text) = (self.runner.clone(), Vec::from(text).into());
        promise(env, async move { runner.type_in(text).await })
    }

    /// Tells the terminal how large it is.
    #[napi]
    pub fn resize<'env>(&self, env: &'env Env, columns: u16, rows: u16) -> Promise<'env, bool> {
        let runner = self.runner.clone();
        promise(env, async move {
            runner.resize(columns, rows).await.map(|()| true)
        })
    }

    /// Keeps the program alive, or stops doing so.
    #[napi]
    pub fn hold(&self, env: Env, on: bool) {
        self.events.hold(env, on);
    }
}
