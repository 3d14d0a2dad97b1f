//! Which engine.
