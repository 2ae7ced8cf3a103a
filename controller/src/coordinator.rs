//! The coordinator: one task that owns the run. Events become facts, the run's orders become messages.

use crate::books::{Answer, Books};
use crate::rpc::{Event, Joined, Orders};
use crate::sessions::{LEASE_TTL, Sessions, told};
use common::clock::Clock;
use common::plan::hash;
use common::run::{Ending, Fact, Order, Run, SessionId, State, Timers};
use common::time::RunTime;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down};
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

/// One run to be conducted.
#[derive(Clone, Debug)]
pub struct Task {
    /// What to do.
    pub plan: EffectivePlan,
    /// How many agents it waits for.
    pub expect: usize,
    /// How long it waits for them.
    pub wait: Duration,
    /// The run's id.
    pub run_id: String,
    /// The clock of run time, leases and deadlines.
    pub clock: Clock,
}

/// What the coordinator tells whoever watches.
pub trait Watcher {
    /// The run moved on, or some time went by.
    fn on_progress(&mut self, progress: &mut Progress<'_>);
    /// Something happened that is worth a line.
    fn on_line(&mut self, line: &str);
}

impl<W: Watcher + ?Sized> Watcher for &mut W {
    fn on_progress(&mut self, progress: &mut Progress<'_>) {
        (**self).on_progress(progress);
    }

