//! The gRPC service: bytes to events and back. Nothing is decided here but who may speak.

use crate::collect::Collector;
use crate::files::Files;
use common::clock::Clock;
use proto::v1::agent_service_server::{AgentService, AgentServiceServer};
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

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
    /// Where events go.
    pub events: mpsc::Sender<Event>,
    /// The state of the run in one word.
    pub state: watch::Receiver<&'static str>,
    /// +1 at every start of a controller on the same data.
    pub epoch: u64,
    /// The clock that heartbeats are answered with.
    pub clock: Clock,
    /// What agents may fetch.
    pub files: Arc<Files>,
    /// The same for tapes of replayed logs: their SHA-256 and where they are.
    pub tapes: Arc<[(Vec<u8>, PathBuf)]>,
    /// Who takes the agents' rows, when they are to keep some.
    pub collector: Option<Collector>,
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
        // A crowd at the door must not fill the queue: what does not fit is not told.
        self.events.try_send(Event::Refused(problem)).unwrap_or_default();
        Err(Status::unauthenticated(format!(
            "it showed {problem}: give it the controller's token with `agent join … --token-file FILE`"
        )))
    }

    fn lease(&self, beat: &v1::Heartbeat, received_at: Duration, grant: &Grant) -> v1::ControllerMessage {
        let (granted, share_epoch) = grant.on_heartbeat(beat.share_epoch, received_at);
        self.message(Down::Lease(v1::Lease {
            heartbeat: beat.number,
            sent_at_local: beat.sent_at_local,
            received_at: u64::try_from(received_at.as_nanos()).unwrap_or(u64::MAX),
            answered_at: self.clock.now_ns(),
            granted,
            share_epoch,
        }))
    }

    async fn reject(&self, down: &Orders, reject: v1::Reject) {
        // An agent that went away needs no refusal.
        down.send(Ok(self.message(Down::Reject(reject)))).await.unwrap_or_default();
    }

    fn message(&self, kind: Down) -> v1::ControllerMessage {
        let run_id = String::new();
        v1::ControllerMessage { controller_epoch: self.epoch, run_id, command: 0, kind: Some(kind) }
    }

    async fn tell(&self, event: Event) -> Result<(), Status> {
        self.events.send(event).await.map_err(|_| Status::unavailable("the controller is ending"))
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
        let tape = || self.tapes.iter().find(|(own, _)| own == hash).map(|(_, place)| place.as_path());
        let place = self.files.place(hash).or_else(tape).map(Path::to_owned);
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
        let (service, mut deltas) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            // The Session stream tells of broken connections; here the end of the stream is enough.
            while let Ok(Some(delta)) = deltas.message().await {
                if service.tell(Event::Delta(Box::new(delta), acks.clone())).await.is_err() {
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
        let collector =
            self.collector.as_ref().ok_or_else(|| Status::failed_precondition("nobody wants rows"))?;
        let kept = collector.receive(request.into_inner()).await;
        kept.map(|()| Response::new(v1::RowsReceipt {})).map_err(Status::aborted)
    }

    async fn health(&self, _: Request<v1::HealthRequest>) -> Result<Response<v1::HealthReply>, Status> {
        let state = (*self.state.borrow()).to_owned();
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

/// Carries one Session stream.
async fn converse(service: Service, mut up: Streaming<v1::AgentMessage>, down: Orders) {
    let hello = match tokio::time::timeout(HELLO_WITHIN, up.message()).await {
        Ok(Ok(Some(v1::AgentMessage { kind: Some(Up::Hello(hello)), .. }))) => hello,
        _ => return service.reject(&down, malformed("the first message of a session must be Hello")).await,
    };
    let (reply, answer) = oneshot::channel();
    let event = Event::Hello { hello: Box::new(hello), down: down.clone(), reply };
    if service.tell(event).await.is_err() {
        return;
    }
    let joined = match answer.await {
        Ok(Ok(joined)) => joined,
        Ok(Err(refusal)) => return service.reject(&down, refusal).await,
        Err(_) => return,
    };
    let (session, stream) = (joined.welcome.session_id, joined.stream_no);
    let mut hung_up = joined.hung_up;
    let mut why = String::from("it closed the connection");
    loop {
        let message = tokio::select! {
            biased;
            // Both halves end here; the agent joins again.
            _ = &mut hung_up => return,
            message = up.message() => message,
        };
        match message {
            Ok(Some(v1::AgentMessage { kind: Some(kind), .. })) => {
                let received_at = service.clock.now();
                if let Up::Heartbeat(beat) = &kind
                    && down.send(Ok(service.lease(beat, received_at, &joined.grant))).await.is_err()
                {
                    break;
                }
                if service.tell(Event::Message(session, stream, kind)).await.is_err() {
                    return;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            // The transport's own words ("h2 protocol error …") say no more than this.
            Err(_) => {
                why = String::from("its connection broke");
                break;
            }
        }
    }
    // When the coordinator is gone, so is the run.
    service.tell(Event::Gone(session, stream, why)).await.unwrap_or_default();
}

fn malformed(remedy: &str) -> v1::Reject {
    v1::Reject { code: v1::reject::Code::Malformed.into(), remedy: remedy.into() }
}

/// Compares in a time that depends on the lengths alone.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// Bytes of a file that travel in one message.
const PIECE: u64 = 256 * 1024;
/// Pieces of a file that wait to be sent to one agent.
const PIECES: usize = 4;
/// Messages that wait to be sent to one agent.
const QUEUE: usize = 64;
const HELLO_WITHIN: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(2);
