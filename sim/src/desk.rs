//! The controller's host: its program, its disk and the operator before it.
//!
//! Its processes come and go; the journal and the clock stay.

use crate::net;
use crate::record::{Outcome, Record, Shot, name};
use common::clock::Clock;
use common::owners::Owners;
use common::plan::Plan;
use common::run::SessionId;
use controller::chronicle::Happened;
use controller::conduct::{conduct, report};
use controller::coordinator::{EffectivePlan, Progress, Steer, Task, Watcher};
use controller::journal::{Journal, Memory, Record as Entry};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// The controller's host.
#[derive(Debug)]
pub struct Desk {
    /// What it is asked to run.
    pub plan: EffectivePlan,
    /// How many agents it waits for.
    pub expect: u32,
    /// Its clock.
    pub clock: Clock,
    /// The witness.
    pub record: Record,
    /// Names the run.
    pub seed: u64,
    /// Its disk: the journal as the present process, or the last one, opened it.
    journal: RefCell<Option<Memory>>,
    /// What the operator does reaches the present process here.
    wishes: RefCell<Option<mpsc::UnboundedSender<Wish>>>,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Presses Ctrl-C.
    Interrupt,
    /// `controller stop`.
    Stop,
    /// `controller rate`: scenario, thousandths of an arrival per second.
    Rate(String, u64),
    /// `controller pause`.
    Pause,
    /// `controller resume`.
    Resume,
}

/// What a disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// It hangs: nothing becomes durable.
    Hangs,
    /// It goes on.
    GoesOn,
    /// It is full, for this process of the controller.
    Fails,
}

impl Desk {
    /// A host on which no controller ever ran.
    #[must_use]
    pub const fn new(plan: EffectivePlan, expect: u32, clock: Clock, record: Record, seed: u64) -> Self {
        Self { plan, expect, clock, record, seed, journal: RefCell::new(None), wishes: RefCell::new(None) }
    }

    /// One process of the controller, from its start to its end.
    pub async fn control(&self) -> turmoil::Result {
        let Some(task) = self.open()? else { return Ok(()) };
        let incoming = net::incoming(net::listen(net::CONTROLLER).await?);
        let (interrupt, interrupts) = mpsc::channel(4);
        let (steer, steering) = mpsc::channel(16);
        let (wish, wishes) = mpsc::unbounded_channel();
        *self.wishes.borrow_mut() = Some(wish);
        tokio::spawn(operate(wishes, interrupt, steer, self.record.clone()));
        let plan = task.plan.plan.clone();
        let mut witness = Witness(self.record.clone());
        let mut finished = conduct(task, incoming, interrupts, steering, &mut witness).await?;
        self.tell_report(&plan, &finished);
        let body = String::from("{}");
        finished.journal.append(Entry::Report { run_id: finished.run_id.clone(), report: body });
        Ok(())
    }

    fn tell_report(&self, plan: &Plan, finished: &controller::coordinator::Finished) {
        let report = report(plan, CREATED_AT, finished);
        let run_time = finished.run.run_time(self.clock.now()).nanos();
        let outcome = Outcome {
            ending: finished.ending.clone(),
            zero: crate::record::now().saturating_sub(Duration::from_nanos(run_time)),
            load_end: Duration::from_nanos(finished.run.load_end().nanos()),
            at: crate::record::now(),
        };
        self.record.tell("controller", format!("{:?}: {:?}", report.verdict, report.ledger));
        self.record.tell("controller", format!("{outcome:?}"));
        let mut pages = self.record.pages();
        pages.strangers = strangers(&pages.fired, &self.names(), finished.run.owners());
        (pages.report, pages.outcome) = (Some(report), Some(outcome));
    }

    /// The names of the agents by session.
    fn names(&self) -> BTreeMap<SessionId, String> {
        let name = |happened| match happened {
            Happened::Opened { session, name, .. } => Some((session, name)),
            _ => None,
        };
        self.journalled().into_iter().filter_map(|(_, happened)| name(happened)).collect()
    }

    /// What the journal keeps, with times on the controller's clock.
    #[must_use]
    pub fn journalled(&self) -> Vec<(u64, Happened)> {
        let saved = self.journal.borrow().as_ref().map(|memory| memory.load(&format!("run-{}", self.seed)));
        let events = saved.and_then(Result::ok).flatten().map(|saved| saved.events).unwrap_or_default();
        events.iter().filter_map(|event| Some((event.at_ns, Happened::read(event).ok()?))).collect()
    }

