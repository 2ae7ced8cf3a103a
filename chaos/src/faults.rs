//! What goes wrong when: a pure function of a seed.

use crate::relay::Way;
use common::random::Random;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A kind of fault, as `--faults` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An agent is killed and started again.
    Kill,
    /// An agent's process stands still.
    Stop,
    /// An agent is asked to leave and started again.
    Leave,
    /// An agent and the controller do not hear each other, or only one the other.
    Partition,
    /// One direction of an agent's connections delivers nothing.
    Stall,
    /// An agent's connections carry 10 kbit/s and take their time.
    Slow,
    /// An agent's connections are dead, and nobody is told.
    Cut,
    /// An agent's connections are reset after some byte.
    Reset,
    /// The controller is killed and started again with `--resume`.
    ControllerKill,
    /// The controller's process stands still.
    ControllerStop,
    /// The operator changes the rate of a scenario.
    Rate,
    /// The operator ends the run early, in every other round.
    End,
}

impl Kind {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 12] = [
        ("kill", Self::Kill),
        ("stop", Self::Stop),
        ("leave", Self::Leave),
        ("partition", Self::Partition),
        ("stall", Self::Stall),
        ("slow", Self::Slow),
        ("cut", Self::Cut),
        ("reset", Self::Reset),
        ("controller-kill", Self::ControllerKill),
        ("controller-stop", Self::ControllerStop),
        ("rate", Self::Rate),
        ("end", Self::End),
    ];

    /// How long it lasts at least and at most, in milliseconds.
    ///
    /// Shorter and longer than a lease (3 s), so that some are not noticed and some cost a lease.
    const fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::Leave => (200, 6_000),
            Self::Stop | Self::Partition | Self::Stall => (300, 8_000),
            Self::Slow => (2_000, 10_000),
            Self::Cut | Self::Reset | Self::Rate | Self::End => (0, 1),
            Self::ControllerKill => (100, 7_000),
            Self::ControllerStop => (300, 6_000),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|(own, _)| *own == name);
        let names = || Self::ALL.map(|(name, _)| name).join(", ");
        named
            .map(|(_, kind)| kind)
            .ok_or_else(|| format!("no fault is called {name:?}; there are {}", names()))
    }
}

/// What goes wrong. Agents are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// SIGKILL; started again at the end.
    Kill(usize),
    /// SIGSTOP; SIGCONT at the end.
    Stop(usize),
    /// SIGINT; started again at the end.
    Leave(usize),
    /// Packets are dropped: of these directions.
    Partition(usize, Ways),
    /// The relay delivers nothing in this direction.
    Stall(usize, Way),
    /// The relay is slow in both directions.
    Slow(usize),
    /// The relay forgets the connections it has.
    Cut(usize),
    /// The relay resets the connection that carries this byte.
    Reset(usize, Way, u64),
    /// SIGKILL; started again with `--resume` at the end.
    ControllerKill,
    /// SIGSTOP; SIGCONT at the end.
    ControllerStop,
    /// `controller rate`: so many arrivals per second in a scenario of the plan, numbered from 0.
    Rate(usize, u64),
    /// `controller stop`.
    End,
}

/// Directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// Only this one.
    One(Way),
    /// Both.
    Both,
}

impl Ways {
    /// Whether a direction is one of them.
    #[must_use]
    pub fn contain(self, way: Way) -> bool {
        self == Self::Both || self == Self::One(way)
    }
}

/// Something goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, counted from the start of the load.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
    /// What.
    pub what: What,
}

