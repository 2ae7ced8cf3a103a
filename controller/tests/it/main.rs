//! Stampede as its users meet it: real programs, real sockets, a target that counts for itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, helpers outside #[test] included")]

mod programs;
mod rows;
mod targets;
mod cluster;
mod http;

mod truth;
mod uses;
mod closed;
mod stream;
mod collected;
mod import;
mod limits;
mod stall;
mod refusals;
mod endings;
mod robust;
mod transports;
mod client;
mod keys;
mod replay;
mod store;
mod documents;
mod identities;
mod contract;
mod otlp;
mod web;
mod tidy;
