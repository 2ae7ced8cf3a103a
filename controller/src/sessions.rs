//! Who is joined: sessions, what they said of themselves, and the way to them.

use crate::rpc::{CONTROLLER_EPOCH, Grant, Joined, Orders};
use common::human::printable;
use common::run::SessionId;
use proto::v1::{self, controller_message::Kind as Down, reject::Code};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The agents that are joined.
#[derive(Debug, Default)]
pub struct Sessions {
    open: BTreeMap<SessionId, Session>,
    last: SessionId,
}

/// One joined agent.
#[derive(Debug)]
pub struct Session {
    /// What it said when it joined.
    pub hello: v1::Hello,
    /// Whether its heartbeats renew its lease.
    pub grant: Arc<Grant>,
    /// Whether its last delta is applied.
    pub finished: bool,
    down: Orders,
    /// Orders that wanted an answer; they are numbered.
    commands: u64,
}

impl Sessions {
    /// Lets an agent in, or says why not.
    pub fn open(&mut self, hello: v1::Hello, down: Orders) -> Result<Joined, v1::Reject> {
        self.admit(&hello)?;
        self.last += 1;
        let grant = Arc::new(Grant::default());
        let session = Session { hello, grant: Arc::clone(&grant), finished: false, down, commands: 0 };
        self.open.insert(self.last, session);
        let welcome = v1::Welcome {
            session_id: self.last,
            protocol: *proto::PROTOCOL.end(),
            heartbeat_ms: millis(HEARTBEAT),
            lease_ttl_ms: millis(LEASE_TTL),
            flush_ms: millis(FLUSH),
            window: WINDOW,
            last_applied_seq: 0,
        };
        Ok(Joined { welcome, grant })
    }

    fn admit(&self, hello: &v1::Hello) -> Result<(), v1::Reject> {
        let reject = |code: Code, remedy: String| Err(v1::Reject { code: code.into(), remedy });
        let (low, high) = (*proto::PROTOCOL.start(), *proto::PROTOCOL.end());
        let (min, max) = (hello.protocol_min, hello.protocol_max);
        if max < low || min > high {
            let (theirs, ours) = (told(&hello.build), env!("CARGO_PKG_VERSION"));
            return reject(
                Code::Version,
                format!(
                    "it speaks protocol {min}..{max}, this controller {low}..{high}: run the same version on both \
                     (agent {theirs}, controller {ours})"
                ),
            );
        }
        let name = &hello.agent_name;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || printable(name) != *name {
            return reject(
                Code::Malformed,
                "its name is empty, too long or not printable: use --name".into(),
            );
        }
        if self.open.values().any(|session| session.hello.agent_name == *name) {
            let remedy = format!("an agent named {name} is joined already: give this one another --name");
            return reject(Code::NameTaken, remedy);
        }
        Ok(())
    }

    /// A session that is open.
    pub fn get_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.open.get_mut(&session)
    }

    /// Forgets a session.
    pub fn close(&mut self, session: SessionId) -> Option<Session> {
        self.open.remove(&session)
    }

    /// Whether nobody is joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The name of the agent, for messages.
    #[must_use]
    pub fn name(&self, session: SessionId) -> String {
        self.open.get(&session).map_or_else(|| format!("#{session}"), |own| own.hello.agent_name.clone())
    }

    /// What these agents said when they joined; those that are gone are left out.
    #[must_use]
    pub fn hellos(&self, sessions: &[SessionId]) -> Vec<(SessionId, v1::Hello)> {
        let hello = |session: &SessionId| Some((*session, self.open.get(session)?.hello.clone()));
        sessions.iter().filter_map(hello).collect()
    }

    /// Gives an order that wants no answer.
    pub fn tell(&self, session: SessionId, run_id: &str, kind: Down) {
        if let Some(own) = self.open.get(&session) {
            own.send(run_id, 0, kind);
        }
    }

    /// Gives everybody an order that wants no answer.
    pub fn tell_all(&self, run_id: &str, kind: &Down) {
        self.open.values().for_each(|own| own.send(run_id, 0, kind.clone()));
    }

    /// Gives an order that must be answered; see [`Session::is_answer`].
    pub fn command(&mut self, session: SessionId, run_id: &str, kind: Down) {
        if let Some(own) = self.open.get_mut(&session) {
            own.commands += 1;
            own.send(run_id, own.commands, kind);
        }
    }
}

impl Session {
    /// Whether `command` is the number of the last order.
    #[must_use]
    pub const fn is_answer(&self, command: u64) -> bool {
        self.commands > 0 && self.commands == command
    }

    fn send(&self, run_id: &str, command: u64, kind: Down) {
        let message = v1::ControllerMessage {
            controller_epoch: CONTROLLER_EPOCH,
            run_id: run_id.to_owned(),
            command,
            kind: Some(kind),
        };
        // An agent whose queue is full or whose stream ended is noticed by its silence.
        self.down.try_send(Ok(message)).unwrap_or_default();
    }
}

/// A peer's text as a line may show it: printable and short.
#[must_use]
pub fn told(text: &str) -> String {
    printable(text).chars().take(TOLD_MAX).collect()
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long a heartbeat's answer allows an agent to fire.
pub const LEASE_TTL: Duration = Duration::from_secs(3);
const FLUSH: Duration = Duration::from_millis(500);
const WINDOW: u32 = 8;
/// Characters of a peer's text that a line shows.
const TOLD_MAX: usize = 400;
const NAME_BYTES_MAX: usize = 64;
