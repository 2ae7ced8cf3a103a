//! What survives a controller: records, durable in the order in which they were written.

use crate::wire::Revision;
use common::delta::Delta;
use common::owners::{Claim, Owned};
use common::run::{Ending, SessionId};
use common::time::RunTime;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Record {
    Opened {
        session: SessionId,
        agent: usize,
        claim: Claim,
    },
    Ready(SessionId),
    /// All lanes are dealt anew: what was owned before never was.
    Dealt,
    /// What one step wrote into the history of the lanes: all of it or nothing.
    Owned(Vec<Owned>),
    /// Run time zero, on the controller's clock.
    Started(u64),
    Revised(Revision),
    Draining,
    /// A session fires nothing that is due from then on.
    Expired(SessionId, RunTime),
    Returned(SessionId),
    Delta(SessionId, Arc<Delta>),
    Closed(Ending),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) records: Vec<Record>,
    /// How often a controller was started on it.
    pub(crate) epoch: u64,
}

impl Journal {
    /// Run time zero, once that is durable.
    pub(crate) fn started(&self) -> Option<u64> {
        let started =
            |record: &Record| if let Record::Started(zero_at) = record { Some(*zero_at) } else { None };
        self.records.iter().find_map(started)
    }

    /// The deltas of a session, in the order in which they were applied.
    pub(crate) fn deltas(&self, session: SessionId) -> Vec<&Arc<Delta>> {
        let of = |record: &'_ Record| matches!(record, Record::Delta(own, _) if *own == session);
        let deltas = self.records.iter().filter(|record| of(record));
        deltas
            .filter_map(|record| if let Record::Delta(_, delta) = record { Some(delta) } else { None })
            .collect()
    }

    /// Every session that was opened.
    pub(crate) fn sessions(&self) -> Vec<(SessionId, usize, Claim)> {
        let opened = |record: &Record| match record {
            Record::Opened { session, agent, claim } => Some((*session, *agent, *claim)),
            _ => None,
        };
        self.records.iter().filter_map(opened).collect()
    }
}
