//! The desk: every run that a controller knows, whether it waits, is on, or is over.
//!
//! One run at a time is on, over all agents: agents belong to one run at a time, and two runs on one target would measure
//! each other. The others wait in the order in which they came.

use crate::coordinator::{EffectivePlan, Steer};
use crate::feed::{Board, Over};
use common::live::{Live, LiveRun};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Every run that a controller knows.
#[derive(Debug)]
pub struct Desk {
    runs: Mutex<VecDeque<Arc<Entry>>>,
    /// A run was added.
    added: Notify,
    data_dir: Option<PathBuf>,
    /// Whether it takes runs.
    takes: bool,
}

/// A run that this controller conducts, or will, or did.
#[derive(Debug)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was asked for, in RFC 3339; a label only.
    pub created_at: String,
    /// How many agents it was to have; `None`: what the plan says, or those that are joined.
    pub agents: Option<usize>,
    /// What there is to see of it.
    pub board: Arc<Board>,
    /// Its plan as it was written.
    text: String,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// With what is to be run; what it holds open is let go with it.
    Waits(Box<EffectivePlan>),
    On(mpsc::Sender<Steer>),
    Over,
}

/// A run to be put on the desk.
#[derive(Debug)]
pub struct Order {
    /// Its plan.
    pub plan: EffectivePlan,
    /// The plan as it was written.
    pub text: String,
    /// How it is called; `None`: as the plan.
    pub name: Option<String>,
    /// How many agents it is to have.
    pub agents: Option<usize>,
}

impl Desk {
    /// An empty desk, with the runs that are kept in `data_dir` beside it. `takes`: whether runs can be put on it.
    #[must_use]
    pub fn new(data_dir: Option<PathBuf>, takes: bool) -> Self {
        Self { runs: Mutex::default(), added: Notify::new(), data_dir, takes }
    }

    /// Where runs are kept.
    #[must_use]
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// Whether it takes runs.
    #[must_use]
    pub const fn takes(&self) -> bool {
        self.takes
    }

    /// Every run, the oldest first.
    #[must_use]
    pub fn runs(&self) -> Vec<Arc<Entry>> {
        self.lock().iter().cloned().collect()
    }

