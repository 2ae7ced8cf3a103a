//! The threads: each has its own reactor and its own connections; the first one also minds the door.
//!
//! ```text
//! listener → door ─┬→ worker 0: its connections
//!                  └→ worker 1: its connections, …
//! ```

use crate::{connection, service::Service};
use hyper_util::server::graceful::GracefulShutdown;
use std::{
    io, net,
    sync::{Arc, mpsc::sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{self, Runtime},
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

/// One thread's part in the service.
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) sockets: mpsc::Receiver<net::TcpStream>,
    pub(crate) stopped: watch::Receiver<bool>,
}

/// Takes new connections and deals them to the workers in turn.
pub(crate) struct Door {
    listener: net::TcpListener,
    workers: Vec<mpsc::Sender<net::TcpStream>>,
    stopped: watch::Receiver<bool>,
}

impl Door {
    /// A door and the queues behind it, one for each of `workers`. The listener must not block.
    pub(crate) fn new(
        listener: net::TcpListener,
        workers: usize,
        stopped: watch::Receiver<bool>,
    ) -> (Self, Vec<mpsc::Receiver<net::TcpStream>>) {
        let (workers, sockets) = (0..workers).map(|_| mpsc::channel(SOCKETS_WAITING_MAX)).unzip();
        (Self { listener, workers, stopped }, sockets)
    }

    async fn mind(mut self, listener: TcpListener) {
        for worker in self.workers.iter().cycle() {
            let accepted = tokio::select! {
                _ = self.stopped.wait_for(|&stopped| stopped) => return,
                accepted = accept(&listener) => accepted,
            };
            match accepted {
                // Fails only when the worker has stopped; the socket closes then.
                Ok(socket) => drop(worker.send(socket).await),
                // The client has left already, or descriptors have run out: those come back.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

impl Worker {
    /// Starts the thread; when this returns, connections are answered.
    pub(crate) fn start(self, number: usize, door: Option<Door>) -> io::Result<JoinHandle<()>> {
        let (ready, is_ready) = sync_channel(1);
        let work = move || {
            let prepared = reactor(door.as_ref());
            // The receiver waits below until one of these comes.
            match prepared {
                Err(error) => drop(ready.send(Err(error))),
                Ok((reactor, listener)) => {
                    drop(ready.send(Ok(())));
                    reactor.block_on(self.run(door.zip(listener)));
                }
            }
        };
        let thread = thread::Builder::new().name(format!("demo-{number}")).spawn(work)?;
        is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))?;
        Ok(thread)
    }

    async fn run(mut self, door: Option<(Door, TcpListener)>) {
        if let Some((door, listener)) = door {
            tokio::spawn(door.mind(listener));
            tokio::spawn(flush_regularly(Arc::clone(&self.service)));
        }
        let connections = GracefulShutdown::new();
        loop {
            let socket = tokio::select! {
                _ = self.stopped.wait_for(|&stopped| stopped) => break,
                Some(socket) = self.sockets.recv() => socket,
                else => break,
            };
            // Fails only when the reactor is full; the client sees the connection close.
            let Ok(socket) = TcpStream::from_std(socket) else { continue };
            let (tls, service) = (self.tls.clone(), Arc::clone(&self.service));
            tokio::spawn(connection::serve(socket, tls, service, connections.watcher()));
        }
        // What is still under way after the grace is cut off as the reactor is dropped.
        let _ = timeout(GRACE, connections.shutdown()).await;
    }
}

/// A reactor, with the door's listener in it.
fn reactor(door: Option<&Door>) -> io::Result<(Runtime, Option<TcpListener>)> {
    let reactor = runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = reactor.enter();
    let listener = door.map(|door| TcpListener::from_std(door.listener.try_clone()?)).transpose()?;
    drop(entered);
    Ok((reactor, listener))
}

async fn accept(listener: &TcpListener) -> io::Result<net::TcpStream> {
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    socket.into_std()
}

async fn flush_regularly(service: Arc<Service>) {
    let mut ticks = interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        service.recorder.flush();
    }
}

/// New connections that a busy worker has not looked at yet.
const SOCKETS_WAITING_MAX: usize = 1_024;

/// Keeps a door without descriptors from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What requests under way may still take when the service stops.
const GRACE: Duration = Duration::from_secs(1);

/// Who reads the record while it grows is at most this far behind.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
