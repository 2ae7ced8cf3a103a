//! How many requests were answered, by method, route and status: exact.

use crate::route::Route;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The counts of a service, as `GET /stats` shows them.
///
/// A request counts once, as soon as its answer is decided: before the answer waits for anything and
/// before its first byte is sent, whether or not the client stays to read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// All requests, except those for `/stats`, `/stats/reset`, `/record/flush` and `/health`.
    pub total: u64,
    /// Requests that count above but are missing in the record: it was full or could not be written.
    pub unrecorded: u64,
    /// `"METHOD route"`, as in `"GET /delay/{ms}"` or `"GET other"` → status → number of requests.
    /// Methods without a place of their own are called `OTHER`.
    pub counts: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl Stats {
    /// The requests of one route (`"METHOD route"`) that were answered with `status`.
    pub fn count(&self, route: &str, status: u16) -> u64 {
        self.counts.get(route).and_then(|statuses| statuses.get(&status)).copied().unwrap_or(0)
    }

    /// The requests of one route (`"METHOD route"`), whatever the status.
    pub fn route_total(&self, route: &str) -> u64 {
        self.counts.get(route).map_or(0, |statuses| statuses.values().sum())
    }
}

/// One counter for each method, route and status: counting is one atomic addition.
pub(crate) struct Counters {
    cells: Box<[AtomicU64]>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self { cells: (0..METHODS.len() * Route::ALL.len() * STATUSES).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn count(&self, method: &Method, route: Route, status: StatusCode) {
        let row = method_place(method) * Route::ALL.len() + route as usize;
        let column = usize::from(status.as_u16()).saturating_sub(STATUS_MIN).min(STATUSES - 1);
        self.cells[row * STATUSES + column].fetch_add(1, Relaxed);
    }

    /// The counts so far. Each counter is read once: with no request under way the sum is exact.
    pub(crate) fn read(&self) -> Stats {
        self.stats(|cell| cell.load(Relaxed))
    }

    /// The counts so far, which start again at zero: every request is in this answer or in a later one.
    pub(crate) fn take(&self) -> Stats {
        self.stats(|cell| cell.swap(0, Relaxed))
    }

    fn stats(&self, read: impl Fn(&AtomicU64) -> u64) -> Stats {
        let mut stats = Stats::default();
        for (row, cells) in self.cells.chunks_exact(STATUSES).enumerate() {
            let name = || {
                let (method, route) = (row / Route::ALL.len(), row % Route::ALL.len());
                format!("{} {}", METHODS[method], Route::ALL[route].template())
            };
            for (status, cell) in (STATUS_MIN as u16..).zip(cells) {
                let times = read(cell);
                if times > 0 {
                    stats.total += times;
                    stats.counts.entry(name()).or_default().insert(status, times);
                }
            }
        }
        stats
    }
}

fn method_place(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::HEAD => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::PATCH => 5,
        Method::OPTIONS => 6,
        _ => 7,
    }
}

/// In the order of [`method_place`].
const METHODS: [&str; 8] = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "OTHER"];

/// The service answers with statuses from 200 to 599.
const STATUS_MIN: usize = 200;
const STATUSES: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_counts_once_under_its_method_route_and_status() {
        let counters = Counters::new();
        counters.count(&Method::GET, Route::Root, StatusCode::OK);
        counters.count(&Method::GET, Route::Root, StatusCode::OK);
        counters.count(&Method::POST, Route::Other, StatusCode::NOT_FOUND);
        counters.count(&Method::TRACE, Route::Delay, StatusCode::METHOD_NOT_ALLOWED);
        let stats = counters.read();
        assert_eq!(stats.total, 4);
        assert_eq!(stats.count("GET /", 200), 2);
        assert_eq!(stats.count("POST other", 404), 1);
        assert_eq!(stats.count("OTHER /delay/{ms}", 405), 1);
        assert_eq!(stats.count("GET /", 500), 0);
        assert_eq!(stats.route_total("GET /"), 2);
    }

    #[test]
    fn taken_counts_start_again_at_zero() {
        let counters = Counters::new();
        counters.count(&Method::GET, Route::Root, StatusCode::OK);
        assert_eq!(counters.take().total, 1);
        assert_eq!(counters.read(), Stats::default());
    }

    #[test]
    fn stats_survive_their_json() {
        let counters = Counters::new();
        counters.count(&Method::GET, Route::Random, StatusCode::NOT_FOUND);
        let json = serde_json::to_string(&counters.read()).unwrap();
        assert_eq!(json, r#"{"total":1,"unrecorded":0,"counts":{"GET /random":{"404":1}}}"#);
        assert_eq!(serde_json::from_str::<Stats>(&json).unwrap(), counters.read());
    }
}
