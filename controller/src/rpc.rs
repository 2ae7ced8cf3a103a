//! The gRPC service: bytes to events and back. Nothing is decided here but who may speak.

use common::clock::Clock;
use proto::v1::agent_service_server::{AgentService, AgentServiceServer};
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
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
    /// A message of a session.
    Message(u64, Up),
    /// A session's stream ended, and why.
    Gone(u64, String),
    /// Somebody was turned away at the door, and why.
    Refused(&'static str),
    /// A delta, and where its acknowledgement goes.
    Delta(Box<v1::Delta>, mpsc::Sender<Result<v1::DeltaAck, Status>>),
}

/// The downward half of a Session stream.
pub type Orders = mpsc::Sender<Result<v1::ControllerMessage, Status>>;

/// A session that was let in.
#[derive(Debug)]
pub struct Joined {
    /// What it is told.
    pub welcome: v1::Welcome,
    /// What its heartbeats are answered with.
    pub grant: Arc<Grant>,
}

/// Whether a session's heartbeats renew its lease. Written by the coordinator, read where heartbeats come in, so
/// that a busy coordinator never delays a lease.
#[derive(Debug, Default)]
pub struct Grant {
    granted: AtomicBool,
    share_epoch: AtomicU32,
}

impl Grant {
    /// Lets heartbeats renew the lease of whoever holds share `epoch`.
    pub fn allow(&self, epoch: u32) {
        self.share_epoch.store(epoch, Ordering::Relaxed);
        self.granted.store(true, Ordering::Relaxed);
    }

    /// Heartbeats renew nothing any more.
    pub fn withdraw(&self) {
        self.granted.store(false, Ordering::Relaxed);
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
    /// The clock that heartbeats are answered with.
    pub clock: Clock,
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

    async fn tell(&self, event: Event) -> Result<(), Status> {
        self.events.send(event).await.map_err(|_| Status::unavailable("the controller is ending"))
    }
}

#[tonic::async_trait]
impl AgentService for Service {
    type SessionStream = ReceiverStream<Result<v1::ControllerMessage, Status>>;
    type DeliverStream = ReceiverStream<Result<v1::DeltaAck, Status>>;

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

    async fn health(&self, _: Request<v1::HealthRequest>) -> Result<Response<v1::HealthReply>, Status> {
        let state = (*self.state.borrow()).to_owned();
        Ok(Response::new(v1::HealthReply { state }))
    }
}

/// Carries one Session stream.
async fn converse(service: Service, mut up: Streaming<v1::AgentMessage>, down: Orders) {
    let hello = match tokio::time::timeout(HELLO_WITHIN, up.message()).await {
        Ok(Ok(Some(v1::AgentMessage { kind: Some(Up::Hello(hello)), .. }))) => hello,
        _ => return reject(&down, malformed("the first message of a session must be Hello")).await,
    };
    let (reply, answer) = oneshot::channel();
    let event = Event::Hello { hello: Box::new(hello), down: down.clone(), reply };
    if service.tell(event).await.is_err() {
        return;
    }
    let joined = match answer.await {
        Ok(Ok(joined)) => joined,
        Ok(Err(refusal)) => return reject(&down, refusal).await,
        Err(_) => return,
    };
    let session = joined.welcome.session_id;
    let mut why = String::from("it closed the connection");
    loop {
        match up.message().await {
            Ok(Some(v1::AgentMessage { kind: Some(kind), .. })) => {
                let received_at = service.clock.now_ns();
                if let Up::Heartbeat(beat) = &kind
                    && down.send(Ok(lease(beat, received_at, &joined.grant, &service.clock))).await.is_err()
                {
                    break;
                }
                if service.tell(Event::Message(session, kind)).await.is_err() {
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
    service.tell(Event::Gone(session, why)).await.unwrap_or_default();
}

fn lease(beat: &v1::Heartbeat, received_at: u64, grant: &Grant, clock: &Clock) -> v1::ControllerMessage {
    let lease = v1::Lease {
        heartbeat: beat.number,
        sent_at_local: beat.sent_at_local,
        received_at,
        answered_at: clock.now_ns(),
        granted: grant.granted.load(Ordering::Relaxed),
        share_epoch: grant.share_epoch.load(Ordering::Relaxed),
    };
    v1::ControllerMessage {
        controller_epoch: CONTROLLER_EPOCH,
        run_id: String::new(),
        command: 0,
        kind: Some(Down::Lease(lease)),
    }
}

async fn reject(down: &Orders, reject: v1::Reject) {
    let message = v1::ControllerMessage {
        controller_epoch: CONTROLLER_EPOCH,
        run_id: String::new(),
        command: 0,
        kind: Some(Down::Reject(reject)),
    };
    // An agent that went away needs no refusal.
    down.send(Ok(message)).await.unwrap_or_default();
}

fn malformed(remedy: &str) -> v1::Reject {
    v1::Reject { code: v1::reject::Code::Malformed.into(), remedy: remedy.into() }
}

/// Compares in a time that depends on the lengths alone.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// +1 at every start of a controller on one data directory. Without a data directory every controller is the first.
pub const CONTROLLER_EPOCH: u64 = 1;
/// Messages that wait to be sent to one agent.
const QUEUE: usize = 64;
const HELLO_WITHIN: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(2);
