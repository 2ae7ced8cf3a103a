//! A journal that ends with the process: for tests and simulated controllers.

use super::{Journal, Record, Saved, SavedEvent, boot_id};
use prost::Message;
use proto::v1;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A journal in memory. Clones are handles on the same journal.
///
/// Everything is durable at once, unless a test [holds](Memory::hold) it back or lets it [fail](Memory::fail).
#[derive(Clone, Debug)]
pub struct Memory {
    held: Arc<Mutex<Held>>,
    /// Of this opening alone: a reopened journal counts from 1 again.
    opening: Arc<Opening>,
}

#[derive(Debug, Default)]
struct Held {
    records: Vec<Record>,
    /// Appended, not yet durable, lost when the journal is reopened.
    waiting: Vec<Record>,
    is_holding: bool,
}

#[derive(Debug)]
struct Opening {
    epoch: u64,
    appended: Mutex<u64>,
    durable: watch::Sender<Result<u64, String>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty journal of epoch 1.
    #[must_use]
    pub fn new() -> Self {
        Self { held: Arc::default(), opening: Arc::new(Opening::new(1)) }
    }

    /// The same journal as a controller finds it that is started after a crash: what was durable is there, the epoch
    /// is one higher, nothing is held back any more. The old handles must not be used again.
    #[must_use]
    pub fn reopen(&self) -> Self {
        let mut held = self.lock();
        held.waiting.clear();
        held.is_holding = false;
        let opening = Arc::new(Opening::new(self.opening.epoch + 1));
        Self { held: Arc::clone(&self.held), opening }
    }

    /// From now on nothing becomes durable, until [`Memory::settle`].
    pub fn hold(&self) {
        self.lock().is_holding = true;
    }

    /// Everything that was held back is durable now.
    pub fn settle(&self) {
        let mut held = self.lock();
        held.is_holding = false;
        let mut waiting = std::mem::take(&mut held.waiting);
        let count = waiting.len() as u64;
        held.records.append(&mut waiting);
        self.opening.advance(count);
    }

    /// From now on nothing becomes durable any more, and why.
    pub fn fail(&self, why: &str) {
        self.lock().waiting.clear();
        self.opening.durable.send_modify(|durable| *durable = Err(why.to_owned()));
    }

    /// The newest run without a report. Fails when a delta in it is none.
    pub fn unfinished(&self) -> Result<Option<Saved>, String> {
        let held = self.lock();
        let runs = held.records.iter().rev().filter_map(|record| match record {
            Record::Run { run_id, .. } => Some(run_id),
            _ => None,
        });
        let is_over = |run: &str| {
            let mut records = held.records.iter();
            records.any(|record| matches!(record, Record::Report { run_id, .. } if run_id == run))
        };
        runs.into_iter().find(|run| !is_over(run)).map(|run| saved(&held.records, run)).transpose()
    }

    /// Everything that is held of a run; `None` when there is no such run. Fails when a delta in it is none.
    pub fn load(&self, run_id: &str) -> Result<Option<Saved>, String> {
        let held = self.lock();
        let is_there = |record: &Record| matches!(record, Record::Run { run_id: run, .. } if run == run_id);
        held.records.iter().any(is_there).then(|| saved(&held.records, run_id)).transpose()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        // Nothing in here panics halfway through a change.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Memory {
    fn append(&mut self, record: Record) -> u64 {
        let mut held = self.lock();
        let number = self.opening.number();
        if self.opening.durable.borrow().is_err() {
            return number;
        }
        if held.is_holding {
            held.waiting.push(record);
        } else {
            held.records.push(record);
            self.opening.advance(1);
        }
        number
    }

    fn durable(&self) -> watch::Receiver<Result<u64, String>> {
        self.opening.durable.subscribe()
    }

    fn epoch(&self) -> u64 {
        self.opening.epoch
    }
}

impl Opening {
    fn new(epoch: u64) -> Self {
        Self { epoch, appended: Mutex::new(0), durable: watch::Sender::new(Ok(0)) }
    }

    fn number(&self) -> u64 {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        *appended += 1;
        *appended
    }

