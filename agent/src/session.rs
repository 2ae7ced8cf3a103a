//! One membership: the Session stream, the Deliver stream, and what the controller orders over them.

mod join;

use crate::fleet::{Fleet, Means};
use crate::{Agent, Say};
use common::clock::{Estimator, Probe};
use common::delta::Delta;
use join::{join, refused};
use proto::delta::{Origin, to_wire};
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tonic::{Status, Streaming};

/// How a membership ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The run is over; this is its verdict.
    Released(String),
    /// The connection broke.
    Lost(String),
    /// The controller will not have this agent: joining again would not help.
    Rejected(String),
    /// Nobody answers at the address.
    Unreachable(String),
    /// The operator stopped the agent.
    Interrupted,
}

/// A welcomed agent.
struct Session<'a> {
    agent: &'a Agent,
    say: &'a Say,
    welcome: v1::Welcome,
    up: mpsc::Sender<v1::AgentMessage>,
    deltas: mpsc::Sender<v1::Delta>,
    means: Means,
    /// A preparation under way and its order; heartbeats go on beside it. At most one.
    preparing: JoinSet<(u64, Result<Fleet, String>)>,
    fleet: Option<Fleet>,
    /// The assignment to acknowledge once the clock is known well enough.
    ready: Option<u64>,
    offset: Estimator,
    beats: u64,
    epoch: u64,
}

/// Joins and serves until the membership ends.
pub(crate) async fn serve(agent: &Agent, say: &Say, stream_no: u32, stop: &mut mpsc::Receiver<()>) -> End {
    let joined = tokio::select! {
        biased;
        _ = stop.recv() => return End::Interrupted,
        joined = join(agent, say, stream_no) => joined,
    };
    match joined {
        Ok((session, down, acks)) => session.run(down, acks, stop).await,
        Err(end) => end,
    }
}

