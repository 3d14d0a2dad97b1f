//! The Docker edge: the only place that names bollard and hyper.

pub mod endpoint;
pub mod transport;
