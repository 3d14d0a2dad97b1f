//! A shell that you can await, inside a container that you can throw away.
//!
//! The way of one command:
//!
//! ```text
//!  JS  runner.run('ls') ─► queue ─► script.rs: one line, quoted ─► container's stdin
//!                                                                      │
//!                                                          leash │ supervisor │ shell
//!                                                                      │
//!  JS  promise, streams ◄─ output.rs ◄─ sentinel.rs ◄─ frames.rs ◄─ attach connection
//!       (addon/)           per command   finds the end   Docker's      (engine/)
//!                          bounded       on both streams 8-byte header
//! ```
//!
//! - [`session`] is the heart: it drives one shell over bytes, and knows neither
//!   Node nor Docker.
//! - [`engine`] is the Docker edge: where the engine is, how to talk to it, and what is
//!   asked of it.
//! - [`runner`] owns one container and the session in it, from start to stop.
//! - `tree` makes archives of files, and unpacks what nobody trusts.
//! - `addon` is the JavaScript edge: it converts, calls, and converts back.
//! - [`error`] says what can go wrong, by who must act.

mod addon;
pub mod engine;
pub mod error;
pub mod runner;
pub mod session;
mod tree;

pub use error::{Error, Result};
