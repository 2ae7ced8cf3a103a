//! Shares, and the changes of the schedule that they come with.

use crate::v1::{self, revision::Kind};
use common::arrivals::{Revision, Shift};
use common::lane::LaneSet;
use common::share::Share;
use common::supply::USERS_MAX;
use common::time::RunTime;

/// The message that carries `share` under a schedule with these changes.
#[must_use]
pub fn to_wire(share: &Share, revisions: &[Revision]) -> v1::Share {
    v1::Share {
        epoch: share.epoch,
        from: share.from.nanos(),
        lanes: share.lanes.to_bytes(),
        revisions: revisions.iter().map(revision_to_wire).collect(),
    }
}

fn revision_to_wire(revision: &Revision) -> v1::Revision {
    let mut wire =
        v1::Revision { scenario: revision.scenario, at: revision.at.nanos(), ..v1::Revision::default() };
    match revision.shift {
        Shift::Rate { milli } => wire.rate_milli = milli,
        Shift::Users { users, spawn_milli } => {
            wire.set_kind(Kind::Users);
            (wire.users, wire.spawn_milli) = (users, spawn_milli.unwrap_or_default());
        }
        Shift::Pause => wire.set_kind(Kind::Pause),
        Shift::Resume => wire.set_kind(Kind::Resume),
    }
    wire
}

fn revision_from_wire(wire: &v1::Revision) -> Option<Revision> {
    let spawn_milli = Some(wire.spawn_milli).filter(|milli| *milli > 0);
    let shift = match Kind::try_from(wire.kind).ok()? {
        Kind::Rate => Shift::Rate { milli: wire.rate_milli },
        Kind::Users => Shift::Users { users: wire.users.min(USERS_MAX), spawn_milli },
        Kind::Pause => Shift::Pause,
        Kind::Resume => Shift::Resume,
    };
    Some(Revision { scenario: wire.scenario, at: RunTime::from_nanos(wire.at), shift })
}

/// The share in `message` and the changes of the schedule; `None` when its lanes are not 4096 bits, or a
/// change is of a kind that nobody knows.
#[must_use]
pub fn from_wire(message: &v1::Share) -> Option<(Share, Vec<Revision>)> {
    let lanes = LaneSet::from_bytes(&message.lanes)?;
    let share = Share { epoch: message.epoch, from: RunTime::from_nanos(message.from), lanes };
    let revisions = message.revisions.iter().map(revision_from_wire).collect::<Option<_>>()?;
    Some((share, revisions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_back_as_it_went() {
        let lanes = [1, 5, 4095].into_iter().collect();
        let share = Share { epoch: 3, from: RunTime::from_nanos(9), lanes };
        let shifts = [
            Shift::Rate { milli: 500 },
            Shift::Users { users: 7, spawn_milli: Some(1_500) },
            Shift::Users { users: 0, spawn_milli: None },
            Shift::Pause,
            Shift::Resume,
        ];
        let revisions =
            (0..).zip(shifts).map(|(n, shift)| Revision { scenario: n, at: RunTime::from_nanos(7), shift });
        let revisions: Vec<_> = revisions.collect();
        assert_eq!(from_wire(&to_wire(&share, &revisions)), Some((share, revisions)));
        assert_eq!(from_wire(&v1::Share { lanes: vec![0; 3], ..v1::Share::default() }), None);
        let unknown = v1::Revision { kind: 9, ..v1::Revision::default() };
        let lanes = LaneSet::all().to_bytes();
        assert_eq!(from_wire(&v1::Share { lanes, revisions: vec![unknown], ..v1::Share::default() }), None);
    }
}
