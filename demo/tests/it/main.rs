//! The service over real sockets, each test with its own on a free port.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, helpers outside #[test] included")]

mod client;

mod answers;
mod counting;
mod program;
mod protocols;
mod waiting;
