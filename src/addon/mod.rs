//! The JavaScript edge: converts, calls, converts back; the only place that names napi.
//!
//! What fails comes back as a [`Failure`], never as an exception, so that the facade makes
//! every `Error` in one place, where the caller's stack is known.

mod command;
mod events;
mod runner;

use napi_derive::napi;

use crate::error::Error;

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
