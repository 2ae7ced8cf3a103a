//! The running service, from start to stop.

use crate::{
    config::{Config, Tls},
    record::{Record, RecordError},
    service::Service,
    stats::Stats,
    tls::{TlsError, acceptor},
    worker::{Door, Worker},
};
use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread::JoinHandle,
};
use thiserror::Error;
use tokio::sync::watch;

/// A service at work. It stops when this is dropped.
pub struct Running {
    addr: SocketAddr,
    scheme: &'static str,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

/// Why a service did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The listener cannot be used.
    #[error("use the listener: {0}")]
    Listener(io::Error),
    /// A thread or its reactor cannot be made.
    #[error("start a thread: {0}")]
    Thread(io::Error),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Service {
    /// Serves on `listener` from threads of its own until the answer is stopped or dropped.
    ///
    /// When this returns, the service answers.
    pub fn start(config: Config, listener: TcpListener) -> Result<Running, StartError> {
        let addr = listener.local_addr().map_err(StartError::Listener)?;
        listener.set_nonblocking(true).map_err(StartError::Listener)?;
        let tls = acceptor(&config.tls)?;
        let scheme = if config.tls == Tls::Off { "http" } else { "https" };
        let threads = config.threads.get();
        let service = Arc::new(Service::new(config)?);
        let (stop, stopped) = watch::channel(false);
        let mut running = Running { addr, scheme, service, stop, threads: Vec::new() };

        let (door, sockets) = Door::new(listener, threads, stopped.clone());
        let mut door = Some(door); // the first worker's
        for (number, sockets) in sockets.into_iter().enumerate() {
            let (service, tls) = (Arc::clone(&running.service), tls.clone());
            let worker = Worker { service, tls, sockets, stopped: stopped.clone() };
            running.threads.push(worker.start(number, door.take()).map_err(StartError::Thread)?);
        }
        Ok(running)
    }
}

impl Running {
    /// Where the service listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The same as a URL without a path, like `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// The counts so far; also after the service stopped.
    pub fn stats(&self) -> Stats {
        self.service.stats()
    }

    /// The requests so far, with [`Recording::Memory`](crate::Recording::Memory); otherwise none.
    pub fn recorded(&self) -> Vec<Record> {
        self.service.recorder.rows()
    }

    /// Stops and writes the rest of the record: closes the listener and idle connections at once, gives
    /// requests under way one second, then cuts them off. Blocks until then; stopping twice is harmless.
    ///
    /// Fails when the record is not complete.
    pub fn stop(&mut self) -> Result<(), RecordError> {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            // A thread that panicked has stopped as well, and its panic has been printed.
            let _ = thread.join();
        }
        self.service.recorder.flush();
        self.service.recorder.failure()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know about the record calls `stop`.
        let _ = self.stop();
    }
}