    /// Opens the journal and decides what is to be run; nothing when the run is over. Who has the report of a run does
    /// not start it again, even where a full disk kept the journal from knowing that it ended.
    fn open(&self) -> Result<Option<Task>, String> {
        if self.record.pages().report.is_some() {
            return Ok(None);
        }
        let memory = self.journal.borrow().as_ref().map_or_else(Memory::new, Memory::reopen);
        *self.journal.borrow_mut() = Some(memory.clone());
        let saved = memory.unfinished()?;
        let run_id = format!("run-{}", self.seed);
        if saved.is_none() && memory.load(&run_id)?.is_some() {
            return Ok(None);
        }
        Ok(Some(Task {
            collector: None,
            plan: self.plan.clone(),
            expect: self.expect as usize,
            wait: GATHER,
            run_id,
            created_at: CREATED_AT.into(),
            token: None,
            clock: self.clock.clone(),
            journal: Box::new(Pen(memory, self.record.clone())),
            saved,
        }))
    }

    /// The operator does something; nothing comes of it while no controller runs.
    pub fn operate(&self, wish: Wish) {
        self.wishes.borrow().iter().for_each(|wishes| wishes.send(wish.clone()).unwrap_or_default());
    }

    /// Something happens to the disk.
    pub fn disk(&self, what: Disk) {
        for memory in self.journal.borrow().iter() {
            match what {
                Disk::Hangs => memory.hold(),
                Disk::GoesOn => memory.settle(),
                Disk::Fails => memory.fail("write to the journal: no space is left"),
            }
        }
    }
}

/// The journal, with everything that is written into it told to the witness.
#[derive(Debug)]
struct Pen(Memory, Record);

impl Journal for Pen {
    fn append(&mut self, record: Entry) -> u64 {
        for part in record.parts() {
            match part {
                Entry::Event { kind, body, .. } => self.1.tell("journal", format!("{kind} {}", short(body))),
                Entry::Delta { session, seq, .. } => {
                    self.1.tell("journal", format!("delta {seq} of {session}"));
                }
                Entry::Run { .. } | Entry::Report { .. } | Entry::Together(_) => {}
            }
        }
        self.0.append(record)
    }

    fn durable(&self) -> watch::Receiver<Result<u64, String>> {
        self.0.durable()
    }

    fn epoch(&self) -> u64 {
        self.0.epoch()
    }
}

/// A record without most of its lanes.
fn short(body: &str) -> String {
    let Some((before, lanes)) = body.split_once("\"lanes\":\"") else { return body.to_owned() };
    let ones: u32 = lanes.chars().filter_map(|c| c.to_digit(16)).map(u32::count_ones).sum();
    format!("{before} {ones} lanes {}…", lanes.get(..16).unwrap_or_default())
}

/// Arrivals that were fired by somebody else than who owned them, as sentences.
fn strangers(fired: &[Shot], names: &BTreeMap<SessionId, String>, owners: &Owners) -> Vec<String> {
    let stranger = |shot: &&Shot| {
        let owner = owners.owner(shot.k, shot.due).and_then(|session| names.get(&session));
        owner != Some(&name(shot.agent))
    };
    let sentence = |shot: &Shot| {
        let owner = owners.owner(shot.k, shot.due);
        format!("{} fired what was {owner:?}'s: {shot:?}", name(shot.agent))
    };
    fired.iter().filter(stranger).map(sentence).collect()
}

/// Carries what the operator does to the controller, and the answers to the record.
async fn operate(
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    interrupt: mpsc::Sender<()>,
    steer: mpsc::Sender<Steer>,
    record: Record,
) {
    while let Some(wish) = wishes.recv().await {
        // A controller that is ending takes no wishes.
        let answer = match wish.clone() {
            Wish::Interrupt => {
                interrupt.send(()).await.unwrap_or_default();
                continue;
            }
            Wish::Stop => {
                let (reply, answer) = oneshot::channel();
                steer.send(Steer::Stop(reply)).await.unwrap_or_default();
                format!("{:?}", answer.await)
            }
            Wish::Rate(scenario, milli) => {
                let (reply, answer) = oneshot::channel();
                steer.send(Steer::Rate { scenario, milli, reply }).await.unwrap_or_default();
                format!("{:?}", answer.await)
            }
            Wish::Pause => {
                let (reply, answer) = oneshot::channel();
                steer.send(Steer::Pause(reply)).await.unwrap_or_default();
                format!("{:?}", answer.await)
            }
            Wish::Resume => {
                let (reply, answer) = oneshot::channel();
                steer.send(Steer::Resume(reply)).await.unwrap_or_default();
                format!("{:?}", answer.await)
            }
        };
        record.tell("operator", format!("{wish:?}: {answer}"));
    }
}

/// Writes down what the controller would tell its operator.
struct Witness(Record);

impl Watcher for Witness {
    fn on_progress(&mut self, _: &mut Progress<'_>) {}

    fn on_line(&mut self, line: &str) {
        self.0.tell("controller", line);
    }
}

/// How long the controller waits for its agents.
const GATHER: Duration = Duration::from_secs(30);
const CREATED_AT: &str = "1970-01-01T00:00:00Z";
