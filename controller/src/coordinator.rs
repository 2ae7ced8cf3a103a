//! The coordinator: one task that owns the run. Events become facts, the run's orders become messages.

use crate::books::{Answer, Books};
use crate::clock;
use crate::rpc::{CONTROLLER_EPOCH, Event, Grant, Joined, Orders};
use common::plan::hash;
use common::run::{Ending, Fact, Order, Run, SessionId, State, Timers};
use common::time::RunTime;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down, reject::Code};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tonic::Status;

/// The text of a plan and what it means.
#[derive(Clone, Debug)]
pub struct EffectivePlan {
    /// As it goes to the agents.
    pub text: String,
    /// As it is carried out.
    pub plan: common::plan::Plan,
}

/// What the coordinator tells whoever watches.
pub trait Watcher {
    /// The run moved on, or some time went by.
    fn on_progress(&mut self, progress: &mut Progress<'_>);
    /// Something happened that is worth a line.
    fn on_line(&mut self, line: &str);
}

/// How the run stands.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Where it stands.
    pub run: &'a Run,
    /// The books.
    pub books: &'a mut Books,
    /// Run time now; zero before the start.
    pub now: RunTime,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Everything that was delivered.
    pub books: Books,
    /// How long the load was on.
    pub duration: Duration,
    /// The run's id.
    pub run_id: String,
}

/// Owns the run.
#[derive(Debug)]
pub struct Coordinator {
    run_id: String,
    text: String,
    run: Run,
    books: Books,
    sessions: BTreeMap<SessionId, Session>,
    last_session: SessionId,
    zero_at: Option<Duration>,
    ended_at: Option<Duration>,
    state: watch::Sender<&'static str>,
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Session {
    hello: v1::Hello,
    down: Orders,
    grant: Arc<Grant>,
    commands: u64,
    /// A delta waits here for the end of the one in work: none, acks go out at once.
    finished: bool,
}

impl Coordinator {
    /// A coordinator that waits for `expect` agents.
    pub fn new(
        plan: EffectivePlan,
        expect: usize,
        timers: Timers,
        state: watch::Sender<&'static str>,
    ) -> Result<Self, String> {
        let drain = plan.plan.drain;
        let books = Books::new(plan.plan)?;
        let load = Duration::from_nanos(books.end().nanos()) + drain;
        Ok(Self {
            run_id: uuid::Uuid::now_v7().to_string(),
            text: plan.text,
            run: Run::new(expect, load, timers, clock::now()),
            books,
            sessions: BTreeMap::new(),
            last_session: 0,
            zero_at: None,
            ended_at: None,
            state,
            ending: None,
        })
    }

    /// Carries the run to its end.
    pub async fn conduct(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut interrupts: mpsc::Receiver<()>,
        watcher: &mut (dyn Watcher + Send),
    ) -> Finished {
        let mut ticks = tokio::time::interval(TICK);
        while self.ending.is_none() {
            tokio::select! {
                biased;
                Some(()) = interrupts.recv() => {
                    watcher.on_line("interrupted: letting requests under way end (once more: give them up)");
                    self.take(Fact::Interrupted, watcher).await;
                }
                Some(event) = events.recv() => self.on_event(event, watcher).await,
                _ = ticks.tick() => self.take(Fact::Tick, watcher).await,
            }
            let now = self.run_time();
            watcher.on_progress(&mut Progress { run: &self.run, books: &mut self.books, now });
        }
        Finished {
            ending: self.ending.clone().unwrap_or(Ending::Completed),
            duration: self.duration(),
            run_id: self.run_id.clone(),
            books: self.release(events).await,
        }
    }

    /// Tells the agents that the run is over, and waits a moment for them to hear it.
    async fn release(mut self, mut events: mpsc::Receiver<Event>) -> Books {
        let verdict = match &self.ending {
            Some(Ending::Completed) | None => "completed",
            Some(Ending::Interrupted | Ending::Aborted) => "interrupted",
            Some(Ending::AgentLost(_)) => "an agent was lost",
            Some(Ending::NotStarted(_)) => "it never began",
        };
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            let release = Down::Release(v1::Release { verdict: verdict.into() });
            self.send(session, 0, release).await;
        }
        let drained = async {
            while !self.sessions.is_empty() {
                match events.recv().await {
                    Some(Event::Gone(session, _)) => drop(self.sessions.remove(&session)),
                    Some(_) => {}
                    None => return,
                }
            }
        };
        // Agents that do not hang up are not waited for.
        tokio::time::timeout(RELEASE_WITHIN, drained).await.unwrap_or_default();
        self.books
    }

