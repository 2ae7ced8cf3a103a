//! What goes wrong, and when: a forecast that the seed makes.
//!
//! A link has at most one trouble at a time, and every trouble ends before the simulation does.

use crate::desk::{Disk, Wish};
use crate::dice::Dice;
use std::time::Duration;

/// How bad it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Weather {
    /// Delays that every run must bear without a trace: shorter than a lease.
    Calm,
    /// Agents and their links break.
    Rough,
    /// The controller breaks too.
    Wild,
}

/// Something that changes at a simulated time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Simulated time.
    pub at: Duration,
    /// What changes.
    pub what: What,
}

/// What can change. Agents are named by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Between agent and controller nothing arrives any more, for now.
    Hold(u32),
    /// What was held arrives.
    Release(u32),
    /// Between agent and controller everything is lost.
    Cut(u32, Way),
    /// Nothing is lost any more.
    Mend(u32),
    /// Messages between agent and controller take up to so long.
    Slow(u32, Duration),
    /// Between agent and target nothing arrives any more, for now.
    HoldTarget(u32),
    /// What was held arrives.
    ReleaseTarget(u32),
    /// The agent's engine does not run for so long.
    Stall(u32, Duration),
    /// The agent's process is killed.
    Crash(u32),
    /// A new process of the agent starts.
    Restart(u32),
    /// The operator stops the agent.
    Leave(u32),
    /// One more agent starts.
    Join(u32),
    /// The controller's process is killed.
    CrashController,
    /// A new process of the controller starts.
    RestartController,
    /// Something happens to the controller's disk.
    Disk(Disk),
    /// The operator does something.
    Operator(Wish),
}

/// In which direction messages are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In both.
    Both,
    /// From the agent to the controller.
    Up,
    /// From the controller to the agent.
    Down,
}

/// What will happen to `agents` agents while a load of this length is on, in order of time.
#[must_use]
pub fn forecast(seed: u64, weather: Weather, agents: u32, length: Duration) -> Vec<Change> {
    let mut sky = Sky {
        dice: Dice::new(seed, "weather"),
        changes: vec![],
        busy: vec![Duration::ZERO; agents as usize],
    };
    let mut at = Duration::from_millis(100);
    // Agents need a moment to join, then the load begins.
    let end = length + Duration::from_secs(3);
    while at < end {
        at += sky.dice.millis(100..=2500);
        let agent = sky.dice.place(agents as usize);
        // One trouble per agent at a time.
        if sky.busy[agent] <= at {
            sky.busy[agent] = at + sky.trouble(weather, u32::try_from(agent).unwrap_or(0), at);
        }
    }
    if weather >= Weather::Rough && sky.dice.percent(40) {
        let at = sky.dice.millis(1000..=8000);
        sky.change(at, What::Join(agents));
    }
    sky.operator(weather, length);
    if weather == Weather::Wild {
        sky.controller(length);
    }
    sky.changes.sort_by_key(|change| change.at);
    sky.changes
}

struct Sky {
    dice: Dice,
    changes: Vec<Change>,
    /// Until when an agent has trouble.
    busy: Vec<Duration>,
}

impl Sky {
    fn change(&mut self, at: Duration, what: What) {
        self.changes.push(Change { at, what });
    }

    /// What the operator does, some time while the load is on or a little outside of it.
    fn operator(&mut self, weather: Weather, length: Duration) {
        let last = u64::try_from(length.as_millis()).unwrap_or(u64::MAX) + 2000;
        while self.dice.percent(30) {
            let (at, milli) = (self.dice.millis(500..=last), self.dice.number(0..=150_000));
            self.change(at, What::Operator(Wish::Rate("s0".into(), milli)));
        }
        let at = self.dice.millis(500..=last);
        if weather >= Weather::Rough && self.dice.percent(8) {
            self.change(at, What::Operator(Wish::Stop));
        }
        if weather >= Weather::Rough && self.dice.percent(8) {
            self.change(at, What::Operator(Wish::Interrupt));
            if self.dice.percent(40) {
                let more = self.dice.millis(10..=3000);
                self.change(at + more, What::Operator(Wish::Interrupt));
            }
        }
        while self.dice.percent(20) {
            let (at, length) = (self.dice.millis(500..=last), self.dice.millis(0..=6000));
            self.change(at, What::Operator(Wish::Pause));
            if self.dice.percent(80) {
                self.change(at + length, What::Operator(Wish::Resume));
            }
        }
    }

