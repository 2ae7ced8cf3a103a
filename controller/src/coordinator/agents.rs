//! What agents say.

use crate::books::Answer;
use crate::chronicle::Happened;
use crate::coordinator::post::Mail;
use crate::coordinator::{Coordinator, Watcher};
use crate::journal::Record;
use crate::rpc::{Acks, Event, Joined, Orders};
use crate::sessions::{Asked, Session, claim, told};
use common::run::{Fact, SessionId, State};
use common::time::RunTime;
use prost::Message;
use proto::v1::{self, agent_message::Kind as Up, controller_message::Kind as Down, reject::Code};
use std::time::Duration;

impl<W: Watcher> Coordinator<W> {
    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            // An agent that went away meanwhile is noticed when its stream ends.
            Event::Hello { hello, down, reply } => drop(reply.send(self.on_hello(*hello, down))),
            Event::Refused(problem) => {
                self.watcher.on_line(&format!("refused an agent: it showed {problem}"));
            }
            Event::Message(session, stream, kind) => {
                if self.sessions.is_present(session, stream) {
                    self.on_message(session, kind);
                }
            }
            Event::Gone(session, stream, why) => {
                if self.sessions.detach(session, stream) {
                    self.on_away(session, &why);
                }
            }
            Event::Delta(delta, acks) => self.on_delta(delta, acks),
        }
    }

    fn on_hello(&mut self, hello: v1::Hello, down: Orders) -> Result<Joined, v1::Reject> {
        let name = told(&hello.agent_name);
        if self.is_overtaken(&hello) {
            let remedy = "a newer stream of this agent came before this one".into();
            return Err(v1::Reject { code: Code::NotNeeded.into(), remedy });
        }
        if self.post.has_failed() {
            let remedy = "nothing that it tells can be kept".into();
            return Err(v1::Reject { code: Code::NotNeeded.into(), remedy });
        }
        if let Some(joined) = self.on_resume(&hello, &down) {
            return Ok(joined);
        }
        // A process that asks anew has forgotten what it had: its old stream is not coming back.
        if let Some(old) = self.sessions.of_instance(&hello.instance_id) {
            self.sessions.get_mut(old).into_iter().for_each(Session::hang_up);
            self.on_away(old, "it joined anew");
        }
        if matches!(self.run.state(), State::Draining | State::Over) {
            let remedy = "the run is ending; join again for the next one".into();
            return Err(v1::Reject { code: Code::NotNeeded.into(), remedy });
        }
        let joined = self.sessions.open(&hello, down).inspect_err(|reject| {
            self.watcher.on_line(&format!("refused agent {name}: {}", reject.remedy));
        })?;
        let session = joined.welcome.session_id;
        let (instance, weight) = (told(&hello.instance_id), hello.weight);
        let max_rate_milli = hello.max_rate_milli;
        self.books.open(session, name.clone(), instance.clone());
        self.write(&Happened::Opened { session, name: name.clone(), instance, weight, max_rate_milli });
        self.send(session, Down::Welcome(joined.welcome));
        self.watcher.on_line(&format!("agent {name} joined"));
        let claim = claim(weight, max_rate_milli, self.books.peak_milli());
        self.take(Fact::Joined { session, name, claim });
        Ok(joined)
    }

    /// Whether a Hello was held up on its way, and its process has another stream meanwhile: then nobody waits for the
    /// answer, and the newer stream must not suffer.
    fn is_overtaken(&self, hello: &v1::Hello) -> bool {
        self.sessions.newest_of(&hello.instance_id).is_some_and(|newest| hello.stream_no <= newest)
    }

    /// Lets an agent go on whose stream broke, if it takes part and its books are in order.
    fn on_resume(&mut self, hello: &v1::Hello, down: &Orders) -> Option<Joined> {
        let resume = hello.resume.as_ref().filter(|resume| resume.run_id == self.run_id)?;
        let session = resume.session_id;
        let held = resume.held.iter().map(|share| proto::share::from_wire(share).map(|(share, _)| share));
        let held = held
            .collect::<Option<Vec<_>>>()
            .filter(|held| (1..=common::session::HELD).contains(&held.len()))?;
        let own = self.sessions.get(session).filter(|own| own.instance == hello.instance_id)?;
        let through = self.books.is_finished(session);
        if !through && !self.run.may_return(session) {
            return None;
        }
        let name = own.name.clone();
        self.expect_rows(session);
        let joined = self.sessions.resume(session, hello, down.clone(), self.books.last_applied(session));
        self.send(session, Down::Welcome(joined.welcome));
        if through {
            // It hears by the Welcome that everything is kept, and waits for the end.
            joined.grant.allow(0);
            return Some(joined);
        }
        self.watcher.on_line(&format!("agent {name} is back"));
        self.take(Fact::Back(session, held));
        self.take_early(session);
        Some(joined)
    }

    fn on_message(&mut self, session: SessionId, kind: Up) {
        match kind {
            Up::Heartbeat(beat) => {
                self.books.on_heartbeat(session, &beat, self.run.state() == State::Running);
                if let Some(own) = self.sessions.get_mut(session) {
                    own.clock_bound = Duration::from_nanos(beat.clock_bound_ns);
                }
                self.take(Fact::Alive(session));
                if beat.fetched_permille != self.run.fetched(session) {
                    self.on_fetched(session, beat.fetched_permille.min(1_000));
                }
            }
            Up::Ack(ack) => self.on_ack(session, &ack),
            Up::Leave(leave) => {
                let why = told(&leave.reason);
                self.watcher.on_line(&format!("agent {} leaves ({why})", self.sessions.name(session)));
                self.take(Fact::Leaves(session, why));
            }
            Up::Hello(_) => self.hang_up(session, "it said Hello twice"),
        }
    }

    /// Every tenth of it is worth a line.
    fn on_fetched(&mut self, session: SessionId, permille: u32) {
        let before = self.run.fetched(session);
        self.take(Fact::Fetched(session, permille));
        if self.run.fetched(session) == permille && permille / 100 > before / 100 {
            let name = self.sessions.name(session);
            self.watcher
                .on_line(&format!("agent {name} has {} % of the plan's files and logs", permille / 10));
        }
    }

    fn on_ack(&mut self, session: SessionId, ack: &v1::Ack) {
        let Some(asked) = self.sessions.get_mut(session).and_then(|own| own.answer(ack.command)) else {
            return;
        };
        self.take(match (ack.refused.as_str(), asked) {
            ("", Asked::Ready) => Fact::Ready(session),
            ("", Asked::Hold(epoch)) => Fact::Holds { session, epoch, from: RunTime::from_nanos(ack.from) },
            (refused, _) => Fact::Refused(session, told(refused)),
        });
        self.take_early(session);
    }

    fn on_away(&mut self, session: SessionId, why: &str) {
        let open = self.run.may_return(session);
        let before = matches!(self.run.state(), State::Gathering | State::Preparing);
        if open || before {
            self.watcher.on_line(&format!("agent {} is away: {why}", self.sessions.name(session)));
        }
        self.take(Fact::Away(session, why.to_owned()));
        if !self.run.knows(session) {
            self.books.forget(session);
            self.write(&Happened::Forgotten { session });
        }
    }

    pub(super) fn hang_up(&mut self, session: SessionId, why: &str) {
        self.sessions.get_mut(session).into_iter().for_each(Session::hang_up);
        self.on_away(session, why);
    }

    /// Takes a delta, unless it was sealed under a share whose answer is not here yet: the two come on two streams,
    /// and only the answer tells whose the arrivals are that it counts.
    fn on_delta(&mut self, message: Box<v1::Delta>, acks: Acks) {
        let session = message.session_id;
        if message.run_id != self.run_id {
            return;
        }
        let early = message.share_epoch > self.run.owners().acked(session);
        match self.sessions.get_mut(session).filter(|_| early) {
            Some(own) => own.keep_early(message, acks),
            None => self.take_delta(&message, &acks),
        }
    }

    /// Takes the deltas of a session that waited for an answer, as far as they need not wait any longer.
    fn take_early(&mut self, session: SessionId) {
        let early = self.sessions.get_mut(session).map(Session::take_early).unwrap_or_default();
        early.into_iter().for_each(|(message, acks)| self.on_delta(message, acks));
    }

    fn take_delta(&mut self, message: &v1::Delta, acks: &Acks) {
        let session = message.session_id;
        let mut fact = Fact::Alive(session);
        let ack = match self.books.on_delta(session, message) {
            Answer::Applied { last, fin } => {
                let (run_id, body) = (self.run_id.clone(), message.encode_to_vec());
                self.post.append(Record::Delta { run_id, session, seq: last, body });
                if fin {
                    fact = Fact::Finished(session);
                }
                ack(last, false, String::new())
            }
            Answer::Known(last) => ack(last, false, String::new()),
            Answer::Resend(last) => ack(last, true, String::new()),
            Answer::Refused(why) => {
                let name = self.sessions.name(session);
                self.watcher.on_line(&format!("refused a delta of agent {name}: {why}"));
                self.on_broken(session, &why);
                fact = Fact::Broken(session, why.clone());
                ack(0, false, why)
            }
        };
        self.post.send(Mail::Ack(acks.clone(), ack));
        self.take(fact);
    }
}

const fn ack(last_applied_seq: u64, resend: bool, refused: String) -> v1::DeltaAck {
    v1::DeltaAck { last_applied_seq, resend, refused }
}
