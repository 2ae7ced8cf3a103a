//! The real controller and the real agents on a simulated network, in one thread, under a seed.
//!
//! Hosts, links and time are turmoil's. The control planes are the programs' own code over real gRPC; only the
//! engine threads are replaced by tasks that use the same pacer and recorder and shoot at a simulated target, which
//! counts every arrival. The same seed gives the same history, so a failure is its seed.
//!
//! One process simulates one seed: what a second simulation would inherit from the first is not seeded.

pub mod dice;
pub mod record;
pub mod net;
pub mod target;
pub mod wire;
pub mod engine;
pub mod plan;
pub mod desk;
pub mod weather;
pub mod history;
pub mod check;
pub mod crowd;
