//! The gRPC service: bytes to events and back. Nothing is decided here but who may speak.

use common::clock::Clock;
use proto::v1::agent_service_server::{AgentService, AgentServiceServer};
use proto::v1::{self, agent_message::Kind as Up};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

mod converse;
mod lobby;

use converse::converse;
pub use lobby::{Lobby, Place, Present, refusal};

/// What the streams tell the coordinator.
#[derive(Debug)]
pub enum Event {
    /// An agent asks to join; the answer is its session, or why not.
    Hello {
        /// What it said.
        hello: Box<v1::Hello>,
        /// Where its orders go.
        down: Orders,
        /// The answer.
        reply: oneshot::Sender<Result<Joined, v1::Reject>>,
    },
    /// A message of a session on one of its streams.
    Message(u64, u32, Up),
    /// One of a session's streams ended, and why.
    Gone(u64, u32, String),
    /// Somebody was turned away at the door, and why.
    Refused(&'static str),
    /// A delta, and where its acknowledgement goes.
    Delta(Box<v1::Delta>, Acks),
}

/// The downward half of a Session stream.
pub type Orders = mpsc::Sender<Result<v1::ControllerMessage, Status>>;

/// The downward half of a Deliver stream.
pub type Acks = mpsc::Sender<Result<v1::DeltaAck, Status>>;

/// A session that was let in.
#[derive(Debug)]
pub struct Joined {
    /// What it is told.
    pub welcome: v1::Welcome,
    /// Which of its streams this is.
    pub stream_no: u32,
    /// What its heartbeats are answered with.
    pub grant: Arc<Grant>,
    /// Resolves when the coordinator hangs up.
    pub hung_up: oneshot::Receiver<()>,
}

/// Whether a session's heartbeats renew its lease, and until when it may last. Written by the coordinator, used where
/// heartbeats come in, so that a busy coordinator never delays a lease.
#[derive(Debug)]
pub struct Grant {
    /// How long a lease lasts.
    ttl: Duration,
    state: Mutex<Granted>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Granted {
    granted: bool,
    /// The newest share that took lanes: who holds an older one gets no more time.
    fence: u32,
    /// No lease lasts longer than this (the controller's clock, as far as the agent's runs at the same rate).
    until: Duration,
}

impl Grant {
    /// Nothing is granted yet; what was granted by an earlier controller ended at `until` at the latest.
    #[must_use]
    pub fn new(ttl: Duration, until: Duration) -> Self {
        Self { ttl, state: Mutex::new(Granted { until, ..Granted::default() }) }
    }

    /// Lets heartbeats of whoever holds share `fence` or a newer one renew the lease.
    pub fn allow(&self, fence: u32) {
        let mut state = self.lock();
        (state.granted, state.fence) = (true, fence);
    }

    /// Who holds an older share than this gets no more time.
    pub fn set_fence(&self, fence: u32) {
        self.lock().fence = fence;
    }

    /// Heartbeats renew nothing any more; returns until when the lease may last. Not when it lasts beyond `before`,
    /// unless `force`: then somebody was heard of whom the coordinator has not heard yet.
    pub fn withdraw(&self, before: Duration, force: bool) -> Option<Duration> {
        let mut state = self.lock();
        if !force && state.until > before {
            return None;
        }
        state.granted = false;
        Some(state.until)
    }

    /// How long the lease may last yet.
    #[must_use]
    pub fn left(&self, now: Duration) -> Duration {
        self.lock().until.saturating_sub(now)
    }

    /// Answers a heartbeat that came in at `now` from somebody who holds share `epoch`.
    fn on_heartbeat(&self, epoch: u32, now: Duration) -> (bool, u32) {
        let mut state = self.lock();
        let granted = state.granted && epoch >= state.fence;
        if granted {
            state.until = state.until.max(now + self.ttl);
        }
        (granted, state.fence)
    }

    fn lock(&self) -> MutexGuard<'_, Granted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Service {
    /// What agents must show; `None` on loopback.
    pub token: Option<Arc<str>>,
    /// The clock that heartbeats are answered with.
    pub clock: Clock,
    /// The way to the run that is on.
    pub lobby: Arc<Lobby>,
}

impl Service {
    /// Serves the agents that come in until `stop` resolves.
    pub async fn serve<I>(
        self,
        incoming: impl Stream<Item = io::Result<I>>,
        stop: oneshot::Receiver<()>,
    ) -> Result<(), String>
    where
        I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let service = AgentServiceServer::new(self).max_decoding_message_size(proto::MESSAGE_BYTES_MAX);
        Server::builder()
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE))
            .add_service(service)
            // A sender that is dropped stops the service like one that speaks.
            .serve_with_incoming_shutdown(incoming, async { stop.await.unwrap_or_default() })
            .await
            .map_err(|error| format!("serve agents: {error}"))
    }

    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let Some(token) = &self.token else { return Ok(()) };
        let shown = request.metadata().get(proto::TOKEN_KEY).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
        if shown.is_some_and(|shown| equal(shown.as_bytes(), token.as_bytes())) {
            return Ok(());
        }
        let problem = if shown.is_some() { "another token than the controller's" } else { "no token" };
        if let Some(present) = self.present() {
            // A crowd at the door must not fill the queue: what does not fit is not told.
            present.events.try_send(Event::Refused(problem)).unwrap_or_default();
        }
        Err(Status::unauthenticated(format!(
            "it showed {problem}: give it the controller's token with `agent join … --token-file FILE`"
        )))
    }

    /// The run that is on.
    fn present(&self) -> Option<Arc<Present>> {
        self.lobby.present().borrow().clone()
    }
}

