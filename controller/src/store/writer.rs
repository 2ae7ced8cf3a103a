//! The thread that writes: takes what waits, commits it in one transaction, tells how far it got.

use super::compact::{Place, compact};
use super::reserve::Reserve;
use super::tables::{Tables, leftovers, put_report};
use super::trouble::Trouble;
use crate::journal::Record;
use rusqlite::{Connection, TransactionBehavior};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Owns the one connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    tables: Tables,
    /// Sessions whose deltas should be merged when there is time; each at most once.
    due: VecDeque<Place>,
    reserve: Reserve,
    durable: watch::Sender<Result<u64, String>>,
    /// When the last commit began.
    committed: Option<Instant>,
}

/// What the writer does next.
enum Next {
    Commit(Record),
    Merge(Place),
    Close,
}

impl Writer {
    /// A writer that has nothing to do but what an earlier one left.
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        keep_deltas: bool,
        reserve: Reserve,
        durable: watch::Sender<Result<u64, String>>,
    ) -> Result<Self, String> {
        let due = leftovers(&connection).map_err(|trouble| trouble.told("read", &path))?.into();
        Ok(Self {
            connection,
            path,
            tables: Tables::new(keep_deltas),
            due,
            reserve,
            durable,
            committed: None,
        })
    }

    /// Works until the other end of the queue is gone and everything in it is written.
    pub(super) fn run(mut self, queue: &Receiver<Record>) {
        loop {
            let done = match self.next(queue) {
                Next::Commit(first) => {
                    self.pace(&first);
                    let batch = batch(first, queue);
                    match self.commit(&batch) {
                        Ok(()) => self.merge_next().map_err(|trouble| (trouble, vec![])),
                        Err(trouble) => Err((trouble, batch)),
                    }
                }
                Next::Merge(place) => self.merge(place).map_err(|trouble| (trouble, vec![])),
                Next::Close => return self.close(),
            };
            if let Err((trouble, batch)) = done {
                return self.fail(&trouble, batch, queue);
            }
        }
    }

    fn next(&mut self, queue: &Receiver<Record>) -> Next {
        match queue.try_recv() {
            Ok(record) => return Next::Commit(record),
            Err(TryRecvError::Disconnected) => return Next::Close,
            Err(TryRecvError::Empty) => {}
        }
        match self.due.pop_front() {
            Some(place) => Next::Merge(place),
            None => queue.recv().map_or(Next::Close, Next::Commit),
        }
    }

    /// Where deltas come faster than this, several share a commit: a thousand agents would ask for a thousand syncs
    /// a second. Whatever else comes meanwhile waits no longer than they do.
    fn pace(&mut self, first: &Record) {
        if let (Record::Delta { .. }, Some(last)) = (first, self.committed) {
            std::thread::sleep(COMMIT_EVERY.saturating_sub(last.elapsed()));
        }
        self.committed = Some(Instant::now());
    }

    fn commit(&mut self, batch: &[Record]) -> Result<(), Trouble> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut due = Vec::new();
        for record in batch {
            due.extend(self.tables.put(&transaction, record)?);
        }
        transaction.commit()?;
        for place in due {
            if !self.due.contains(&place) {
                self.due.push_back(place);
            }
        }
        self.durable.send_modify(|durable| {
            if let Ok(newest) = durable {
                *newest += batch.len() as u64;
            }
        });
        Ok(())
    }

    /// Merges one session's deltas between two commits, so that merging keeps up under any load.
    fn merge_next(&mut self) -> Result<(), Trouble> {
        self.due.pop_front().map_or(Ok(()), |place| self.merge(place))
    }

    fn merge(&mut self, place: Place) -> Result<(), Trouble> {
        let track = compact(&mut self.connection, place)?;
        self.tables.set(place, track);
        Ok(())
    }

    /// Uses a little time to merge what is left; the next controller on this directory does the rest.
    fn close(mut self) {
        let begin = Instant::now();
        while begin.elapsed() < MERGE_AT_CLOSE {
            let Some(place) = self.due.pop_front() else { return };
            // Everything is durable as it is.
            if self.merge(place).is_err() {
                return;
            }
        }
    }

    /// Tells that nothing will be durable any more. Only the run's report is still tried, in the space kept for it.
    fn fail(mut self, trouble: &Trouble, batch: Vec<Record>, queue: &Receiver<Record>) {
        let why = trouble.told("write", &self.path);
        self.durable.send_modify(|durable| {
            let newest = durable.as_ref().copied().unwrap_or_default();
            *durable = Err(format!(
                "{why}; nothing after record {newest} is kept, all before it is; the run can be continued with \
                 `controller start --resume`"
            ));
        });
        self.reserve.give_up();
        for record in batch.into_iter().chain(queue.iter()) {
            if let Record::Report { run_id, report } = record {
                // The journal has failed already; this is a gift.
                self.report(&run_id, &report).unwrap_or_default();
            }
        }
    }

    fn report(&mut self, run_id: &str, report: &str) -> Result<(), Trouble> {
        let transaction = self.connection.transaction()?;
        put_report(&transaction, run_id, report)?;
        Ok(transaction.commit()?)
    }
}

/// What waits, up to a size that keeps a commit short.
fn batch(first: Record, queue: &Receiver<Record>) -> Vec<Record> {
    let mut bytes = weight(&first);
    let mut batch = vec![first];
    while batch.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
        let Ok(record) = queue.try_recv() else { break };
        bytes += weight(&record);
        batch.push(record);
    }
    batch
}

fn weight(record: &Record) -> usize {
    match record {
        Record::Run { plan, .. } => plan.len(),
        Record::Together(records) => records.iter().map(weight).sum(),
        Record::Event { body, .. } => body.len(),
        Record::Delta { body, .. } => body.len(),
        Record::Report { report, .. } => report.len(),
    }
}

/// A commit of this size takes some 50 ms on a plain disk: nobody waits longer for an ack than for two of them.
const BATCH_BYTES: usize = 4 << 20;
/// Deltas alone are committed no more often than this.
const COMMIT_EVERY: Duration = Duration::from_millis(25);
const BATCH_RECORDS: usize = 4096;
/// Whoever ends a controller does not want to wait for housekeeping.
const MERGE_AT_CLOSE: Duration = Duration::from_secs(5);
