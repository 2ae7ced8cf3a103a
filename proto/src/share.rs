//! Shares, and the changes of the schedule that they come with.

use crate::v1;
use common::arrivals::Revision;
use common::lane::LaneSet;
use common::share::Share;
use common::time::RunTime;

/// The message that carries `share` under a schedule with these changes.
#[must_use]
pub fn to_wire(share: &Share, revisions: &[Revision]) -> v1::Share {
    let revision = |revision: &Revision| v1::Revision {
        scenario: revision.scenario,
        at: revision.at.nanos(),
        rate_milli: revision.milli,
    };
    v1::Share {
        epoch: share.epoch,
        from: share.from.nanos(),
        lanes: share.lanes.to_bytes(),
        revisions: revisions.iter().map(revision).collect(),
    }
}

/// The share in `message` and the changes of the schedule; `None` when its lanes are not 4096 bits.
#[must_use]
pub fn from_wire(message: &v1::Share) -> Option<(Share, Vec<Revision>)> {
    let lanes = LaneSet::from_bytes(&message.lanes)?;
    let revision = |revision: &v1::Revision| Revision {
        scenario: revision.scenario,
        at: RunTime::from_nanos(revision.at),
        milli: revision.rate_milli,
    };
    let share = Share { epoch: message.epoch, from: RunTime::from_nanos(message.from), lanes };
    Some((share, message.revisions.iter().map(revision).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_back_as_it_went() {
        let lanes = [1, 5, 4095].into_iter().collect();
        let share = Share { epoch: 3, from: RunTime::from_nanos(9), lanes };
        let revisions = vec![Revision { scenario: 1, at: RunTime::from_nanos(7), milli: 500 }];
        assert_eq!(from_wire(&to_wire(&share, &revisions)), Some((share, revisions)));
        assert_eq!(from_wire(&v1::Share { lanes: vec![0; 3], ..v1::Share::default() }), None);
    }
}
