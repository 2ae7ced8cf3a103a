//! Where relays live: a thread with a runtime of its own, in a network namespace of its own if need be.

use crate::relay::Relay;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// The thread of the relays. It ends when this is dropped, and every connection with it.
#[derive(Debug)]
pub struct Hub {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Starts the thread, in the namespace of this file if one is named.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(namespace: Option<&Path>) -> Result<Self, String> {
        // A socket belongs to the namespace of the thread that makes it, so nobody else makes them.
        let namespace = namespace.map(|file| {
            File::open(file).map_err(|error| format!("open namespace {}: {error}", file.display()))
        });
        let namespace = namespace.transpose()?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let entered = enter(namespace.as_ref());
            let handle = entered.as_ref().map(|runtime| runtime.handle().clone()).map_err(Clone::clone);
            // Whoever started it has given up if nobody listens.
            tell.send(handle).unwrap_or_default();
            if let Ok(runtime) = entered {
                // Ends when the handle is dropped.
                drop(runtime.block_on(stopped));
            }
        });
        let handle = told.recv().map_err(|_| "start the relays: their thread ended".to_owned())??;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Starts a relay.
    ///
    /// # Errors
    /// What the system says when `listen` cannot be listened on.
    pub fn relay(&self, listen: SocketAddr, upstream: SocketAddr) -> Result<Relay, String> {
        let (tell, told) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // The caller waits for it.
            tell.send(Relay::start(listen, upstream).await).unwrap_or_default();
        });
        let relay = told.recv().map_err(|_| "start a relay: the thread of the relays ended".to_owned())?;
        relay.map_err(|error| format!("listen on {listen} for a relay: {error}"))
    }
}

fn enter(namespace: Option<&File>) -> Result<Runtime, String> {
    if let Some(file) = namespace {
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("enter the network namespace of the relays: {error}"))?;
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("start the relays: {error}"))
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was told on stderr.
            drop(thread.join());
        }
    }
}