    async fn on_event(&mut self, event: Event, watcher: &mut (dyn Watcher + Send)) {
        match event {
            Event::Hello { hello, down, reply } => {
                let joined = self.admit(&hello);
                let answer = match joined {
                    Ok(session) => {
                        let joined = self.open(session, *hello, down);
                        let (name, welcome) = (self.name(session), joined.welcome);
                        self.send(session, 0, Down::Welcome(welcome)).await;
                        watcher.on_line(&format!("agent {name} joined"));
                        self.take(Fact::Joined { session, name }, watcher).await;
                        Ok(joined)
                    }
                    Err(reject) => {
                        watcher.on_line(&format!(
                            "refused agent {}: {}",
                            printable(&hello.agent_name),
                            reject.remedy
                        ));
                        Err(reject)
                    }
                };
                // An agent that went away meanwhile is noticed when its stream ends.
                drop(reply.send(answer));
            }
            Event::Message(session, kind) => self.on_message(session, kind, watcher).await,
            Event::Gone(session, why) => self.on_gone(session, &why, watcher).await,
            Event::Delta(delta, acks) => self.on_delta(&delta, &acks, watcher).await,
        }
    }

    fn admit(&self, hello: &v1::Hello) -> Result<SessionId, v1::Reject> {
        let reject = |code: Code, remedy: String| v1::Reject { code: code.into(), remedy };
        let (low, high) = (*proto::PROTOCOL.start(), *proto::PROTOCOL.end());
        if hello.protocol_max < low || hello.protocol_min > high {
            return Err(reject(
                Code::Version,
                format!(
                    "it speaks protocol {}..{}, this controller {low}..{high}: run the same version on both (agent \
                     {}, controller {})",
                    hello.protocol_min,
                    hello.protocol_max,
                    printable(&hello.build),
                    env!("CARGO_PKG_VERSION")
                ),
            ));
        }
        let name = &hello.agent_name;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(reject(
                Code::Malformed,
                "its name is empty, too long or not printable: use --name".into(),
            ));
        }
        if self.sessions.values().any(|session| session.hello.agent_name == *name) {
            let remedy = format!("an agent named {name} is joined already: give this one another --name");
            return Err(reject(Code::NameTaken, remedy));
        }
        Ok(self.last_session + 1)
    }

    fn open(&mut self, session: SessionId, hello: v1::Hello, down: Orders) -> Joined {
        self.last_session = session;
        let grant = Arc::new(Grant::default());
        let own = Session { hello, down, grant: Arc::clone(&grant), commands: 0, finished: false };
        self.sessions.insert(session, own);
        let welcome = v1::Welcome {
            session_id: session,
            protocol: *proto::PROTOCOL.end(),
            heartbeat_ms: millis(HEARTBEAT),
            lease_ttl_ms: millis(LEASE_TTL),
            flush_ms: millis(FLUSH),
            window: WINDOW,
            last_applied_seq: 0,
        };
        Joined { welcome, grant }
    }

    async fn on_message(&mut self, session: SessionId, kind: Up, watcher: &mut (dyn Watcher + Send)) {
        match kind {
            Up::Heartbeat(beat) => {
                self.books.on_heartbeat(session, &beat, self.run.state() == State::Running);
                self.take(Fact::Alive(session), watcher).await;
            }
            Up::Ack(ack) if ack.refused.is_empty() => self.take(Fact::Ready(session), watcher).await,
            Up::Ack(ack) => self.take(Fact::Refused(session, printable(&ack.refused)), watcher).await,
            Up::Leave(leave) => {
                self.on_gone(session, &format!("it left ({})", printable(&leave.reason)), watcher).await;
            }
            Up::Hello(_) => self.on_gone(session, "it said Hello twice", watcher).await,
        }
    }

    async fn on_gone(&mut self, session: SessionId, why: &str, watcher: &mut (dyn Watcher + Send)) {
        let name = self.name(session);
        let Some(gone) = self.sessions.remove(&session) else { return };
        gone.grant.withdraw();
        if !gone.finished {
            watcher.on_line(&format!("agent {name} is gone: {why}"));
            self.lose(session, why);
        }
        self.take(Fact::Gone(session, why.to_owned()), watcher).await;
    }

    async fn on_delta(
        &mut self,
        message: &v1::Delta,
        acks: &mpsc::Sender<Result<v1::DeltaAck, Status>>,
        watcher: &mut (dyn Watcher + Send),
    ) {
        let session = message.session_id;
        if message.run_id != self.run_id {
            return;
        }
        let (ack, fact) = match self.books.on_delta(session, message) {
            Answer::Applied { last, fin } => {
                (ack(last, false, String::new()), fin.then_some(Fact::Finished(session)))
            }
            Answer::Resend(last) => (ack(last, true, String::new()), None),
            Answer::Refused(why) => {
                watcher.on_line(&format!("refused a delta of agent {}: {why}", self.name(session)));
                self.lose(session, &why);
                (ack(0, false, why.clone()), Some(Fact::Gone(session, why)))
            }
        };
        // A stream that ended does not need the ack; the agent sends again on a new one.
        acks.try_send(Ok(ack)).unwrap_or_default();
        if let (Some(Fact::Finished(_)), Some(own)) = (&fact, self.sessions.get_mut(&session)) {
            own.finished = true;
        }
        self.take(fact.unwrap_or(Fact::Alive(session)), watcher).await;
    }

    /// Gives a fact to the run and carries out its orders.
    async fn take(&mut self, fact: Fact, watcher: &mut (dyn Watcher + Send)) {
        let orders = self.run.on(fact, clock::now());
        for order in orders {
            match order {
                Order::Assign(sessions) => self.assign(&sessions).await,
                Order::Start { zero_at } => self.start(zero_at).await,
                Order::Stop { abort } => self.stop(abort).await,
                Order::Close(ending) => {
                    self.ended_at = Some(clock::now());
                    if let Ending::AgentLost(why) = &ending {
                        watcher.on_line(why);
                    }
                    self.ending = Some(ending);
                }
            }
        }
        self.state.send_replace(word(self.run.state()));
    }

    async fn assign(&mut self, sessions: &[SessionId]) {
        let members: Vec<(SessionId, v1::Hello)> = sessions
            .iter()
            .filter_map(|session| Some((*session, self.sessions.get(session)?.hello.clone())))
            .collect();
        for (session, share) in self.books.deal(&members) {
            let assignment = v1::Assignment {
                plan: self.text.clone(),
                plan_hash: hash(&self.text).to_vec(),
                schedule_fingerprints: self.books.fingerprints(),
                share: Some(proto::share::to_wire(&share)),
            };
            if let Some(own) = self.sessions.get(&session) {
                own.grant.allow(share.epoch);
            }
            let command = self.next_command(session);
            self.send(session, command, Down::Assignment(assignment)).await;
        }
    }

    async fn start(&mut self, zero_at: Duration) {
        self.zero_at = Some(zero_at);
        let zero_at = u64::try_from(zero_at.as_nanos()).unwrap_or(u64::MAX);
        self.broadcast(&Down::Start(v1::Start { zero_at })).await;
    }

    async fn stop(&mut self, abort: bool) {
        let from = self.run_time() + if abort { Duration::ZERO } else { STOP_LEAD };
        self.books.on_stop(from);
        let mode = if abort { v1::stop::Mode::Abort } else { v1::stop::Mode::Drain };
        self.broadcast(&Down::Stop(v1::Stop { mode: mode.into(), from: from.nanos() })).await;
    }

    /// Tells every agent that takes part.
    async fn broadcast(&mut self, kind: &Down) {
        let sessions: Vec<SessionId> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.send(session, 0, kind.clone()).await;
        }
    }

    async fn send(&mut self, session: SessionId, command: u64, kind: Down) {
        let Some(own) = self.sessions.get(&session) else { return };
        let message = v1::ControllerMessage {
            controller_epoch: CONTROLLER_EPOCH,
            run_id: self.run_id.clone(),
            command,
            kind: Some(kind),
        };
        // An agent whose queue is full or whose stream ended is noticed by its silence.
        own.down.try_send(Ok(message)).unwrap_or_default();
    }

    fn next_command(&mut self, session: SessionId) -> u64 {
        self.sessions.get_mut(&session).map_or(0, |own| {
            own.commands += 1;
            own.commands
        })
    }

    fn lose(&mut self, session: SessionId, why: &str) {
        self.books.on_lost(session, why);
    }

    fn name(&self, session: SessionId) -> String {
        self.sessions.get(&session).map_or_else(|| format!("#{session}"), |own| own.hello.agent_name.clone())
    }

    /// How long the load was on: what came after it was waiting for the last answers and deltas.
    fn duration(&self) -> Duration {
        let (Some(zero), Some(end)) = (self.zero_at, self.ended_at) else { return Duration::ZERO };
        end.saturating_sub(zero).min(self.books.end().since(RunTime::ZERO))
    }

    fn run_time(&self) -> RunTime {
        let now = self.zero_at.map_or(Duration::ZERO, |zero| clock::now().saturating_sub(zero));
        RunTime::ZERO + now
    }
}

