//! One Session stream with its Deliver stream, and what the controller orders over them.

mod books;
mod join;
mod prepare;
mod rows;

use crate::blobs::Blobs;
use crate::fleet::{Fleet, Means};
use crate::membership::Membership;
use crate::stopper::{Stopper, Wish};
use crate::tapes::Tapes;
use crate::{Agent, Say};
use common::clock::{Estimator, Probe};
use common::session::LeaseReply;
use common::share::Share;
use common::time::RunTime;
use join::{join, refused};
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
pub(crate) use rows::bring_rows;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tonic::{Status, Streaming};

/// How a stream ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The agent's part is done; this is the run's verdict.
    Released(String),
    /// The connection broke.
    Lost(String),
    /// The controller will not have this agent: joining again would not help.
    Rejected(String),
    /// Nobody answers at the address.
    Unreachable(String),
    /// The controller has no run, and does not know the one that this agent believes in.
    Forgotten,
    /// The operator stopped the agent.
    Interrupted,
}

/// What an agent has over all its streams.
pub(crate) struct Ties<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) say: &'a Say,
    pub(crate) stopper: Stopper,
    /// The run that goes on when a stream breaks.
    pub(crate) membership: Option<Membership>,
    /// Counts streams.
    pub(crate) stream_no: u32,
    /// Files of plans.
    pub(crate) blobs: Blobs,
    /// Replayed logs of the present run.
    pub(crate) tapes: Tapes,
}

/// A welcomed agent on one stream.
struct Link<'a, 'b> {
    ties: &'b mut Ties<'a>,
    welcome: v1::Welcome,
    up: mpsc::Sender<v1::AgentMessage>,
    deltas: mpsc::Sender<v1::Delta>,
    means: Means,
    /// A preparation under way and its order; heartbeats go on beside it. At most one.
    preparing: JoinSet<(u64, Result<Fleet, String>)>,
    /// The assignment to acknowledge once the clock is known well enough.
    ready: Option<u64>,
    /// Run time zero on the controller's clock.
    start_at: Option<u64>,
    offset: Estimator,
    beats: u64,
    epoch: u64,
    /// The load has an end here: what is due before it is all that is left.
    stopped: bool,
    /// Since when the oldest delta waits for its ack.
    waits_since: Option<Instant>,
    /// No longer than this is waited for acks after the operator's second signal.
    quit_at: Option<Instant>,
}

/// Joins and serves until the stream ends.
pub(crate) async fn serve(ties: &mut Ties<'_>) -> End {
    ties.stream_no += 1;
    let (mut told, say, agent) = (false, ties.say, ties.agent);
    let on_idle = || {
        if !std::mem::replace(&mut told, true) {
            say(&format!("{} waits for a run at {}", agent.name, agent.controller));
        }
    };
    let joined = tokio::select! {
        biased;
        _ = ties.stopper.changed() => return End::Interrupted,
        joined = join(ties.agent, ties.membership.as_ref(), ties.stream_no, on_idle) => joined,
    };
    let (joined, down, acks) = match joined {
        Ok(joined) => joined,
        Err(end) => return end,
    };
    match Link::new(ties, joined).await {
        Ok(link) => link.run(down, acks).await,
        Err(end) => end,
    }
}

impl<'a, 'b> Link<'a, 'b> {
    /// Goes on with the membership that the controller knows, or gives it up.
    async fn new(ties: &'b mut Ties<'a>, joined: join::Joined) -> Result<Self, End> {
        let join::Joined { welcome, up, deltas, epoch } = joined;
        if let Some(membership) = &mut ties.membership {
            if !membership.session.obeys(epoch) {
                return Err(End::Lost("it is a controller that was replaced".into()));
            }
            if welcome.resumed {
                membership.fleet.on_ack(welcome.last_applied_seq, false);
            } else {
                ties.give_up().await;
            }
        }
        let again = ties.membership.as_ref().map(|membership| membership.fleet.unacked());
        let link = Self {
            means: ties.means(),
            ties,
            welcome,
            up,
            deltas,
            preparing: JoinSet::new(),
            ready: None,
            start_at: None,
            offset: Estimator::default(),
            beats: 0,
            epoch,
            stopped: false,
            waits_since: None,
            quit_at: None,
        };
        for delta in again.unwrap_or_default() {
            link.deliver(&delta)?;
        }
        Ok(link)
    }

