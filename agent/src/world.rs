//! What an agent takes from the machine it runs on: time, the way to the controller, engine threads.
//!
//! The control plane (`session`, `fleet`) reaches for none of them by itself, so that a simulated network of simulated
//! machines can run it. Engine threads read the machine's clock directly: on the path of a request there is no seam.

use crate::clock;
use crate::engine::{Setup, Thread};
use common::clock::Clock;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use tonic::transport::{Channel, Endpoint, Error};

/// Connects to a controller; see [`Endpoint::connect`].
pub type Dial = Arc<dyn Fn(Endpoint) -> Dialled + Send + Sync>;

/// A connection on its way.
pub type Dialled = Pin<Box<dyn Future<Output = Result<Channel, Error>> + Send>>;

/// Starts the engine threads of a run; see [`Setup::spawn`].
pub type Engine = Arc<dyn Fn(&Setup) -> Result<Vec<Thread>, String> + Send + Sync>;

/// The machine under an agent.
#[derive(Clone)]
pub struct World {
    /// The local clock of leases, heartbeats and run time zero.
    pub clock: Clock,
    /// The way to the controller.
    pub dial: Dial,
    /// Who fires.
    pub engine: Engine,
}

impl World {
    /// This machine: boot time, TCP, one thread per core.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: clock::boot(),
            dial: Arc::new(|endpoint| Box::pin(async move { endpoint.connect().await })),
            engine: Arc::new(Setup::spawn),
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).finish_non_exhaustive()
    }
}
