//! What a history is made of: the plan, the timers and the faults, all from one seed.

use crate::chance::Chance;
use crate::clock::{Clock, MS, Real, SECOND};
use common::arrivals::Timetable;
use common::owners::Claim;
use common::plan::{
    Arrivals, Body, Expect, Load, Method, OnError, Overload, Pick, RateLoad, Scenario, Stage, Step,
};
use common::rate::Rate;
use common::run::{OnLoss, Timers};
use common::text::Text;
use common::time::RunTime;
use std::time::Duration;

/// Which protection the modelled shells leave out: the check must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    None,
    /// Agents fire without a lease.
    NoLeaseGate,
    /// The lanes of a silent agent are given away at once.
    NoWait,
    /// A share that takes lanes counts as taken when it is sent.
    GrowEarly,
    /// A lease counts whatever share the agent holds.
    NoFence,
    /// The same, but only the agent does not look: the controller still does.
    NoFenceAtAgent,
    /// What one step writes about the lanes may become durable in parts.
    TornStep,
    /// An agent takes lanes though it has sealed its last delta.
    TakesAfterLast,
    /// A delta is booked before the answer to the share under which it was sealed.
    BooksBeforeAnswer,
    /// Of two streams of an agent, the one that comes last counts, not the one that was opened last.
    OlderStream,
    /// Shares leave the controller before the records of them are durable.
    NotDurable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An agent process begins.
    Join(usize),
    Leave(usize),
    /// SIGKILL; with a time, the process is started again.
    Crash(usize, Option<Real>),
    /// SIGSTOP for a while.
    Pause(usize, Real),
    /// Nothing passes up, down, or either.
    Partition {
        agent: usize,
        up: bool,
        down: bool,
        lasts: Real,
    },
    /// All connections of the agent are reset and what was on its way is lost.
    Cut(usize),
    /// Messages of one direction take so much longer.
    Slow(usize, Real),
    CrashController(Real),
    PauseController(Real),
    Revise(u64),
    Stop,
    Interrupt,
}

#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) sabotage: Sabotage,
    pub(crate) expect: usize,
    pub(crate) agents: Vec<(Clock, Claim)>,
    pub(crate) controller: Clock,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) timers: Timers,
    pub(crate) margin: Duration,
    /// How far an agent's idea of run time zero may be off.
    pub(crate) zero_bound: u64,
    pub(crate) on_loss: OnLoss,
    pub(crate) slots: u32,
    pub(crate) service: Real,
    /// Messages take up to so long, and one in `stutter` up to ten times that.
    pub(crate) delay: Real,
    pub(crate) stutter: u64,
    pub(crate) commit: Real,
    pub(crate) faults: Vec<(Real, Fault)>,
    /// No fault begins after this or lasts beyond it.
    pub(crate) calm: Real,
}

impl Script {
    pub(crate) fn new(seed: u64, sabotage: Sabotage) -> Self {
        let mut chance = Chance::new(seed ^ 0x5eed);
        let expect = chance.between(2, 3) as usize;
        let agents = expect + chance.below(3) as usize;
        // A part of the histories ends in peace: what then is not as it should be was not repaired.
        let peaceful = chance.one_in(4);
        let seconds = if peaceful { 15 } else { chance.between(4, 10) };
        let ttl = [1_500, 3_000][chance.below(2) as usize];
        let clock = |chance: &mut Chance| Clock {
            ahead: chance.below(1_000_000 * SECOND),
            ppm: chance.between(0, 1000) as i64 - 500,
        };
        let mut script = Self {
            seed,
            sabotage,
            expect,
            agents: (0..agents).map(|_| (clock(&mut chance), claim(&mut chance))).collect(),
            controller: clock(&mut chance),
            scenarios: scenarios(&mut chance, seconds),
            timers: timers(ttl),
            margin: Duration::from_millis(53),
            zero_bound: chance.below(20 * MS) + 1,
            on_loss: [
                OnLoss::Rebalance,
                OnLoss::Rebalance,
                OnLoss::Rebalance,
                OnLoss::Rebalance,
                OnLoss::Continue,
                OnLoss::Abort,
            ][chance.below(6) as usize],
            slots: if chance.one_in(4) { 2 } else { 1000 },
            service: chance.between(1, 60) * MS,
            delay: [MS, 10 * MS, 60 * MS][chance.below(3) as usize],
            stutter: if peaceful { 1_000_000 } else { [1_000_000, 50, 10][chance.below(3) as usize] },
            commit: chance.between(
                1,
                if matches!(sabotage, Sabotage::NotDurable | Sabotage::NoFence | Sabotage::TornStep) {
                    400
                } else {
                    40
                },
            ) * MS,
            faults: vec![],
            calm: 0,
        };
        script.faults = faults(&mut chance, &mut script, seconds * SECOND, peaceful);
        script
    }

    pub(crate) fn timetables(&self) -> Vec<Timetable> {
        self.scenarios
            .iter()
            .map(|scenario| Timetable::of(scenario, self.seed).expect("a valid plan"))
            .collect()
    }