    async fn run(
        mut self,
        mut down: Streaming<v1::ControllerMessage>,
        mut acks: Streaming<v1::DeltaAck>,
    ) -> End {
        let what = if self.welcome.resumed { "is back at" } else { "joined" };
        let agent = self.ties.agent;
        (self.ties.say)(&format!("{} {what} {}", agent.name, agent.controller));
        let mut beat = ticks(PROBE_EVERY);
        let mut flush = ticks(Duration::from_millis(u64::from(self.welcome.flush_ms.max(1))));
        let mut heard = Instant::now();
        if self.ties.stopper.wish() == Wish::Leave
            && let Err(end) = self.on_wish(Wish::Leave)
        {
            return end;
        }
        loop {
            let step = tokio::select! {
                biased;
                wish = self.ties.stopper.changed() => self.on_wish(wish),
                message = down.message() => {
                    heard = Instant::now();
                    self.on_message(message).await
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
            };
            match step {
                Ok(()) => {}
                Err(End::Interrupted) => {
                    // The connection needs a moment to bring the Leave away.
                    let answers = async { while let Ok(Some(_)) = down.message().await {} };
                    timeout(LEAVE_WITHIN, answers).await.unwrap_or_default();
                    return End::Interrupted;
                }
                Err(End::Released(verdict)) => {
                    self.last_acks(&mut acks).await;
                    return End::Released(verdict);
                }
                Err(end) => return end,
            }
        }
    }

    /// Once: hands over and waits to be released. Twice: gives up what is under way and waits a moment for acks.
    fn on_wish(&mut self, wish: Wish) -> Result<(), End> {
        let Some(membership) = self.ties.membership.as_ref().filter(|own| own.fleet.is_started()) else {
            let leave = Up::Leave(v1::Leave { reason: "interrupted".into() });
            return self.send(leave).and(Err(End::Interrupted));
        };
        if wish == Wish::Quit {
            self.quit_at = Some(Instant::now() + QUIT_WITHIN);
            // Otherwise the others do not have what is left: it is handed over first.
            if self.stopped {
                membership.fleet.abort();
            }
            return Ok(());
        }
        (self.ties.say)("leaving: handing over to the others (once more: give up what is under way)");
        self.send(Up::Leave(v1::Leave { reason: "interrupted".into() }))
    }

    async fn on_message(
        &mut self,
        message: Result<Option<v1::ControllerMessage>, Status>,
    ) -> Result<(), End> {
        let message = message.map_err(|status| refused(&status))?;
        let message = message.ok_or_else(|| End::Lost("the controller closed the stream".into()))?;
        if message.controller_epoch < self.epoch {
            return Ok(());
        }
        self.epoch = message.controller_epoch;
        let command = message.command;
        match message.kind {
            Some(Down::Lease(lease)) => {
                self.on_lease(&lease);
                self.acknowledge()?;
            }
            Some(Down::Assignment(assignment)) => self.prepare(message.run_id, command, assignment),
            Some(Down::Start(start)) => {
                self.start_at = Some(start.zero_at);
                self.start();
            }
            Some(Down::Share(share)) => self.on_share(command, &share, false).await?,
            Some(Down::Stop(stop)) => self.on_stop(command, &stop).await?,
            Some(Down::Release(release)) => return Err(End::Released(release.verdict)),
            Some(Down::Reject(reject)) => return Err(join::rejected(&reject)),
            Some(Down::Welcome(_) | Down::Idle(_)) | None => {}
        }
        Ok(())
    }

    async fn on_stop(&mut self, command: u64, stop: &v1::Stop) -> Result<(), End> {
        if stop.mode() == v1::stop::Mode::Abort {
            self.ties.membership.iter().for_each(|membership| membership.fleet.abort());
            return Ok(());
        }
        let share =
            Share { epoch: stop.share_epoch, from: RunTime::from_nanos(stop.from), ..Share::nothing() };
        self.on_share(command, &proto::share::to_wire(&share, &[]), true).await?;
        self.stopped = true;
        if self.quit_at.is_some() {
            self.ties.membership.iter().for_each(|membership| membership.fleet.abort());
        }
        Ok(())
    }

    /// Takes a share and says from when on it holds; one that is no news is answered again.
    async fn on_share(&mut self, command: u64, message: &v1::Share, last: bool) -> Result<(), End> {
        let Some(membership) = &mut self.ties.membership else { return Ok(()) };
        let ack = match proto::share::from_wire(message) {
            None => v1::Ack { command, refused: "the lanes cannot be read".into(), from: 0 },
            Some((share, revisions)) => {
                if membership.session.is_news(&share) {
                    let from = membership.fleet.adopt(&share, &revisions, last).await.map_err(End::Lost)?;
                    membership.session.take(share, from);
                }
                let from = membership.session.holds().from.nanos();
                v1::Ack { command, refused: String::new(), from }
            }
        };
        self.send(Up::Ack(ack))?;
        // The lease waits for this share: it is renewed with the next heartbeat.
        self.heartbeat()
    }

    /// Says "ready" once enough probes of the clock are back to convert run time zero. The heartbeat behind it makes
    /// sure of a lease before the run begins.
    fn acknowledge(&mut self) -> Result<(), End> {
        match self.ready.take_if(|_| self.offset.probes() >= PROBES_ENOUGH) {
            Some(command) => {
                self.send(Up::Ack(v1::Ack { command, refused: String::new(), from: 0 }))?;
                self.heartbeat()
            }
            None => Ok(()),
        }
    }

    /// Starts the fleet when run time zero and the offset of the clocks are known.
    fn start(&mut self) {
        let offset = self.offset.offset().filter(|_| self.offset.probes() >= PROBES_ENOUGH);
        if let (Some(membership), Some(offset), Some(at)) = (&mut self.ties.membership, offset, self.start_at)
        {
            membership.fleet.start(at, offset);
            membership.fleet.follow(offset);
        }
    }

    fn on_lease(&mut self, lease: &v1::Lease) {
        let t4 = self.ties.agent.world.clock.now_ns();
        let (t1, t2, t3) = (lease.sent_at_local, lease.received_at, lease.answered_at);
        self.offset.on_probe(Probe { t1, t2, t3, t4 });
        self.start();
        if let Some(membership) = &self.ties.membership {
            let reply = LeaseReply { sent_at: t1, granted: lease.granted, share_epoch: lease.share_epoch };
            let ttl_ns = u64::from(self.welcome.lease_ttl_ms) * 1_000_000;
            if let Some(until) = membership.session.lease(reply, ttl_ns) {
                membership.fleet.renew(until);
            }
        }
    }

    fn heartbeat(&mut self) -> Result<(), End> {
        self.beats += 1;
        let membership = self.ties.membership.as_ref();
        let stands = membership.map(|own| own.fleet.stands().clone()).unwrap_or_default();
        let outbox = membership.map(|own| own.fleet.outbox());
        let offset = self.offset.offset();
        let beat = v1::Heartbeat {
            number: self.beats,
            sent_at_local: self.ties.agent.world.clock.now_ns(),
            share_epoch: membership.map_or(0, |own| own.session.holds().epoch),
            in_flight: stands.in_flight,
            release_lag_p99_us: stands.release_lag_p99,
            cpu_share: stands.cpu_share,
            clock_offset_ns: offset.map_or(0, |offset| offset.ns),
            clock_bound_ns: offset.map_or(0, |offset| offset.bound_ns),
            clock_probes: u32::try_from(self.offset.probes()).unwrap_or(u32::MAX),
            start_skew_ns: stands.start_skew,
            economy: stands.economy,
            fetched_permille: if membership.is_none() { self.means.meter.permille() } else { 0 },
            told: outbox.map_or(0, |outbox| outbox.told().nanos()),
            told_seq: outbox.map_or(0, common::delta::Outbox::last_seq),
        };
        self.send(Up::Heartbeat(beat))
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
/// A stream on which nothing comes for so long is given up for another.
const SILENCE: Duration = Duration::from_secs(2);
/// How long the operator's second signal waits for the last acks.
const QUIT_WITHIN: Duration = Duration::from_secs(2);
/// The first probes of the clock come fast, so that its bound is good before the start.
const PROBES: u64 = 16;
/// Fewer than these are no estimate.
const PROBES_ENOUGH: usize = 8;
const PROBE_EVERY: Duration = Duration::from_millis(10);
