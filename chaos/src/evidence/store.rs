//! The controller's store, read from outside: `stampede.db`, an SQLite file.

use super::EvidenceError;
use common::arrivals::{Revision, Shift};
use common::lane::LaneSet;
use common::time::RunTime;
use proto::v1;
use rusqlite::{Connection, OpenFlags, params};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// What the store holds of one run.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The run.
    pub run_id: String,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// By session: the applied deltas, by their numbers.
    pub deltas: BTreeMap<u64, Vec<StoredDelta>>,
    /// The report as JSON, if the run is over.
    pub report: Option<String>,
    /// How often it was made: again when books came in later.
    pub revision: u64,
}

/// A row of applied deltas.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDelta {
    /// The number of the last delta that it stands for.
    pub seq: u64,
    /// How many it stands for; 1: it is raw.
    pub merged: u64,
    /// As it came over the wire.
    pub message: v1::Delta,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// On the boot-time clock, in nanoseconds.
    pub at_ns: u64,
    /// What.
    pub kind: Kind,
}

/// What happened, as far as it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An agent process has a session.
    Opened(Opened),
    /// Lanes belong to a session, or to nobody.
    Owned(Box<Owned>),
    /// Run time zero lies here on the boot-time clock.
    Started {
        /// In nanoseconds.
        zero_at_ns: u64,
    },
    /// The schedule was changed.
    Revised(Revision),
    /// Nothing due from here on is fired.
    Stopped(RunTime),
    /// The lease of a session is over: nothing due from here on is fired by it, and nothing at all later.
    Expired {
        /// Whose.
        session: u64,
        /// The run time.
        from: RunTime,
    },
    /// A session whose lease was over is back.
    Returned(u64),
    /// A session's last delta is applied, or it has handed over its lanes and left: it is through.
    Finished(u64),
    /// The books of a session are not trusted any more, and why: nothing that a round does is a reason for it.
    Broken(u64, String),
    /// Something that no rule asks for.
    Other(String),
}

/// An agent process and its session.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Opened {
    /// The session.
    pub session: u64,
    /// The agent's name.
    pub name: String,
    /// Its process.
    #[serde(default)]
    pub instance: String,
}

/// From `from` until before `to`, these lanes are a session's. What is written later overwrites it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Whose; `None`: nobody's.
    pub session: Option<u64>,
    /// The first due time.
    pub from: RunTime,
    /// The first due time that is not meant.
    pub to: RunTime,
    /// The lanes.
    pub lanes: LaneSet,
}

#[derive(Deserialize)]
struct OwnedBody {
    #[serde(default)]
    session: u64,
    from_ns: u64,
    /// Absent: until the end.
    to_ns: Option<u64>,
    lanes: String,
}

#[derive(Deserialize)]
struct ZeroBody {
    zero_at_ns: u64,
}

#[derive(Deserialize)]
struct FromBody {
    from_ns: u64,
}

#[derive(Deserialize)]
struct RevisedBody {
    scenario: u32,
    from_ns: u64,
    rate_milli: u64,
}

#[derive(Deserialize)]
struct PeopledBody {
    scenario: u32,
    from_ns: u64,
    users: u32,
    spawn_milli: Option<u64>,
}

#[derive(Deserialize)]
struct SessionBody {
    session: u64,
    #[serde(default)]
    from_ns: u64,
    #[serde(default)]
    why: String,
}

impl Stored {
    /// Reads the newest run of the store in `file`, without changing it.
    ///
    /// # Errors
    /// Says what is missing, or which event cannot be understood.
    pub fn read(file: &Path) -> Result<Self, EvidenceError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // A killed controller leaves a write-ahead log behind, which only a writer may take in.
        let connection =
            Connection::open_with_flags(file, flags).map_err(|error| EvidenceError::file(file, error))?;
        Self::of(&connection)
    }

    fn of(connection: &Connection) -> Result<Self, EvidenceError> {
        let sql = "SELECT run, run_id, report, report_revision FROM runs ORDER BY run DESC LIMIT 1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let newest = connection.query_row(sql, [], row);
        let (run, run_id, report, revision): (i64, String, Option<String>, u64) = newest.map_err(failed)?;
        Ok(Self {
            run_id,
            report,
            revision,
            events: events(connection, run)?,
            deltas: deltas(connection, run)?,
        })
    }
}

