//! What a controller costs under a fleet: agents that talk as real ones do and fire nothing.

pub mod say;
mod tape;
mod load;
mod line;
mod controller;
mod pretender;
pub mod measure;