    fn advance(&self, count: u64) {
        self.durable.send_modify(|durable| {
            if let Ok(newest) = durable {
                *newest += count;
            }
        });
    }
}

fn saved(records: &[Record], run: &str) -> Result<Saved, String> {
    let mut saved = Saved { run_id: run.to_owned(), boot_id: boot_id(), ..Saved::default() };
    for record in records.iter().flat_map(Record::parts) {
        match record {
            Record::Run { run_id, name, plan, created_at } if run_id == run => {
                (saved.name, saved.plan) = (name.clone(), plan.clone());
                saved.created_at = created_at.clone();
            }
            Record::Event { run_id, at_ns, kind, body } if run_id == run => {
                let event = SavedEvent { at_ns: *at_ns, kind: (*kind).to_owned(), body: body.clone() };
                saved.events.push(event);
            }
            Record::Delta { run_id, session, seq, body } if run_id == run => {
                let delta = v1::Delta::decode(body.as_slice())
                    .map_err(|error| format!("read delta {seq} of session {session}: {error}"))?;
                saved.deltas.entry(*session).or_default().push(delta);
            }
            Record::Report { run_id, report } if run_id == run => saved.report = Some(report.clone()),
            _ => {}
        }
    }
    Ok(saved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> Record {
        Record::Run { run_id: id.into(), name: "n".into(), plan: "p".into(), created_at: "c".into() }
    }

    fn event(id: &str, at_ns: u64) -> Record {
        Record::Event { run_id: id.into(), at_ns, kind: "opened", body: "{}".into() }
    }

    fn delta(id: &str, session: u64, seq: u64) -> Record {
        let message = v1::Delta { session_id: session, seq, ..v1::Delta::default() };
        Record::Delta { run_id: id.into(), session, seq, body: message.encode_to_vec() }
    }

    #[test]
    fn records_are_numbered_and_durable_at_once() {
        let mut journal = Memory::new();
        let durable = journal.durable();
        assert_eq!((journal.epoch(), durable.borrow().clone()), (1, Ok(0)));
        assert_eq!([journal.append(run("a")), journal.append(event("a", 5))], [1, 2]);
        assert_eq!(*durable.borrow(), Ok(2));
    }

    #[test]
    fn a_reopened_journal_holds_what_was_durable_and_counts_on() {
        let mut journal = Memory::new();
        journal.append(run("a"));
        journal.append(event("a", 5));
        journal.append(delta("a", 7, 1));
        journal.hold();
        assert_eq!(journal.append(delta("a", 7, 2)), 4);
        assert_eq!(*journal.durable().borrow(), Ok(3), "what is held back is not durable");
        let mut again = journal.reopen();
        assert_eq!((again.epoch(), again.append(delta("a", 7, 2))), (2, 1));
        let saved = again.unfinished().unwrap().unwrap();
        assert_eq!((saved.run_id.as_str(), saved.last_seq(7), saved.last_seq(8)), ("a", 2, 0));
        assert_eq!(saved.events, [SavedEvent { at_ns: 5, kind: "opened".into(), body: "{}".into() }]);
    }

    #[test]
    fn what_was_held_back_is_durable_once_it_settles() {
        let mut journal = Memory::new();
        journal.hold();
        journal.append(run("a"));
        assert_eq!(journal.unfinished(), Ok(None));
        journal.settle();
        assert_eq!(*journal.durable().borrow(), Ok(1));
        assert!(journal.unfinished().unwrap().is_some());
    }

    #[test]
    fn a_failed_journal_keeps_what_was_durable_and_nothing_else() {
        let mut journal = Memory::new();
        journal.append(run("a"));
        journal.fail("write: disk full");
        assert_eq!(journal.append(event("a", 1)), 2);
        assert_eq!(*journal.durable().borrow(), Err("write: disk full".into()));
        assert_eq!(journal.load("a").unwrap().unwrap().events, []);
    }

    #[test]
    fn the_newest_run_without_a_report_is_unfinished() {
        let mut journal = Memory::new();
        let report = |id: &str| Record::Report { run_id: id.into(), report: "{}".into() };
        journal.append(run("a"));
        journal.append(report("a"));
        assert_eq!(journal.unfinished(), Ok(None));
        journal.append(run("b"));
        journal.append(event("a", 9));
        assert_eq!(journal.unfinished().unwrap().unwrap().run_id, "b");
        assert_eq!(journal.load("a").unwrap().unwrap().report, Some("{}".into()));
        assert_eq!(journal.load("c"), Ok(None));
    }
}