impl Session<'_> {
    async fn run(
        mut self,
        mut down: Streaming<v1::ControllerMessage>,
        mut acks: Streaming<v1::DeltaAck>,
        stop: &mut mpsc::Receiver<()>,
    ) -> End {
        (self.say)(&format!("joined {} as {}", self.agent.controller, self.agent.name));
        let mut beat = ticks(PROBE_EVERY);
        let mut flush = ticks(Duration::from_millis(u64::from(self.welcome.flush_ms.max(1))));
        let mut heard = Instant::now();
        loop {
            let step = tokio::select! {
                biased;
                message = down.message() => {
                    heard = Instant::now();
                    self.on_message(message)
                }
                ack = acks.message() => self.on_ack(ack),
                _ = beat.tick() => {
                    if self.beats == PROBES {
                        beat = ticks(Duration::from_millis(u64::from(self.welcome.heartbeat_ms.max(1))));
                    }
                    if heard.elapsed() > SILENCE {
                        Err(End::Lost(format!("no answer for {SILENCE:?}")))
                    } else {
                        self.heartbeat()
                    }
                }
                Some(prepared) = self.preparing.join_next() => self.on_prepared(prepared),
                _ = flush.tick() => self.flush().await,
                _ = stop.recv() => {
                    let leave = Up::Leave(v1::Leave { reason: "interrupted".into() });
                    self.send(leave).and(Err(End::Interrupted))
                }
            };
            match step {
                Ok(()) => {}
                Err(End::Interrupted) => {
                    // The connection needs a moment to bring the Leave away.
                    let answers = async { while let Ok(Some(_)) = down.message().await {} };
                    timeout(LEAVE_WITHIN, answers).await.unwrap_or_default();
                    return End::Interrupted;
                }
                Err(end) => return end,
            }
        }
    }

    fn on_message(&mut self, message: Result<Option<v1::ControllerMessage>, Status>) -> Result<(), End> {
        let message = message.map_err(|status| refused(&status))?;
        let message = message.ok_or_else(|| End::Lost("the controller closed the stream".into()))?;
        if message.controller_epoch < self.epoch {
            return Ok(());
        }
        self.epoch = message.controller_epoch;
        match message.kind {
            Some(Down::Lease(lease)) => {
                self.on_lease(&lease);
                self.acknowledge()?;
            }
            Some(Down::Assignment(assignment)) => self.prepare(message.run_id, message.command, assignment),
            Some(Down::Start(start)) => self.start(&start),
            Some(Down::Stop(stop)) => self.fleet.iter().for_each(|fleet| fleet.stop(&stop)),
            Some(Down::Release(release)) => return Err(End::Released(release.verdict)),
            Some(Down::Reject(reject)) => return Err(End::Rejected(reject.remedy)),
            // Changing a share while the run is on belongs to the next protocol feature; until then nobody sends it.
            Some(Down::Share(_) | Down::Welcome(_)) | None => {}
        }
        Ok(())
    }

    /// Says "ready" once enough probes of the clock are back to convert run time zero. The heartbeat behind it makes
    /// sure of a lease before the run begins.
    fn acknowledge(&mut self) -> Result<(), End> {
        match self.ready.take_if(|_| self.offset.probes() >= PROBES_ENOUGH) {
            Some(command) => {
                self.send(Up::Ack(v1::Ack { command, refused: String::new() }))?;
                self.heartbeat()
            }
            None => Ok(()),
        }
    }

    /// Begins to prepare for a run, in place of an earlier one.
    fn prepare(&mut self, run_id: String, command: u64, assignment: v1::Assignment) {
        let (means, window) = (self.means.clone(), self.welcome.window);
        self.fleet = None;
        self.preparing.abort_all();
        self.preparing.spawn(async move {
            let prepared = timeout(PREPARE_WITHIN, Fleet::prepare(run_id, &assignment, &means, window)).await;
            (command, prepared.unwrap_or_else(|_| Err(format!("not ready within {PREPARE_WITHIN:?}"))))
        });
    }

    fn on_prepared(&mut self, prepared: Result<(u64, Result<Fleet, String>), JoinError>) -> Result<(), End> {
        match prepared {
            Ok((command, Ok(fleet))) => {
                (self.say)(&format!("run {}: ready with {} lanes", fleet.run_id, fleet.lanes));
                (self.fleet, self.ready) = (Some(fleet), Some(command));
                self.acknowledge()
            }
            Ok((command, Err(refused))) => {
                (self.say)(&format!("refused the run: {refused}"));
                self.send(Up::Ack(v1::Ack { command, refused }))
            }
            // One that was given up for a newer assignment.
            Err(_) => Ok(()),
        }
    }

    fn start(&mut self, start: &v1::Start) {
        // Readiness was only acknowledged with an offset.
        if let (Some(fleet), Some(offset)) = (&mut self.fleet, self.offset.offset()) {
            fleet.start(start.zero_at, offset);
        }
    }

    fn on_lease(&mut self, lease: &v1::Lease) {
        let t4 = self.agent.world.clock.now_ns();
        let (t1, t2, t3) = (lease.sent_at_local, lease.received_at, lease.answered_at);
        self.offset.on_probe(Probe { t1, t2, t3, t4 });
        if let (true, Some(fleet)) = (lease.granted, &self.fleet) {
            let ttl_ns = u64::from(self.welcome.lease_ttl_ms) * 1_000_000;
            fleet.renew(lease.sent_at_local, ttl_ns, lease.share_epoch);
        }
    }

    fn heartbeat(&mut self) -> Result<(), End> {
        self.beats += 1;
        let stands = self.fleet.as_ref().map(|fleet| fleet.stands().clone()).unwrap_or_default();
        let offset = self.offset.offset();
        let beat = v1::Heartbeat {
            number: self.beats,
            sent_at_local: self.agent.world.clock.now_ns(),
            share_epoch: self.fleet.as_ref().map_or(0, |fleet| fleet.share_epoch),
            in_flight: stands.in_flight,
            release_lag_p99_us: stands.release_lag_p99,
            cpu_share: stands.cpu_share,
            clock_offset_ns: offset.map_or(0, |offset| offset.ns),
            clock_bound_ns: offset.map_or(0, |offset| offset.bound_ns),
            clock_probes: u32::try_from(self.offset.probes()).unwrap_or(u32::MAX),
            start_skew_ns: stands.start_skew,
            economy: stands.economy,
        };
        self.send(Up::Heartbeat(beat))
    }

    async fn flush(&mut self) -> Result<(), End> {
        let Some(fleet) = &mut self.fleet else { return Ok(()) };
        let sealed = fleet.flush().await.map_err(End::Lost)?;
        for warning in fleet.take_warnings() {
            (self.say)(&warning);
        }
        match sealed {
            // What the heartbeat says of the last interval belongs before the last delta.
            Some(delta) => {
                if delta.fin {
                    self.heartbeat()?;
                }
                self.deliver(&delta)
            }
            None => Ok(()),
        }
    }

    fn on_ack(&mut self, ack: Result<Option<v1::DeltaAck>, Status>) -> Result<(), End> {
        let ack = ack.map_err(|status| refused(&status))?;
        let ack = ack.ok_or_else(|| End::Lost("the controller closed the stream".into()))?;
        if !ack.refused.is_empty() {
            return Err(End::Rejected(ack.refused));
        }
        let again = self.fleet.as_mut().map(|fleet| fleet.on_ack(ack.last_applied_seq, ack.resend));
        for delta in again.unwrap_or_default() {
            self.deliver(&delta)?;
        }
        Ok(())
    }

    fn deliver(&self, delta: &Arc<Delta>) -> Result<(), End> {
        let run_id = self.fleet.as_ref().map(|fleet| fleet.run_id.clone()).unwrap_or_default();
        let origin = Origin { session_id: self.welcome.session_id, controller_epoch: self.epoch, run_id };
        self.deltas.try_send(to_wire(&origin, delta)).map_err(|_| stuck())
    }

    fn send(&self, kind: Up) -> Result<(), End> {
        self.up.try_send(message(self.welcome.session_id, self.epoch, kind)).map_err(|_| stuck())
    }
}

/// More messages wait than a connection that works ever lets wait. Nobody waits for it: a wait would hide it.
fn stuck() -> End {
    End::Lost("the connection is stuck or ended".into())
}

fn message(session_id: u64, epoch: u64, kind: Up) -> v1::AgentMessage {
    v1::AgentMessage { session_id, controller_epoch_seen: epoch, kind: Some(kind) }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

const LEAVE_WITHIN: Duration = Duration::from_millis(200);
const PREPARE_WITHIN: Duration = Duration::from_secs(20);
/// A controller that answers no heartbeat for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// The first probes of the clock come fast, so that its bound is good before the start.
const PROBES: u64 = 16;
/// Fewer than these are no estimate.
const PROBES_ENOUGH: usize = 8;
const PROBE_EVERY: Duration = Duration::from_millis(10);
