//! The report of a run from what was stored of it.

use crate::books::{Answer, Books};
use crate::journal::{Saved, SavedEvent};
use common::plan::Plan;
use common::report::{AgentEvidence, Evidence, Report};
use common::run::Ending;
use common::time::RunTime;
use proto::v1;
use serde_json::Value;
use std::time::Duration;

/// An agent that had a session in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) session: u64,
    pub(super) name: String,
    pub(super) instance: String,
    weight: u32,
}

/// The report of a stored run. What agents said of themselves in heartbeats is not stored; it is taken from the
/// report that the run has, if it has one.
pub fn rebuild(saved: &Saved) -> Result<Report, String> {
    let plan = Plan::parse("the stored plan", &saved.plan).map_err(|problems| problems.to_string())?;
    let before = saved.report.as_deref().map(serde_json::from_str::<Report>).transpose();
    let before = before.map_err(|error| format!("read the stored report: {error}"))?;
    let (books, ending) = replay(plan.clone(), saved)?;
    let mut agents = books.agents();
    if let Some(before) = &before {
        agents.iter_mut().for_each(|agent| take_over(agent, before));
    }
    let whole = books.end().since(RunTime::ZERO);
    let duration = before
        .as_ref()
        .map_or(whole, |before| Duration::try_from_secs_f64(before.run.duration_s).unwrap_or_default());
    Ok(Report::of(Evidence {
        plan: &plan,
        run_id: &saved.run_id,
        started_at: before.as_ref().map_or(&saved.created_at, |before| &before.run.started_at),
        duration,
        totals: &books.totals(),
        planned: &books.planned(),
        planned_timeline: &books.planned_timeline(),
        agents: &agents,
        ending,
        warnings: vec![],
    }))
}

/// The agents of the run, by their sessions.
pub(super) fn members(saved: &Saved) -> Result<Vec<Member>, String> {
    let opened = saved.events.iter().filter(|event| event.kind == "opened");
    opened.map(member).collect()
}

fn replay(plan: Plan, saved: &Saved) -> Result<(Books, Ending), String> {
    let members = members(saved)?;
    let mut books = Books::new(plan)?;
    let hello = |member: &Member| v1::Hello {
        agent_name: member.name.clone(),
        instance_id: member.instance.clone(),
        weight: member.weight,
        ..v1::Hello::default()
    };
    let hellos: Vec<_> = members.iter().map(|member| (member.session, hello(member))).collect();
    books.deal(&hellos);
    for (session, deltas) in &saved.deltas {
        // The first one may stand for many. Its running sums are theirs, so that numbered from 1 it begins a session
        // like any other.
        for (seq, delta) in (1..).zip(deltas) {
            let told = |why: String| format!("apply delta {} of session {session}: {why}", delta.seq);
            match books.on_delta(*session, &v1::Delta { seq, ..delta.clone() }) {
                Answer::Applied { .. } => {}
                Answer::Refused(why) => return Err(told(why)),
                Answer::Resend(last) => return Err(told(format!("it does not follow {last}"))),
            }
        }
    }
    let mut ending = Ending::Completed;
    if let Some(stop) = saved.events.iter().find(|event| event.kind == "stopped") {
        let _: RunTime = books.on_stop(RunTime::from_nanos(number(&body(stop)?, "from_ns")?));
        ending = Ending::Interrupted;
    }
    let is_through = |session: u64| {
        saved.deltas.get(&session).and_then(|deltas| deltas.last()).is_some_and(|delta| delta.fin)
    };
    for lost in members.iter().filter(|member| !is_through(member.session)) {
        books.on_lost(lost.session, "it did not deliver all of its deltas");
        ending =
            Ending::AgentLost(format!("agent {} was lost: it did not deliver all of its deltas", lost.name));
    }
    Ok((books, ending))
}

/// What the report before told of an agent and no delta tells.
fn take_over(agent: &mut AgentEvidence, before: &Report) {
    if let Some(row) = before.agents.iter().find(|row| row.instance == agent.instance) {
        (agent.cpu_share, agent.economy) = (row.cpu_share, row.economy);
        (agent.clock_bound_us, agent.start_skew_us) = (row.clock_bound_us, row.start_skew_us);
    }
}

fn member(event: &SavedEvent) -> Result<Member, String> {
    let body = body(event)?;
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    Ok(Member {
        session: number(&body, "session")?,
        name: text("name"),
        instance: text("instance"),
        weight: u32::try_from(number(&body, "weight")?).unwrap_or(u32::MAX),
    })
}

fn body(event: &SavedEvent) -> Result<Value, String> {
    serde_json::from_str(&event.body).map_err(|error| format!("read the event `{}`: {error}", event.kind))
}

fn number(body: &Value, key: &str) -> Result<u64, String> {
    body[key].as_u64().ok_or_else(|| format!("read an event: it has no number `{key}`"))
}
