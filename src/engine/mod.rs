//! The Docker edge: the only place that names bollard and hyper.
//!
//! - [`endpoint`]: which engine, by what the caller or the machine says
//! - [`transport`]: one client for every request to it, and connections taken over
//! - [`spec`]: what a container is to be; [`profile`]: how far it's shut off; [`image`]: what
//!   it's made from; [`build`], [`commit`]: images of one's own
//! - [`container`]: its life; [`owner`]: whose it is; [`exec`], [`input`], [`terminal`]: processes beside its main
//!   one
//! - [`frames`]: the decoder of its streams

pub mod build;
pub mod commit;
pub mod container;
pub mod endpoint;
pub mod exec;
pub mod frames;
pub mod image;
pub mod input;
mod options;
pub mod owner;
pub mod profile;
pub mod spec;
pub mod terminal;
pub mod transport;
