//! The native half of a session beside the runner's first shell.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Either};
use napi_derive::napi;

use super::command::{Commands, NativeCommand, NativeExecOptions};
use super::deferred::{Queued, queued};
use super::events::Events;
use super::streams::taken;
use super::{Promise, promise};
use crate::runner::Runner;
use crate::session::tap::TapReader;
use crate::session::{Command, Session, Ticket};

/// One session. Dropping it ends it.
#[napi]
pub struct NativeSession {
    pub(super) runner: Arc<Runner>,
    pub(super) session: Arc<Session>,
    /// Whose it is, if not the container's user's.
    pub(super) user: Option<String>,
    pub(super) events: Arc<Events>,
    pub(super) commands: Arc<Commands>,
    pub(super) tap: TapReader,
}

#[napi]
impl NativeSession {
    /// As of a runner.
    #[napi]
    pub fn run<'env>(&self, env: &'env Env, text: String) -> Queued<'env> {
        let events = self.events.clone();
        queued(env, |promise| {
            let ticket = Ticket::of(move |outcome| events.ran(promise, &outcome));
            self.session.queue(Command::plain(text), ticket)
        })
    }

    /// As of a runner.
    #[napi]
    pub fn exec<'env>(
        &self,
        env: &'env Env,
        id: u32,
        text: String,
        options: &NativeExecOptions,
    ) -> Queued<'env> {
        let input = || self.runner.input(self.user.as_deref());
        let queue = |command, ticket| self.session.queue(command, ticket);
        queued(env, |promise| {
            let commands = &self.commands;
            commands.submit(id, promise, text, options, input, queue)
        })
    }

    /// As of a runner.
    #[napi]
    pub fn command(&self, id: u32) -> Option<NativeCommand> {
        self.commands.take(id)
    }

    /// Output that belongs to no result; without any, whether there may be more.
    #[napi]
    pub fn read<'env>(
        &self,
        env: &'env Env,
        max: u32,
    ) -> napi::Result<Either<BufferSlice<'env>, bool>> {
        taken(env, self.tap.take(max as usize))
    }

    /// Bytes that nobody read in time, since this was last asked.
    #[napi]
    pub fn dropped(&self) -> f64 {
        self.tap.dropped() as f64
    }

    /// Ends it, and its commands.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> Promise<'env, bool> {
        let (runner, session) = (self.runner.clone(), self.session.clone());
        promise(
            env,
            async move { runner.close(&session).await.map(|()| true) },
        )
    }

    /// Keeps the program alive, or stops doing so.
    #[napi]
    pub fn hold(&self, env: Env, on: bool) {
        self.events.hold(env, on);
    }
}
