//! The last look at a history: whose everything was, and whether the books balance.

use crate::check::Promise;
use crate::clock::SECOND;
use crate::script::Fault;
use crate::wire::revised;
use crate::world::World;
use common::arrivals::Timetable;
use common::owners::Owners;
use common::run::{Ending, OnLoss, SessionId};
use common::time::RunTime;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn close(world: &mut World) {
    let Some(controller) = world.controller.take().filter(|_| world.closed.is_some()) else { return };
    let tables = revised(&world.script.timetables(), controller.revisions());
    let owners = controller.run.owners();
    check_owners(world, owners);
    let owned = owned(owners, &tables);
    let planned: u64 = tables.iter().map(|table| table.planned().before(RunTime::MAX)).sum();
    let accounted: u64 = owned.values().sum();
    if planned != accounted {
        world
            .check
            .fail(Promise::Books, world.now, || format!("{planned} planned, {accounted} accounted for"));
    }
    for (session, agent, _) in world.journal.sessions() {
        let sealed = world.journal.deltas(session);
        let contiguous = sealed.iter().zip(1..).all(|(delta, seq)| delta.seq == seq);
        let finished = sealed.last().is_some_and(|delta| delta.fin);
        let (truth, applied) = (world.check.truth(session), controller.applied(session));
        let owned = owned.get(&Some(session)).copied().unwrap_or_default();
        let right = applied <= truth && truth <= owned && (!finished || (applied == truth && truth == owned));
        if !contiguous {
            world.check.fail(Promise::Deltas, world.now, || format!("{session:x} has a gap"));
        }
        if !right {
            world.check.fail(Promise::Books, world.now, || {
                format!("{session:x} of agent {agent}: {applied} told, {truth} resolved, {owned} owned, finished: {finished}")
            });
        }
    }
    check_recovery(world, owners);
    world.controller = Some(controller);
}

fn owned(owners: &Owners, tables: &[Timetable]) -> BTreeMap<Option<SessionId>, u64> {
    let mut owned = BTreeMap::new();
    for table in tables {
        for (owner, account) in owners.account(table, RunTime::MAX) {
            *owned.entry(owner).or_default() += account.total;
        }
    }
    owned
}

fn check_owners(world: &mut World, owners: &Owners) {
    let mut resolved: Vec<_> = world.check.resolved.iter().map(|(key, mine)| (*key, *mine)).collect();
    resolved.sort_by_key(|(key, mine)| (mine.due, *key));
    for ((scenario, k), mine) in resolved {
        let owner = owners.owner(k, mine.due);
        if owner != Some(mine.session) {
            world.check.fail(Promise::Owner, world.now, || {
                format!("arrival {k} of scenario {scenario}, {mine:x?}, is {owner:x?}'s")
            });
        }
    }
}

/// When the faults were over well before the load was, everybody who is there has finished, and had lanes.
fn check_recovery(world: &mut World, owners: &Owners) {
    let script = &world.script;
    let ttl = script.timers.lease_ttl.as_nanos() as u64;
    let Some(zero) = world.journal.started().map(|zero_at| script.controller.when(zero_at)) else { return };
    let end = zero + script.end().nanos();
    let disturbed = script.has(|fault| matches!(fault, Fault::Stop | Fault::Interrupt | Fault::Revise(_)))
        || script.faults.iter().any(|(at, fault)| matches!(fault, Fault::Join(_)) && *at + 2 * SECOND > end);
    let completed = world
        .journal
        .records
        .iter()
        .any(|record| matches!(record, crate::journal::Record::Closed(Ending::Completed)));
    if script.calm + 2 * ttl + 3 * SECOND > end || disturbed || !completed || script.stutter < 1000 {
        return;
    }
    world.check.saw("recovery looked at");
    let finished: BTreeSet<usize> = world
        .journal
        .sessions()
        .iter()
        .filter(|(session, ..)| world.journal.deltas(*session).last().is_some_and(|delta| delta.fin))
        .map(|(_, agent, _)| *agent)
        .collect();
    let is_here = |agent: &usize| world.agents[*agent].as_ref().is_some_and(|own| !own.leaving);
    let here: Vec<usize> = (0..world.agents.len()).filter(is_here).collect();
    if let Some(agent) = here.iter().find(|agent| !finished.contains(agent)) {
        world.check.fail(Promise::Recovery, world.now, || format!("agent {agent} never finished"));
    }
    let script = &world.script;
    let in_time = |agent: &&usize| {
        script.faults.iter().any(|(at, fault)| *fault == Fault::Join(**agent) && *at <= script.calm)
    };
    let room: u64 = here.iter().filter(in_time).map(|agent| u64::from(script.agents[*agent].1.cap)).sum();
    if script.on_loss != OnLoss::Rebalance || room < u64::from(common::lane::LANES) || script.slots < 1000 {
        return;
    }
    world.check.saw("delivery looked at");
    let script = &world.script;
    // Whatever is due from here on must be fired.
    let well = RunTime::from_nanos((script.calm + 2 * ttl + 2 * SECOND).saturating_sub(zero));
    let tables = script.timetables();
    for (scenario, table) in tables.iter().enumerate() {
        let lost = |due: &common::arrivals::Due| {
            !world.check.resolved.get(&(scenario, due.k)).is_some_and(|mine| mine.fired)
        };
        let lost: Vec<_> = table.cursor(&common::lane::LaneSet::all(), well).filter(lost).collect();
        if let Some(first) = lost.first() {
            let (n, owner) = (lost.len(), owners.owner(first.k, first.at));
            world.check.fail(Promise::Recovery, world.now, || {
                format!("{n} were not fired after {well:?}, {first:?} of {owner:x?}")
            });
        }
    }
}
