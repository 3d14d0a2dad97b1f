//! The JavaScript edge: converts, calls, converts back; the only place that names napi.
//!
//! What fails comes back as a [`Failure`], never as an exception, so that the facade makes
//! every `Error` in one place, where the caller's stack is known.

mod command;
mod deferred;
mod events;
mod process;
mod runner;
mod session;
mod streams;

use std::future::Future;
use std::sync::LazyLock;

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw, ToNapiValue};
use napi_derive::napi;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// An error on its way to JavaScript.
#[napi(object)]
pub struct Failure {
    /// `ERR_…`
    pub code: String,
    pub message: String,
    /// The HTTP status, where the engine refused.
    pub status: Option<u32>,
    /// Of a build: the instruction that failed, and what it printed.
    pub step: Option<String>,
    pub output: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let mut failure = Self {
            code: error.code().into(),
            message: error.to_string(),
            status: None,
            step: None,
            output: None,
        };
        match error {
            Error::Refused { status, .. } => failure.status = Some((*status).into()),
            Error::Build { step, output, .. } => {
                failure.step = Some(step.clone()).filter(|step| !step.is_empty());
                failure.output = Some(output.clone());
            }
            _ => {}
        }
        failure
    }
}

/// A promise that never rejects: it resolves with the value, or with what has failed.
type Promise<'env, T> = napi::Result<PromiseRaw<'env, Either<T, Failure>>>;

/// Ours, for as long as the process lives: napi's ends with the last thread that uses the
/// addon (a worker, say), and what is to be undone then couldn't be. One thread for all: none
/// waits for another to be woken, and what blocks has threads of its own.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("the system lets a thread be started")
});

/// Runs `work` to its end, also when the thread that asked for it is terminated. It must own
/// what it uses: the object whose method this was may be gone by then.
fn promise<T: ToNapiValue + Send + 'static>(
    env: &Env,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Promise<'_, T> {
    let work = RUNTIME.spawn(work);
    env.spawn_future(async move {
        match work.await {
            Ok(Ok(value)) => Ok(Either::A(value)),
            Ok(Err(error)) => Ok(Either::B(Failure::from(&error))),
            Err(panic) => Err(napi::Error::from_reason(panic.to_string())),
        }
    })
}
