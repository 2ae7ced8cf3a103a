//! The journal on disk: one SQLite file in the data directory, the write-ahead log and the history in one.
//!
//! ```text
//!   append ──queue──▶ writer thread ──one transaction for all that waits──▶ stampede.db-wal ──▶ stampede.db
//!                          └──▶ durable(): the number of the newest record that a power cut cannot take
//! ```
//!
//! - One thread owns the connection that writes; whoever reads opens a connection of its own ([`Archive`]).
//! - A record is durable when its transaction is synced. A batch is whatever waited, so a slow disk makes batches
//!   larger and not the queue longer.
//! - A write that fails is the end: nothing is written after it but the report of the run, for which space is kept.
//! - Old deltas are merged, exactly, into one row for each session, so that the file does not grow with the run's
//!   length for ever.
//! - One controller on a directory: a lock that ends with its process.

use crate::journal::{Journal, Record, Saved};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::watch;

mod archive;
mod compact;
mod database;
mod lock;
mod reserve;
mod tables;
mod transfer;
mod trouble;
mod writer;

pub use archive::{Archive, Correction, Merged, RunLine};
pub use lock::is_in_use;
pub use transfer::{delete, export, import};

use lock::Lock;
use reserve::Reserve;
use writer::Writer;

/// The store of a controller. Dropping it writes what was appended, and blocks meanwhile.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    epoch: u64,
    appended: u64,
    /// Taken when the store is dropped.
    records: Option<mpsc::Sender<Record>>,
    durable: watch::Receiver<Result<u64, String>>,
    writer: Option<JoinHandle<()>>,
    /// Given back last.
    _lock: Lock,
}

/// How a store is opened.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    /// Whether deltas stay as they came.
    keep_deltas: bool,
    /// The file may have so many pages, for tests of a full disk; `None`: as many as there is room for.
    pages_max: Option<u32>,
}

impl Store {
    /// Opens the store in a directory, which is made if need be, for a controller: the epoch goes up by one, durably.
    ///
    /// With `keep_deltas` the deltas of runs that begin now are never merged. Fails, with what would help, when
    /// another controller uses the directory, or when the directory cannot be written or holds another version's data.
    pub fn open(folder: &Path, keep_deltas: bool) -> Result<Self, String> {
        Self::open_as(folder, Setting { keep_deltas, pages_max: None })
    }

    fn open_as(folder: &Path, setting: Setting) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("make {}: {error}", folder.display()))?;
        let lock = Lock::take(folder)?;
        let reserve = Reserve::make(folder)?;
        let path = database::path(folder);
        let mut connection = database::create(&path, setting.pages_max)?;
        let epoch = database::next_epoch(&mut connection, &path)?;
        let (records, queue) = mpsc::channel();
        let (told, durable) = watch::channel(Ok(0));
        let writer = Writer::new(connection, path, setting.keep_deltas, reserve, told)?;
        let writer = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| format!("start the store's thread: {error}"))?;
        Ok(Self {
            folder: folder.to_owned(),
            epoch,
            appended: 0,
            records: Some(records),
            durable,
            writer: Some(writer),
            _lock: lock,
        })
    }

    /// The newest run without a report, as far as it is durable; `None` when every run has one.
    pub fn unfinished(&self) -> Result<Option<Saved>, String> {
        Archive::open(&self.folder)?.unfinished()
    }

    /// Every run, the newest first.
    pub fn runs(&self) -> Result<Vec<RunLine>, String> {
        Archive::open(&self.folder)?.runs()
    }

    /// A run as far as it is durable; `None` when there is no such run.
    pub fn load(&self, run_id: &str) -> Result<Option<Saved>, String> {
        Archive::open(&self.folder)?.load(run_id)
    }
}

impl Journal for Store {
    fn append(&mut self, record: Record) -> u64 {
        self.appended += 1;
        // The queue has no limit of its own: an agent sends no more than its window of deltas before an ack, and an
        // ack waits for the record. A writer that is gone has said why.
        if let Some(records) = &self.records {
            records.send(record).unwrap_or_default();
        }
        self.appended
    }

    fn durable(&self) -> watch::Receiver<Result<u64, String>> {
        self.durable.clone()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.records = None;
        // A writer that panicked has nothing to add to what the panic said.
        self.writer.take().map_or(Ok(()), JoinHandle::join).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
