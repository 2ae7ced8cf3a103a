//! Going on with a run that another controller began, and making its report again.

use crate::books::Books;
use crate::chronicle::Happened;
use crate::coordinator::{Coordinator, EffectivePlan, Watcher};
use crate::journal::Saved;
use crate::sessions::claim;
use common::owners::{Claim, Owners};
use common::plan::Plan;
use common::report::FaultKind;
use common::run::{Ending, Fact, SessionId};
use common::time::RunTime;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a journal tells of a run.
#[derive(Debug)]
pub struct Restored {
    /// Everything that was delivered.
    pub books: Books,
    /// Whose every lane was.
    pub owners: Owners,
    /// Run time zero on the boot-time clock; `None`: it never began.
    pub zero_at: Option<Duration>,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
    /// Why it was stopped, if it was.
    stopped: Option<Ending>,
    /// How long the load was on.
    pub duration: Duration,
    /// Who took part, and whether they left.
    members: BTreeMap<SessionId, Member>,
    /// Whose lease was over from when on, and who did not come back.
    expired: BTreeMap<SessionId, RunTime>,
    /// The last sign of the controller that wrote it, on its clock.
    last_at: Duration,
}

#[derive(Debug)]
struct Member {
    name: String,
    instance: String,
    claim: Claim,
    gone: bool,
}

/// Reads what a journal kept of a run under `plan`.
pub fn restore(saved: &Saved, plan: Plan) -> Result<Restored, String> {
    let mut restored = Restored {
        books: Books::new(plan)?,
        owners: Owners::new(),
        zero_at: None,
        ending: None,
        stopped: None,
        duration: Duration::ZERO,
        members: BTreeMap::new(),
        expired: BTreeMap::new(),
        last_at: Duration::ZERO,
    };
    for event in &saved.events {
        restored.last_at = Duration::from_nanos(event.at_ns);
        restored.on(Happened::read(event)?)?;
    }
    for (session, deltas) in &saved.deltas {
        for delta in deltas {
            restored.books.restore(*session, delta)?;
        }
        if let Some(last) = deltas.last().filter(|_| restored.books.is_finished(*session)) {
            restored.owners.finish(*session, last.share_epoch);
        }
    }
    restored.expired.iter().for_each(|(session, from)| restored.owners.expire(*session, *from));
    Ok(restored)
}

impl Restored {
    fn on(&mut self, happened: Happened) -> Result<(), String> {
        let time = RunTime::from_nanos;
        match happened {
            Happened::Opened { session, name, instance, weight, max_rate_milli } => {
                let claim = claim(weight, max_rate_milli, self.books.peak_milli());
                self.books.open(session, name.clone(), instance.clone());
                self.owners.add(session, claim);
                self.members.insert(session, Member { name, instance, claim, gone: false });
            }
            Happened::Forgotten { session } => {
                self.books.forget(session);
                self.owners.remove(session);
                self.members.remove(&session);
            }
            Happened::Started { zero_at_ns } => self.zero_at = Some(Duration::from_nanos(zero_at_ns)),
            Happened::Owned { .. } => {
                let owned =
                    happened.as_owned().ok_or("a change of ownership in the journal cannot be read")?;
                self.owners.restore(&owned);
            }
            Happened::Revised { .. }
            | Happened::Peopled { .. }
            | Happened::Paused { .. }
            | Happened::Unpaused { .. } => {
                happened.as_revision().map_or(Ok(()), |revision| self.books.revise(revision))?
            }
            Happened::Stopped { from_ns, why, text } => {
                self.books.on_stop(time(from_ns));
                self.stopped = ending(&why, text);
            }
            Happened::Judged { rule, tally } => self.books.restore_windows(rule, tally),
            Happened::Expired { session, from_ns, since_ns, why } => {
                self.expired.insert(session, time(from_ns));
                self.books.on_lost(session, time(since_ns), &why);
            }
            Happened::Returned { session, at_ns } => {
                self.expired.remove(&session);
                self.books.on_returned(session, time(at_ns));
            }
            Happened::JoinedLate { session, at_ns } => {
                let text = "it joined while the load was on";
                self.tell(FaultKind::AgentJoinedLate, session, time(at_ns), text.into());
            }
            Happened::Left { session, at_ns, why } => {
                let text = format!("it handed over its lanes and left ({why})");
                self.tell(FaultKind::AgentLeft, session, time(at_ns), text);
                self.owners.remove(session);
                self.expired.remove(&session);
                self.members.get_mut(&session).into_iter().for_each(|member| member.gone = true);
            }
            // Its lease may not be over yet: it is still waited for, and refused again when it delivers.
            Happened::Broken { session, at_ns, why } => self.books.on_broken(session, time(at_ns), &why),
            Happened::Resumed { from_ns, at_ns, .. } => self.on_resumed(time(from_ns), time(at_ns)),
            Happened::Ended { how, why, duration_ns } => {
                self.ending = ending(&how, why);
                self.duration = Duration::from_nanos(duration_ns);
            }
        }
        Ok(())
    }

