//! What went wrong with the fleet.

use super::Books;
use common::report::{FaultEvidence, FaultKind};
use common::run::SessionId;
use common::time::RunTime;

impl Books {
    /// A session's lease was over: what it fired from `from` on nobody knows until it is back.
    pub fn on_lost(&mut self, session: SessionId, from: RunTime, why: &str) {
        if let Some(account) = self.sessions.get_mut(&session).filter(|account| account.lost.is_none()) {
            (account.lost, account.expired) = (Some(why.to_owned()), true);
            self.watch.set_lost(session, true);
            let agent = Some(account.name.clone());
            let text = why.to_owned();
            self.faults.push(FaultEvidence { kind: FaultKind::AgentLost, agent, from, until: None, text });
        }
    }

    /// A lost session is back.
    pub fn on_returned(&mut self, session: SessionId, at: RunTime) {
        let Some(account) = self.sessions.get_mut(&session) else { return };
        account.lost = None;
        self.watch.set_lost(session, false);
        let name = Some(account.name.clone());
        let open = |fault: &&mut FaultEvidence| fault.until.is_none() && fault.agent == name;
        if let Some(fault) = self.faults.iter_mut().rev().find(open) {
            fault.until = Some(at);
        }
    }

    /// A session's books cannot be trusted: what it tells from now on is not taken.
    pub fn on_broken(&mut self, session: SessionId, at: RunTime, why: &str) {
        if let Some(account) = self.sessions.get_mut(&session).filter(|account| account.broken.is_none()) {
            (account.broken, account.lost) = (Some(why.to_owned()), Some(why.to_owned()));
            self.watch.set_lost(session, true);
            let name = account.name.clone();
            self.on_fault(FaultKind::BooksBroken, Some(name), (at, None), why.to_owned());
        }
    }

    /// Something else went wrong, or happened in the fleet.
    pub fn on_fault(
        &mut self,
        kind: FaultKind,
        agent: Option<String>,
        (from, until): (RunTime, Option<RunTime>),
        text: String,
    ) {
        self.faults.push(FaultEvidence { kind, agent, from, until, text });
    }

    /// What went wrong with the fleet.
    #[must_use]
    pub fn faults(&self) -> &[FaultEvidence] {
        &self.faults
    }
}
