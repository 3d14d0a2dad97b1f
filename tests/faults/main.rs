//! Sessions whose other end fails: whatever it does, everything settles, with a typed reason,
//! once. The clock is paused, so that time passes only where nothing else can happen.

mod inline;
mod opening;
mod peer;
mod running;
mod watched;
