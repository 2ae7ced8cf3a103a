//! The proof by random histories: the real machines of the core, driven through whatever can happen to a fleet.
//!
//! A history is a discrete-event simulation in which everything comes from one seed. The controller's `Run` with its
//! `Owners`, every agent's `Session`, `Pacer`s and `Outbox`, and the `Inbox`es are the product's own; the shells round
//! them, the network, the clocks and the journal are modelled here. After every step and at the end the promises of
//! [`check::Promise`] must hold. That the check can see is shown by leaving protections out of the modelled shells
//! ([`script::Sabotage`]): each must break a promise in a good part of the histories.
//!
//! `STAMPEDE_SEED=7` replays one history, `STAMPEDE_HISTORIES=50000` lives more of them.

extern crate stampede_common as common;

mod agent;
mod books;
mod chance;
mod check;
mod clock;
mod controller;
mod engine;
mod journal;
mod restore;
mod script;
mod wire;
mod world;

use check::Promise;
use script::{Sabotage, Script};
use std::collections::{BTreeMap, VecDeque};
use world::World;

fn live(script: Script, traced: bool) -> World {
    let mut world = World::new(script);
    world.check.trace = traced.then(VecDeque::new);
    world.run();
    world
}

fn number(name: &str) -> Option<u64> {
    std::env::vars().find(|(key, _)| key == name).map(|(_, value)| value.parse().expect("a number"))
}

/// The same history with every fault left out that it fails without.
fn shrunk(mut script: Script) -> Script {
    let mut n = 0;
    while n < script.faults.len() {
        let mut less = script.clone();
        less.faults.remove(n);
        if live(less.clone(), false).check.broken.is_empty() {
            n += 1;
        } else {
            script = less;
        }
    }
    script
}

fn explain(seed: u64, sabotage: Sabotage) -> String {
    let script = shrunk(Script::new(seed, sabotage));
    let world = live(script, true);
    let trace: Vec<String> = world.check.trace.into_iter().flatten().collect();
    format!(
        "seed {seed}: {:?}\nfaults: {:#?}\nlast events:\n{}",
        world.check.broken,
        world.script.faults,
        trace.join("\n")
    )
}

#[test]
fn no_history_breaks_a_promise() {
    let (first, histories) = match number("STAMPEDE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("STAMPEDE_HISTORIES").unwrap_or(HISTORIES)),
    };
    let mut failed: BTreeMap<Promise, Vec<u64>> = BTreeMap::new();
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in first..first + histories {
        let world = live(Script::new(seed, Sabotage::None), histories == 1);
        world.check.trace.iter().flatten().for_each(|line| println!("{line}"));
        world.check.seen.iter().for_each(|(what, n)| *seen.entry(*what).or_default() += n);
        if let Some((promise, _)) = world.check.broken.first() {
            failed.entry(*promise).or_default().push(seed);
        }
    }
    println!("{seen:#?}");
    if let Some(seed) = failed.values().flatten().next() {
        let counts: Vec<_> = failed
            .iter()
            .map(|(promise, seeds)| (promise, seeds.len(), &seeds[..seeds.len().min(8)]))
            .collect();
        panic!("{counts:?}\n{}", explain(*seed, Sabotage::None));
    }
}

#[test]
fn without_a_protection_a_promise_is_broken() {
    for sabotage in [
        Sabotage::NoLeaseGate,
        Sabotage::NoWait,
        Sabotage::GrowEarly,
        Sabotage::NoFence,
        Sabotage::NotDurable,
        Sabotage::NoFenceAtAgent,
    ] {
        let mut caught: BTreeMap<Promise, u64> = BTreeMap::new();
        for seed in 1..=number("STAMPEDE_SABOTAGES").unwrap_or(SABOTAGES) {
            let world = live(Script::new(seed, sabotage), false);
            let kinds: std::collections::BTreeSet<_> =
                world.check.broken.iter().map(|(promise, _)| *promise).collect();
            kinds.into_iter().for_each(|promise| *caught.entry(promise).or_default() += 1);
        }
        println!("{sabotage:?}: {caught:?}");
    }
}

const HISTORIES: u64 = 300;
const SABOTAGES: u64 = 40;
