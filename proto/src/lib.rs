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

use std::time::Duration;
use tonic::transport::Endpoint;

/// How agents connect to a controller at `HOST:PORT`: whoever is gone is noticed within seconds.
///
/// # Errors
/// An address that is none.
pub fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint
        .connect_timeout(CONNECT_WITHIN)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true))
}

/// The protocol versions that this build speaks, both ends included.
pub const PROTOCOL: std::ops::RangeInclusive<u32> = 1..=1;

/// No message is larger than this; larger ones are refused by the transport.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The metadata key under which an agent sends `Bearer TOKEN`.
pub const TOKEN_KEY: &str = "authorization";

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(2);
