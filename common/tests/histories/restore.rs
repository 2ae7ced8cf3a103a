//! What a journal tells a controller that goes on with a run.

use crate::journal::{Journal, Record};
use crate::wire::Revision;
use common::owners::{Claim, Owners};
use common::run::SessionId;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) owners: Owners,
    /// Those who take part, and whether their last delta is applied.
    pub(crate) members: Vec<(SessionId, String, Claim, bool)>,
    pub(crate) revisions: Vec<Revision>,
    pub(crate) draining: bool,
}

impl Restored {
    pub(crate) fn of(journal: &Journal) -> Self {
        let sessions = journal.sessions();
        let (mut owners, mut expired) = (Owners::new(), BTreeMap::new());
        let (mut ready, mut revisions, mut draining) = (BTreeSet::new(), vec![], false);
        let dealt = journal.records.iter().rposition(|record| matches!(record, Record::Dealt)).unwrap_or(0);
        sessions.iter().for_each(|(session, _, claim)| owners.add(*session, *claim));
        for (n, record) in journal.records.iter().enumerate() {
            match record {
                Record::Ready(session) => drop(ready.insert(*session)),
                Record::Owned(news) if n > dealt => news.iter().for_each(|owned| owners.restore(owned)),
                Record::Revised(revision) => revisions.push(*revision),
                Record::Draining => draining = true,
                Record::Expired(session, from) => drop(expired.insert(*session, *from)),
                Record::Returned(session) => drop(expired.remove(session)),
                _ => {}
            }
        }
        let finished = |session: SessionId| journal.deltas(session).last().is_some_and(|delta| delta.fin);
        for (session, _, _) in &sessions {
            if let Some(last) = journal.deltas(*session).last().filter(|delta| delta.fin) {
                owners.finish(*session, last.share_epoch);
            }
        }
        expired.into_iter().for_each(|(session, from)| owners.expire(session, from));
        let open = |(session, agent, claim): (SessionId, usize, Claim)| {
            ready.contains(&session).then(|| (session, format!("a{agent}"), claim, finished(session)))
        };
        Self { owners, members: sessions.into_iter().filter_map(open).collect(), revisions, draining }
    }
}
