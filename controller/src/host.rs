//! Where agents come in, for one run or for many: a listener, its gRPC service, and the lobby between runs.

use crate::clock;
use crate::conduct::{Inbox, preside};
use crate::coordinator::{Finished, Task, Watcher};
use crate::exit::Failure;
use crate::live::say;
use crate::local::{LocalAgents, Tell};
use crate::rpc::{Lobby, Service};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;

/// Where agents come in.
#[derive(Debug)]
pub struct Host {
    /// Where they wait between runs.
    pub lobby: Arc<Lobby>,
    /// Its address.
    pub address: SocketAddr,
    token: Option<Arc<str>>,
    listener: Option<TcpListener>,
    server: Option<Server>,
}

/// Stops the gRPC server, and is it.
type Server = (oneshot::Sender<()>, JoinHandle<Result<(), String>>);

impl Host {
    /// A host on `listener` that serves nobody yet: connections wait until the first run is there, or [`Self::serve`].
    pub fn new(listener: TcpListener, token: Option<Arc<str>>) -> Result<Self, Failure> {
        let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
        let lobby = Arc::new(Lobby::new(true));
        Ok(Self { lobby, address, token, listener: Some(listener), server: None })
    }

    /// Lets agents in from now on.
    pub fn serve(&mut self) {
        let Some(listener) = self.listener.take() else { return };
        let (token, clock, lobby) = (self.token.clone(), clock::boot(), Arc::clone(&self.lobby));
        let (stop, stopped) = oneshot::channel();
        let service = Service { token, clock, lobby };
        let server = tokio::spawn(service.serve(TcpListenerStream::new(listener), stopped));
        self.server = Some((stop, server));
    }

    /// Carries a run to its end with those who come in, `local` of them inside this process.
    pub async fn run<W: Watcher>(
        &mut self,
        task: Task,
        local: usize,
        inbox: Inbox,
        watcher: W,
    ) -> Result<Finished, Failure> {
        let lobby = Arc::clone(&self.lobby);
        let run = preside(task, &lobby, inbox, watcher).map_err(Failure::internal)?;
        // Whoever goes on with a run that another controller began must find it.
        self.serve();
        let tell: Tell = Arc::new(say);
        let agents = LocalAgents::start(local, self.address, self.token.as_deref(), &tell);
        let agents = agents.inspect_err(|_| lobby.close()).map_err(Failure::internal)?;
        let finished = run.await;
        tokio::task::spawn_blocking(|| agents.stop()).await.unwrap_or_default();
        Ok(finished)
    }

    /// Lets nobody in any more.
    pub async fn close(self) {
        let Some((stop, server)) = self.server else { return };
        drop(stop);
        // Agents that do not hang up are not waited for.
        if let Ok(Ok(Err(error))) = tokio::time::timeout(CLOSE_WITHIN, server).await {
            say(&error);
        }
    }
}

const CLOSE_WITHIN: Duration = Duration::from_secs(2);
