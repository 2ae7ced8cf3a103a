//! The record: one row per request, in the order in which answers were decided.

use crate::config::Recording;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use thiserror::Error;

/// One request. The fields are the columns of the CSV file, which begins with their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When the request's head was read, in nanoseconds since the first request: monotonic clock.
    pub arrival_ns: u64,
    /// The same moment in nanoseconds since 1970: the wall clock at start plus monotonic time.
    pub unix_ns: u64,
    /// The method.
    pub method: String,
    /// Path and query as sent, cut at 1,024 bytes.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// The value of the header `x-stampede-arrival`, which is `scenario:number`; empty without it.
    pub arrival: String,
}

/// Why a record is not complete.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The file cannot be made.
    #[error("create the record {path:?}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Rows cannot be written.
    #[error("write the record: {0}")]
    Write(String),
}

/// Takes rows from all threads.
pub(crate) struct Recorder {
    sink: Option<Mutex<Sink>>,
    lost: AtomicU64,
}

enum Sink {
    /// `failure` is the first one.
    File {
        writer: Box<csv::Writer<File>>,
        failure: Option<String>,
    },
    Memory(Vec<Record>),
}

impl Recorder {
    pub(crate) fn open(recording: &Recording) -> Result<Self, RecordError> {
        let sink = match recording {
            Recording::Off => None,
            Recording::Memory => Some(Sink::Memory(Vec::new())),
            Recording::File(path) => {
                let file = File::create(path)
                    .map_err(|source| RecordError::Create { path: path.clone(), source })?;
                let writer = csv::WriterBuilder::new().buffer_capacity(BUFFER_BYTES).from_writer(file);
                Some(Sink::File { writer: Box::new(writer), failure: None })
            }
        };
        Ok(Self { sink: sink.map(Mutex::new), lost: AtomicU64::new(0) })
    }

    /// Takes a row; it is only made when there is a record. A row that cannot be kept counts as lost.
    pub(crate) fn add(&self, row: impl FnOnce() -> Record) {
        let Some(sink) = &self.sink else { return };
        let row = row();
        let kept = match &mut *locked(sink) {
            Sink::File { writer, failure } => {
                let result = writer.serialize(&row);
                keep_first(failure, result.as_ref().err());
                result.is_ok()
            }
            Sink::Memory(rows) if rows.len() < MEMORY_ROWS_MAX => {
                rows.push(row);
                true
            }
            Sink::Memory(_) => false,
        };
        if !kept {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Hands everything taken so far to the file. A failure comes out of [`Self::failure`].
    pub(crate) fn flush(&self) {
        let Some(sink) = &self.sink else { return };
        if let Sink::File { writer, failure } = &mut *locked(sink) {
            keep_first(failure, writer.flush().as_ref().err());
        }
    }

    /// The first failure, if there was one: from then on the record is not complete.
    pub(crate) fn failure(&self) -> Result<(), RecordError> {
        let Some(sink) = &self.sink else { return Ok(()) };
        match &*locked(sink) {
            Sink::File { failure: Some(text), .. } => Err(RecordError::Write(text.clone())),
            _ => Ok(()),
        }
    }

    /// The rows kept in memory.
    pub(crate) fn rows(&self) -> Vec<Record> {
        match self.sink.as_ref().map(locked).as_deref() {
            Some(Sink::Memory(rows)) => rows.clone(),
            _ => Vec::new(),
        }
    }

    /// How many rows could not be kept.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

/// A panic of another thread leaves the rows whole: each is added in one call.
fn locked(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_first(failure: &mut Option<String>, error: Option<&impl ToString>) {
    if failure.is_none() {
        *failure = error.map(ToString::to_string);
    }
}

/// What may wait for the file: about a thousand rows.
const BUFFER_BYTES: usize = 64 * 1024;

/// Enough for any test; at most about 200 MB.
const MEMORY_ROWS_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str) -> Record {
        let (method, arrival) = ("GET".to_owned(), "index:7".to_owned());
        Record { arrival_ns: 5, unix_ns: 1_005, method, path: path.to_owned(), status: 200, arrival }
    }

    #[test]
    fn a_flushed_file_holds_every_row_whatever_the_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let recorder = Recorder::open(&Recording::File(file.path().to_owned())).unwrap();
        let rows = [row("/"), row("/a,b?c=\"d\"")];
        for row in &rows {
            recorder.add(|| row.clone());
        }
        recorder.flush();
        let read: Vec<Record> =
            csv::Reader::from_path(file.path()).unwrap().deserialize().map(Result::unwrap).collect();
        assert_eq!(read, rows);
        assert!(recorder.failure().is_ok());
    }

    #[test]
    fn without_a_record_no_row_is_made() {
        let recorder = Recorder::open(&Recording::Off).unwrap();
        recorder.add(|| unreachable!("a row was made"));
        assert_eq!((recorder.rows(), recorder.lost()), (Vec::new(), 0));
    }

    #[test]
    fn a_full_disk_is_reported_and_lost_rows_are_counted() {
        let recorder = Recorder::open(&Recording::File("/dev/full".into())).unwrap();
        for _ in 0..5_000 {
            recorder.add(|| row("/"));
        }
        recorder.flush();
        assert!(recorder.lost() > 0);
        assert!(matches!(recorder.failure(), Err(RecordError::Write(_))));
    }
}