#[tonic::async_trait]
impl AgentService for Service {
    type SessionStream = ReceiverStream<Result<v1::ControllerMessage, Status>>;
    type DeliverStream = ReceiverStream<Result<v1::DeltaAck, Status>>;
    type FetchBlobStream = ReceiverStream<Result<v1::BlobChunk, Status>>;

    async fn fetch_blob(
        &self,
        request: Request<v1::FetchBlobRequest>,
    ) -> Result<Response<Self::FetchBlobStream>, Status> {
        self.admit(&request)?;
        let hash = &request.get_ref().sha256;
        let present = self.present().ok_or_else(no_run)?;
        let tape = || present.tapes.iter().find(|(own, _)| own == hash).map(|(_, place)| place.as_path());
        let place = present.files.place(hash).or_else(tape).map(Path::to_owned);
        let place = place.ok_or_else(|| Status::not_found("the plan names no such file"))?;
        let (pieces, outgoing) = mpsc::channel(PIECES);
        tokio::spawn(async move {
            // An agent that went away takes no more.
            if let Err(error) = hand_out(&place, &pieces).await {
                let status = Status::internal(format!("read {}: {error}", place.display()));
                pieces.send(Err(status)).await.unwrap_or_default();
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn session(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        self.admit(&request)?;
        let (down, orders) = mpsc::channel(QUEUE);
        tokio::spawn(converse(self.clone(), request.into_inner(), down));
        Ok(Response::new(ReceiverStream::new(orders)))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<v1::Delta>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        self.admit(&request)?;
        let (acks, outgoing) = mpsc::channel(QUEUE);
        let (present, mut deltas) = (self.present().ok_or_else(no_run)?, request.into_inner());
        tokio::spawn(async move {
            // The Session stream tells of broken connections; here the end of the stream is enough.
            while let Ok(Some(delta)) = deltas.message().await {
                if present.events.send(Event::Delta(Box::new(delta), acks.clone())).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn collect_rows(
        &self,
        request: Request<Streaming<v1::RowsChunk>>,
    ) -> Result<Response<v1::RowsReceipt>, Status> {
        self.admit(&request)?;
        let present = self.present();
        let collector = present.as_ref().and_then(|present| present.collector.as_ref());
        let collector = collector.ok_or_else(|| Status::failed_precondition("nobody wants rows"))?;
        let kept = collector.receive(request.into_inner()).await;
        kept.map(|()| Response::new(v1::RowsReceipt {})).map_err(Status::aborted)
    }

    async fn health(&self, _: Request<v1::HealthRequest>) -> Result<Response<v1::HealthReply>, Status> {
        let state = self.present().map_or("idle", |present| *present.state.borrow()).to_owned();
        Ok(Response::new(v1::HealthReply { state }))
    }
}

/// Reads a file as fast as its pieces are taken: whatever its size and however many take it, memory is some pieces.
async fn hand_out(place: &Path, pieces: &mpsc::Sender<Result<v1::BlobChunk, Status>>) -> io::Result<()> {
    let mut file = File::open(place).await?.take(u64::MAX);
    loop {
        file.set_limit(PIECE);
        let mut data = Vec::with_capacity(PIECE as usize);
        file.read_to_end(&mut data).await?;
        if data.is_empty() || pieces.send(Ok(v1::BlobChunk { data })).await.is_err() {
            return Ok(());
        }
    }
}

fn no_run() -> Status {
    Status::failed_precondition("no run is on")
}

/// Compares in a time that depends on the lengths alone.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// Bytes of a file that travel in one message.
const PIECE: u64 = 256 * 1024;
/// Pieces of a file that wait to be sent to one agent.
const PIECES: usize = 4;
/// Messages that wait to be sent to one agent.
const QUEUE: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_from_the_last_heartbeat_that_renewed_it() {
        let second = Duration::from_secs;
        let grant = Grant::new(second(3), Duration::ZERO);
        assert_eq!(grant.on_heartbeat(1, second(10)), (false, 0));
        assert_eq!(grant.left(second(10)), Duration::ZERO, "nothing is granted yet");
        grant.allow(2);
        assert_eq!(grant.on_heartbeat(1, second(11)), (false, 2), "it has not heard what it lost");
        assert_eq!(grant.on_heartbeat(2, second(11)), (true, 2));
        assert_eq!((grant.left(second(12)), grant.left(second(15))), (second(2), Duration::ZERO));
        assert_eq!(grant.withdraw(second(12), false), None, "somebody was heard of");
        assert_eq!(grant.withdraw(second(12), true), Some(second(14)));
        assert_eq!(grant.on_heartbeat(2, second(13)), (false, 2));
        assert_eq!(grant.left(second(13)), second(1), "what was granted lasts");
    }
}