    /// The run with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().iter().find(|entry| entry.id == id).cloned()
    }

    /// Puts a run behind the others; fails when too many wait.
    pub fn add(&self, entry: Entry) -> Result<Arc<Entry>, String> {
        let entry = Arc::new(entry);
        let mut runs = self.lock();
        let waiting = runs.iter().filter(|other| other.waits()).count();
        if waiting >= QUEUE_MAX {
            return Err(format!("{waiting} runs wait already"));
        }
        runs.push_back(Arc::clone(&entry));
        drop(runs);
        self.forget_the_oldest();
        self.added.notify_one();
        Ok(entry)
    }

    /// Waits for the next run in the queue.
    pub async fn next(&self) -> Arc<Entry> {
        loop {
            let added = self.added.notified();
            let next = self.lock().iter().find(|entry| entry.waits()).cloned();
            if let Some(entry) = next {
                return entry;
            }
            added.await;
        }
    }

    /// Takes a run away that waits or is over; whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut runs = self.lock();
        let before = runs.len();
        runs.retain(|entry| entry.id != id || matches!(&*entry.stage(), Stage::On(_)));
        before != runs.len()
    }

    /// Runs that wait are not run any more; how many there were.
    pub fn dismiss(&self, why: &str, exit: u8) -> usize {
        let waiting: Vec<_> = self.runs().into_iter().filter(|entry| entry.waits()).collect();
        let over = || Over { verdict: None, report: None, failure: Some(why.into()), exit };
        waiting.iter().filter(|entry| entry.withdraw(over())).count()
    }

    fn forget_the_oldest(&self) {
        let mut runs = self.lock();
        while runs.iter().filter(|entry| entry.is_over()).count() > KEPT_MAX {
            let Some(oldest) = runs.iter().position(|entry| entry.is_over()) else { return };
            runs.remove(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// A run that waits.
    #[must_use]
    pub fn new(id: String, created_at: String, order: Order) -> Self {
        let Order { plan, text, name, agents } = order;
        let name = name.unwrap_or_else(|| plan.plan.name.clone());
        let run = LiveRun {
            id: id.clone(),
            name: name.clone(),
            state: "queued".into(),
            load_end_s: plan.plan.duration().as_secs_f64(),
            ..LiveRun::default()
        };
        let board = Arc::new(Board::new(Live { run, ledger_ok: true, ..Live::default() }));
        let stage = Mutex::new(Stage::Waits(Box::new(plan)));
        Self { id, name, created_at, agents, board, text, stage }
    }

    /// What is to be run, as long as its turn has not come.
    #[must_use]
    pub fn plan(&self) -> Option<EffectivePlan> {
        match &*self.stage() {
            Stage::Waits(plan) => Some(EffectivePlan::clone(plan)),
            Stage::On(_) | Stage::Over => None,
        }
    }

    /// Its plan as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether its turn has not come.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(&*self.stage(), Stage::Waits(_))
    }

    /// Whether nothing of it will change any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(&*self.stage(), Stage::Over)
    }

    /// Its turn has come, and wishes of operators go there; `false`: it was taken out of the queue before.
    #[must_use]
    pub fn begin(&self, wishes: mpsc::Sender<Steer>) -> bool {
        self.step_on(Stage::On(wishes))
    }

    /// Takes it out of the queue, if it waits there; whether it did.
    pub fn withdraw(&self, over: Over) -> bool {
        let waited = self.step_on(Stage::Over);
        if waited {
            self.board.end(over);
        }
        waited
    }

    /// Its turn comes, or it leaves the queue: one of both, and once.
    fn step_on(&self, next: Stage) -> bool {
        let mut stage = self.stage();
        let waits = matches!(&*stage, Stage::Waits(_));
        if waits {
            *stage = next;
        }
        waits
    }

    /// Where wishes of operators go while it is on.
    #[must_use]
    pub fn wishes(&self) -> Option<mpsc::Sender<Steer>> {
        match &*self.stage() {
            Stage::On(wishes) => Some(wishes.clone()),
            _ => None,
        }
    }

    /// It is over.
    pub fn end(&self, over: Over) {
        *self.stage() = Stage::Over;
        self.board.end(over);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a run that an operator took out of the queue.
pub const WITHDRAWN: &str = "taken out of the queue";
/// Runs that may wait.
const QUEUE_MAX: usize = 100;
/// Runs that are over and stay here with their reports; older ones are there as long as --data-dir keeps them.
const KEPT_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use common::plan::Plan;

    fn waiting() -> Entry {
        let text = "name = \"t\"\n[target]\nbase_url = \"http://127.0.0.1\"\n[[scenario]]\nname = \"s\"\n\
                    load.rate = [{ at = \"1/s\", for = \"1s\" }]\n[[scenario.step]]\npath = \"/\"\n";
        let plan = Plan::parse("t", text).unwrap();
        let plan = EffectivePlan { text: text.into(), plan, files: Arc::default(), notes: vec![] };
        Entry::new("r".into(), "now".into(), Order { plan, text: text.into(), name: None, agents: None })
    }

    #[test]
    fn a_run_begins_or_leaves_the_queue_and_never_both() {
        let over = || Over { verdict: None, report: None, failure: Some(WITHDRAWN.into()), exit: 103 };
        let (wishes, _) = mpsc::channel(1);
        let begun = waiting();
        assert!(begun.plan().is_some() && begun.begin(wishes.clone()));
        assert!(!begun.withdraw(over()) && !begun.is_over() && begun.plan().is_none());
        let withdrawn = waiting();
        assert!(withdrawn.withdraw(over()) && withdrawn.is_over() && withdrawn.plan().is_none());
        assert!(!withdrawn.begin(wishes) && !withdrawn.withdraw(over()));
    }
}