    /// What becomes of the controller and its disk.
    fn controller(&mut self, length: Duration) {
        let last = u64::try_from(length.as_millis()).unwrap_or(u64::MAX) + 4000;
        let mut at = self.dice.millis(200..=last);
        self.outage(at);
        if self.dice.percent(30) {
            at += self.dice.millis(9500..=15_000);
            self.outage(at);
        }
        while self.dice.percent(30) {
            let (at, hang) = (self.dice.millis(200..=last), self.dice.millis(50..=5000));
            self.change(at, What::Disk(Disk::Hangs));
            self.change(at + hang, What::Disk(Disk::GoesOn));
        }
        if self.dice.percent(8) {
            let at = self.dice.millis(1000..=last);
            self.change(at, What::Disk(Disk::Fails));
        }
    }

    /// The controller is away for a moment, or for longer than a lease.
    fn outage(&mut self, at: Duration) {
        let longest = [300, 2500, 9000][self.dice.place(3)];
        let length = self.dice.millis(50..=longest);
        self.change(at, What::CrashController);
        self.change(at + length, What::RestartController);
    }

    /// Makes trouble for an agent; returns how long it lasts.
    fn trouble(&mut self, weather: Weather, agent: u32, at: Duration) -> Duration {
        let kind = self.dice.number(0..=if weather == Weather::Calm { 3 } else { 9 });
        let short = self.dice.millis(10..=1500);
        let long = self.dice.millis(100..=9000);
        let between = |sky: &mut Self, begin: What, end: What, length: Duration| {
            sky.change(at, begin);
            sky.change(at + length, end);
            length
        };
        match kind {
            0 => between(self, What::Hold(agent), What::Release(agent), short),
            1 => {
                let latency = self.dice.millis(1..=200);
                between(self, What::Slow(agent, latency), What::Slow(agent, LATENCY_MAX), short)
            }
            2 => between(self, What::HoldTarget(agent), What::ReleaseTarget(agent), short),
            3 => {
                self.change(at, What::Stall(agent, short / 5));
                short / 5
            }
            4 => between(self, What::Hold(agent), What::Release(agent), long),
            5 | 6 => between(self, What::Cut(agent, Way::Both), What::Mend(agent), long),
            7 => {
                let way = [Way::Up, Way::Down][self.dice.place(2)];
                between(self, What::Cut(agent, way), What::Mend(agent), long)
            }
            8 => between(self, What::Crash(agent), What::Restart(agent), long),
            _ if self.dice.percent(30) => {
                self.change(at, What::Leave(agent));
                // It does not come back: no more trouble for it.
                Duration::MAX / 2
            }
            _ => {
                self.change(at, What::Stall(agent, long));
                long
            }
        }
    }
}

/// How long messages take at most when nothing is wrong.
pub const LATENCY_MAX: Duration = Duration::from_millis(8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_one_forecast_and_calm_weather_breaks_nothing() {
        let length = Duration::from_secs(10);
        for seed in 0..100 {
            let forecast = |weather| forecast(seed, weather, 3, length);
            assert_eq!(forecast(Weather::Wild), forecast(Weather::Wild));
            let harmless = |change: &Change| {
                matches!(
                    change.what,
                    What::Hold(_)
                        | What::Release(_)
                        | What::Slow(..)
                        | What::HoldTarget(_)
                        | What::ReleaseTarget(_)
                        | What::Stall(..)
                        | What::Operator(Wish::Rate(..) | Wish::Pause | Wish::Resume)
                )
            };
            assert!(forecast(Weather::Calm).iter().all(harmless));
        }
    }

    #[test]
    fn rough_weather_knows_every_trouble_of_agents() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            for change in forecast(seed, Weather::Rough, 4, Duration::from_secs(12)) {
                seen.insert(format!("{:?}", change.what).split('(').next().map(str::to_owned));
            }
        }
        assert_eq!(seen.len(), 13, "{seen:?}");
    }
}
