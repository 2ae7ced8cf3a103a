//! The main task of an engine thread: orders from the control thread, the alarm, the worker that fires.

use crate::clock;
use crate::engine::alarm::Alarm;
use crate::engine::worker::{Next, Worker};
use crate::engine::{Command, Setup};
use common::share::Share;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::UnboundedReceiver;

/// Runs engine thread `number` with the lanes of `share` until its control thread is gone.
pub(super) fn run(setup: &Setup, number: usize, share: &Share, orders: UnboundedReceiver<Command>) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(setup, number, share, orders)),
        Err(error) => refuse(orders, &format!("start the runtime of engine thread {number}: {error}")),
    }
}

async fn serve(setup: &Setup, number: usize, share: &Share, mut orders: UnboundedReceiver<Command>) {
    let ready = Worker::new(setup, number, share).and_then(|worker| {
        let alarm = Alarm::new().map_err(|error| format!("make a timer: {error}"))?;
        Ok((worker, alarm))
    });
    let (worker, mut alarm) = match ready {
        Ok(ready) => ready,
        Err(why) => return refuse_async(&mut orders, &why).await,
    };
    let mut zero = None;
    // Until the start only orders matter.
    while zero.is_none() {
        let Some(order) = orders.recv().await else { return };
        obey(&worker, order, &mut zero).await;
    }
    let sweeper = tokio::task::spawn_local(sweep(Rc::clone(&worker)));
    drive(&worker, &mut alarm, &mut orders, zero.unwrap_or_default()).await;
    sweeper.abort();
}

/// Fires arrivals from run time zero on.
async fn drive(worker: &Rc<Worker>, alarm: &mut Alarm, orders: &mut UnboundedReceiver<Command>, zero: u64) {
    let (mut begun, mut ignored) = (false, None);
    loop {
        let next = if begun {
            worker.pump()
        } else if clock::now() >= zero {
            begun = true;
            worker.begin();
            worker.pump()
        } else {
            Next::At(common::time::RunTime::ZERO)
        };
        let rest = async {
            match next {
                Next::At(at) => alarm.until(worker.clock().local(at), worker.is_precise()).await,
                Next::Now => {
                    tokio::task::yield_now().await;
                    Ok(())
                }
                Next::Idle => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(order) => obey(worker, order, &mut ignored).await,
                None => return,
            },
            // A timer that fails once would fail for ever: look again at once instead of never.
            rung = rest => if rung.is_err() { tokio::task::yield_now().await },
            () = worker.changed.notified() => {}
        }
    }
}

async fn obey(worker: &Rc<Worker>, order: Command, zero: &mut Option<u64>) {
    match order {
        // Whoever asked and did not wait for the answer does not need it.
        Command::Warm(reply) => reply.send(worker.warm().await).unwrap_or_default(),
        Command::Take(reply) => drop(reply.send(worker.snapshot())),
        Command::Hold(from, reply) => drop(reply.send(worker.hold(from))),
        Command::Switch(from, parts) => worker.switch(from, parts),
        Command::Abort => worker.abort(),
        Command::Start(at) => {
            worker.set_zero(at);
            *zero = Some(at);
        }
    }
}

/// Ends requests whose time is over, in coarse steps.
async fn sweep(worker: Rc<Worker>) {
    let timeouts = worker.plan.scenarios.iter().flat_map(|scenario| &scenario.steps).map(|step| step.timeout);
    let shortest = timeouts.min().unwrap_or_default();
    let mut ticks = tokio::time::interval((shortest / 100).clamp(SWEEP_MIN, SWEEP_MAX));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        worker.sweep();
    }
}

fn refuse(mut orders: UnboundedReceiver<Command>, why: &str) {
    while let Some(order) = orders.blocking_recv() {
        answer(order, why);
    }
}

async fn refuse_async(orders: &mut UnboundedReceiver<Command>, why: &str) {
    while let Some(order) = orders.recv().await {
        answer(order, why);
    }
}

/// An engine that could not be built says so when it is warmed up.
fn answer(order: Command, why: &str) {
    if let Command::Warm(reply) = order {
        reply.send(Err(why.to_owned())).unwrap_or_default();
    }
}

/// A time-out is noticed at most a hundredth of itself late, within these bounds.
const SWEEP_MIN: Duration = Duration::from_millis(5);
const SWEEP_MAX: Duration = Duration::from_millis(100);