/// The faults of a seed: one every 1 to 5 s between `from` and `until`, and all of them over by then.
///
/// What has a fault already gets no second one of the same sort (process, network) before the first is over.
#[must_use]
pub fn faults(seed: u64, agents: usize, kinds: &[Kind], from: Duration, until: Duration) -> Vec<Fault> {
    let mut dice = Dice { random: Random::new(seed, "chaos"), drawn: 0 };
    let (mut faults, mut at) = (Vec::<Fault>::new(), from);
    // The end is nothing that happens in between.
    let kinds: Vec<Kind> = kinds.iter().copied().filter(|kind| *kind != Kind::End).collect();
    while at < until && !kinds.is_empty() && agents > 0 {
        let kind = kinds[dice.below(kinds.len() as u64) as usize];
        let what = dice.what(kind, agents);
        let (least, most) = kind.lasts_ms();
        let lasts = Duration::from_millis(least + dice.below(most - least)).min(until - at);
        let lasts = if is_one_too_many(&faults, at, what) { lasts.min(SHORT) } else { lasts };
        let busy = faults.iter().any(|other| other.at + other.lasts > at && other.what.meets(what));
        if !busy {
            faults.push(Fault { at, lasts, what });
        }
        at += Duration::from_millis(1_000 + dice.below(4_000));
    }
    faults
}

/// Whether it could cost the first agent its lease for the third time in a minute: then it would get no lanes any
/// more. The others may; but when all of them do, nobody is left to deliver the plan.
fn is_one_too_many(faults: &[Fault], at: Duration, what: What) -> bool {
    let costs = |what: What| matches!(what.place(), (None, true) | (Some(0), _)) && !what.is_instant();
    let lately = |fault: &&Fault| fault.lasts > SHORT && at < fault.at + fault.lasts + FLAP_WITHIN;
    costs(what) && faults.iter().filter(lately).filter(|fault| costs(fault.what)).count() + 1 >= FLAPS
}

/// Draws, one after the other.
struct Dice {
    random: Random,
    drawn: u64,
}

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        self.random.draw(0, self.drawn) % bound
    }

    fn what(&mut self, kind: Kind, agents: usize) -> What {
        let agent = self.below(agents as u64) as usize;
        let way = Way::BOTH[self.below(2) as usize];
        // A half of the partitions is one-way.
        let ways = if self.below(2) == 0 { Ways::Both } else { Ways::One(way) };
        // From the first frame of a connection to deep inside a delta.
        let bytes = self.below(20_000);
        let rate = (self.below(SCENARIOS as u64) as usize, self.below(300));
        match kind {
            Kind::Kill => What::Kill(agent),
            Kind::Stop => What::Stop(agent),
            Kind::Leave => What::Leave(agent),
            Kind::Partition => What::Partition(agent, ways),
            Kind::Stall => What::Stall(agent, way),
            Kind::Slow => What::Slow(agent),
            Kind::Cut => What::Cut(agent),
            Kind::Reset => What::Reset(agent, way, bytes),
            Kind::ControllerKill => What::ControllerKill,
            Kind::ControllerStop => What::ControllerStop,
            Kind::Rate => What::Rate(rate.0, rate.1),
            Kind::End => What::End,
        }
    }
}

impl What {
    /// Whether it has no end of its own.
    #[must_use]
    pub const fn is_instant(self) -> bool {
        matches!(self, Self::Cut(_) | Self::Reset(..) | Self::Rate(..) | Self::End)
    }

    /// Whether two faults would get into each other's way.
    fn meets(self, other: Self) -> bool {
        self.place() == other.place()
    }

