//! The wire of Stampede: gRPC messages and their conversion to and from the core's types.
//!
//! Wire types stop here: everything that comes in is checked once, against the plan's closed lists and the fixed
//! histogram shape, and leaves as a type of `common`. Nothing is allocated in proportion to what a message claims.

#[expect(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated; the .proto file is the documentation")]
#[rustfmt::skip]
#[path = "generated/stampede.v1.rs"]
pub mod v1;
