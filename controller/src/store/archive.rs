//! Runs as they are stored: read beside a running controller, corrected when there is none.

use super::compact::{Place, rows};
use super::lock::Lock;
use super::tables::{insert_delta, leftovers, number, put_report};
use super::trouble::Trouble;
use super::{compact, database};
use crate::journal::{Saved, SavedEvent, TAPES};
use prost::Message;
use proto::v1;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The runs of a data directory, for reading. A controller may use the directory meanwhile.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    path: PathBuf,
}

/// The runs of a data directory, for correcting. No controller may use the directory meanwhile.
#[derive(Debug)]
pub struct Correction {
    archive: Archive,
    _lock: Lock,
}

/// A run in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// The run.
    pub run_id: String,
    /// The plan's name.
    pub name: String,
    /// When it was created, in RFC 3339; a label only.
    pub created_at: String,
    /// How many reports it had; 0 while it is not over.
    pub report_revision: u64,
    /// The verdict in its report, such as `pass`.
    pub verdict: Option<String>,
}

/// What late deltas changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Deltas that were new.
    pub applied: usize,
    /// Deltas that were there already.
    pub duplicates: usize,
    /// The report that now holds, as JSON.
    pub report: String,
    /// Its revision, counted from 1.
    pub revision: u64,
}

impl Archive {
    /// Opens what is in a directory; fails, with what would help, when there are no runs.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let path = database::path(folder);
        Ok(Self { connection: database::open(&path, false)?, path })
    }

    /// Every run, the newest first.
    pub fn runs(&self) -> Result<Vec<RunLine>, String> {
        let read = || -> Result<Vec<RunLine>, Trouble> {
            let sql = "SELECT run_id, name, created_at, report_revision, \
                       CASE WHEN json_valid(report) THEN json_extract(report, '$.verdict.result') END \
                       FROM runs ORDER BY run DESC";
            let mut statement = self.connection.prepare(sql)?;
            let lines = statement.query_map([], |row| {
                let (run_id, name, created_at) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(RunLine { run_id, name, created_at, report_revision: row.get(3)?, verdict: row.get(4)? })
            })?;
            Ok(lines.collect::<Result<_, _>>()?)
        };
        read().map_err(|trouble| self.told(&trouble))
    }

    /// The newest run without a report; `None` when every run has one.
    pub fn unfinished(&self) -> Result<Option<Saved>, String> {
        let sql = "SELECT run_id FROM runs WHERE report IS NULL ORDER BY run DESC LIMIT 1";
        let newest = self.connection.query_row(sql, [], |row| row.get::<_, String>(0)).optional();
        let newest = newest.map_err(|error| self.told(&error.into()))?;
        newest.map_or(Ok(None), |run_id| self.load(&run_id))
    }

    /// A run without what happened and was measured in it; `None` when there is no such run.
    pub fn head(&self, run_id: &str) -> Result<Option<Saved>, String> {
        head(&self.connection, run_id)
            .map(|head| head.map(|(_, saved)| saved))
            .map_err(|trouble| self.told(&trouble))
    }

    /// A run; `None` when there is no such run. Fails when a delta is missing or damaged.
    pub fn load(&self, run_id: &str) -> Result<Option<Saved>, String> {
        // One transaction: a controller that writes meanwhile is seen at one moment.
        let read = || -> Result<Option<Saved>, Trouble> {
            let transaction = self.connection.unchecked_transaction()?;
            load(&transaction, run_id)
        };
        read().map_err(|trouble| self.told(&trouble))
    }

    fn told(&self, trouble: &Trouble) -> String {
        trouble.told("read", &self.path)
    }
}

