//! The wire of Stampede: gRPC messages and their conversion to and from the core's types.
//!
//! Wire types stop here: everything that comes in is checked once, against the plan's closed lists and the fixed
//! histogram shape, and leaves as a type of `common`. Nothing is allocated in proportion to what a message claims.

#[allow(clippy::all, clippy::pedantic, clippy::allow_attributes, missing_docs, unreachable_pub, reason = "generated; the .proto file is the documentation")]
#[rustfmt::skip]
#[path = "generated/stampede.v1.rs"]
pub mod v1;

pub mod delta;
pub mod share;
pub mod spool;

/// The protocol versions that this build speaks, both ends included.
pub const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;

/// No message is larger than this; larger ones are refused by the transport.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The metadata key under which an agent sends `Bearer TOKEN`.
pub const TOKEN_KEY: &str = "authorization";
