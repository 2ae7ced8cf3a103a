//! One connection of the relay: two directions, each a reader, a bounded queue and a writer.

use super::{Conduct, Fuse, Orders, Way};
use rustix::net::sockopt::set_socket_linger;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// What travels in a direction.
enum Piece {
    Bytes(Vec<u8>),
    /// The sender has ended its half.
    End,
    /// The sender is gone: reset, or its machine gave up.
    Gone,
}

/// The connection must end with a reset on both sides.
struct Reset;

/// A direction of one connection.
struct Direction<'a> {
    way: Way,
    orders: watch::Receiver<Orders>,
    /// The orders when the connection was made: later cuts are meant for it.
    cuts: u64,
    fuse: &'a Fuse,
}

/// Carries bytes both ways until both are over or the connection is reset.
pub(super) async fn carry(
    mut near: TcpStream,
    mut far: TcpStream,
    mut orders: watch::Receiver<Orders>,
    fuse: &Fuse,
) {
    // Small messages must not wait for larger ones: the delay is ours to make.
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap_or_default();
    }
    let born = *orders.borrow();
    let direction = |way| Direction { way, orders: orders.clone(), cuts: born.cuts, fuse };
    let (up, down) = (direction(Way::Up), direction(Way::Down));
    let ended = {
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        let both = async { tokio::try_join!(up.carry(near_in, far_out), down.carry(far_in, near_out)) };
        tokio::select! {
            ended = both => ended.map(|_| ()),
            told = orders.wait_for(|now| now.resets > born.resets) => match told {
                Ok(_) => Err(Reset),
                // The relay was dropped: its connections end as those of a killed program.
                Err(_) => Ok(()),
            },
        }
    };
    if ended.is_err() {
        reset(&near);
        reset(&far);
    }
}

/// Makes the close of a socket a reset.
pub(super) fn reset(stream: &TcpStream) {
    // A socket that is closed already needs no reset.
    set_socket_linger(stream, Some(Duration::ZERO)).unwrap_or_default();
}

impl Direction<'_> {
    async fn carry(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), Reset> {
        let (pieces, queue) = mpsc::channel(QUEUE);
        tokio::select! {
            written = self.write(to, queue) => written,
            never = read(from, pieces) => match never {},
        }
    }

    async fn write(
        mut self,
        mut to: WriteHalf<'_>,
        mut queue: mpsc::Receiver<(Instant, Piece)>,
    ) -> Result<(), Reset> {
        while let Some((read_at, piece)) = queue.recv().await {
            self.hold(read_at).await;
            match piece {
                Piece::Bytes(_) if self.is_cut() => {}
                Piece::Bytes(bytes) => self.pour(&mut to, &bytes).await?,
                // Who is cut off hears of no end; the connection is kept until both sides have given it up.
                Piece::End | Piece::Gone if self.is_cut() => return Ok(()),
                Piece::Gone => return Err(Reset),
                Piece::End => {
                    // A peer that is gone shows it in the other direction.
                    to.shutdown().await.unwrap_or_default();
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits until what was read at `read_at` may arrive.
    async fn hold(&mut self, read_at: Instant) {
        sleep_until(read_at + self.conduct().delay).await;
        let way = self.way as usize;
        // When the relay is dropped, the connection ends anyway.
        drop(self.orders.wait_for(|now| !now.conduct[way].stalled).await);
    }

    /// Writes at the rate of the direction, up to where the fuse ends.
    async fn pour(&mut self, to: &mut WriteHalf<'_>, bytes: &[u8]) -> Result<(), Reset> {
        let mut left = bytes;
        while !left.is_empty() {
            let length = self.conduct().rate.map_or(left.len(), |rate| slice(rate.get()).min(left.len()));
            let (slice, rest) = left.split_at(length);
            let burnt = self.fuse.burn(self.way, length);
            // A peer that does not take it is gone, which the other direction tells.
            to.write_all(&slice[..burnt.unwrap_or(length)]).await.unwrap_or_default();
            if burnt.is_some() {
                return Err(Reset);
            }
            if let Some(rate) = self.conduct().rate {
                sleep(Duration::from_secs_f64(length as f64 / rate.get() as f64)).await;
            }
            left = rest;
        }
        Ok(())
    }

    fn conduct(&self) -> Conduct {
        self.orders.borrow().conduct[self.way as usize]
    }

    fn is_cut(&self) -> bool {
        self.orders.borrow().cuts > self.cuts
    }
}

/// Reads until the end, then leaves the rest to the writer; the queue's bound is the sender's back-pressure.
async fn read(mut from: ReadHalf<'_>, pieces: mpsc::Sender<(Instant, Piece)>) -> Infallible {
    loop {
        let mut bytes = vec![0; PIECE_BYTES];
        let piece = match from.read(&mut bytes).await {
            Ok(0) => Piece::End,
            Ok(length) => {
                bytes.truncate(length);
                Piece::Bytes(bytes)
            }
            Err(_) => Piece::Gone,
        };
        let last = !matches!(piece, Piece::Bytes(_));
        // Nobody takes it any more when the connection ends.
        if pieces.send((Instant::now(), piece)).await.is_err() || last {
            return pending().await;
        }
    }
}

/// What a slow direction passes on at once: a twentieth of a second.
fn slice(bytes_per_s: u64) -> usize {
    usize::try_from(bytes_per_s / 20).unwrap_or(usize::MAX).max(1)
}

/// So many pieces may be under way in a direction: 1 MiB.
const QUEUE: usize = 64;
const PIECE_BYTES: usize = 16 * 1024;
