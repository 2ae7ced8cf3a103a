//! What is run: a plan that the seed writes.

use crate::dice::Dice;
use std::fmt::Write;
use std::time::Duration;

/// The text of a plan, and how long its load lasts.
#[must_use]
pub fn text(seed: u64) -> (String, Duration) {
    let mut dice = Dice::new(seed, "plan");
    let mut text = format!(
        "name = \"sim\"\nseed = {seed}\ndrain = \"10s\"\nmax_lateness = \"{}\"\n[target]\n\
         base_url = \"http://target\"\ntimeout = \"8s\"\n",
        ["1s", "5s", "300ms"][dice.place(3)],
    );
    let length = dice.number(6..=20);
    for number in 0..dice.number(1..=3) {
        let half = length / 2;
        let (from, to) = (dice.number(1..=120), dice.number(1..=120));
        let arrivals = ["even", "poisson"][dice.place(2)];
        let slots = [2000, 40, 4][dice.place(3)];
        let overload = ["queue", "skip"][dice.place(2)];
        // Writing to a text cannot fail.
        write!(
            text,
            "[[scenario]]\nname = \"s{number}\"\nmax_in_flight = {slots}\noverload = \"{overload}\"\n\
             load.arrivals = \"{arrivals}\"\nload.rate = [ {{ from = \"{from}/s\", to = \"{to}/s\", for = \"{half}s\" }}, \
             {{ at = \"{to}/s\", for = \"{}s\" }} ]\n[[scenario.step]]\npath = \"/\"\n",
            length - half,
        )
        .unwrap_or_default();
    }
    (text, Duration::from_secs(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::plan::Plan;

    #[test]
    fn every_seed_writes_a_plan() {
        for seed in 0..200 {
            let (text, _) = text(seed);
            if let Err(problems) = Plan::parse("sim", &text) {
                panic!("seed {seed}: {problems}\n{text}");
            }
        }
    }
}
