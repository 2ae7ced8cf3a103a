//! How many arrivals were whose, by second of due time.

use crate::arrivals::Timetable;
use crate::lane::{LANES, lane_of};
use crate::owners::Owners;
use crate::share::SessionId;
use crate::supply::Supply;
use crate::time::RunTime;
use std::collections::BTreeMap;

/// The arrivals of one owner under one schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// All of them.
    pub total: u64,
    /// By second of due time; seconds without any at the end are left out.
    pub by_second: Vec<u64>,
}

/// The arrivals of every owner under one schedule; those of nobody under `None`.
pub type Accounts = BTreeMap<Option<SessionId>, Account>;

impl Owners {
    /// Whose the arrivals of `timetable` were that are due before `until`.
    ///
    /// Even arrivals are counted by arithmetic: between two changes of ownership in a second every owner has whole
    /// turns of the ring and a part of one. Poisson arrivals are walked through. Tries are whose lanes' owners they had
    /// at their start.
    #[must_use]
    pub fn account(&self, timetable: &Timetable, until: RunTime) -> Accounts {
        let mut accounts = Accounts::new();
        match timetable.supply() {
            // What users begin is not known ahead: nobody owns it.
            Some(Supply::Users(_)) => return accounts,
            Some(Supply::Tries(tries)) => {
                let lanes = (0..LANES).zip(tries.by_lane()).filter(|_| tries.start < until);
                lanes.for_each(|(lane, n)| {
                    add(&mut accounts, self.history.owner(lane, tries.start), tries.start.second(), n);
                });
                return accounts;
            }
            None => {}
        }
        if timetable.is_even() {
            self.count_even(timetable, until, &mut accounts)
        } else {
            let mut cursor = timetable.cursor(&crate::lane::LaneSet::all(), RunTime::ZERO);
            while let Some(due) = cursor.next().filter(|due| due.at < until) {
                add(&mut accounts, self.history.owner(lane_of(due.k), due.at), due.at.second(), 1);
            }
        }
        accounts
    }

    /// How many lanes were whose for arrivals due at `due`; nobody's are left out.
    #[must_use]
    pub fn lanes_at(&self, due: RunTime) -> BTreeMap<SessionId, u16> {
        let owners = self.owners_at(due).whole.into_iter();
        owners.filter_map(|(owner, lanes)| Some((owner?, u16::try_from(lanes).unwrap_or(LANES)))).collect()
    }

    fn count_even(&self, timetable: &Timetable, until: RunTime, accounts: &mut Accounts) {
        let until = until.min(timetable.end() + std::time::Duration::from_nanos(1));
        let mut changes = self.history.changes().into_iter().skip(1).peekable();
        let (mut from, mut first) = (RunTime::ZERO, 0);
        let mut owners = self.owners_at(RunTime::ZERO);
        while from < until {
            let second = from.second();
            let next = RunTime::from_nanos((second + 1) * 1_000_000_000).min(until);
            let to = changes.peek().copied().map_or(next, |change| change.min(next));
            let last = timetable.count(to);
            for (owner, n) in owners.split(first, last) {
                add(accounts, owner, second, n);
            }
            if changes.next_if_eq(&to).is_some() {
                owners = self.owners_at(to);
            }
            (from, first) = (to, last);
        }
    }

    fn owners_at(&self, due: RunTime) -> Ring {
        let owners: Vec<_> = (0..LANES).map(|lane| self.history.owner(lane, due)).collect();
        let mut whole = BTreeMap::new();
        owners.iter().for_each(|owner| *whole.entry(*owner).or_default() += 1);
        Ring { owners, whole }
    }
}

/// Who owns what between two changes.
struct Ring {
    /// By lane.
    owners: Vec<Option<SessionId>>,
    /// Lanes by owner: the arrivals of a whole turn.
    whole: BTreeMap<Option<SessionId>, u64>,
}

impl Ring {
    /// How many of the arrivals `first..last` are whose.
    fn split(&self, first: u64, last: u64) -> BTreeMap<Option<SessionId>, u64> {
        let turns = (last - first) / u64::from(LANES);
        let mut counts: BTreeMap<_, _> = self.whole.iter().map(|(owner, n)| (*owner, n * turns)).collect();
        for k in first + turns * u64::from(LANES)..last {
            *counts.entry(self.owners[usize::from(lane_of(k))]).or_default() += 1;
        }
        counts
    }
}

fn add(accounts: &mut Accounts, owner: Option<SessionId>, second: u64, n: u64) {
    if n == 0 {
        return;
    }
    let account = accounts.entry(owner).or_default();
    account.total += n;
    let second = usize::try_from(second).unwrap_or(usize::MAX);
    if account.by_second.len() <= second {
        account.by_second.resize(second + 1, 0);
    }
    account.by_second[second] += n;
}
