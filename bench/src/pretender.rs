//! One agent of the fleet: two connections and the whole talk of a real one, without an engine.

use crate::line::{connect, now_ns};
use crate::load::{Held, Load};
use crate::say::say;
use crate::tape::Tape;
use common::share::Share;
use common::time::RunTime;
use proto::v1::agent_service_client::AgentServiceClient;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// What all agents of a fleet share.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) size: usize,
    pub(crate) address: String,
    pub(crate) delta_every: Duration,
    pub(crate) load: Load,
    pub(crate) tape: Tape,
}

/// One agent, over all its streams.
#[derive(Debug)]
struct Agent {
    fleet: Arc<Fleet>,
    number: usize,
    stream_no: u32,
    session: u64,
    epoch: u64,
    run_id: String,
    share: Share,
    held: Vec<Held>,
    zero_at: Option<u64>,
    /// Nothing of its own is due from here on.
    stop: RunTime,
    cursor: RunTime,
    seq: u64,
    sums: Vec<v1::Tally>,
    unacked: VecDeque<(Instant, v1::Delta)>,
    through: bool,
    beats: u64,
}

/// How a stream ended.
enum End {
    Released,
    Lost(String),
    /// The measurement asked for new connections.
    Dropped,
}

/// The upward halves.
struct Ways {
    up: mpsc::Sender<v1::AgentMessage>,
    deltas: mpsc::Sender<v1::Delta>,
}

