//! What was measured goes out, and acks come back.

use super::join::refused;
use super::{End, Link, Ties, stuck};
use common::delta::Delta;
use proto::v1;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

impl Link<'_, '_> {
    pub(super) async fn flush(&mut self) -> Result<(), End> {
        let slow = self.waits_since.is_some_and(|since| since.elapsed() > SLOW);
        let quitting = self.quit_at.is_some_and(|at| Instant::now() >= at);
        let Some(membership) = &mut self.ties.membership else { return Ok(()) };
        if quitting || (self.quit_at.is_some() && membership.fleet.is_delivered()) {
            return Err(End::Interrupted);
        }
        // Over a slow link one delta after the other, so that heartbeats pass; what is new gathers meanwhile.
        if slow {
            return Ok(());
        }
        let epoch = membership.session.holds().epoch;
        let sealed = membership.fleet.flush(epoch).await.map_err(End::Lost)?;
        let Some(delta) = sealed else { return Ok(()) };
        self.waits_since.get_or_insert_with(Instant::now);
        // What the heartbeat says of the last interval belongs before the last delta.
        if delta.fin {
            self.heartbeat()?;
        }
        self.deliver(&delta)
    }

    pub(super) fn on_ack(&mut self, ack: Result<Option<v1::DeltaAck>, Status>) -> Result<(), End> {
        let ack = ack.map_err(|status| refused(&status))?;
        let ack = ack.ok_or_else(|| End::Lost("the controller closed the stream".into()))?;
        if !ack.refused.is_empty() {
            return Err(End::Rejected(ack.refused));
        }
        let Some(membership) = &mut self.ties.membership else { return Ok(()) };
        let again = membership.fleet.on_ack(ack.last_applied_seq, ack.resend);
        self.waits_since = membership.fleet.outbox().unacked().next().map(|_| Instant::now());
        again.iter().try_for_each(|delta| self.deliver(delta))
    }

    /// The last acks come on another connection than the Release, maybe after it.
    pub(super) async fn last_acks(&mut self, acks: &mut Streaming<v1::DeltaAck>) {
        let waits = |ties: &Ties<'_>| {
            ties.membership.as_ref().is_some_and(|own| own.fleet.outbox().unacked().next().is_some())
        };
        let taken = async { while waits(self.ties) && self.on_ack(acks.message().await).is_ok() {} };
        timeout(ACKS_WITHIN, taken).await.unwrap_or_default();
    }

    pub(super) fn deliver(&self, delta: &Arc<Delta>) -> Result<(), End> {
        let Some(membership) = &self.ties.membership else { return Ok(()) };
        self.deltas.try_send(membership.message(delta)).map_err(|_| stuck())
    }
}

/// Acks that take longer than this mean a slow link.
const SLOW: Duration = Duration::from_secs(1);
/// Less than a controller waits for its agents to hang up.
const ACKS_WITHIN: Duration = Duration::from_millis(500);
