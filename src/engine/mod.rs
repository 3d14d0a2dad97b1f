//! The Docker edge: the only place that names bollard and hyper.

mod address;
mod connector;
pub mod context;
pub mod endpoint;
mod ssh;
mod tls;
pub mod transport;
mod unreachable;
mod version;
mod wire;
