//! The proof by random histories: the real machines of the core, driven through whatever can happen to a fleet.
//!
//! A history is a discrete-event simulation in which everything comes from one seed. The controller's `Run` with its
//! `Owners`, every agent's `Session`, `Pacer`s and `Outbox`, and the `Inbox`es are the product's own; the shells round
//! them, the network, the clocks and the journal are modelled here. After every step and at the end the promises of
//! [`check::Promise`] must hold. That the check can see is shown by leaving protections out of the modelled shells
//! ([`script::Sabotage`]): each must break a promise in a good part of the histories.
//!
//! `STAMPEDE_SEED=7` replays one history, `STAMPEDE_HISTORIES=50000` lives more of them, both together begin there.

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

/// Lives these histories; which promise was broken first in which, and how often what happened.
fn live_all(
    seeds: std::ops::Range<u64>,
    sabotage: Sabotage,
) -> (BTreeMap<Promise, Vec<u64>>, BTreeMap<&'static str, u64>) {
    let (mut broken, mut seen) = (BTreeMap::<_, Vec<u64>>::new(), BTreeMap::new());
    for seed in seeds {
        let world = live(Script::new(seed, sabotage), false);
        world.check.seen.iter().for_each(|(what, n)| *seen.entry(*what).or_default() += n);
        if let Some((promise, _)) = world.check.broken.first() {
            broken.entry(*promise).or_default().push(seed);
        }
    }
    (broken, seen)
}

#[test]
fn no_history_breaks_a_promise() {
    let (first, many) = (number("STAMPEDE_SEED"), number("STAMPEDE_HISTORIES"));
    let histories = many.unwrap_or(if first.is_some() { 1 } else { HISTORIES });
    let first = first.unwrap_or(1);
    let (broken, seen) = live_all(first..first + histories, Sabotage::None);
    println!("{histories} histories: {seen:?}");
    if let Some(seed) = broken.values().flatten().next() {
        let seeds = |seeds: &Vec<u64>| (seeds.len(), seeds.iter().take(8).copied().collect::<Vec<_>>());
        let broken: Vec<_> = broken.iter().map(|(promise, own)| (promise, seeds(own))).collect();
        panic!("{broken:?}\n{}", explain(*seed, Sabotage::None));
    }
    let missed = COVERED.iter().filter(|what| histories >= HISTORIES && !seen.contains_key(*what));
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&&str>::new(), "these never happened");
}

#[test]
fn without_a_protection_a_promise_is_broken() {
    let wished = number("STAMPEDE_SABOTAGES");
    let count = |sabotage| {
        let histories = wished.unwrap_or(SABOTAGES);
        let (broken, _) = live_all(1..1 + histories, sabotage);
        let caught: usize = broken.values().map(Vec::len).sum();
        println!("{sabotage:?}: caught in {caught} of {histories} histories, {broken:?}");
        caught
    };
    for sabotage in PROTECTIONS {
        assert!(count(sabotage) > 0, "{sabotage:?} goes unnoticed");
    }
    // What these protect from is so rare that they are only counted, on request.
    if wished.is_some() {
        for sabotage in RARE {
            count(sabotage);
        }
    }
}

/// What is granted was granted to somebody who holds the newest share that took lanes from it: the controller looks at
/// the heartbeat. That the agent looks again is a second lock on the same door.
#[test]
fn the_controllers_look_at_the_share_is_enough() {
    let histories = number("STAMPEDE_SABOTAGES").unwrap_or(SABOTAGES);
    let (broken, _) = live_all(1..1 + histories, Sabotage::NoFenceAtAgent);
    assert_eq!(broken, BTreeMap::new());
}

/// So many take a few seconds.
const HISTORIES: u64 = 1_000;
const SABOTAGES: u64 = 60;
const PROTECTIONS: [Sabotage; 5] =
    [Sabotage::NoLeaseGate, Sabotage::NoWait, Sabotage::GrowEarly, Sabotage::NoFence, Sabotage::NotDurable];
const RARE: [Sabotage; 4] =
    [Sabotage::TornStep, Sabotage::TakesAfterLast, Sabotage::BooksBeforeAnswer, Sabotage::OlderStream];
/// The histories must not become so tame that one of these does not occur.
const COVERED: [&str; 14] = [
    "aborted",
    "agent lost",
    "completed",
    "controller restarted",
    "interrupted",
    "joined late",
    "left",
    "lost",
    "not started",
    "returned",
    "revised",
    "stopped",
    "recovery looked at",
    "delivery looked at",
];
