//! Who is joined: sessions, what they said of themselves, and the way to them.

use crate::rpc::{Acks, Grant, Joined, Orders, refusal};
use common::human::printable;
use common::lane::LANES;
use common::owners::Claim;
use common::run::SessionId;
use proto::v1::{self, reject::Code};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The sessions of a run.
#[derive(Debug)]
pub struct Sessions {
    open: BTreeMap<SessionId, Session>,
    /// Of this controller: session numbers are unique over restarts.
    epoch: u64,
    opened: u64,
    ttl: Duration,
}

/// One agent process's membership.
#[derive(Debug)]
pub struct Session {
    /// The agent's name.
    pub name: String,
    /// The agent's process.
    pub instance: String,
    /// Whether its heartbeats renew its lease.
    pub grant: Arc<Grant>,
    /// The bound on the error of its clock.
    pub clock_bound: Duration,
    /// Its stream; `None` while it is away.
    stream: Option<Stream>,
    /// The highest number of a stream it had: a Hello on an older one comes late.
    pub newest: u32,
    /// Orders that wanted an answer; they are numbered.
    commands: u64,
    /// Those without an answer.
    asked: BTreeMap<u64, Asked>,
    /// Deltas that came before the answer to the share under which they were sealed.
    early: Vec<(Box<v1::Delta>, Acks)>,
}

#[derive(Debug)]
struct Stream {
    number: u32,
    down: Orders,
    /// Dropped to hang up.
    _line: oneshot::Sender<()>,
}

/// What an order asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To be ready for the run.
    Ready,
    /// To hold the share of this epoch.
    Hold(u32),
}

impl Sessions {
    /// No sessions; `epoch`: the controller's.
    #[must_use]
    pub const fn new(epoch: u64, ttl: Duration) -> Self {
        Self { open: BTreeMap::new(), epoch, opened: 0, ttl }
    }

    /// Lets an agent in, or says why not.
    pub fn open(&mut self, hello: &v1::Hello, down: Orders) -> Result<Joined, v1::Reject> {
        self.admit(hello)?;
        self.opened += 1;
        let id = self.epoch << 32 | self.opened;
        self.restore(id, hello.agent_name.clone(), hello.instance_id.clone(), Duration::ZERO);
        Ok(self.attach(id, hello, down, None))
    }

    /// Lets an agent go on with a session whose stream broke.
    pub fn resume(&mut self, id: SessionId, hello: &v1::Hello, down: Orders, last_applied: u64) -> Joined {
        self.attach(id, hello, down, Some(last_applied))
    }

    /// A session that nobody is connected to, whose lease may last until `until`.
    pub fn restore(&mut self, id: SessionId, name: String, instance: String, until: Duration) {
        let session = Session {
            name,
            instance,
            grant: Arc::new(Grant::new(self.ttl, until)),
            clock_bound: Duration::ZERO,
            stream: None,
            newest: 0,
            commands: 0,
            asked: BTreeMap::new(),
            early: Vec::new(),
        };
        self.open.insert(id, session);
    }

    fn attach(&mut self, id: SessionId, hello: &v1::Hello, down: Orders, resumed: Option<u64>) -> Joined {
        let stream_no = hello.stream_no;
        let (line, hung_up) = oneshot::channel();
        let grant = self.open.get_mut(&id).map(|session| {
            session.stream = Some(Stream { number: stream_no, down, _line: line });
            session.newest = stream_no;
            // What was asked on another stream is settled by what the agent says it holds.
            session.asked.clear();
            session.early.clear();
            Arc::clone(&session.grant)
        });
        let welcome = v1::Welcome {
            session_id: id,
            protocol: *proto::PROTOCOL.end(),
            heartbeat_ms: millis((self.ttl / BEATS).min(HEARTBEAT)),
            lease_ttl_ms: millis(self.ttl),
            flush_ms: millis(FLUSH),
            window: WINDOW,
            last_applied_seq: resumed.unwrap_or_default(),
            resumed: resumed.is_some(),
        };
        let grant = grant.unwrap_or_else(|| Arc::new(Grant::new(self.ttl, Duration::ZERO)));
        Joined { welcome, stream_no, grant, hung_up }
    }

    fn admit(&self, hello: &v1::Hello) -> Result<(), v1::Reject> {
        if let Some(refusal) = refusal(hello) {
            return Err(refusal);
        }
        let name = &hello.agent_name;
        let same = |session: &&Session| session.name == *name && session.instance != hello.instance_id;
        if self.open.values().filter(same).any(|session| session.stream.is_some()) {
            let remedy = format!("an agent named {name} is joined already: give this one another --name");
            return Err(v1::Reject { code: Code::NameTaken.into(), remedy });
        }
        Ok(())
    }

    /// The session of a process, if it has one on another stream.
    #[must_use]
    pub fn of_instance(&self, instance: &str) -> Option<SessionId> {
        let own =
            |(_, session): &(&SessionId, &Session)| session.instance == instance && session.stream.is_some();
        self.open.iter().find(own).map(|(id, _)| *id)
    }