impl Correction {
    /// Opens what is in a directory; fails, with what would help, when there are no runs or a controller uses it.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let path = database::path(folder);
        // Before the lock: where no runs are, no file is left behind.
        drop(Archive::open(folder)?);
        let lock = Lock::take(folder)?;
        Ok(Self { archive: Archive { connection: database::open(&path, true)?, path }, _lock: lock })
    }

    /// The runs, for reading.
    #[must_use]
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Gives a run another report, as the next revision, which is returned.
    pub fn replace_report(&mut self, run_id: &str, report: &str) -> Result<u64, String> {
        let path = self.archive.path.clone();
        let mut write = || -> Result<u64, Trouble> {
            let transaction = self.archive.connection.transaction()?;
            let revision = put_report(&transaction, run_id, report)?;
            transaction.commit()?;
            Ok(revision)
        };
        write().map_err(|trouble| trouble.told("write", &path))
    }

    /// Adds deltas that came late and the report that `rebuild` makes of the whole: all of it or, when anything
    /// fails, nothing. Each delta goes to the session it names, once, and must follow the last one there.
    pub fn merge(
        &mut self,
        run_id: &str,
        deltas: &[v1::Delta],
        rebuild: impl FnOnce(&Saved) -> Result<String, String>,
    ) -> Result<Merged, String> {
        let path = self.archive.path.clone();
        let merge = || -> Result<(Merged, Vec<Place>), Trouble> {
            let connection = &mut self.archive.connection;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let (run, _) = number(&transaction, run_id)?;
            let applied = add(&transaction, run, deltas)?;
            let saved = load(&transaction, run_id)?
                .ok_or_else(|| Trouble::Record(format!("there is no run {run_id}")))?;
            let report = rebuild(&saved).map_err(Trouble::Record)?;
            let revision = put_report(&transaction, run_id, &report)?;
            let mut places = leftovers(&transaction)?;
            places.retain(|place| place.0 == run);
            transaction.commit()?;
            let duplicates = deltas.len() - applied;
            Ok((Merged { applied, duplicates, report, revision }, places))
        };
        let (merged, places) = merge().map_err(|trouble| trouble.told("write", &path))?;
        for place in places {
            compact::compact(&mut self.archive.connection, place)
                .map_err(|trouble| trouble.told("write", &path))?;
        }
        Ok(merged)
    }
}

/// Adds what is new of these deltas; returns how many were.
fn add(connection: &Connection, run: i64, deltas: &[v1::Delta]) -> Result<usize, Trouble> {
    let mut applied = 0;
    for delta in deltas {
        let place = (run, delta.session_id);
        let last = compact::Track::read(connection, place)?.last;
        if delta.seq <= last {
            continue;
        }
        if delta.seq != last + 1 {
            return Err(Trouble::Record(format!(
                "of session {} the deltas up to {last} are there and {} comes next: look for another spool file of \
                 the same agent with those between, and name both",
                delta.session_id, delta.seq
            )));
        }
        insert_delta(connection, place, delta.seq, &delta.encode_to_vec())?;
        applied += 1;
    }
    Ok(applied)
}

/// A run with its number.
fn head(connection: &Connection, run_id: &str) -> Result<Option<(i64, Saved)>, Trouble> {
    let sql = "SELECT run, name, plan, created_at, boot_id, report FROM runs WHERE run_id = ?1";
    let head = connection.query_row(sql, [run_id], |row| {
        let (name, plan, created_at) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (boot_id, report) = (row.get(4)?, row.get(5)?);
        let run_id = run_id.to_owned();
        let tapes = connection.path().map(|file| Path::new(file).with_file_name(TAPES)).unwrap_or_default();
        let saved = Saved { run_id, name, plan, created_at, boot_id, report, tapes, ..Saved::default() };
        Ok((row.get(0)?, saved))
    });
    Ok(head.optional()?)
}

fn load(connection: &Connection, run_id: &str) -> Result<Option<Saved>, Trouble> {
    let Some((run, mut saved)) = head(connection, run_id)? else { return Ok(None) };
    saved.events = events(connection, run)?;
    let sql = "SELECT DISTINCT session FROM deltas WHERE run = ?1";
    let mut sessions = connection.prepare(sql)?;
    for session in sessions.query_map([run], |row| row.get(0))? {
        let session = session?;
        let deltas = rows(connection, (run, session))?.into_iter().map(|(delta, _)| delta);
        saved.deltas.insert(session, deltas.collect());
    }
    Ok(Some(saved))
}

fn events(connection: &Connection, run: i64) -> Result<Vec<SavedEvent>, Trouble> {
    let mut statement =
        connection.prepare("SELECT at_ns, kind, body FROM events WHERE run = ?1 ORDER BY n")?;
    let events = statement.query_map([run], |row| {
        Ok(SavedEvent { at_ns: row.get(0)?, kind: row.get(1)?, body: row.get(2)? })
    })?;
    Ok(events.collect::<Result<_, _>>()?)
}