/// Lives until it is released. Whenever `storm` changes it drops both connections and comes back.
pub(crate) async fn live(fleet: Arc<Fleet>, number: usize, mut storm: watch::Receiver<u32>) {
    let mut agent = Agent::new(fleet, number);
    let mut pause = PAUSE_MIN;
    loop {
        let end = agent.serve(&mut storm, &mut pause).await;
        let tape = &agent.fleet.tape;
        match end {
            End::Released => {
                tape.released.fetch_add(1, Relaxed);
                return;
            }
            End::Dropped => {}
            End::Lost(why) => {
                if tape.broken.fetch_add(1, Relaxed) < TOLD_MAX {
                    say(&format!("  agent {number}: {why}"));
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

impl Agent {
    fn new(fleet: Arc<Fleet>, number: usize) -> Self {
        let sums = vec![v1::Tally::default(); fleet.load.scenarios()];
        Self {
            fleet,
            number,
            stream_no: 0,
            session: 0,
            epoch: 0,
            run_id: String::new(),
            share: Share::nothing(),
            held: vec![],
            zero_at: None,
            stop: RunTime::MAX,
            cursor: RunTime::ZERO,
            seq: 0,
            sums,
            unacked: VecDeque::new(),
            through: false,
            beats: 0,
        }
    }

    async fn serve(&mut self, storm: &mut watch::Receiver<u32>, pause: &mut Duration) -> End {
        self.stream_no += 1;
        let (ways, mut down, mut acks) = match self.join().await {
            Ok(streams) => streams,
            Err(why) => return End::Lost(why),
        };
        *pause = PAUSE_MIN;
        self.fleet.tape.here.fetch_add(1, Relaxed);
        let end = self.talk(storm, &ways, &mut down, &mut acks).await;
        self.fleet.tape.here.fetch_sub(1, Relaxed);
        end.err().unwrap_or(End::Dropped)
    }

    async fn talk(
        &mut self,
        storm: &mut watch::Receiver<u32>,
        ways: &Ways,
        down: &mut Streaming<v1::ControllerMessage>,
        acks: &mut Streaming<v1::DeltaAck>,
    ) -> Result<(), End> {
        let (first, _) = self.phases(PROBE_EVERY);
        let (_, flush) = self.phases(self.fleet.delta_every);
        let (mut beat, mut flush) = (first, flush);
        self.beats = 0;
        for (_, delta) in &self.unacked {
            put(&ways.deltas, delta.clone())?;
        }
        loop {
            tokio::select! {
                biased;
                _ = storm.changed() => return Ok(()),
                message = down.message() => match message {
                    Ok(Some(message)) => self.on_message(message, ways)?,
                    Ok(None) => return Err(End::Lost("the controller closed the stream".into())),
                    Err(status) => return Err(End::Lost(status.to_string())),
                },
                ack = acks.message() => match ack {
                    Ok(Some(ack)) => self.on_ack(&ack, ways)?,
                    Ok(None) => return Err(End::Lost("the controller closed the deltas' stream".into())),
                    Err(status) => return Err(End::Lost(status.to_string())),
                },
                _ = beat.tick() => {
                    if self.beats == PROBES {
                        beat = self.phases(HEARTBEAT).0;
                    }
                    self.heartbeat(ways)?;
                }
                _ = flush.tick() => self.flush(ways)?,
            }
        }
    }

    async fn join(
        &mut self,
    ) -> Result<(Ways, Streaming<v1::ControllerMessage>, Streaming<v1::DeltaAck>), String> {
        let (up, messages) = mpsc::channel(QUEUE);
        up.try_send(self.message(Up::Hello(self.hello()))).unwrap_or_default();
        let mut control = AgentServiceClient::new(connect(&self.fleet.address).await?);
        let open = timeout(WELCOME_WITHIN, control.session(ReceiverStream::new(messages))).await;
        let opened = open.map_err(|_| "no answer to Session")?.map_err(|status| status.to_string())?;
        let mut down = opened.into_inner();
        let first = timeout(WELCOME_WITHIN, down.message()).await.map_err(|_| "no Welcome in time")?;
        let first = first.map_err(|status| status.to_string())?.ok_or("closed instead of Welcome")?;
        self.epoch = first.controller_epoch;
        match first.kind {
            Some(Down::Welcome(welcome)) => self.on_welcome(&welcome),
            Some(Down::Reject(reject)) => return Err(format!("refused: {}", reject.remedy)),
            _ => return Err("no Welcome".into()),
        }
        let (deltas, outgoing) = mpsc::channel(QUEUE);
        let mut deliver = AgentServiceClient::new(connect(&self.fleet.address).await?);
        let open = timeout(WELCOME_WITHIN, deliver.deliver(ReceiverStream::new(outgoing))).await;
        let opened = open.map_err(|_| "no answer to Deliver")?.map_err(|status| status.to_string())?;
        Ok((Ways { up, deltas }, down, opened.into_inner()))
    }

    fn hello(&self) -> v1::Hello {
        let resume = v1::Resume {
            session_id: self.session,
            last_sealed_seq: self.seq,
            last_acked_seq: self.unacked.front().map_or(self.seq, |(_, oldest)| oldest.seq - 1),
            run_id: self.run_id.clone(),
            held: vec![proto::share::to_wire(&self.share, &[])],
        };
        v1::Hello {
            protocol_min: *proto::PROTOCOL.start(),
            protocol_max: *proto::PROTOCOL.end(),
            build: "fleet".into(),
            agent_name: format!("a{:05}", self.number),
            instance_id: format!("fleet-{}", self.number),
            stream_no: self.stream_no,
            threads: 1,
            weight: 1,
            resume: (!self.run_id.is_empty()).then_some(resume),
            max_rate_milli: 0,
        }
    }

    fn on_welcome(&mut self, welcome: &v1::Welcome) {
        if welcome.resumed {
            self.unacked.retain(|(_, delta)| delta.seq > welcome.last_applied_seq);
        } else if self.session != 0 {
            self.fleet.tape.forgotten.fetch_add(1, Relaxed);
            let (fleet, stream_no) = (Arc::clone(&self.fleet), self.stream_no);
            *self = Self { stream_no, epoch: self.epoch, ..Self::new(fleet, self.number) };
        }
        self.session = welcome.session_id;
    }

    fn on_message(&mut self, message: v1::ControllerMessage, ways: &Ways) -> Result<(), End> {
        let command = message.command;
        match message.kind {
            Some(Down::Lease(lease)) => {
                self.fleet.tape.answered(now_ns().saturating_sub(lease.sent_at_local) / 1000);
                Ok(())
            }
            Some(Down::Assignment(assignment)) => {
                self.run_id = message.run_id;
                self.take(assignment.share.as_ref());
                self.ack(command, 0, ways)
            }
            Some(Down::Start(start)) => {
                if self.zero_at.replace(start.zero_at).is_none() {
                    self.fleet.tape.started.fetch_add(1, Relaxed);
                }
                Ok(())
            }
            Some(Down::Share(share)) => {
                self.take(Some(&share));
                self.ack(command, self.share.from.nanos(), ways)
            }
            Some(Down::Stop(stop)) if stop.mode() == v1::stop::Mode::Drain => {
                let from = RunTime::from_nanos(stop.from);
                self.hold(Share { epoch: stop.share_epoch, from, ..Share::nothing() });
                self.stop = self.share.from;
                self.ack(command, self.share.from.nanos(), ways)
            }
            Some(Down::Release(_)) => Err(End::Released),
            Some(Down::Reject(reject)) => Err(End::Lost(format!("refused: {}", reject.remedy))),
            Some(Down::Stop(_) | Down::Welcome(_) | Down::Idle(_)) | None => Ok(()),
        }
    }

    fn take(&mut self, share: Option<&v1::Share>) {
        if let Some((share, _)) = share.and_then(proto::share::from_wire) {
            self.hold(share);
        }
    }

    /// What was told cannot be taken back: a share holds from the cursor on at the earliest.
    fn hold(&mut self, share: Share) {
        if share.epoch > self.share.epoch {
            let from = share.from.max(self.cursor);
            self.held.push(Held::of(&share, from));
            self.share = Share { from, ..share };
        }
    }

    fn ack(&mut self, command: u64, from: u64, ways: &Ways) -> Result<(), End> {
        self.send(Up::Ack(v1::Ack { command, refused: String::new(), from }), ways)?;
        self.heartbeat(ways)
    }

    fn heartbeat(&mut self, ways: &Ways) -> Result<(), End> {
        self.beats += 1;
        let beat = v1::Heartbeat {
            number: self.beats,
            sent_at_local: now_ns(),
            share_epoch: self.share.epoch,
            in_flight: 3,
            release_lag_p99_us: 40,
            cpu_share: 0.2,
            clock_bound_ns: 100_000,
            clock_probes: 16,
            start_skew_ns: 1000,
            ..v1::Heartbeat::default()
        };
        self.send(Up::Heartbeat(beat), ways)
    }

    /// Tells of everything that is due by now; nothing when there is nothing, or too much waits for its ack.
    fn flush(&mut self, ways: &Ways) -> Result<(), End> {
        let Some(zero_at) = self.zero_at else { return Ok(()) };
        let load = &self.fleet.load;
        let end = self.stop.min(load.end());
        let now = RunTime::from_nanos(now_ns().saturating_sub(zero_at)).min(end).max(self.cursor);
        let fin = now >= end;
        if self.through || self.unacked.len() >= WINDOW {
            return Ok(());
        }
        let mut scenarios = vec![];
        for (number, sum) in self.sums.iter_mut().enumerate() {
            let n = load.owned(number, &self.held, self.cursor, now);
            (sum.started, sum.finished) = (sum.started + n, sum.finished + n);
            let delta = v1::Tally { started: n, finished: n, ..v1::Tally::default() };
            scenarios.push(v1::ScenarioDelta {
                cursor: now.nanos(),
                delta: Some(delta),
                cumulative: Some(*sum),
            });
        }
        let told = (self.cursor, now);
        let series: Vec<_> = (0..scenarios.len()).filter_map(|s| load.series(s, &self.held, told)).collect();
        self.cursor = now;
        if series.is_empty() && !fin {
            return Ok(());
        }
        self.forget_shares();
        self.seq += 1;
        self.through = fin;
        let delta = v1::Delta {
            session_id: self.session,
            controller_epoch_seen: self.epoch,
            run_id: self.run_id.clone(),
            seq: self.seq,
            share_epoch: self.share.epoch,
            scenarios,
            series,
            release_lag: None,
            fin,
            told: self.cursor.nanos(),
        };
        self.unacked.push_back((Instant::now(), delta.clone()));
        put(&ways.deltas, delta)
    }

    fn forget_shares(&mut self) {
        while self.held.get(1).is_some_and(|next| next.from() <= self.cursor) {
            self.held.remove(0);
        }
    }

    fn on_ack(&mut self, ack: &v1::DeltaAck, ways: &Ways) -> Result<(), End> {
        if !ack.refused.is_empty() {
            return Err(End::Lost(format!("deltas refused: {}", ack.refused)));
        }
        while let Some((sent, _)) = self.unacked.pop_front_if(|(_, delta)| delta.seq <= ack.last_applied_seq)
        {
            self.fleet.tape.acked(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        if ack.resend {
            self.unacked.iter().try_for_each(|(_, delta)| put(&ways.deltas, delta.clone()))?;
        }
        Ok(())
    }

    fn message(&self, kind: Up) -> v1::AgentMessage {
        v1::AgentMessage { session_id: self.session, controller_epoch_seen: self.epoch, kind: Some(kind) }
    }

    fn send(&self, kind: Up, ways: &Ways) -> Result<(), End> {
        put(&ways.up, self.message(kind))
    }

    /// Ticks that begin soon, and ticks that begin somewhere in a whole interval: agents are not in step.
    fn phases(&self, every: Duration) -> (Interval, Interval) {
        let part = every.mul_f64(self.number as f64 / self.fleet.size as f64);
        let ticks = |after| {
            let mut ticks = interval_at(Instant::now() + after, every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        (ticks(part.min(PROBE_EVERY)), ticks(part))
    }
}

fn put<T>(way: &mpsc::Sender<T>, message: T) -> Result<(), End> {
    way.try_send(message).map_err(|_| End::Lost("the connection is stuck or ended".into()))
}

// As the agent has them.
const PROBES: u64 = 16;
const PROBE_EVERY: Duration = Duration::from_millis(10);
const HEARTBEAT: Duration = Duration::from_millis(500);
const QUEUE: usize = 64;
const WINDOW: usize = 8;
const WELCOME_WITHIN: Duration = Duration::from_secs(5);
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// More troubles than these are only counted.
const TOLD_MAX: u64 = 5;