    /// The highest number of a stream that a process had; `None`: it is not known.
    #[must_use]
    pub fn newest_of(&self, instance: &str) -> Option<u32> {
        let own = self.open.values().filter(|session| session.instance == instance);
        own.map(|session| session.newest).max()
    }

    /// A session.
    #[must_use]
    pub fn get(&self, session: SessionId) -> Option<&Session> {
        self.open.get(&session)
    }

    /// A session.
    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.open.get_mut(&session)
    }

    /// A stream ended; whether it was the session's present one.
    pub fn detach(&mut self, session: SessionId, stream: u32) -> bool {
        self.open
            .get_mut(&session)
            .is_some_and(|own| own.stream.take_if(|present| present.number == stream).is_some())
    }

    /// Whether `stream` is the session's present one.
    #[must_use]
    pub fn is_present(&self, session: SessionId, stream: u32) -> bool {
        let stream_of = |own: &Session| own.stream.as_ref().map(|present| present.number);
        self.open.get(&session).and_then(stream_of) == Some(stream)
    }

    /// Whether anybody is connected.
    #[must_use]
    pub fn is_anybody_here(&self) -> bool {
        self.open.values().any(Session::is_here)
    }

    /// The name of the agent, for messages.
    #[must_use]
    pub fn name(&self, session: SessionId) -> String {
        self.open.get(&session).map_or_else(|| format!("#{session}"), |own| own.name.clone())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.open.iter().map(|(id, session)| (*id, session))
    }
}

impl Session {
    /// Whether it is connected.
    #[must_use]
    pub const fn is_here(&self) -> bool {
        self.stream.is_some()
    }

    /// The number of its stream.
    #[must_use]
    pub fn stream(&self) -> Option<u32> {
        self.stream.as_ref().map(|stream| stream.number)
    }

    /// Numbers an order that must be answered.
    ///
    /// Getting ready for the newest assignment is what counts: the answer to an older one may be on its way.
    pub fn ask(&mut self, asked: Asked) -> u64 {
        if asked == Asked::Ready {
            self.asked.retain(|_, earlier| *earlier != Asked::Ready);
        }
        self.commands += 1;
        self.asked.insert(self.commands, asked);
        self.commands
    }

    /// What the order of this number asked for; it is answered now.
    pub fn answer(&mut self, command: u64) -> Option<Asked> {
        self.asked.remove(&command)
    }

    /// Keeps a delta until the answer to its share is here. An agent never has more than a window of them under way;
    /// what is beyond that is sent again on its next stream.
    pub fn keep_early(&mut self, delta: Box<v1::Delta>, acks: Acks) {
        if self.early.len() < WINDOW as usize {
            self.early.push((delta, acks));
        }
    }

    /// Hands out what was kept.
    pub fn take_early(&mut self) -> Vec<(Box<v1::Delta>, Acks)> {
        std::mem::take(&mut self.early)
    }

    /// Sends a message on the present stream.
    pub fn send(&self, message: v1::ControllerMessage) {
        // An agent whose queue is full or whose stream ended is noticed by its silence.
        if let Some(stream) = &self.stream {
            stream.down.try_send(Ok(message)).unwrap_or_default();
        }
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.stream = None;
    }
}

/// What an agent counts for when lanes are dealt under a plan whose rates sum to `peak_milli` at their highest.
#[must_use]
pub fn claim(weight: u32, max_rate_milli: u64, peak_milli: u64) -> Claim {
    let lanes = u128::from(max_rate_milli) * u128::from(LANES) / u128::from(peak_milli.max(1));
    let cap = if max_rate_milli == 0 { LANES } else { u16::try_from(lanes).unwrap_or(LANES).min(LANES) };
    Claim { weight: weight.clamp(1, WEIGHT_MAX), cap }
}

/// A peer's text as a line may show it: printable and short.
#[must_use]
pub fn told(text: &str) -> String {
    printable(text).chars().take(TOLD_MAX).collect()
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// A lease is renewed so often while it lasts, so that a few late heartbeats cost nothing …
const BEATS: u32 = 6;
/// … and at least so often.
const HEARTBEAT: Duration = Duration::from_millis(500);
const FLUSH: Duration = Duration::from_millis(500);
const WINDOW: u32 = 8;
/// No agent counts for more than this many of the smallest.
const WEIGHT_MAX: u32 = 1_000_000;
/// Characters of a peer's text that a line shows.
const TOLD_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_own_limit_is_a_limit_on_its_lanes() {
        for (max_rate, peak, cap) in [
            (0, 1_000_000, LANES),
            (500_000, 1_000_000, LANES / 2),
            (2_000_000, 1_000_000, LANES),
            (1, u64::MAX, 0),
        ] {
            assert_eq!(claim(1, max_rate, peak).cap, cap, "{max_rate} of {peak}");
        }
    }
}
