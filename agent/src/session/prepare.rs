//! Getting ready for a run, beside the heartbeats.

use super::{End, Link};
use crate::fetch::Meter;
use crate::fleet::Fleet;
use crate::membership::Membership;
use common::session::Session;
use proto::v1::{self, agent_message::Kind as Up};
use std::time::Duration;
use tokio::task::JoinError;
use tokio::time::timeout;

impl Link<'_, '_> {
    /// Begins to prepare for a run, in place of an earlier one.
    pub(super) fn prepare(&mut self, run_id: String, command: u64, assignment: v1::Assignment) {
        let (means, window) = (self.means.clone(), self.welcome.window);
        self.ties.membership = None;
        self.preparing.abort_all();
        self.preparing.spawn(async move {
            let prepare = Fleet::prepare(run_id, &assignment, &means, window);
            (command, patiently(prepare, &means.meter).await)
        });
    }

    pub(super) fn on_prepared(
        &mut self,
        prepared: Result<(u64, Result<Fleet, String>), JoinError>,
    ) -> Result<(), End> {
        match prepared {
            Ok((command, Ok(fleet))) => {
                (self.ties.say)(&format!(
                    "run {}: ready with {} lanes",
                    fleet.run_id,
                    fleet.share.lanes.len()
                ));
                let mut session = Session::new(self.welcome.session_id, self.epoch);
                session.take(fleet.share.clone(), fleet.share.from);
                self.ties.membership = Some(Membership { session, fleet });
                self.ready = Some(command);
                self.acknowledge()
            }
            Ok((command, Err(refused))) => {
                (self.ties.say)(&format!("refused the run: {refused}"));
                self.send(Up::Ack(v1::Ack { command, refused, from: 0 }))
            }
            // One that was given up for a newer assignment.
            Err(_) => Ok(()),
        }
    }
}

/// Waits for a preparation as long as it gets on.
async fn patiently(
    prepare: impl Future<Output = Result<Fleet, String>>,
    meter: &Meter,
) -> Result<Fleet, String> {
    let mut prepare = std::pin::pin!(prepare);
    loop {
        let before = meter.permille();
        match timeout(PREPARE_WITHIN, &mut prepare).await {
            Ok(prepared) => return prepared,
            Err(_) if meter.permille() != before => {}
            Err(_) => return Err(format!("not ready within {PREPARE_WITHIN:?}")),
        }
    }
}

const PREPARE_WITHIN: Duration = Duration::from_secs(600);
