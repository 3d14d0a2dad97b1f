//! The JavaScript edge: converts, calls, converts back; the only place that names napi.
//!
//! What fails comes back as a [`Failure`], never as an exception, so that the facade makes
//! every `Error` in one place, where the caller's stack is known.

mod command;
mod events;
mod runner;
mod session;

use std::future::Future;

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw, ToNapiValue};
use napi_derive::napi;

use crate::error::{Error, Result};

/// An error on its way to JavaScript.
#[napi(object)]
pub struct Failure {
    /// `ERR_…`
    pub code: String,
    pub message: String,
    /// The HTTP status, where the engine refused.
    pub status: Option<u32>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let status = match error {
            Error::Refused { status, .. } => Some(u32::from(*status)),
            _ => None,
        };
        Self {
            code: error.code().into(),
            message: error.to_string(),
            status,
        }
    }
}

/// A promise that never rejects: it resolves with the value, or with what has failed.
type Promise<'env, T> = napi::Result<PromiseRaw<'env, Either<T, Failure>>>;

/// Runs `work` on tokio. It must own what it uses: the object whose method this was may be
/// gone before it ends, when its thread is terminated.
fn promise<T: ToNapiValue + Send + 'static>(
    env: &Env,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Promise<'_, T> {
    env.spawn_future(async move {
        Ok(match work.await {
            Ok(value) => Either::A(value),
            Err(error) => Either::B(Failure::from(&error)),
        })
    })
}
