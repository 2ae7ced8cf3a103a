//! What agents say in their sessions: whatever it is, the run goes on and comes to its end.

use crate::frames;
use common::human::printable;
use common::lane::LANES;
use common::owners::{Claim, Owners};
use common::run::{Fact, Now, OnLoss, Order, Run, SessionId, State, Timers};
use common::session::HELD;
use common::time::RunTime;
use proto::v1::{AgentMessage, Heartbeat, Hello, agent_message::Kind};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Messages of three agents, each with its length in front. `session_id` says whose it is, `controller_epoch_seen` how
/// many milliseconds later it comes; a message of no kind is the network's or the operator's doing.
pub fn run(data: &[u8]) {
    let mut world = World::new();
    for message in frames::messages::<AgentMessage>(data) {
        world.now += Duration::from_millis(message.controller_epoch_seen % STEP_MS_MAX);
        world.take(Fact::Tick);
        world.on_message(message);
    }
    world.end();
}

/// A controller without clock and network.
struct World {
    run: Run,
    now: Now,
    /// The highest share that was sent to each session.
    epochs: BTreeMap<SessionId, u32>,
    closed: bool,
    /// What a journal would give back.
    journal: Owners,
}

impl World {
    fn new() -> Self {
        let run = Run::new(2, END, OnLoss::Rebalance, TIMERS, Duration::ZERO);
        Self { run, now: Duration::ZERO, epochs: BTreeMap::new(), closed: false, journal: Owners::new() }
    }

    fn on_message(&mut self, message: AgentMessage) {
        let session = message.session_id % 3 + 1;
        let fact = match message.kind {
            Some(Kind::Hello(hello)) => self.on_hello(session, &hello),
            Some(Kind::Heartbeat(beat)) => on_heartbeat(session, beat),
            Some(Kind::Ack(ack)) if !ack.refused.is_empty() => {
                Fact::Refused(session, printable(&ack.refused))
            }
            // Which order is answered is the coordinator's business; here it may be any.
            Some(Kind::Ack(ack)) => match u32::try_from(ack.command) {
                Ok(0) | Err(_) => Fact::Ready(session),
                Ok(epoch) => Fact::Holds { session, epoch, from: RunTime::from_nanos(ack.from) },
            },
            Some(Kind::Leave(leave)) => Fact::Leaves(session, printable(&leave.reason)),
            None => match message.session_id / 3 % 8 {
                0 => Fact::Finished(session),
                1 => Fact::Broken(session, "its sums are off".into()),
                2 => Fact::Stopped,
                3 => Fact::Interrupted,
                4 => Fact::Revise,
                5 => Fact::StoreFailed("disk full".into()),
                _ => Fact::Away(session, "its connection broke".into()),
            },
        };
        self.take(fact);
    }

    fn on_hello(&self, session: SessionId, hello: &Hello) -> Fact {
        if let Some(resume) = hello.resume.as_ref().filter(|_| self.run.may_return(session)) {
            let held = resume.held.iter().map(|share| proto::share::from_wire(share).map(|(share, _)| share));
            if let Some(held) =
                held.collect::<Option<Vec<_>>>().filter(|held| (1..=HELD).contains(&held.len()))
            {
                return Fact::Back(session, held);
            }
        }
        let cap = u16::try_from(hello.max_rate_milli).unwrap_or(LANES).min(LANES);
        let claim = Claim { weight: hello.weight.clamp(1, 1_000_000), cap };
        Fact::Joined { session, name: printable(&hello.agent_name), claim }
    }

    fn take(&mut self, fact: Fact) {
        let mut facts = VecDeque::from([fact]);
        let mut taken = 0;
        while let Some(fact) = facts.pop_front() {
            taken += 1;
            assert!(taken <= 100, "one fact leads to another without end: {fact:?}");
            let was_over = self.run.state() == State::Over;
            let orders = self.run.on(fact, self.now);
            assert!(!was_over || orders.is_empty(), "a run that is over orders nothing");
            facts.extend(orders.into_iter().filter_map(|order| self.obey(order)));
        }
        for owned in self.run.owners_mut().take_news() {
            self.journal.restore(&owned);
        }
    }

    fn obey(&mut self, order: Order) -> Option<Fact> {
        match order {
            Order::Share(session, share) | Order::Stop(session, share) => {
                let newest = self.epochs.insert(session, share.epoch);
                assert!(newest.is_none_or(|newest| newest < share.epoch), "share {} is not new", share.epoch);
            }
            Order::Withdraw { session, .. } => {
                return Some(Fact::Withdrawn(session, self.now + TIMERS.lease_ttl));
            }
            Order::Revised(at) => {
                assert!(at >= RunTime::ZERO);
                self.run.set_end(END);
            }
            Order::Close(_) => {
                assert!(!std::mem::replace(&mut self.closed, true), "it ends once");
                assert_eq!(self.run.state(), State::Over);
            }
            Order::Assign(..)
            | Order::Start(..)
            | Order::Abort
            | Order::Readmit(_)
            | Order::Dismiss(_)
            | Order::Tell(_) => {}
        }
        None
    }

    /// Silence from now on: the longest path through all deadlines, then it must be over.
    fn end(&mut self) {
        let began = matches!(self.run.state(), State::Running | State::Draining);
        for (k, second) in (0..4096).step_by(97).flat_map(|k| [0, 1, 5, 11, 19].map(|second| (k, second))) {
            let due = RunTime::ZERO + Duration::from_secs(second);
            let owner = self.run.owners().owner(k, due);
            assert!(owner.is_none_or(|owner| (1..=3).contains(&owner)), "{owner:?} is nobody");
            assert!(
                !began || self.journal.owner(k, due) == owner,
                "the journal tells another owner of {k} at {second} s"
            );
        }
        for _ in 0..DEADLINES_MAX {
            self.now += LONGEST;
            self.take(Fact::Tick);
        }
        assert!(self.closed, "a run without agents never ends: {:?}", self.run.state());
    }
}

/// A heartbeat is a sign of life, whatever it claims.
fn on_heartbeat(session: SessionId, beat: Heartbeat) -> Fact {
    let bound = Duration::from_nanos(beat.clock_bound_ns);
    assert!(bound.checked_mul(2).is_some());
    Fact::Alive(session)
}

const END: RunTime = RunTime::from_nanos(20_000_000_000);
const TIMERS: Timers = Timers {
    gather: Duration::from_secs(60),
    prepare: Duration::from_secs(20),
    start_lead: Duration::from_secs(1),
    lease_ttl: Duration::from_secs(3),
    withdraw_early: Duration::from_millis(600),
    move_lead: Duration::from_millis(300),
    grace: Duration::from_secs(10),
    finish: Duration::from_secs(10),
    abort: Duration::from_secs(2),
};
const STEP_MS_MAX: u64 = 5000;
/// More than the longest timer …
const LONGEST: Duration = Duration::from_secs(61);
/// … and more steps than there are from the first deadline to the last.
const DEADLINES_MAX: usize = 8;
