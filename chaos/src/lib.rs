//! Chaos: breaks a running Stampede in every way a network and a machine can, and proves from what is left that
//! nothing was lost, nothing was doubled, and nobody fired without a lease.
//!
//! A *round* starts the real programs in a lab (network namespaces, or plain loopback), lets a seeded list of
//! faults loose on them and keeps the evidence: what the demo service recorded, the controller's store, the report.
//! The [`checker`] is pure: evidence in, everything that is wrong out. The same seed gives the same faults at the
//! same times; what the operating system makes of them differs from run to run.

pub mod clock;
pub mod relay;
pub mod evidence;
pub mod ownership;
pub mod checker;
pub mod faults;
pub mod network;
pub mod programs;
pub mod hub;
pub mod log;
pub mod lab;
pub mod runner;
