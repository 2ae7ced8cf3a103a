//! Shares.

use crate::v1;
use common::lane::LaneSet;
use common::share::Share;
use common::time::RunTime;

/// The message that carries `share`.
#[must_use]
pub fn to_wire(share: &Share) -> v1::Share {
    v1::Share { epoch: share.epoch, from: share.from.nanos(), lanes: share.lanes.to_bytes() }
}

/// The share in `message`; `None` when its lanes are not 4096 bits.
#[must_use]
pub fn from_wire(message: &v1::Share) -> Option<Share> {
    let lanes = LaneSet::from_bytes(&message.lanes)?;
    Some(Share { epoch: message.epoch, from: RunTime::from_nanos(message.from), lanes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_back_as_it_went() {
        let lanes = [1, 5, 4095].into_iter().collect();
        let share = Share { epoch: 3, from: RunTime::from_nanos(9), lanes };
        assert_eq!(from_wire(&to_wire(&share)), Some(share));
        assert_eq!(from_wire(&v1::Share { epoch: 1, from: 0, lanes: vec![0; 3] }), None);
    }
}
