//! A row per request: what the histograms were made from, as compressed CSV.
//!
//! Engine threads gather rows and hand them over in batches, through a bounded queue, to one thread that writes. They
//! never wait for it: what the queue has no room for is dropped and counted.

mod line;
mod writer;

use crate::engine::ended::Ended;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

pub use line::HEADER;
pub use writer::{Kept, Writer};

/// The way of one engine thread's rows to the file.
#[derive(Debug)]
pub(crate) struct Rows {
    sink: Sink,
    batch: Vec<Ended>,
}

/// Where batches of rows go.
#[derive(Clone, Debug)]
pub struct Sink {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// What the writing thread is told.
#[derive(Debug)]
enum Message {
    Rows(Vec<Ended>),
    End,
}

impl Sink {
    /// A queue of `batches`, and its other end.
    fn new(batches: usize) -> (Self, std::sync::mpsc::Receiver<Message>) {
        let (queue, messages) = sync_channel(batches);
        (Self { queue, dropped: Arc::default() }, messages)
    }

    /// Hands over a batch, or drops it when there is no room.
    fn give(&self, batch: Vec<Ended>) {
        let rows = batch.len() as u64;
        if self.queue.try_send(Message::Rows(batch)).is_err() {
            self.dropped.fetch_add(rows, Ordering::Relaxed);
        }
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Rows {
    pub(crate) fn new(sink: Sink) -> Self {
        Self { sink, batch: Vec::with_capacity(BATCH) }
    }

    pub(crate) fn write(&mut self, ended: &Ended) {
        self.batch.push(*ended);
        if self.batch.len() == BATCH {
            self.flush();
        }
    }

    /// Hands over what was gathered, so that a thread with little to do does not keep it.
    pub(crate) fn flush(&mut self) {
        if !self.batch.is_empty() {
            let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
            self.sink.give(batch);
        }
    }
}

/// Rows that are handed over together: the queue's lock is taken once for so many.
const BATCH: usize = 256;
/// Batches that wait for the disk; about 16 MB.
const QUEUE: usize = 512;

#[cfg(test)]
mod tests;
