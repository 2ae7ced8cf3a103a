//! What a journal keeps of a run beside its deltas: everything by which a restarted controller goes on, and by which
//! a report can be made again.

use crate::journal::SavedEvent;
use common::arrivals::{Revision, Shift};
use common::lane::LaneSet;
use common::owners::Owned;
use common::run::SessionId;
use common::time::RunTime;
use common::watch::WindowTally;
use serde::{Deserialize, Serialize};

/// Something that happened in a run. Times are run time in nanoseconds, if not said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Happened {
    /// A session was opened.
    Opened {
        /// Its number.
        session: SessionId,
        /// The agent's name.
        name: String,
        /// The agent's process.
        instance: String,
        /// Its weight when lanes are dealt.
        weight: u32,
        /// Its own limit in thousandths of an arrival per second; 0 for none.
        max_rate_milli: u64,
    },
    /// A session went that never had a part in the run.
    Forgotten {
        /// Which.
        session: SessionId,
    },
    /// Run time zero was fixed, on the controller's boot-time clock, in nanoseconds.
    Started {
        /// When.
        zero_at_ns: u64,
    },
    /// Lanes changed hands: see [`Owned`].
    Owned {
        /// Whose they are; 0 for nobody's.
        session: SessionId,
        /// By which share.
        epoch: u32,
        /// The first due time.
        from_ns: u64,
        /// The first due time that is not meant; `None`: until the end.
        to_ns: Option<u64>,
        /// 4,096 bits in hexadecimal digits, as the wire carries them.
        lanes: String,
    },
    /// The schedule was changed.
    Revised {
        /// The scenario's place in the plan.
        scenario: u32,
        /// From when on.
        from_ns: u64,
        /// Thousandths of an arrival per second.
        rate_milli: u64,
    },
    /// The users of a scenario were changed.
    Peopled {
        /// The scenario's place in the plan.
        scenario: u32,
        /// From when on.
        from_ns: u64,
        /// How many.
        users: u32,
        /// Thousandths of a user per second; `None`: all at once.
        spawn_milli: Option<u64>,
    },
    /// The run was paused.
    Paused {
        /// From when on.
        from_ns: u64,
    },
    /// A pause was ended.
    Unpaused {
        /// From when on.
        from_ns: u64,
    },
    /// The load was stopped: nothing due from here on is meant to be fired.
    Stopped {
        /// From when on.
        from_ns: u64,
        /// Why, in one word.
        why: String,
        /// The same in a sentence, where there is more to say.
        #[serde(default)]
        text: String,
    },
    /// What the windows of a rule have come to.
    Judged {
        /// The rule's place in the plan.
        rule: u32,
        /// All of them so far.
        tally: WindowTally,
    },
    /// A lease was over: the session fires nothing due from here on until it is back.
    Expired {
        /// Whose.
        session: SessionId,
        /// From when on.
        from_ns: u64,
        /// Everything of its own that is due before is accounted for.
        since_ns: u64,
        /// Why, as far as it is known.
        why: String,
    },
    /// A session whose lease was over is back.
    Returned {
        /// Which.
        session: SessionId,
        /// When.
        at_ns: u64,
    },
    /// A session joined while the load was on.
    JoinedLate {
        /// Which.
        session: SessionId,
        /// When.
        at_ns: u64,
    },
    /// A session handed over its lanes and left.
    Left {
        /// Which.
        session: SessionId,
        /// When.
        at_ns: u64,
        /// Why, in its own words.
        why: String,
    },
    /// A session's books cannot be trusted from here on.
    Broken {
        /// Whose.
        session: SessionId,
        /// When.
        at_ns: u64,
        /// Why.
        why: String,
    },
    /// The controller was started again.
    Resumed {
        /// Its epoch.
        epoch: u64,
        /// The last sign of the one before it.
        from_ns: u64,
        /// When it was back.
        at_ns: u64,
    },
    /// The run is over.
    Ended {
        /// How, in one word.
        how: String,
        /// Why, where there is more to say.
        why: String,
        /// How long the load was on.
        duration_ns: u64,
    },
}