    fn tell(&mut self, kind: FaultKind, session: SessionId, at: RunTime, text: String) {
        let name = self.members.get(&session).map(|member| member.name.clone());
        self.books.on_fault(kind, name, (at, Some(at)), text);
    }

    fn on_resumed(&mut self, from: RunTime, at: RunTime) {
        let text = "the controller was started again".to_owned();
        self.books.on_fault(FaultKind::ControllerRestarted, None, (from, Some(at)), text);
    }
}

impl<W: Watcher> Coordinator<W> {
    /// Goes on with what another controller began. Before the start there is nothing to go on with: agents join anew.
    pub(super) fn resume(&mut self, saved: &Saved) -> Result<(), String> {
        let plan = self.books.plan().clone();
        let mut restored = restore(saved, plan)?;
        let Some(zero_at) = restored.zero_at else { return Ok(()) };
        let now = self.clock.now();
        let timers = self.run.timers();
        let until = now + timers.lease_ttl;
        let mut members = vec![];
        for (session, member) in restored.members.iter().filter(|(_, member)| !member.gone) {
            let finished = restored.books.is_finished(*session);
            self.sessions.restore(*session, member.name.clone(), member.instance.clone(), until);
            // A session that never held anything and never told anything may never have been ready.
            members.push((*session, member.name.clone(), member.claim, finished));
        }
        let run_time = |at: Duration| RunTime::ZERO + at.saturating_sub(zero_at);
        let at = run_time(now);
        // Who had no lanes is through with the whole plan.
        let from = run_time(restored.last_at).max(restored.books.last_told()).min(at);
        restored.on_resumed(from, at);
        let stopped = restored.books.stopped();
        self.books = restored.books;
        self.books.on_restored();
        self.zero_at = Some(zero_at);
        self.run.set_end(self.books.end());
        self.run.resume(zero_at, members, restored.owners, now);
        let epoch = self.post.epoch();
        self.write(&Happened::Resumed { epoch, from_ns: from.nanos(), at_ns: at.nanos() });
        self.watcher.on_line(&format!("going on with run {}", self.run_id));
        if stopped.is_some() {
            self.take(match restored.stopped {
                Some(Ending::ThresholdBroken(why)) => Fact::ThresholdBroken(why),
                _ => Fact::Stopped,
            });
        }
        Ok(())
    }
}

/// The plan that a journal kept.
pub fn planned(saved: &Saved) -> Result<EffectivePlan, String> {
    let plan = Plan::parse(&format!("the plan of run {}", saved.run_id), &saved.plan);
    let plan = plan.map_err(|problems| problems.to_string())?;
    let mut plan = plan;
    crate::replay::reopen(&mut plan, &saved.tapes)?;
    Ok(EffectivePlan { text: saved.plan.clone(), plan, files: Arc::default(), notes: vec![] })
}

fn ending(how: &str, why: String) -> Option<Ending> {
    Some(match how {
        "completed" => Ending::Completed,
        "interrupted" => Ending::Interrupted,
        "aborted" => Ending::Aborted,
        "stopped" => Ending::Stopped,
        "agent_lost" => Ending::AgentLost(why),
        "threshold_broken" => Ending::ThresholdBroken(why),
        "store_failed" => Ending::StoreFailed(why),
        "not_started" => Ending::NotStarted(why),
        _ => return None,
    })
}
