//! One record into the tables.

use super::compact::{Place, Track};
use super::trouble::Trouble;
use crate::journal::{Record, boot_id};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// What the writer knows of the tables without asking them.
#[derive(Debug)]
pub(super) struct Tables {
    keep_deltas: bool,
    boot_id: String,
    tracks: BTreeMap<Place, Track>,
}

impl Tables {
    pub(super) fn new(keep_deltas: bool) -> Self {
        Self { keep_deltas, boot_id: boot_id(), tracks: BTreeMap::new() }
    }

    /// Puts a record into the open transaction; returns the deltas that should be merged after it.
    pub(super) fn put(&mut self, connection: &Connection, record: &Record) -> Result<Vec<Place>, Trouble> {
        match record {
            Record::Run { run_id, name, plan, created_at } => {
                let sql = "INSERT INTO runs(run_id, name, plan, created_at, boot_id, keep_deltas) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                connection
                    .execute(sql, params![run_id, name, plan, created_at, self.boot_id, self.keep_deltas])?;
                Ok(vec![])
            }
            Record::Together(records) => {
                let mut places = vec![];
                for record in records {
                    places.extend(self.put(connection, record)?);
                }
                Ok(places)
            }
            Record::Event { run_id, at_ns, kind, body } => {
                let (run, _) = number(connection, run_id)?;
                let sql = "INSERT INTO events(run, at_ns, kind, body) VALUES (?1, ?2, ?3, ?4)";
                connection.prepare_cached(sql)?.execute(params![run, at_ns, kind, body])?;
                Ok(vec![])
            }
            Record::Delta { run_id, session, seq, body } => {
                let (run, keeps) = number(connection, run_id)?;
                let track = self.put_delta(connection, (run, *session), *seq, body)?;
                Ok(if track.is_due() && !keeps { vec![(run, *session)] } else { vec![] })
            }
            Record::Report { run_id, report } => {
                put_report(connection, run_id, report)?;
                let (run, _) = number(connection, run_id)?;
                let mut places = leftovers(connection)?;
                places.retain(|place| place.0 == run);
                Ok(places)
            }
        }
    }

    /// Remembers what merging left of a session.
    pub(super) fn set(&mut self, place: Place, track: Track) {
        self.tracks.insert(place, track);
    }

    fn put_delta(
        &mut self,
        connection: &Connection,
        place: Place,
        seq: u64,
        body: &[u8],
    ) -> Result<Track, Trouble> {
        let mut track = match self.tracks.get(&place) {
            Some(track) => *track,
            None => Track::read(connection, place)?,
        };
        let (run, session) = place;
        // Once is enough, and a hole would make everything after it worthless.
        if seq > track.last + 1 {
            let last = track.last;
            return Err(Trouble::Record(format!(
                "delta {seq} of session {session} does not follow {last}: this is a defect of the controller"
            )));
        }
        if seq == track.last + 1 {
            insert_delta(connection, (run, session), seq, body)?;
            track.last = seq;
            track.raw += 1;
            track.raw_bytes += body.len() as u64;
        }
        self.tracks.insert(place, track);
        Ok(track)
    }
}

/// Adds a row for one delta.
pub(super) fn insert_delta(
    connection: &Connection,
    (run, session): Place,
    seq: u64,
    body: &[u8],
) -> Result<(), Trouble> {
    let sql = "INSERT INTO deltas(run, session, seq, merged, body) VALUES (?1, ?2, ?3, 1, ?4)";
    connection.prepare_cached(sql)?.execute(params![run, session, seq, body])?;
    Ok(())
}

/// Sets the report of a run, which is over with it; returns the report's revision, counted from 1.
pub(super) fn put_report(connection: &Connection, run_id: &str, report: &str) -> Result<u64, Trouble> {
    let sql = "UPDATE runs SET report = ?2, report_revision = report_revision + 1 WHERE run_id = ?1";
    connection.prepare_cached(sql)?.execute([run_id, report])?;
    let sql = "SELECT report_revision FROM runs WHERE run_id = ?1";
    let revision = connection.prepare_cached(sql)?.query_row([run_id], |row| row.get(0));
    revision.optional()?.ok_or_else(|| unknown(run_id))
}

/// The number of a run in the file, and whether its deltas stay as they are.
pub(super) fn number(connection: &Connection, run_id: &str) -> Result<(i64, bool), Trouble> {
    let sql = "SELECT run, keep_deltas FROM runs WHERE run_id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([run_id], |row| Ok((row.get(0)?, row.get(1)?)));
    found.optional()?.ok_or_else(|| unknown(run_id))
}

/// Sessions of finished runs with more than one row that should have one.
pub(super) fn leftovers(connection: &Connection) -> Result<Vec<Place>, Trouble> {
    let sql = "SELECT run, session FROM deltas \
               WHERE run IN (SELECT run FROM runs WHERE report IS NOT NULL AND NOT keep_deltas) \
               GROUP BY run, session HAVING count(*) > 1";
    let mut statement = connection.prepare_cached(sql)?;
    let places = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(places.collect::<Result<_, _>>()?)
}

fn unknown(run_id: &str) -> Trouble {
    Trouble::Record(format!("there is no run {run_id}"))
}
