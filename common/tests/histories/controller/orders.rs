//! Facts to the run, and its orders carried out.

use crate::check::Promise;
use crate::clock::MS;
use crate::controller::{At, Controller, Timer};
use crate::journal::Record;
use crate::script::Sabotage;
use crate::wire::{Packet, Revision};
use common::run::{Ending, Event, Fact, Order, SessionId, State};
use std::collections::VecDeque;

impl Controller {
    /// Takes a fact and carries out what is ordered, and what follows from that.
    pub(crate) fn obey(&mut self, fact: Fact, at: &mut At<'_>) {
        let mut facts = VecDeque::from([fact]);
        while let Some(fact) = facts.pop_front() {
            if !matches!(fact, Fact::Tick | Fact::Alive(_)) {
                at.check.note(at.now, || format!("controller: {fact:x?}"));
            }
            match fact {
                Fact::Ready(session) => self.append(Record::Ready(session), at),
                Fact::Back(session, _) => self.append(Record::Returned(session), at),
                _ => {}
            }
            let before = self.run.state();
            let orders = self.run.on(fact, at.local());
            if orders.iter().any(|order| matches!(order, Order::Assign(_, share) if share.epoch > 0)) {
                self.append(Record::Dealt, at);
            }
            let news = self.run.owners_mut().take_news();
            let at_once = if at.script.sabotage == Sabotage::TornStep { 1 } else { news.len().max(1) };
            for part in news.chunks(at_once) {
                self.append(Record::Owned(part.to_vec()), at);
            }
            if before == State::Running && self.run.state() == State::Draining {
                self.append(Record::Draining, at);
            }
            for order in orders {
                at.check.saw(order_name(&order));
                at.check.note(at.now, || format!("controller:     {order:x?}"));
                self.carry_out(order, &mut facts, at);
            }
        }
    }

    fn carry_out(&mut self, order: Order, facts: &mut VecDeque<Fact>, at: &mut At<'_>) {
        match order {
            Order::Assign(session, share) => {
                self.grants.entry(session).or_default().on = true;
                self.commands += 1;
                self.assigned.insert(session, self.commands);
                self.post(session, Packet::Assign { command: self.commands, share }, at);
            }
            Order::Start(session, zero_at) => {
                let zero_at = u64::try_from(zero_at.as_nanos()).expect("a clock");
                self.append(Record::Started(zero_at), at);
                self.post(session, Packet::Start(zero_at), at);
            }
            Order::Share(session, share) | Order::Stop(session, share)
                if at.script.sabotage == Sabotage::GrowEarly
                    && self.run.owners().fence(session) == share.epoch =>
            {
                facts.push_back(Fact::Holds { session, epoch: share.epoch, from: share.from });
                let last = self.run.state() == State::Draining;
                let packet = Box::new(Packet::Share { share, revisions: self.revisions.clone(), last });
                let late = at.now + self.chance.between(700, 1_500) * MS;
                at.out.timers.extend(self.conns.get(&session).map(|conn| (late, Timer::Late(*conn, packet))));
            }
            Order::Share(session, share) => {
                let packet = Packet::Share { share, revisions: self.revisions.clone(), last: false };
                self.post(session, packet, at);
            }
            Order::Stop(session, share) => {
                let packet = Packet::Share { share, revisions: self.revisions.clone(), last: true };
                self.post(session, packet, at);
            }
            Order::Abort => {
                for session in self.conns.keys().copied().collect::<Vec<_>>() {
                    self.post(session, Packet::Abort, at);
                }
            }
            Order::Withdraw { session, force } => facts.push_back(self.withdraw(session, force, at)),
            Order::Readmit(session) => {
                self.grants.entry(session).or_default().on = true;
                self.ended.remove(&session);
            }
            Order::Dismiss(session) => self.post(session, Packet::Release, at),
            Order::Revised(from) => {
                let revision = Revision { at: from, milli: self.wish };
                self.revisions.push(revision);
                self.append(Record::Revised(revision), at);
            }
            Order::Tell(Event::Lost(session, from, _)) => self.append(Record::Expired(session, from), at),
            Order::Tell(Event::FiredBeyondLease(session)) => {
                at.check.fail(Promise::Accused, at.now, || format!("{session:x} fired beyond its lease"));
            }
            Order::Tell(_) => {}
            Order::Close(ending) => {
                self.append(Record::Closed(ending), at);
                for session in self.conns.keys().copied().collect::<Vec<_>>() {
                    self.post(session, Packet::Release, at);
                }
            }
        }
    }

    /// Ends a lease unless it was renewed lately, and then also the stream: its agent has to come back.
    fn withdraw(&mut self, session: SessionId, force: bool, at: &mut At<'_>) -> Fact {
        let now = at.local();
        let grant = self.grants.entry(session).or_default();
        if !force && grant.until > now + at.script.timers.withdraw_early + at.script.margin {
            return Fact::Alive(session);
        }
        grant.on = false;
        let until = if at.script.sabotage == Sabotage::NoWait { now } else { grant.until };
        self.ended.insert(session, until);
        if let Some(conn) = self.conns.remove(&session) {
            at.out.sends.push((conn, Packet::Hangup));
        }
        Fact::Withdrawn(session, until)
    }
}

/// What a history saw, for the count of what the histories cover.
fn order_name(order: &Order) -> &'static str {
    match order {
        Order::Assign(..) => "assign",
        Order::Start(..) => "start",
        Order::Share(..) => "share",
        Order::Stop(..) => "stop",
        Order::Abort => "abort",
        Order::Withdraw { .. } => "withdraw",
        Order::Readmit(_) => "readmit",
        Order::Dismiss(_) => "dismiss",
        Order::Revised(_) => "revised",
        Order::Tell(Event::Lost(..)) => "lost",
        Order::Tell(Event::Returned(_)) => "returned",
        Order::Tell(Event::JoinedLate(_)) => "joined late",
        Order::Tell(Event::Left(..)) => "left",
        Order::Tell(Event::FiredBeyondLease(_)) => "fired beyond lease",
        Order::Tell(Event::Spare(_)) => "spare",
        Order::Close(Ending::Completed) => "completed",
        Order::Close(Ending::Interrupted) => "interrupted",
        Order::Close(Ending::Aborted) => "aborted",
        Order::Close(Ending::Stopped) => "stopped",
        Order::Close(Ending::AgentLost(_)) => "agent lost",
        Order::Close(Ending::ThresholdBroken(_)) => "threshold broken",
        Order::Close(Ending::StoreFailed(_)) => "store failed",
        Order::Close(Ending::NotStarted(_)) => "not started",
    }
}