    fn on_line(&mut self, line: &str) {
        (**self).on_line(line);
    }
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
pub struct Coordinator<W> {
    run_id: String,
    clock: Clock,
    text: String,
    run: Run,
    books: Books,
    sessions: Sessions,
    watcher: W,
    zero_at: Option<Duration>,
    ended_at: Option<Duration>,
    state: watch::Sender<&'static str>,
    ending: Option<Ending>,
}

impl<W: Watcher> Coordinator<W> {
    /// A coordinator of `task`; `state` follows the run in one word.
    pub fn new(task: Task, state: watch::Sender<&'static str>, watcher: W) -> Result<Self, String> {
        let Task { plan, expect, wait, run_id, clock } = task;
        let timers = timers(wait, plan.plan.drain);
        let books = Books::new(plan.plan)?;
        let load = books.end().since(RunTime::ZERO);
        Ok(Self {
            run_id,
            text: plan.text,
            run: Run::new(expect, load, timers, clock.now()),
            clock,
            books,
            sessions: Sessions::default(),
            watcher,
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
    ) -> Finished {
        let mut ticks = tokio::time::interval(TICK);
        while self.ending.is_none() {
            tokio::select! {
                biased;
                Some(()) = interrupts.recv() => {
                    self.watcher.on_line("interrupted: letting requests under way end (once more: give them up)");
                    self.take(Fact::Interrupted);
                }
                Some(event) = events.recv() => self.on_event(event),
                _ = ticks.tick() => self.take(Fact::Tick),
            }
            let now = self.run_time();
            self.watcher.on_progress(&mut Progress { run: &self.run, books: &mut self.books, now });
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
        self.sessions.tell_all(&self.run_id, &Down::Release(v1::Release { verdict: verdict.into() }));
        let drained = async {
            while !self.sessions.is_empty() {
                match events.recv().await {
                    Some(Event::Gone(session, _)) => drop(self.sessions.close(session)),
                    Some(_) => {}
                    None => return,
                }
            }
        };
        // Agents that do not hang up are not waited for.
        tokio::time::timeout(RELEASE_WITHIN, drained).await.unwrap_or_default();
        self.books
    }

    fn on_event(&mut self, event: Event) {
        match event {
            // An agent that went away meanwhile is noticed when its stream ends.
            Event::Hello { hello, down, reply } => drop(reply.send(self.on_hello(*hello, down))),
            Event::Refused(problem) => {
                self.watcher.on_line(&format!("refused an agent: it showed {problem}"))
            }
            Event::Message(session, kind) => self.on_message(session, kind),
            Event::Gone(session, why) => self.on_gone(session, &why),
            Event::Delta(delta, acks) => self.on_delta(&delta, &acks),
        }
    }

    fn on_hello(&mut self, hello: v1::Hello, down: Orders) -> Result<Joined, v1::Reject> {
        let name = told(&hello.agent_name);
        let joined = self.sessions.open(hello, down).inspect_err(|reject| {
            self.watcher.on_line(&format!("refused agent {name}: {}", reject.remedy));
        })?;
        let session = joined.welcome.session_id;
        self.sessions.tell(session, &self.run_id, Down::Welcome(joined.welcome));
        self.watcher.on_line(&format!("agent {name} joined"));
        self.take(Fact::Joined { session, name });
        Ok(joined)
    }

    fn on_message(&mut self, session: SessionId, kind: Up) {
        match kind {
            Up::Heartbeat(beat) => {
                self.books.on_heartbeat(session, &beat, self.run.state() == State::Running);
                self.take(Fact::Alive(session));
            }
            Up::Ack(ack) => self.on_ack(session, &ack),
            Up::Leave(leave) => {
                self.on_gone(session, &format!("it left ({})", told(&leave.reason)));
            }
            Up::Hello(_) => self.on_gone(session, "it said Hello twice"),
        }
    }

    fn on_ack(&mut self, session: SessionId, ack: &v1::Ack) {
        if !self.sessions.get_mut(session).is_some_and(|own| own.is_answer(ack.command)) {
            return;
        }
        self.take(match ack.refused.as_str() {
            "" => Fact::Ready(session),
            refused => Fact::Refused(session, told(refused)),
        });
    }

    fn on_gone(&mut self, session: SessionId, why: &str) {
        let name = self.sessions.name(session);
        let Some(gone) = self.sessions.close(session) else { return };
        gone.grant.withdraw();
        if !gone.finished {
            self.watcher.on_line(&format!("agent {name} is gone: {why}"));
            self.books.on_lost(session, why);
        }
        self.take(Fact::Gone(session, why.to_owned()));
    }

    fn on_delta(&mut self, message: &v1::Delta, acks: &mpsc::Sender<Result<v1::DeltaAck, Status>>) {
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
                self.watcher
                    .on_line(&format!("refused a delta of agent {}: {why}", self.sessions.name(session)));
                self.books.on_lost(session, &why);
                (ack(0, false, why.clone()), Some(Fact::Gone(session, why)))
            }
        };
        // A stream that ended does not need the ack; the agent sends again on a new one.
        acks.try_send(Ok(ack)).unwrap_or_default();
        if let (Some(Fact::Finished(_)), Some(own)) = (&fact, self.sessions.get_mut(session)) {
            own.finished = true;
        }
        self.take(fact.unwrap_or(Fact::Alive(session)));
    }

    /// Gives a fact to the run and carries out its orders.
    fn take(&mut self, fact: Fact) {
        let orders = self.run.on(fact, self.clock.now());
        for order in orders {
            match order {
                Order::Assign(sessions) => self.assign(&sessions),
                Order::Start { zero_at } => self.start(zero_at),
                Order::Stop { abort } => self.stop(abort),
                Order::Close(ending) => {
                    self.ended_at = Some(self.clock.now());
                    if let Ending::AgentLost(why) = &ending {
                        self.watcher.on_line(why);
                    }
                    self.ending = Some(ending);
                }
            }
        }
        self.state.send_replace(word(self.run.state()));
    }

    fn assign(&mut self, sessions: &[SessionId]) {
        let members = self.sessions.hellos(sessions);
        for (session, share) in self.books.deal(&members) {
            let assignment = v1::Assignment {
                plan: self.text.clone(),
                plan_hash: hash(&self.text).to_vec(),
                schedule_fingerprints: self.books.fingerprints(),
                share: Some(proto::share::to_wire(&share)),
            };
            if let Some(own) = self.sessions.get_mut(session) {
                own.grant.allow(share.epoch);
            }
            self.sessions.command(session, &self.run_id, Down::Assignment(assignment));
        }
    }

    fn start(&mut self, zero_at: Duration) {
        self.zero_at = Some(zero_at);
        let zero_at = u64::try_from(zero_at.as_nanos()).unwrap_or(u64::MAX);
        self.sessions.tell_all(&self.run_id, &Down::Start(v1::Start { zero_at }));
    }

    fn stop(&mut self, abort: bool) {
        let from = self.books.on_stop(self.run_time() + STOP_LEAD);
        let mode = if abort { v1::stop::Mode::Abort } else { v1::stop::Mode::Drain };
        self.sessions.tell_all(&self.run_id, &Down::Stop(v1::Stop { mode: mode.into(), from: from.nanos() }));
    }

    /// How long the load was on: what came after it was waiting for the last answers and deltas.
    fn duration(&self) -> Duration {
        let (Some(zero), Some(end)) = (self.zero_at, self.ended_at) else { return Duration::ZERO };
        end.saturating_sub(zero).min(self.books.end().since(RunTime::ZERO))
    }

    fn run_time(&self) -> RunTime {
        let now = self.zero_at.map_or(Duration::ZERO, |zero| self.clock.now().saturating_sub(zero));
        RunTime::ZERO + now
    }
}

fn ack(last_applied_seq: u64, resend: bool, refused: String) -> v1::DeltaAck {
    v1::DeltaAck { last_applied_seq, resend, refused }
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

/// The timers of a run whose agents may take `gather` to join and `drain` to end what is under way.
fn timers(gather: Duration, drain: Duration) -> Timers {
    Timers {
        gather,
        prepare: Duration::from_secs(30),
        start_lead: Duration::from_millis(500),
        // Later than the agent's own end of lease, whatever the clocks do.
        silence: LEASE_TTL + Duration::from_millis(500),
        finish: drain + Duration::from_secs(15),
        // An agent tells what it gave up with its next delta, at most FLUSH later.
        abort: Duration::from_secs(2),
    }
}

const TICK: Duration = Duration::from_millis(100);
/// A stop lies so far in the future that every agent hears of it before.
const STOP_LEAD: Duration = Duration::from_millis(300);
const RELEASE_WITHIN: Duration = Duration::from_secs(1);
