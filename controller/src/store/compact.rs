//! Many deltas of a session become one that says the same: exact, because adding is.

use super::trouble::Trouble;
use common::delta::Delta;
use common::measured::Measured;
use prost::Message;
use proto::v1;
use rusqlite::{Connection, params};

/// The deltas of one session of one run (by its number in the file).
pub(super) type Place = (i64, u64);

/// How many deltas a session has, and what they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Track {
    /// The number of the last one; 0 for none.
    pub(super) last: u64,
    /// Rows that hold one delta.
    pub(super) raw: u64,
    /// Their bytes.
    pub(super) raw_bytes: u64,
    /// The bytes of the merged row.
    pub(super) merged_bytes: u64,
    /// Whether its deltas cannot be merged: they stay as they are.
    pub(super) is_stuck: bool,
}

impl Track {
    /// What the file holds of a session.
    pub(super) fn read(connection: &Connection, (run, session): Place) -> Result<Self, Trouble> {
        let sql = "SELECT coalesce(max(seq), 0), count(*) FILTER (WHERE merged = 1), \
                   coalesce(sum(length(body)) FILTER (WHERE merged = 1), 0), \
                   coalesce(sum(length(body)) FILTER (WHERE merged > 1), 0) \
                   FROM deltas WHERE run = ?1 AND session = ?2";
        let mut statement = connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![run, session], |row| {
            let (last, raw) = (row.get(0)?, row.get(1)?);
            Ok(Self { last, raw, raw_bytes: row.get(2)?, merged_bytes: row.get(3)?, is_stuck: false })
        })?)
    }

    /// Whether merging is worth its while: the rows are many, and what is rewritten is no more than what is new, so
    /// that over a whole run nothing is written more than about twice more.
    pub(super) const fn is_due(&self) -> bool {
        !self.is_stuck && self.raw > RAW_MAX && self.raw_bytes >= self.merged_bytes
    }
}

/// Merges all deltas of a session into one row, in a transaction of its own. Deltas that cannot be merged stay.
pub(super) fn compact(connection: &mut Connection, place: Place) -> Result<Track, Trouble> {
    let transaction = connection.transaction()?;
    let deltas = rows(&transaction, place)?;
    let mut is_stuck = false;
    if deltas.len() > 1 {
        match merge(deltas.iter().map(|(delta, _)| delta)) {
            Ok(merged) => replace(&transaction, place, &merged, deltas.iter().map(|(_, count)| count).sum())?,
            Err(why) => {
                is_stuck = true;
                tell(&transaction, place, &why)?;
            }
        }
    }
    let track = Track { is_stuck, ..Track::read(&transaction, place)? };
    transaction.commit()?;
    Ok(track)
}

fn replace(
    connection: &Connection,
    (run, session): Place,
    merged: &v1::Delta,
    count: u64,
) -> Result<(), Trouble> {
    let sql = "DELETE FROM deltas WHERE run = ?1 AND session = ?2";
    connection.prepare_cached(sql)?.execute(params![run, session])?;
    let sql = "INSERT INTO deltas(run, session, seq, merged, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let body = merged.encode_to_vec();
    connection.prepare_cached(sql)?.execute(params![run, session, merged.seq, count, body])?;
    Ok(())
}

/// Leaves a note, once, that the deltas of a session cannot be merged.
fn tell(connection: &Connection, (run, session): Place, why: &str) -> Result<(), Trouble> {
    let body = serde_json::json!({ "session": session, "why": why }).to_string();
    let sql = "INSERT INTO events(run, at_ns, kind, body) SELECT ?1, 0, 'unmerged', ?2 \
               WHERE NOT EXISTS (SELECT * FROM events WHERE run = ?1 AND body = ?2)";
    connection.execute(sql, params![run, body])?;
    Ok(())
}

/// The deltas of a session by number, each with how many it stands for. Fails when one is missing or is none.
pub(super) fn rows(connection: &Connection, (run, session): Place) -> Result<Vec<(v1::Delta, u64)>, Trouble> {
    let sql = "SELECT seq, merged, body FROM deltas WHERE run = ?1 AND session = ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![run, session])?;
    let (mut deltas, mut last) = (Vec::new(), 0_u64);
    while let Some(row) = found.next()? {
        let (seq, merged): (u64, u64) = (row.get(0)?, row.get(1)?);
        if last.checked_add(merged) != Some(seq) {
            return Err(Trouble::Record(format!(
                "delta {} of session {session} is missing; the next one is {seq}",
                last + 1
            )));
        }
        last = seq;
        let delta = v1::Delta::decode(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)
            .map_err(|error| Trouble::Record(format!("delta {seq} of session {session}: {error}")))?;
        deltas.push((delta, merged));
    }
    Ok(deltas)
}

/// The one delta that says what these say, with the number, cursors and running sums of the last.
pub(super) fn merge<'a>(deltas: impl Iterator<Item = &'a v1::Delta> + Clone) -> Result<v1::Delta, String> {
    let scenarios = deltas.clone().next().map_or(0, |delta| delta.scenarios.len());
    let series = deltas.clone().flat_map(|delta| &delta.series).map(|series| series.series).max();
    let series = series.map_or(0, |highest| highest as usize + 1);
    if series > SERIES_MAX {
        return Err(format!("{series} series are more than any plan has"));
    }
    let mut measured = Measured::sized(scenarios, series);
    let mut last = None;
    for message in deltas {
        let told = |why: &dyn std::fmt::Display| format!("delta {}: {why}", message.seq);
        let (origin, delta) =
            proto::delta::from_wire(message, scenarios, series).map_err(|why| told(&why))?;
        measured.add(&delta.measured).map_err(|why| told(&why))?;
        last = Some((origin, delta));
    }
    let (origin, last) = last.ok_or("there is nothing to merge")?;
    Ok(proto::delta::to_wire(&origin, &Delta { measured, ..last }))
}

/// A session has no more unmerged deltas than this (four minutes at one a second), unless they weigh little.
pub(super) const RAW_MAX: u64 = 240;
/// No plan has so many series; what claims more is damaged.
const SERIES_MAX: usize = 1 << 16;
