//! Failing exchanges on the wire.

use super::Refused;
use crate::v1;
use common::outcome::Outcome;
use common::sample::{CAUSES_MAX, Cause, FAIR, FIRST, Sample, check_number};
use common::time::RunTime;

pub(super) fn to_wire((cause, sample): (Cause, &Sample)) -> v1::Sample {
    let Sample { arrival, due, agent, detail, request, answer } = sample.clone();
    let outcome = u32::try_from(cause.outcome.index()).unwrap_or_default();
    let (status, due) = (u32::from(cause.status), due.nanos());
    v1::Sample { outcome, status, arrival, due, agent, detail, request, answer }
}

/// Whether they are what an agent may send; nothing is allocated for them.
pub(super) fn check(samples: &[v1::Sample]) -> Result<(), Refused> {
    const MOST: usize = CAUSES_MAX * (FIRST + FAIR);
    if samples.len() > MOST {
        return Err(Refused::Length { what: "samples", got: samples.len(), expected: MOST });
    }
    samples.iter().try_for_each(|message| cause(message).map(drop))
}

pub(super) fn from_wire(message: &v1::Sample) -> Result<(Cause, Sample), Refused> {
    let cause = cause(message)?;
    let v1::Sample { arrival, due, agent, detail, request, answer, .. } = message.clone();
    let sample = Sample { arrival, due: RunTime::from_nanos(due), agent, detail, request, answer };
    Ok((cause, sample.checked()))
}

fn cause(message: &v1::Sample) -> Result<Cause, Refused> {
    let outcome = Outcome::ALL.get(message.outcome as usize).copied();
    let outcome = outcome.ok_or(Refused::Range { what: "outcome", got: u64::from(message.outcome) })?;
    let status =
        u16::try_from(message.status).ok().filter(|status| *status == 0 || (100..1000).contains(status));
    let status = status.ok_or(Refused::Range { what: "status", got: u64::from(message.status) })?;
    Ok(Cause { outcome, status, check: check_number(outcome, &message.detail) })
}
