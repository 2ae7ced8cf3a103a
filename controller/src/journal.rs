//! Where the records of a run go before anything that rests on them leaves the controller.
//!
//! A record is appended at once and durable a moment later; an ack, a share or a start waits for that moment. What
//! was durable comes back as [`Saved`] when a controller is started again. There are three journals: the store on disk,
//! [`Nowhere`], which keeps nothing, and [`Memory`] for tests and simulated controllers.

use proto::v1;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use tokio::sync::watch;

mod memory;
mod nowhere;

pub use memory::Memory;
pub use nowhere::Nowhere;

/// Where the records of a run go before anything that rests on them leaves the controller.
pub trait Journal: Send + Debug {
    /// Appends a record; returns its number, counted from 1 since the journal was opened. Never blocks on a disk.
    fn append(&mut self, record: Record) -> u64;

    /// The number of the newest durable record (0: none yet), or why nothing will be durable any more: a fragment
    /// that says what happened, where, and what helps. It never comes back from an error.
    fn durable(&self) -> watch::Receiver<Result<u64, String>>;

    /// +1 at every start of a controller on this data; 1 in memory.
    fn epoch(&self) -> u64;
}

/// One thing that a controller must not forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A run begins.
    Run {
        /// Its id.
        run_id: String,
        /// The plan's name.
        name: String,
        /// The effective plan as text.
        plan: String,
        /// When, in RFC 3339; a label only.
        created_at: String,
    },
    /// Several things that belong together: either all of them are kept or none.
    Together(Vec<Record>),
    /// Something happened.
    Event {
        /// In which run.
        run_id: String,
        /// On the controller's boot-time clock, in nanoseconds.
        at_ns: u64,
        /// One word.
        kind: &'static str,
        /// JSON.
        body: String,
    },
    /// A delta was applied.
    Delta {
        /// To which run.
        run_id: String,
        /// Of which session.
        session: u64,
        /// Its number in the session, contiguous from 1.
        seq: u64,
        /// As the wire carries it: prost bytes of [`v1::Delta`].
        body: Vec<u8>,
    },
    /// The run is over. A second report of the same run replaces the first one as a new revision.
    Report {
        /// Which run.
        run_id: String,
        /// The report as JSON.
        report: String,
    },
}

impl Record {
    /// The records that belong together, or the one alone.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Together(records) => records,
            one => std::slice::from_ref(one),
        }
    }
}

/// What a journal hands back of one run: everything that was durable, in the order in which it was appended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// The run.
    pub run_id: String,
    /// The plan's name.
    pub name: String,
    /// The effective plan as text.
    pub plan: String,
    /// When the run was created, in RFC 3339; a label only.
    pub created_at: String,
    /// The machine's boot in which the run was created: times of another boot mean nothing. See [`boot_id`].
    pub boot_id: String,
    /// What happened.
    pub events: Vec<SavedEvent>,
    /// By session: its applied deltas, by their numbers. The first one may stand for many: its number is then the
    /// last of them and its running sums are theirs, so that the next delta continues both.
    pub deltas: BTreeMap<u64, Vec<v1::Delta>>,
    /// The report as JSON, if the run is over.
    pub report: Option<String>,
    /// Where the tapes of replayed logs are kept.
    pub tapes: PathBuf,
}

/// The folder of a data directory in which the tapes of replayed logs are.
pub const TAPES: &str = "tapes";

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedEvent {
    /// On the boot-time clock of the controller that wrote it, in nanoseconds.
    pub at_ns: u64,
    /// One word.
    pub kind: String,
    /// JSON.
    pub body: String,
}

impl Saved {
    /// Whether the load had begun.
    #[must_use]
    pub fn began(&self) -> bool {
        self.events.iter().any(|event| event.kind == "started")
    }

    /// The number of the last delta of a session that is held; 0 for none.
    #[must_use]
    pub fn last_seq(&self, session: u64) -> u64 {
        self.deltas.get(&session).and_then(|deltas| deltas.last()).map_or(0, |delta| delta.seq)
    }

    /// By scenario: the sums of everything that a session delivered; empty when it delivered nothing.
    #[must_use]
    pub fn cumulative(&self, session: u64) -> Vec<v1::Tally> {
        let last = self.deltas.get(&session).and_then(|deltas| deltas.last());
        let scenarios = last.map(|delta| delta.scenarios.as_slice()).unwrap_or_default();
        scenarios.iter().map(|scenario| scenario.cumulative.unwrap_or_default()).collect()
    }
}

/// The machine's present boot, a UUID; empty where the system does not tell.
#[must_use]
pub fn boot_id() -> String {
    // Without it a restarted controller only cannot tell a reboot, and says so.
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