fn ack(last_applied_seq: u64, resend: bool, refused: String) -> v1::DeltaAck {
    v1::DeltaAck { last_applied_seq, resend, refused }
}

/// A peer's text without what could write over the terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

const fn word(state: State) -> &'static str {
    match state {
        State::Gathering => "gathering",
        State::Preparing => "preparing",
        State::Running => "running",
        State::Draining => "draining",
        State::Over => "over",
    }
}

/// The timers of a run whose agents may take `gather` to join.
#[must_use]
pub fn timers(gather: Duration) -> Timers {
    Timers {
        gather,
        prepare: Duration::from_secs(30),
        start_lead: Duration::from_millis(500),
        // Later than the agent's own end of lease, whatever the clocks do.
        silence: LEASE_TTL + Duration::from_millis(500),
        finish: Duration::from_secs(15),
    }
}

const TICK: Duration = Duration::from_millis(100);
const HEARTBEAT: Duration = Duration::from_millis(500);
const LEASE_TTL: Duration = Duration::from_secs(3);
const FLUSH: Duration = Duration::from_millis(500);
const WINDOW: u32 = 8;
/// A stop lies so far in the future that every agent hears of it before.
const STOP_LEAD: Duration = Duration::from_millis(300);
const RELEASE_WITHIN: Duration = Duration::from_secs(1);
const NAME_BYTES_MAX: usize = 64;
