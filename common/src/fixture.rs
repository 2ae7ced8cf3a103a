//! Small plans for the tests of this crate.

use crate::plan::{Arrivals, Expect, Load, Method, Overload, RateLoad, Scenario, Stage, Step};
use crate::rate::Rate;
use std::time::Duration;

/// A scenario "s" with stages of (from, to) arrivals per second and a length in seconds.
pub(crate) fn scenario(stages: &[(u64, u64, u64)], arrivals: Arrivals) -> Scenario {
    let stage = |(from, to, seconds): &(u64, u64, u64)| Stage {
        from: Rate::from_milli(from * 1000),
        to: Rate::from_milli(to * 1000),
        duration: Duration::from_secs(*seconds),
    };
    Scenario {
        name: "s".into(),
        load: Load::Rate(RateLoad { stages: stages.iter().map(stage).collect(), arrivals }),
        max_in_flight: 100,
        overload: Overload::Queue,
        steps: vec![step()],
    }
}

fn step() -> Step {
    Step {
        name: "GET /".into(),
        method: Method::Get,
        path: "/".into(),
        headers: vec![],
        body: None,
        expect: Expect { status: vec![] },
        timeout: Duration::from_secs(1),
    }
}