impl Happened {
    /// The word under which it is kept.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Forgotten { .. } => "forgotten",
            Self::Started { .. } => "started",
            Self::Owned { .. } => "owned",
            Self::Revised { .. } => "revised",
            Self::Peopled { .. } => "peopled",
            Self::Paused { .. } => "paused",
            Self::Unpaused { .. } => "unpaused",
            Self::Stopped { .. } => "stopped",
            Self::Judged { .. } => "judged",
            Self::Expired { .. } => "expired",
            Self::Returned { .. } => "returned",
            Self::JoinedLate { .. } => "joined_late",
            Self::Left { .. } => "left",
            Self::Broken { .. } => "broken",
            Self::Resumed { .. } => "resumed",
            Self::Ended { .. } => "ended",
        }
    }

    /// As JSON.
    #[must_use]
    pub fn body(&self) -> String {
        // Strings and numbers always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a journal kept, with the time on the clock of the controller that wrote it.
    pub fn read(saved: &SavedEvent) -> Result<Self, String> {
        serde_json::from_str(&saved.body)
            .map_err(|error| format!("the event {:?} cannot be read: {error}", saved.body))
    }

    /// A change of ownership.
    #[must_use]
    pub fn owned(owned: &Owned) -> Self {
        Self::Owned {
            session: owned.owner.unwrap_or_default(),
            epoch: owned.epoch,
            from_ns: owned.from.nanos(),
            to_ns: (owned.to < RunTime::MAX).then(|| owned.to.nanos()),
            lanes: owned.lanes.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// The change of ownership, if it is one that can be read.
    #[must_use]
    pub fn as_owned(&self) -> Option<Owned> {
        let Self::Owned { session, epoch, from_ns, to_ns, lanes } = self else { return None };
        let byte = |at: usize| u8::from_str_radix(lanes.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..lanes.len()).step_by(2).map(byte).collect();
        Some(Owned {
            epoch: *epoch,
            owner: (*session != 0).then_some(*session),
            from: RunTime::from_nanos(*from_ns),
            to: to_ns.map_or(RunTime::MAX, RunTime::from_nanos),
            lanes: LaneSet::from_bytes(&bytes?)?,
        })
    }

    /// A change of the load.
    #[must_use]
    pub const fn revised(revision: &Revision) -> Self {
        let Revision { scenario, at, shift } = *revision;
        let from_ns = at.nanos();
        match shift {
            Shift::Rate { milli } => Self::Revised { scenario, from_ns, rate_milli: milli },
            Shift::Users { users, spawn_milli } => Self::Peopled { scenario, from_ns, users, spawn_milli },
            Shift::Pause => Self::Paused { from_ns },
            Shift::Resume => Self::Unpaused { from_ns },
        }
    }

    /// The change of the load, if it is one.
    #[must_use]
    pub const fn as_revision(&self) -> Option<Revision> {
        let (scenario, from_ns, shift) = match *self {
            Self::Revised { scenario, from_ns, rate_milli } => {
                (scenario, from_ns, Shift::Rate { milli: rate_milli })
            }
            Self::Peopled { scenario, from_ns, users, spawn_milli } => {
                (scenario, from_ns, Shift::Users { users, spawn_milli })
            }
            Self::Paused { from_ns } => (0, from_ns, Shift::Pause),
            Self::Unpaused { from_ns } => (0, from_ns, Shift::Resume),
            _ => return None,
        };
        Some(Revision { scenario, at: RunTime::from_nanos(from_ns), shift })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_comes_back_from_its_body() {
        let lanes: LaneSet = [0, 9, 4095].into_iter().collect();
        let owned = Owned { epoch: 3, owner: Some(7), from: RunTime::from_nanos(5), to: RunTime::MAX, lanes };
        let happened = Happened::owned(&owned);
        let saved = SavedEvent { at_ns: 1, kind: happened.kind().into(), body: happened.body() };
        let read = Happened::read(&saved).unwrap();
        assert_eq!((read.kind(), read.as_owned()), ("owned", Some(owned)));
        assert_eq!(read, happened);
        assert!(saved.body.contains("\"kind\":\"owned\""), "{}", saved.body);
        let users = Shift::Users { users: 3, spawn_milli: Some(500) };
        for (scenario, shift) in
            [(2, Shift::Rate { milli: 9 }), (1, users), (0, Shift::Pause), (0, Shift::Resume)]
        {
            let revision = Revision { scenario, at: RunTime::from_nanos(8), shift };
            let body = Happened::revised(&revision).body();
            let read = Happened::read(&SavedEvent { body, ..saved.clone() }).unwrap();
            assert_eq!(read.as_revision(), Some(revision));
        }
        let broken = SavedEvent { body: "{}".into(), ..saved };
        assert!(Happened::read(&broken).unwrap_err().contains("cannot be read"));
    }
}
