//! What programs of others make of ours: a real browser of the page, a real Prometheus of the metrics.
//!
//! Needs `chromedriver` with a Chromium, and `prometheus`, so it is a command of its own:
//! `cargo test -p stampede-controller --test outside`. With `SCREENSHOTS=DIR` every page is kept there as a picture.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod driver;
#[expect(dead_code, reason = "shared with the tests that need nobody else")]
#[path = "../it/programs.rs"]
mod programs;
mod stand;
mod page;
mod prometheus;
