//! What a controller costs under a fleet: agents that talk as real ones do and fire nothing.

pub mod say;
mod tape;
mod load;
mod controller;
mod agent;
pub mod measure;