    pub(crate) fn end(&self) -> RunTime {
        self.timetables().iter().map(Timetable::end).max().unwrap_or_default()
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|(_, fault)| wanted(fault))
    }
}

fn timers(ttl: u64) -> Timers {
    let ms = Duration::from_millis;
    Timers {
        gather: ms(8_000),
        prepare: ms(4_000),
        start_lead: ms(500),
        lease_ttl: ms(ttl),
        withdraw_early: ms(400),
        move_lead: ms(400),
        grace: ms(4_000),
        finish: ms(5_000),
        abort: ms(1_000),
    }
}

fn claim(chance: &mut Chance) -> Claim {
    let cap = if chance.one_in(8) { chance.between(500, 3000) as u16 } else { common::lane::LANES };
    Claim { weight: chance.between(1, 3) as u32, cap }
}

fn scenarios(chance: &mut Chance, seconds: u64) -> Vec<Scenario> {
    let one = |n: u64, chance: &mut Chance| {
        let rate = |chance: &mut Chance| Rate::from_milli(chance.between(20_000, 160_000));
        let half = Duration::from_millis(seconds * 500);
        let (a, b) = (rate(chance), rate(chance));
        let poisson = chance.one_in(4);
        Scenario {
            name: format!("s{n}"),
            load: Load::Rate(RateLoad {
                stages: vec![
                    Stage { from: a, to: b, duration: half },
                    Stage { from: b, to: b, duration: half },
                ],
                arrivals: if poisson { Arrivals::Poisson } else { Arrivals::Even },
            }),
            max_in_flight: 100,
            overload: if chance.one_in(4) { Overload::Skip } else { Overload::Queue },
            steps: vec![step()],
            pick: Pick::Sequence,
            cookies: false,
            start: Duration::ZERO,
            think: None,
            pacing: None,
            on_error: OnError::Continue,
        }
    };
    (0..chance.between(1, 3)).map(|n| one(n, chance)).collect()
}

fn step() -> Step {
    Step {
        name: "GET /".into(),
        weight: 1,
        method: Method::Get,
        path: Text::verbatim("/"),
        query: vec![],
        headers: vec![],
        body: Body::None,
        expect: Expect::default(),
        extract: vec![],
        basic: false,
        redirects: 0,
        timeout: Duration::from_secs(1),
        think: None,
    }
}

/// Up to a dozen faults while the load is on, and the agents' first steps.
fn faults(chance: &mut Chance, script: &mut Script, load: Real, peaceful: bool) -> Vec<(Real, Fault)> {
    let (agents, expect) = (script.agents.len(), script.expect);
    let begin = SECOND;
    let mut faults: Vec<_> = (0..expect).map(|n| (begin + chance.below(300 * MS), Fault::Join(n))).collect();
    let last = begin + if peaceful { 3 * SECOND } else { load + 3 * SECOND };
    for n in expect..agents {
        faults.push((begin + chance.below(load), Fault::Join(n)));
    }
    script.calm = last;
    // A protection that is missing needs an occasion to be missed.
    let few = if script.sabotage == Sabotage::None { 0 } else { 5 };
    for _ in 0..few + chance.below(10) {
        let at = begin + chance.below(last - begin);
        let fault = any_fault(chance, agents, &mut script.calm, at);
        faults.push((at, fault));
    }
    if chance.one_in(5) && !peaceful {
        faults.push((begin + SECOND + chance.below(load), Fault::Revise(chance.between(10_000, 200_000))));
    }
    if chance.one_in(8) && !peaceful {
        faults.push((begin + SECOND + chance.below(load), Fault::Stop));
    }
    if chance.one_in(12) && !peaceful {
        let at = begin + SECOND + chance.below(load);
        faults.push((at, Fault::Interrupt));
        if chance.one_in(2) {
            faults.push((at + chance.below(2 * SECOND), Fault::Interrupt));
        }
    }
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn any_fault(chance: &mut Chance, agents: usize, calm: &mut Real, at: Real) -> Fault {
    let agent = chance.below(agents as u64) as usize;
    let longest = if chance.one_in(2) { 1_000 } else { 5_000 };
    let lasts = chance.between(50, longest) * MS;
    let fault = match chance.below(12) {
        0 if chance.one_in(2) => Fault::Leave(agent),
        0 | 1 => Fault::Crash(agent, chance.one_in(2).then_some(lasts)),
        2 => Fault::Pause(agent, lasts),
        3..=6 => {
            let which = chance.below(3);
            Fault::Partition { agent, up: which != 1, down: which != 0, lasts }
        }
        7 => Fault::Cut(agent),
        8 => Fault::Slow(agent, lasts / 4),
        9 | 10 => Fault::CrashController(lasts),
        _ => Fault::PauseController(lasts),
    };
    if !matches!(fault, Fault::Leave(_) | Fault::Cut(_)) {
        *calm = (*calm).max(at + lasts);
    }
    fault
}