fn events(connection: &Connection, run: i64) -> Result<Vec<Event>, EvidenceError> {
    let sql = "SELECT at_ns, kind, body FROM events WHERE run = ?1 ORDER BY n";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = statement.query_map(params![run], row).map_err(failed)?;
    let event = |row: rusqlite::Result<(u64, String, String)>| {
        let (at_ns, kind, body) = row.map_err(failed)?;
        Ok(Event { at_ns, kind: Kind::parse(&kind, &body)? })
    };
    rows.map(event).collect()
}

fn deltas(connection: &Connection, run: i64) -> Result<BTreeMap<u64, Vec<StoredDelta>>, EvidenceError> {
    let sql = "SELECT session, seq, merged, body FROM deltas WHERE run = ?1 ORDER BY session, seq";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    let rows = statement.query_map(params![run], row).map_err(failed)?;
    let mut deltas: BTreeMap<u64, Vec<StoredDelta>> = BTreeMap::new();
    for row in rows {
        let (session, seq, merged, body): (u64, u64, u64, Vec<u8>) = row.map_err(failed)?;
        let message = <v1::Delta as prost::Message>::decode(&*body)
            .map_err(|error| EvidenceError::Store(format!("delta {seq} of session {session}: {error}")))?;
        deltas.entry(session).or_default().push(StoredDelta { seq, merged, message });
    }
    Ok(deltas)
}

impl Kind {
    /// Reads an event from its kind and its JSON.
    ///
    /// # Errors
    /// Names the event when a body that is needed cannot be understood.
    pub fn parse(kind: &str, body: &str) -> Result<Self, EvidenceError> {
        Ok(match kind {
            "opened" => Self::Opened(json(kind, body)?),
            "owned" => {
                let owned: OwnedBody = json(kind, body)?;
                Self::Owned(Box::new(Owned {
                    session: Some(owned.session).filter(|session| *session > 0),
                    from: RunTime::from_nanos(owned.from_ns),
                    to: owned.to_ns.map_or(RunTime::MAX, RunTime::from_nanos),
                    lanes: lanes(&owned.lanes)
                        .ok_or_else(|| wrong(kind, "lanes are not 512 bytes in hexadecimal"))?,
                }))
            }
            "started" => Self::Started { zero_at_ns: json::<ZeroBody>(kind, body)?.zero_at_ns },
            "revised" => {
                let RevisedBody { scenario, from_ns, rate_milli } = json(kind, body)?;
                let shift = Shift::Rate { milli: rate_milli };
                Self::Revised(Revision { scenario, at: RunTime::from_nanos(from_ns), shift })
            }
            "peopled" => {
                let PeopledBody { scenario, from_ns, users, spawn_milli } = json(kind, body)?;
                let shift = Shift::Users { users, spawn_milli };
                Self::Revised(Revision { scenario, at: RunTime::from_nanos(from_ns), shift })
            }
            "paused" | "unpaused" => {
                let shift = if kind == "paused" { Shift::Pause } else { Shift::Resume };
                let at = RunTime::from_nanos(json::<FromBody>(kind, body)?.from_ns);
                Self::Revised(Revision { scenario: 0, at, shift })
            }
            "stopped" => Self::Stopped(RunTime::from_nanos(json::<FromBody>(kind, body)?.from_ns)),
            "expired" => {
                let SessionBody { session, from_ns, .. } = json(kind, body)?;
                Self::Expired { session, from: RunTime::from_nanos(from_ns) }
            }
            "returned" => Self::Returned(json::<SessionBody>(kind, body)?.session),
            "finished" | "left" => Self::Finished(json::<SessionBody>(kind, body)?.session),
            "broken" => {
                let SessionBody { session, why, .. } = json(kind, body)?;
                Self::Broken(session, why)
            }
            other => Self::Other(other.to_owned()),
        })
    }
}

