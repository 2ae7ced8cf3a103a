//! What agents and controller say to each other, and the two ordered channels of a connection.

use common::arrivals::{Shift, Timetable};
use common::delta::Delta;
use common::run::SessionId;
use common::session::LeaseReply;
use common::share::Share;
use common::time::RunTime;
use std::sync::Arc;

/// A connection; every attempt of an agent to reach the controller has a number of its own.
pub(crate) type Conn = u64;

/// The rate of every scenario is changed to so many percent of `milli`, from a due time on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision {
    pub(crate) at: RunTime,
    pub(crate) milli: u64,
}

/// What an agent that was cut off says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Resume {
    pub(crate) session: SessionId,
    /// The newest shares that it took, oldest first.
    pub(crate) held: Vec<Share>,
}

#[derive(Clone, Debug)]
pub(crate) enum Packet {
    // From an agent.
    Hello(Option<Resume>),
    /// Everything that this order asks for is prepared.
    Ready(u64),
    Heartbeat {
        sent_at: u64,
        share_epoch: u32,
    },
    Ack {
        epoch: u32,
        from: RunTime,
    },
    Leave,
    Delta(Arc<Delta>),
    // From the controller.
    Welcome {
        epoch: u64,
        session: SessionId,
        resumed: bool,
        last_applied: u64,
    },
    Assign {
        command: u64,
        share: Share,
    },
    Start(u64),
    Share {
        share: Share,
        revisions: Vec<Revision>,
        last: bool,
    },
    Abort,
    Lease(LeaseReply),
    DeltaAck(u64),
    Release,
    // From both, by their kernels.
    Hangup,
}

impl Packet {
    /// Deltas and their acks have a channel of their own.
    pub(crate) fn channel(&self) -> usize {
        usize::from(matches!(self, Self::Delta(_) | Self::DeltaAck(_)))
    }

    /// Whether a controller that does not know the stream answers that there is none.
    pub(crate) fn is_dead_letter(&self) -> bool {
        !matches!(self, Self::Hangup)
    }
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Up,
    Down,
}

/// The timetables under all changes.
pub(crate) fn revised(tables: &[Timetable], revisions: &[Revision]) -> Vec<Timetable> {
    let mut tables = tables.to_vec();
    for Revision { at, milli } in revisions {
        for table in tables.iter_mut().filter(|table| *at < table.end()) {
            *table = table.revised(*at, Shift::Rate { milli: *milli }).expect("a rate of a plan");
        }
    }
    tables
}
