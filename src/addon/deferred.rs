//! A promise of something that waits, as small as can be: many may wait.

use std::ptr;

use napi::bindgen_prelude::{Either, PromiseRaw, ToNapiValue, Unknown};
use napi::{Env, JsValue, check_status, sys};

use super::Failure;
use crate::error::Result;

/// The promise of a [`queued`], or why there is none.
pub(super) type Queued<'env> = napi::Result<Either<PromiseRaw<'env, Unknown<'env>>, Failure>>;

/// Settles a promise, once. One that never does is lost, with some bytes: only an environment
/// that ends has no use for it.
pub(super) struct Deferred(sys::napi_deferred);

// SAFETY: it's passed between threads, and used only to settle, on the thread of its `Env`.
unsafe impl Send for Deferred {}

/// A promise that `queue` is given the other end of, unless it fails.
pub(super) fn queued(env: &Env, queue: impl FnOnce(Deferred) -> Result<()>) -> Queued<'_> {
    let (mut deferred, mut promise) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: `env` is the environment of the call in progress, and both places can be written.
    check_status!(unsafe { sys::napi_create_promise(env.raw(), &mut deferred, &mut promise) })?;
    let Err(error) = queue(Deferred(deferred)) else {
        return Ok(Either::A(PromiseRaw::new(env.raw(), promise)));
    };
    // Nobody else has this end any more, nor the promise.
    // SAFETY: `env` is the environment of the call in progress.
    let nothing = unsafe { ToNapiValue::to_napi_value(env.raw(), ()) }?;
    Deferred(deferred).settle(env, nothing)?;
    Ok(Either::B(Failure::from(&error)))
}

impl Deferred {
    /// Resolves the promise with a value, which may be another promise. Only on the JavaScript
    /// thread.
    pub(super) fn resolve(self, env: &Env, value: &Unknown) -> napi::Result<()> {
        self.settle(env, value.raw())
    }

    fn settle(self, env: &Env, value: sys::napi_value) -> napi::Result<()> {
        let Self(deferred) = self;
        // SAFETY: `env` is the promise's, of the call in progress, and this is the only use of
        // what settles it.
        check_status!(unsafe { sys::napi_resolve_deferred(env.raw(), deferred, value) })
    }
}
