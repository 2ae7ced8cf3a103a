//! The target: counts every arrival, then answers it.

use crate::net;
use crate::record::{Record, Shot, now};
use common::time::RunTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

/// A request and its answer: scenario, agent, k; all little-endian.
pub type Frame = [u8; 16];

/// The frame of a request.
#[must_use]
pub fn frame(scenario: u32, agent: u32, k: u64) -> Frame {
    let mut frame = [0; 16];
    frame[..4].copy_from_slice(&scenario.to_le_bytes());
    frame[4..8].copy_from_slice(&agent.to_le_bytes());
    frame[8..].copy_from_slice(&k.to_le_bytes());
    frame
}

/// The scenario, agent and arrival number of a frame.
#[must_use]
pub fn parts(frame: Frame) -> (u32, u32, u64) {
    let [a, b, c, d, e, f, g, h, k @ ..] = frame;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]), u64::from_le_bytes(k))
}

/// Serves for ever.
pub async fn serve(record: Record) -> turmoil::Result {
    let listener = net::listen(net::TARGET).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(answer(stream, record.clone()));
    }
}

/// Answers the requests of one connection in their order, until it ends.
async fn answer(mut stream: TcpStream, record: Record) {
    let mut request: Frame = [0; 16];
    while stream.read_exact(&mut request).await.is_ok() {
        let (scenario, agent, k) = parts(request);
        record.pages().arrived.push(Shot { scenario, k, due: RunTime::ZERO, agent, at: now() });
        if stream.write_all(&request).await.is_err() {
            return;
        }
    }
}