fn json<T: DeserializeOwned>(kind: &str, body: &str) -> Result<T, EvidenceError> {
    serde_json::from_str(body).map_err(|error| wrong(kind, error))
}

fn wrong(kind: &str, why: impl std::fmt::Display) -> EvidenceError {
    EvidenceError::Store(format!("event {kind}: {why}"))
}

fn failed(error: rusqlite::Error) -> EvidenceError {
    EvidenceError::Store(error.to_string())
}

/// Lanes from the hexadecimal form of [`LaneSet::to_bytes`].
fn lanes(hex: &str) -> Option<LaneSet> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|two| two[0] << 4 | two[1]).collect();
    LaneSet::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    const TABLES: &str = "
        CREATE TABLE runs(run INTEGER PRIMARY KEY, run_id TEXT, report TEXT, report_revision INTEGER);
        CREATE TABLE events(n INTEGER PRIMARY KEY, run INTEGER, at_ns INTEGER, kind TEXT, body TEXT);
        CREATE TABLE deltas(run INTEGER, session INTEGER, seq INTEGER, merged INTEGER, body BLOB);
        INSERT INTO runs VALUES (1, 'old', NULL, 0), (2, 'new', '{}', 1);";

    fn hex(lanes: &LaneSet) -> String {
        lanes.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_newest_run_is_read_in_its_order() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        let own: LaneSet = [0, 9, 4095].into_iter().collect();
        let session = (7 << 32) | 1_u64;
        let owned =
            format!(r#"{{"session":{session},"epoch":1,"from_ns":5,"to_ns":null,"lanes":"{}"}}"#, hex(&own));
        for (run, at_ns, kind, body) in [
            (1, 1, "started", r#"{"zero_at_ns":3}"#),
            (2, 10, "owned", &*owned),
            (2, 10, "left", r#"{"kind":"left","session":3,"at_ns":7,"why":"interrupted"}"#),
            (2, 11, "expired", r#"{"session":4,"from_ns":8}"#),
            (2, 12, "revised", r#"{"kind":"revised","scenario":1,"from_ns":9,"rate_milli":1500}"#),
            (2, 13, "broken", r#"{"session":4,"at_ns":8,"why":"a hole"}"#),
            (2, 14, "fault", "whatever"),
        ] {
            let sql = "INSERT INTO events(run, at_ns, kind, body) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(sql, params![run, at_ns, kind, body]).unwrap();
        }
        for seq in [2, 1] {
            let body = v1::Delta { seq, ..v1::Delta::default() }.encode_to_vec();
            let sql = "INSERT INTO deltas VALUES (2, ?1, ?2, 1, ?3)";
            connection.execute(sql, params![session, seq, body]).unwrap();
        }
        let stored = Stored::of(&connection).unwrap();
        assert_eq!((&*stored.run_id, stored.report.as_deref(), stored.revision), ("new", Some("{}"), 1));
        let from = RunTime::from_nanos(5);
        let owned =
            Kind::Owned(Box::new(Owned { session: Some(session), from, to: RunTime::MAX, lanes: own }));
        let expired = Kind::Expired { session: 4, from: RunTime::from_nanos(8) };
        let kinds: Vec<Kind> = stored.events.into_iter().map(|event| event.kind).collect();
        let revised = Kind::Revised(Revision {
            scenario: 1,
            at: RunTime::from_nanos(9),
            shift: Shift::Rate { milli: 1500 },
        });
        let broken = Kind::Broken(4, "a hole".into());
        assert_eq!(kinds, [owned, Kind::Finished(3), expired, revised, broken, Kind::Other("fault".into())]);
        assert_eq!(stored.deltas[&session].iter().map(|delta| delta.seq).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_event_that_is_needed_and_not_understood_is_named() {
        for (kind, body) in [("owned", r#"{"from_ns":1,"lanes":"0g"}"#), ("started", "{}"), ("expired", "")] {
            let error = Kind::parse(kind, body).unwrap_err().to_string();
            assert!(error.contains(kind), "{error}");
        }
    }
}
