//! The way in: two connections, Hello, Welcome.

use crate::Agent;
use crate::dial::{DialError, connect};
use crate::fetch::Meter;
use crate::fleet::Means;
use crate::membership::Membership;
use crate::session::{End, Ties, message};
use proto::v1::agent_service_client::AgentServiceClient;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// A stream on which the controller said Welcome.
pub(super) struct Joined {
    pub(super) welcome: v1::Welcome,
    pub(super) up: mpsc::Sender<v1::AgentMessage>,
    pub(super) deltas: mpsc::Sender<v1::Delta>,
    /// The controller's.
    pub(super) epoch: u64,
}

pub(super) type Streams = (Joined, Streaming<v1::ControllerMessage>, Streaming<v1::DeltaAck>);

/// Joins, or goes on with `membership`; without a run it waits for one, and `on_idle` hears of it every now and then.
pub(super) async fn join(
    agent: &Agent,
    membership: Option<&Membership>,
    stream_no: u32,
    mut on_idle: impl FnMut(),
) -> Result<Streams, End> {
    let (up, messages) = mpsc::channel(QUEUE);
    let hello = v1::Hello { resume: membership.map(Membership::resume), ..agent.hello(stream_no) };
    let seen = membership.map_or(0, |membership| membership.session.controller_epoch());
    // The channel is new and has room.
    up.try_send(message(0, seen, Up::Hello(hello))).unwrap_or_default();
    let mut control = AgentServiceClient::new(connect(agent).await.map_err(End::from)?)
        .max_decoding_message_size(MESSAGE_MAX);
    let request = agent.authorised(ReceiverStream::new(messages));
    let opened = timeout(WELCOME_WITHIN, control.session(request)).await.map_err(|_| silent(agent))?;
    let mut down = opened.map_err(|status| refused(&status))?.into_inner();
    let first = loop {
        let first = timeout(WELCOME_WITHIN, down.message()).await.map_err(|_| silent(agent))?;
        let first = first.map_err(|status| refused(&status))?;
        let first = first.ok_or_else(|| End::Lost("it closed the stream".into()))?;
        match first.kind {
            // It says so again and again until there is a run.
            Some(Down::Idle(_)) if membership.is_none() => on_idle(),
            Some(Down::Idle(_)) => return Err(End::Forgotten),
            _ => break first,
        }
    };
    let epoch = first.controller_epoch;
    let welcome = match first.kind {
        Some(Down::Welcome(welcome)) => welcome,
        Some(Down::Reject(reject)) => return Err(rejected(&reject)),
        _ => return Err(End::Rejected("the controller did not answer Hello with Welcome".into())),
    };
    let (deltas, outgoing) = mpsc::channel(QUEUE);
    let mut deliver = AgentServiceClient::new(connect(agent).await.map_err(End::from)?)
        .max_decoding_message_size(MESSAGE_MAX);
    let opened =
        timeout(WELCOME_WITHIN, deliver.deliver(agent.authorised(ReceiverStream::new(outgoing)))).await;
    let acks = opened.map_err(|_| silent(agent))?.map_err(|status| refused(&status))?.into_inner();
    Ok((Joined { welcome, up, deltas, epoch }, down, acks))
}

/// A refusal that another time may bring another answer to is none for good.
pub(super) fn rejected(reject: &v1::Reject) -> End {
    match reject.code() {
        v1::reject::Code::NotNeeded => End::Lost(reject.remedy.clone()),
        _ => End::Rejected(reject.remedy.clone()),
    }
}

impl Agent {
    pub(crate) fn hello(&self, stream_no: u32) -> v1::Hello {
        v1::Hello {
            protocol_min: *proto::PROTOCOL.start(),
            protocol_max: *proto::PROTOCOL.end(),
            build: env!("CARGO_PKG_VERSION").into(),
            agent_name: self.name.clone(),
            instance_id: self.instance.clone(),
            stream_no,
            threads: u32::try_from(self.threads).unwrap_or(u32::MAX),
            weight: self.weight,
            max_rate_milli: self.max_rate.map_or(0, |rate| rate.milli()),
            resume: None,
        }
    }
}

impl Ties<'_> {
    pub(super) fn means(&self) -> Means {
        let meter = Meter::new(Arc::clone(self.say));
        Means { agent: self.agent.clone(), blobs: self.blobs.clone(), tapes: self.tapes.clone(), meter }
    }
}

impl From<DialError> for End {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Rejected(why) => Self::Rejected(why),
            DialError::Unreachable(why) => Self::Unreachable(why),
        }
    }
}

pub(super) fn refused(status: &Status) -> End {
    match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied | tonic::Code::Unimplemented => {
            End::Rejected(status.message().to_owned())
        }
        // The transport's own words ("h2 protocol error …") say no more than this.
        _ if std::error::Error::source(status).is_some() => End::Lost("the connection broke".into()),
        _ if status.message().is_empty() => End::Lost(status.code().to_string()),
        _ => End::Lost(status.message().into()),
    }
}

fn silent(agent: &Agent) -> End {
    End::Lost(format!("{} did not answer within {WELCOME_WITHIN:?}: is it a controller?", agent.controller))
}

/// Messages that wait to be sent: more means that the connection is stuck.
const QUEUE: usize = 64;
const MESSAGE_MAX: usize = proto::MESSAGE_BYTES_MAX;
const WELCOME_WITHIN: Duration = Duration::from_secs(5);
