//! A TCP relay that can be told to be a bad network while it runs.
//!
//! ```text
//!   agent ──▶ listen ──[ queue │ delay │ stall │ rate │ fuse ]──▶ upstream     Way::Up
//!   agent ◀── listen ◀─[ fuse │ rate │ stall │ delay │ queue ]─── upstream     Way::Down
//! ```
//!
//! A conduct holds for present and later connections alike; a cut and a reset only for the present ones. Bytes
//! keep their order and none is invented. The end of a stream travels like its bytes: a peer that dies behind a
//! stalled direction is not missed on the other side before the stall is over.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

mod connection;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From whoever connects to the upstream address.
    Up,
    /// Back.
    Down,
}

impl Way {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Up, Self::Down];
}

/// How a direction behaves. The default is a perfect network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// How long every byte is under way.
    pub delay: Duration,
    /// Bytes per second and connection; `None`: as fast as the machine.
    pub rate: Option<NonZeroU64>,
    /// Whether nothing arrives at all; it arrives when the stall is over.
    pub stalled: bool,
}

/// A running relay. It ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    fuse: Arc<Fuse>,
}

/// What is asked of every connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Orders {
    conduct: [Conduct; 2],
    /// Connections older than the last cut carry nothing any more.
    cuts: u64,
    /// Connections older than the last reset are over.
    resets: u64,
}

/// Burns down with the bytes of one direction; the connection that burns it to the end is reset.
#[derive(Debug, Default)]
struct Fuse(Mutex<Option<(Way, u64)>>);

impl Relay {
    /// Listens on `listen` (port 0 takes a free one) and carries every connection to `upstream`.
    ///
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the system says when `listen` cannot be listened on.
    pub async fn start(listen: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let (orders, told) = watch::channel(Orders::default());
        let fuse = Arc::new(Fuse::default());
        tokio::spawn(accept(listener, upstream, told, Arc::clone(&fuse)));
        Ok(Self { address, orders, fuse })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on a direction behaves like this.
    pub fn set(&self, way: Way, conduct: Conduct) {
        self.orders.send_modify(|orders| orders.conduct[way as usize] = conduct);
    }

    /// Both directions are perfect again, and no fuse burns. What was cut stays cut.
    pub fn calm(&self) {
        self.fuse.light(None);
        self.orders.send_modify(|orders| orders.conduct = Default::default());
    }

    /// Nothing passes any more on the present connections, not even their end: both peers think that they are
    /// connected.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Both peers of every present connection get a reset (RST).
    pub fn reset(&self) {
        self.orders.send_modify(|orders| orders.resets += 1);
    }

    /// After `bytes` more bytes in that direction, over all connections, the connection that carried the last of
    /// them is reset on both sides. Once; a newer order replaces an older one.
    pub fn reset_after(&self, way: Way, bytes: u64) {
        self.fuse.light(Some((way, bytes)));
    }
}

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    mut orders: watch::Receiver<Orders>,
    fuse: Arc<Fuse>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // What failed is one connection, not the relay.
                let Ok((near, _)) = accepted else { continue };
                connections.spawn(carry(near, upstream, orders.clone(), Arc::clone(&fuse)));
            }
            Some(_) = connections.join_next() => {}
            gone = until_dropped(&mut orders) => return gone,
        }
    }
}

/// Ends when the relay's handle is gone.
async fn until_dropped(orders: &mut watch::Receiver<Orders>) {
    while orders.changed().await.is_ok() {}
}

/// Carries one connection to its end.
async fn carry(near: TcpStream, upstream: SocketAddr, orders: watch::Receiver<Orders>, fuse: Arc<Fuse>) {
    match TcpStream::connect(upstream).await {
        Ok(far) => connection::carry(near, far, orders, &fuse).await,
        // Nobody listens there: the caller hears it as it would without a relay.
        Err(_) => connection::reset(&near),
    }
}

impl Fuse {
    fn light(&self, fuse: Option<(Way, u64)>) {
        *self.held() = fuse;
    }

    /// Burns by `length` bytes of a direction; `Some(n)` when it is over after the first n of them.
    fn burn(&self, way: Way, length: usize) -> Option<usize> {
        let mut held = self.held();
        let (_, left) = held.as_mut().filter(|(burning, _)| *burning == way)?;
        match usize::try_from(*left) {
            Ok(n) if n <= length => {
                *held = None;
                Some(n)
            }
            _ => {
                *left -= length as u64;
                None
            }
        }
    }

    /// A panic elsewhere leaves it whole: it is written in one go.
    fn held(&self) -> MutexGuard<'_, Option<(Way, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
