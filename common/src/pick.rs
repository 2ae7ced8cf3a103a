//! Steps chosen by weight: which one an arrival sends is a pure function of its number.

use crate::plan::{Load, Pick, Scenario};
use crate::random::Random;

/// Chooses steps by weight.
#[derive(Clone, Debug)]
pub struct Picked {
    random: Random,
    /// By step: its weight and those of all before it.
    until: Vec<u64>,
}

impl Picked {
    /// The choice of a scenario under the plan's seed; `None` where every step is sent, or the log says which.
    #[must_use]
    pub fn of(scenario: &Scenario, seed: u64) -> Option<Self> {
        let by_weight = scenario.pick == Pick::Weighted && !matches!(scenario.load, Load::Replay(_));
        by_weight.then(|| {
            let mut sum = 0;
            let until = scenario.steps.iter().map(|step| {
                sum += u64::from(step.weight);
                sum
            });
            Self { until: until.collect(), random: Random::new(seed, &format!("pick of {}", scenario.name)) }
        })
    }

    /// The step of arrival `k`: the same on every machine.
    #[must_use]
    pub fn step(&self, k: u64) -> usize {
        let all = self.until.last().copied().unwrap_or(1);
        // The high half of the product: uniform to one part in 2⁴⁴, without a division.
        let drawn = (u128::from(self.random.draw(k, 0)) * u128::from(all)) >> 64;
        self.until.partition_point(|until| u128::from(*until) <= drawn)
    }
}
