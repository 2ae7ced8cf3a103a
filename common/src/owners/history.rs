//! Whose every lane was, by due time.

use crate::lane::{LANES, LaneSet};
use crate::share::SessionId;
use crate::time::RunTime;
use std::collections::{BTreeMap, BTreeSet};

/// From `from` until before `to`, these lanes belong to `owner`; `None`: to nobody. The history is a list of these,
/// each overwriting what earlier ones said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The share by which they were granted; 0 where nothing was.
    pub epoch: u32,
    /// Whose they are.
    pub owner: Option<SessionId>,
    /// The first due time.
    pub from: RunTime,
    /// The first due time that is not meant; [`RunTime::MAX`] for none.
    pub to: RunTime,
    /// The lanes.
    pub lanes: LaneSet,
}

/// By lane: from when on it is whose, in rising order, beginning at zero.
#[derive(Clone, Debug)]
pub(super) struct History {
    lanes: Vec<Vec<(RunTime, Option<SessionId>)>>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { lanes: vec![vec![(RunTime::ZERO, None)]; usize::from(LANES)] }
    }

    pub(super) fn write(&mut self, owned: &Owned) {
        if owned.from < owned.to {
            owned.lanes.iter().for_each(|lane| self.write_lane(lane, owned));
        }
    }

    fn write_lane(&mut self, lane: u16, owned: &Owned) {
        let after = self.owner(lane, owned.to);
        let spans = &mut self.lanes[usize::from(lane)];
        spans.retain(|(from, _)| *from < owned.from || *from >= owned.to);
        let place = spans.partition_point(|(from, _)| *from < owned.from);
        spans.insert(place, (owned.from, owned.owner));
        if owned.to < RunTime::MAX && spans.get(place + 1).is_none_or(|(from, _)| *from > owned.to) {
            spans.insert(place + 1, (owned.to, after));
        }
        spans.dedup_by_key(|(_, owner)| *owner);
    }

    /// Whose the arrivals of `lane` that are due at `due` are.
    pub(super) fn owner(&self, lane: u16, due: RunTime) -> Option<SessionId> {
        let spans = &self.lanes[usize::from(lane)];
        spans[spans.partition_point(|(from, _)| *from <= due) - 1].1
    }

    /// The lanes that are nobody's in the end, by the due time from which they are free.
    pub(super) fn free(&self) -> BTreeMap<RunTime, LaneSet> {
        let mut free = BTreeMap::new();
        for (lane, spans) in (0..LANES).zip(&self.lanes) {
            if let Some((from, None)) = spans.last() {
                free.entry(*from).or_insert_with(LaneSet::empty).insert(lane);
            }
        }
        free
    }

    /// The lanes that are a session's in the end.
    pub(super) fn held(&self, session: SessionId) -> LaneSet {
        let lanes = (0..LANES).zip(&self.lanes);
        lanes
            .filter(|(_, spans)| spans.last().is_some_and(|last| last.1 == Some(session)))
            .map(|(lane, _)| lane)
            .collect()
    }

    /// Writes that these lanes are nobody's from `from` until before `to`, where they are a session's: what others
    /// have stays theirs. Adds what is written to `news`.
    pub(super) fn take(
        &mut self,
        session: SessionId,
        lanes: &LaneSet,
        (from, to): (RunTime, RunTime),
        news: &mut Vec<Owned>,
    ) {
        let mut taken: BTreeMap<(RunTime, RunTime), LaneSet> = BTreeMap::new();
        for (lane, spans) in (0..LANES).zip(&self.lanes).filter(|(lane, _)| lanes.contains(*lane)) {
            for (begin, end, _) in spans_of(spans).filter(|(.., owner)| *owner == Some(session)) {
                let (begin, end) = (begin.max(from), end.min(to));
                if begin < end {
                    taken.entry((begin, end)).or_insert_with(LaneSet::empty).insert(lane);
                }
            }
        }
        for ((from, to), lanes) in taken {
            let owned = Owned { epoch: 0, owner: None, from, to, lanes };
            self.write(&owned);
            news.push(owned);
        }
    }

    /// From when on none of these lanes is a session's any more; `None` if none of them ever was.
    pub(super) fn end(&self, session: SessionId, lanes: &LaneSet) -> Option<RunTime> {
        let of = lanes.iter().flat_map(|lane| spans_of(&self.lanes[usize::from(lane)]));
        of.filter(|(.., owner)| *owner == Some(session)).map(|(_, end, _)| end).max()
    }

    /// Every due time at which some lane changes hands, zero included.
    pub(super) fn changes(&self) -> BTreeSet<RunTime> {
        self.lanes.iter().flatten().map(|(from, _)| *from).collect()
    }
}

/// The spans of a lane: from, until before, whose.
fn spans_of(
    spans: &[(RunTime, Option<SessionId>)],
) -> impl Iterator<Item = (RunTime, RunTime, Option<SessionId>)> {
    let ends = spans.iter().skip(1).map(|(from, _)| *from).chain([RunTime::MAX]);
    spans.iter().zip(ends).map(|((from, owner), to)| (*from, to, *owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_last_holds(
            writes in prop::collection::vec((0_u64..20, 1_u64..21, prop::option::of(1_u64..4)), 0..30)
        ) {
            let lanes: LaneSet = [7].into_iter().collect();
            let (mut history, mut plain) = (History::new(), vec![None; 21]);
            for (from, to, owner) in writes {
                let time = |t| if t > 20 { RunTime::MAX } else { RunTime::from_nanos(t) };
                history.write(&Owned { epoch: 0, owner, from: time(from), to: time(to), lanes: lanes.clone() });
                (from..to.min(21)).for_each(|t| plain[t as usize] = owner);
            }
            for (t, owner) in plain.iter().enumerate() {
                prop_assert_eq!(history.owner(7, RunTime::from_nanos(t as u64)), *owner);
            }
            prop_assert!(history.lanes[7].windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 != two[1].1));
            prop_assert_eq!(history.owner(8, RunTime::ZERO), None);
        }
    }
}
