//! The way to the controller, and the time on it.

use rustix::time::{ClockId, clock_gettime};
use tonic::transport::Channel;

/// As agents connect: nothing is shared between two streams.
pub(crate) async fn connect(address: &str) -> Result<Channel, String> {
    let endpoint = proto::endpoint(address).map_err(|error| error.to_string())?;
    endpoint.connect().await.map_err(|error| format!("connect: {error:?}"))
}

/// Nanoseconds on this machine's boot-time clock.
pub(crate) fn now_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
