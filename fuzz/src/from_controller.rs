//! What controllers say in a session: leases, shares, changes of the schedule, acks.

use crate::delta::PLAN;
use crate::frames;
use common::arrivals::{Revision, timetables};
use common::clock::{Estimator, Probe};
use common::delta::Outbox;
use common::lane::LANES;
use common::measured::Measured;
use common::session::{LeaseReply, Session};
use common::share::Share;
use common::time::RunTime;
use prost::Message;
use proto::v1::{ControllerMessage, DeltaAck, Lease, controller_message::Kind};

/// Messages, each with its length in front; one without a kind is followed by a [`DeltaAck`] in its run id.
pub fn run(data: &[u8]) {
    let mut agent = Agent {
        session: Session::new(1, 0),
        offset: Estimator::default(),
        outbox: Outbox::new(Measured::for_plan(&PLAN), 8),
        now: 0,
    };
    for message in frames::messages::<ControllerMessage>(data) {
        agent.on_message(message);
    }
}

/// An agent without engine and network.
struct Agent {
    session: Session,
    offset: Estimator,
    outbox: Outbox,
    now: u64,
}

impl Agent {
    fn on_message(&mut self, message: ControllerMessage) {
        self.now += 1_000_000;
        let seen = self.session.controller_epoch();
        assert_eq!(self.session.obeys(message.controller_epoch), message.controller_epoch >= seen);
        match message.kind {
            Some(Kind::Lease(lease)) => self.on_lease(lease),
            Some(Kind::Share(share)) => {
                if let Some((share, revisions)) = proto::share::from_wire(&share) {
                    self.on_share(share, &revisions);
                }
            }
            Some(Kind::Assignment(assignment)) => {
                if let Some((share, revisions)) = assignment.share.as_ref().and_then(proto::share::from_wire)
                {
                    self.on_share(share, &revisions);
                }
            }
            Some(Kind::Start(start)) => {
                if let Some(offset) = self.offset.offset() {
                    let zero = i128::from(offset.to_local(start.zero_at));
                    let exact = i128::from(start.zero_at) - i128::from(offset.ns);
                    assert_eq!(zero, exact.clamp(0, i128::from(u64::MAX)));
                }
            }
            Some(Kind::Stop(_) | Kind::Reject(_) | Kind::Release(_) | Kind::Welcome(_) | Kind::Idle(_)) => {}
            None => DeltaAck::decode(message.run_id.as_bytes()).iter().for_each(|ack| self.on_ack(ack)),
        }
    }

    fn on_lease(&mut self, lease: Lease) {
        let (t1, t2, t3) = (lease.sent_at_local, lease.received_at, lease.answered_at);
        self.offset.on_probe(Probe { t1, t2, t3, t4: self.now });
        if let Some(offset) = self.offset.offset() {
            assert!(offset.bound_ns <= self.offset.worst_round_trip_ns().div_ceil(2));
        }
        let reply = LeaseReply { sent_at: t1, granted: lease.granted, share_epoch: lease.share_epoch };
        let end = self.session.lease(reply, 3_000_000_000);
        assert!(end.is_none() || (lease.granted && lease.share_epoch <= self.session.holds().epoch));
    }

    fn on_share(&mut self, share: Share, revisions: &[Revision]) {
        assert_eq!(share.lanes.iter().count(), usize::from(share.lanes.len()));
        assert!(share.lanes.iter().all(|lane| lane < LANES && share.lanes.contains(lane)));
        assert_eq!(
            proto::share::from_wire(&proto::share::to_wire(&share, revisions)).map(|(s, _)| s),
            Some(share.clone())
        );
        let Ok(timetables) = timetables(&PLAN, &revisions[..revisions.len().min(REVISIONS_MAX)]) else {
            return;
        };
        for timetable in &timetables {
            // A rate of millions a second would be walked for ever where arrivals are random.
            if timetable.is_even() || timetable.count(RunTime::MAX) < WALKED_MAX {
                let due: Vec<_> = timetable.cursor(&share.lanes, share.from).take(50).collect();
                assert!(due.is_sorted() && due.iter().all(|due| due.at >= share.from));
            }
        }
        if self.session.is_news(&share) {
            let (epoch, from) = (share.epoch, share.from);
            self.session.take(share, RunTime::from_nanos(self.now));
            assert!(self.session.holds().epoch == epoch && self.session.holds().from >= from);
        }
    }

    fn on_ack(&mut self, ack: &DeltaAck) {
        self.outbox.seal(1, true).map(drop).unwrap_or_default();
        let waiting = self.outbox.unacked().count();
        self.outbox.on_ack(ack.last_applied_seq);
        assert!(self.outbox.unacked().count() <= waiting);
        assert!(self.outbox.last_acked() <= self.outbox.last_seq());
    }
}

const REVISIONS_MAX: usize = 8;
const WALKED_MAX: u64 = 100_000;
