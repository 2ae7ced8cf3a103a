//! Everything about the service that can be chosen, except where it listens.

use crate::{indexing::Capacity, latency::Latency, stall::Stall, statuses::StatusWeights};
use std::{num::NonZeroUsize, path::PathBuf};

/// All settings. The defaults are gentle: fast answers, few errors, no stall, no record, no TLS.
#[derive(Clone, Debug)]
pub struct Config {
    /// The n-th answer of `/random` and `/test-get/{n}` is a function of the seed and n.
    pub seed: u64,
    /// The statuses of `/random`.
    pub statuses: StatusWeights,
    /// The latency of `/random`. Like every wait it ends up to two milliseconds late, never early: that is
    /// how fine the reactor's timers are.
    pub latency: Latency,
    /// How fast `/api/index` works.
    pub index_capacity: Capacity,
    /// How many documents may be in `/api/index`; beyond it the answer is 503.
    pub index_queue: u32,
    /// A window in which the service stands still.
    pub stall: Option<Stall>,
    /// Where each request is written down.
    pub recording: Recording,
    /// Whether and with what the service speaks TLS.
    pub tls: Tls,
    /// How many threads answer, each with its own reactor.
    pub threads: NonZeroUsize,
}

/// Where each request is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Nowhere.
    #[default]
    Off,
    /// In a CSV file, one row per request, written anew. The columns are the fields of
    /// [`Record`](crate::Record); with several threads, rows of different threads may change places.
    File(PathBuf),
    /// In memory, at most a million rows, for [`Running::recorded`](crate::Running::recorded).
    Memory,
}

/// Whether and with what the service speaks TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    Off,
    /// With a certificate of the operator.
    Files {
        /// The certificate chain, PEM.
        cert: PathBuf,
        /// Its private key, PEM.
        key: PathBuf,
    },
    /// With a certificate for `localhost`, `127.0.0.1` and `::1` from a CA made at start.
    SelfSigned {
        /// Where the CA's certificate is written for clients to trust, PEM.
        ca_out: PathBuf,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 42,
            statuses: StatusWeights::default(),
            latency: Latency::default(),
            index_capacity: Capacity::default(),
            index_queue: 1_000,
            stall: None,
            recording: Recording::Off,
            tls: Tls::Off,
            threads: NonZeroUsize::MIN,
        }
    }
}
