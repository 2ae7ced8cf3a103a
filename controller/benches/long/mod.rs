//! The books of a long run of ten scenarios with two agents, made here: every second of every scenario has requests,
//! with times that are spread evenly over 14 doublings.

use common::histogram::Histogram;
use common::measured::{Measured, Tally};
use common::outcome::Outcome;
use common::plan::Plan;
use common::pulse::{Beat, Pulse, PulseAgent, Pulses};
use common::random::Random;
use common::report::{Evidence, Report};
use common::run::Ending;
use std::fmt::Write;
use std::time::Duration;

/// Books as the controller has them at the end.
pub(crate) struct Long {
    plan: Plan,
    seconds: u64,
    totals: Measured,
    pulses: Pulses,
}

impl Long {
    pub(crate) fn of(seconds: u64) -> Self {
        let plan = Plan::parse("plan.toml", &plan(seconds)).unwrap_or_else(|problems| panic!("{problems}"));
        let random = Random::new(1, "times");
        let (mut totals, mut pulses) = (Measured::for_plan(&plan), Pulses::default());
        for second in 0..seconds {
            let mut times = Histogram::new();
            for (number, series) in totals.series.iter_mut().enumerate() {
                let bucket = series.timeline.open(second, 1).expect("sums are small");
                (bucket.started, bucket.finished) = (bucket.started + RATE, bucket.finished + RATE);
                for n in 0..RATE {
                    let draw = random.draw(number as u64, second * RATE + n);
                    let doubling = 100 << (draw % 14);
                    let time = doubling + (draw >> 16) % doubling;
                    bucket.response_time.record(time);
                    series.service_time.record(time);
                    times.record(time);
                }
            }
            pulses.add(Beat { row: beat(second, &random), times });
        }
        let all = RATE * seconds;
        totals.series.iter_mut().for_each(|series| series.outcomes[Outcome::Ok.index()] = all);
        totals.tallies.fill(Tally { started: all, finished: all, ..Tally::default() });
        Self { plan, seconds, totals, pulses }
    }

    pub(crate) fn report(&self) -> Report {
        let timeline: Vec<u64> = vec![RATE; usize::try_from(self.seconds).expect("a day")];
        let mut report = Report::of(Evidence {
            plan: &self.plan,
            run_id: "bench",
            started_at: "2026-01-01T00:00:00Z",
            duration: Duration::from_secs(self.seconds),
            totals: &self.totals,
            planned: &[RATE * self.seconds; SCENARIOS],
            planned_timeline: &vec![timeline; SCENARIOS],
            unowned: &[0; SCENARIOS],
            stopped: None,
            agents: &[],
            faults: &[],
            revisions: &[],
            windows: &[],
            ending: Ending::Completed,
            warnings: vec![],
        });
        report.pulse = self.pulses.rows().cloned().collect();
        report
    }
}

/// Ten scenarios of one step each.
fn plan(seconds: u64) -> String {
    let mut plan = "name = \"long\"\n[target]\nbase_url = \"http://127.0.0.1:1\"\n".to_owned();
    for number in 0..SCENARIOS {
        let load = format!("load.rate = [{{ at = \"{RATE}/s\", for = \"{seconds}s\" }}]");
        write!(plan, "[[scenario]]\nname = \"s{number}\"\n{load}\n[[scenario.step]]\npath = \"/\"\n")
            .expect("a string takes everything");
    }
    plan
}

fn beat(t_s: u64, random: &Random) -> Pulse {
    let all = RATE * SCENARIOS as u64;
    let agent = |number: u64| PulseAgent {
        name: format!("agent-{number}"),
        started: all / 2,
        cpu_share: (random.draw(100 + number, t_s) % 1_000) as f64 / 1_000.0,
        send_lag_p99_us: 20 + random.draw(110 + number, t_s) % 400,
    };
    let agents: Vec<PulseAgent> = (0..2).map(agent).collect();
    let in_flight = random.draw(120, t_s) % 50;
    Pulse {
        t_s,
        width_s: 1,
        asked: all as f64,
        started: all,
        finished: all,
        in_flight,
        agents,
        ..Pulse::default()
    }
}

pub(crate) const SCENARIOS: usize = 10;
/// Requests per second of each.
const RATE: u64 = 20;
