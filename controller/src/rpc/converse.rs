//! One Session stream: Hello, perhaps a wait in the lobby, and then what agent and coordinator say to each other.

use super::lobby::{Place, Present};
use super::{Event, Grant, Joined, Orders, Service};
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tonic::Streaming;

/// Carries one Session stream.
pub(super) async fn converse(service: Service, mut up: Streaming<v1::AgentMessage>, down: Orders) {
    let hello = match tokio::time::timeout(HELLO_WITHIN, up.message()).await {
        Ok(Ok(Some(v1::AgentMessage { kind: Some(Up::Hello(hello)), .. }))) => hello,
        _ => return reject(&down, 0, malformed("the first message of a session must be Hello")).await,
    };
    let mut before = None;
    loop {
        let present = match next(&service, &hello, before.as_ref(), (&mut up, &down)).await {
            Ok(present) => present,
            Err(Some(refusal)) => return reject(&down, 0, refusal).await,
            Err(None) => return,
        };
        match join(&present, &hello, &down).await {
            Some(Ok(joined)) => return carry(&service, &present, joined, (up, down)).await,
            Some(Err(refusal)) => return reject(&down, present.epoch, refusal).await,
            // The run ended before it answered.
            None => before = Some(present),
        }
    }
}

/// The run that is on, or the next one: another than `before`. `Err`: why there is none for this agent, if it is still
/// there to hear it.
async fn next(
    service: &Service,
    hello: &v1::Hello,
    before: Option<&Arc<Present>>,
    (up, down): (&mut Streaming<v1::AgentMessage>, &Orders),
) -> Result<Arc<Present>, Option<v1::Reject>> {
    let mut news = service.lobby.present();
    let other = |present: &Option<Arc<Present>>| {
        present.clone().filter(|present| before.is_none_or(|before| !Arc::ptr_eq(before, present)))
    };
    if let Some(present) = other(&news.borrow_and_update()) {
        return Ok(present);
    }
    if !service.lobby.is_lasting() {
        return Err(None);
    }
    let place: Place = service.lobby.enter(hello).map_err(Some)?;
    let mut ticks = tokio::time::interval(IDLE_EVERY);
    loop {
        tokio::select! {
            biased;
            changed = news.changed() => {
                changed.map_err(|_| None)?;
                if let Some(present) = other(&news.borrow_and_update()) {
                    return Ok(present);
                }
            }
            // Nothing is expected: the end of the stream is what is listened for.
            message = up.message() => match message {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Err(None),
            },
            _ = ticks.tick() => {
                let idle = message(0, Down::Idle(v1::Idle {}));
                if !place.is_kept() || down.try_send(Ok(idle)).is_err() {
                    return Err(None);
                }
            }
        }
    }
}

/// Asks the run to let an agent in; `None`: it is over.
async fn join(present: &Present, hello: &v1::Hello, down: &Orders) -> Option<Result<Joined, v1::Reject>> {
    let (reply, answer) = oneshot::channel();
    let event = Event::Hello { hello: Box::new(hello.clone()), down: down.clone(), reply };
    present.events.send(event).await.ok()?;
    answer.await.ok()
}

/// Carries what the two say until one of them ends it.
async fn carry(
    service: &Service,
    present: &Present,
    joined: Joined,
    (mut up, down): (Streaming<v1::AgentMessage>, Orders),
) {
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
                    && down
                        .send(Ok(lease(service, present, beat, (received_at, &joined.grant))))
                        .await
                        .is_err()
                {
                    break;
                }
                if present.events.send(Event::Message(session, stream, kind)).await.is_err() {
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
    present.events.send(Event::Gone(session, stream, why)).await.unwrap_or_default();
}

fn lease(
    service: &Service,
    present: &Present,
    beat: &v1::Heartbeat,
    (received_at, grant): (Duration, &Grant),
) -> v1::ControllerMessage {
    let (granted, share_epoch) = grant.on_heartbeat(beat.share_epoch, received_at);
    let lease = v1::Lease {
        heartbeat: beat.number,
        sent_at_local: beat.sent_at_local,
        received_at: u64::try_from(received_at.as_nanos()).unwrap_or(u64::MAX),
        answered_at: service.clock.now_ns(),
        granted,
        share_epoch,
    };
    message(present.epoch, Down::Lease(lease))
}

async fn reject(down: &Orders, epoch: u64, reject: v1::Reject) {
    // An agent that went away needs no refusal.
    down.send(Ok(message(epoch, Down::Reject(reject)))).await.unwrap_or_default();
}

fn message(controller_epoch: u64, kind: Down) -> v1::ControllerMessage {
    v1::ControllerMessage { controller_epoch, run_id: String::new(), command: 0, kind: Some(kind) }
}

fn malformed(remedy: &str) -> v1::Reject {
    v1::Reject { code: v1::reject::Code::Malformed.into(), remedy: remedy.into() }
}

const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// An agent that hears nothing for five seconds takes the controller for dead.
const IDLE_EVERY: Duration = Duration::from_secs(2);
