//! A service to shoot at: stands in for the services that users of Stampede test.
//!
//! It answers fast enough not to be what is measured, can be slow in ways that are known exactly
//! (seeded latencies, a queue with a capacity, a stall), and counts every answer, so that a test can
//! hold what a load generator claims against what its target saw.
//!
//! [`Service::start`] runs it on threads of its own; the caller needs no async runtime and may have one.
//!
//! Invariants:
//! - An answer is counted and recorded when it is decided, which is before it waits and before its first
//!   byte is sent: whoever holds an answer finds it in the counts.
//! - Decisions are pure in the arrival time: the clock is read once per request, in `exchange`.
//! - Every body, list, queue and buffer has a limit, stated at its constant.

// In dependency order, group by group and within a group: a module imports only those above it.
mod draw;
mod indexing;
mod latency;
mod stall;
mod statuses;

mod config;
mod document;
mod ring;
mod route;

mod body;
mod clock;
mod record;
mod stats;

mod service;

mod ask;
mod exchange;
mod tls;

mod connection;
mod worker;

mod server;

pub use ask::{AskError, check, fetch_stats};
pub use config::{Config, Recording, Tls};
pub use indexing::{Capacity, CapacityError};
pub use latency::{Latency, LatencyError};
pub use record::{Record, RecordError};
pub use server::{Running, StartError};
pub use service::Service;
pub use stall::{Stall, StallError};
pub use stats::Stats;
pub use statuses::{StatusWeights, StatusWeightsError};
pub use tls::TlsError;