    /// Whose (`None`: the controller's), and whether it is about the process.
    const fn place(self) -> (Option<usize>, bool) {
        match self {
            Self::Kill(agent) | Self::Stop(agent) | Self::Leave(agent) => (Some(agent), true),
            Self::Partition(agent, _)
            | Self::Stall(agent, _)
            | Self::Slow(agent)
            | Self::Cut(agent)
            | Self::Reset(agent, ..) => (Some(agent), false),
            Self::ControllerKill | Self::ControllerStop => (None, true),
            Self::Rate(..) | Self::End => (None, false),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |agent: &usize| format!("agent-{}", agent + 1);
        let told = |way: &Way| match way {
            Way::Up => "towards the controller",
            Way::Down => "from the controller",
        };
        match self {
            Self::Kill(agent) => write!(f, "SIGKILL {}", name(agent)),
            Self::Stop(agent) => write!(f, "SIGSTOP {}", name(agent)),
            Self::Leave(agent) => write!(f, "SIGINT {}", name(agent)),
            Self::Partition(agent, Ways::Both) => write!(f, "partition {} both ways", name(agent)),
            Self::Partition(agent, Ways::One(way)) => write!(f, "partition {} {}", name(agent), told(way)),
            Self::Stall(agent, way) => write!(f, "stall {} {}", name(agent), told(way)),
            Self::Slow(agent) => write!(f, "10 kbit/s {}", name(agent)),
            Self::Cut(agent) => write!(f, "cut {}", name(agent)),
            Self::Reset(agent, way, bytes) => {
                write!(f, "reset {} after {bytes} bytes {}", name(agent), told(way))
            }
            Self::ControllerKill => f.write_str("SIGKILL controller"),
            Self::ControllerStop => f.write_str("SIGSTOP controller"),
            Self::Rate(scenario, rate) => write!(f, "rate of scenario {scenario}: {rate}/s"),
            Self::End => f.write_str("controller stop"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, lasts) = (self.at.as_secs_f64(), self.lasts.as_secs_f64());
        write!(f, "{at:7.3} s  for {lasts:6.3} s  {}", self.what)
    }
}

/// Too short to cost a lease.
const SHORT: Duration = Duration::from_secs(1);
/// An agent that is lost so often …
const FLAPS: usize = 3;
/// … within this time gets no lanes any more.
const FLAP_WITHIN: Duration = Duration::from_secs(60);
/// Scenarios of a round's plan.
pub const SCENARIOS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Kind; 12] = {
        let mut kinds = [Kind::Kill; 12];
        let mut n = 0;
        while n < 12 {
            kinds[n] = Kind::ALL[n].1;
            n += 1;
        }
        kinds
    };

    fn some(seed: u64, kinds: &[Kind]) -> Vec<Fault> {
        faults(seed, 4, kinds, Duration::from_secs(3), Duration::from_secs(120))
    }

    proptest! {
        #[test]
        fn faults_are_over_in_time_and_never_meet(seed in any::<u64>()) {
            let faults = some(seed, &ALL);
            prop_assert!(faults.len() > 5, "only {}", faults.len());
            prop_assert_eq!(&faults, &some(seed, &ALL));
            for (n, fault) in faults.iter().enumerate() {
                prop_assert!(fault.at >= Duration::from_secs(3));
                prop_assert!(fault.at + fault.lasts <= Duration::from_secs(120));
                for later in &faults[n + 1..] {
                    prop_assert!(later.at - fault.at >= Duration::from_secs(1));
                    prop_assert!(!fault.what.meets(later.what) || fault.at + fault.lasts <= later.at);
                }
            }
        }
    }

    #[test]
    fn the_first_agent_is_not_lost_three_times_in_a_minute() {
        for seed in 0..50 {
            let faults = some(seed, &[Kind::Stop, Kind::ControllerStop]);
            let long = |fault: &&Fault| {
                fault.lasts > SHORT && matches!(fault.what, What::Stop(0) | What::ControllerStop)
            };
            let long: Vec<&Fault> = faults.iter().filter(long).collect();
            for three in long.windows(FLAPS) {
                let over = three[..2].iter().map(|fault| fault.at + fault.lasts).min().unwrap();
                assert!(three[2].at >= over + FLAP_WITHIN, "seed {seed}: {three:?}");
            }
        }
    }

    #[test]
    fn every_kind_comes_with_some_seed_and_no_other_one_than_asked() {
        for (name, kind) in Kind::ALL {
            assert_eq!(name.parse(), Ok(kind));
            assert_eq!(some(1, &[kind]).is_empty(), kind == Kind::End);
        }
        let whats: Vec<What> = some(1, &[Kind::Stop]).into_iter().map(|fault| fault.what).collect();
        assert!(whats.iter().all(|what| matches!(what, What::Stop(_))), "{whats:?}");
        assert!("kil".parse::<Kind>().unwrap_err().contains("controller-kill"));
        assert_eq!(some(1, &[]), []);
    }
}
