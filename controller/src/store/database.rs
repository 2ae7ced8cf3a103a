//! The file: how it is opened, what tables it has, which version they are.

use super::trouble::Trouble;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::{Path, PathBuf};

/// Where the database of a directory is.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Opens the file for its one writer; a new one gets its tables.
pub(super) fn create(path: &Path, pages_max: Option<u32>) -> Result<Connection, String> {
    let open = || -> Result<Connection, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_CREATE)?;
        configure(&connection)?;
        make_tables(&mut connection)?;
        if let Some(pages) = pages_max {
            connection.pragma_update(None, "max_page_count", pages)?;
        }
        Ok(connection)
    };
    open().map_err(|trouble| trouble.told("open", path))
}

/// Opens a file that is there; `may_write` is for whoever holds the directory's lock.
pub(super) fn open(path: &Path, may_write: bool) -> Result<Connection, String> {
    if !path.exists() {
        return Err(format!(
            "find runs in {}: there is no {NAME}; a run is kept by `controller start --data-dir DIR`",
            path.parent().unwrap_or(path).display()
        ));
    }
    let open = || -> Result<Connection, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        configure(&connection)?;
        check_version(version(&connection)?)?;
        connection.pragma_update(None, "query_only", !may_write)?;
        Ok(connection)
    };
    open().map_err(|trouble| trouble.told("open", path))
}

/// Opens a file of whatever name for reading alone.
pub(super) fn read(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    check_version(version(&connection)?)?;
    Ok(connection)
}

/// Raises the controller's epoch by one, durably, and returns it.
pub(super) fn next_epoch(connection: &mut Connection, path: &Path) -> Result<u64, String> {
    let mut raise = || -> Result<u64, Trouble> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE meta SET value = value + 1 WHERE key = 'controller_epoch'", [])?;
        let sql = "SELECT value FROM meta WHERE key = 'controller_epoch'";
        let epoch = transaction.query_row(sql, [], |row| row.get(0))?;
        transaction.commit()?;
        Ok(epoch)
    };
    raise().map_err(|trouble| trouble.told("write", path))
}

fn configure(connection: &Connection) -> Result<(), Trouble> {
    // Readers see the last commit and never wait for the writer; a commit is one write and one sync.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let why =
            format!("the file system does not allow a write-ahead log (got {mode}): choose a local disk");
        return Err(Trouble::Record(why));
    }
    connection.pragma_update(None, "synchronous", "full")?;
    // A thousand agents write 16 MiB a second: copying and syncing them four times a second would cost more than once.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // On macOS a plain sync leaves the data in the disk's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

fn make_tables(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: u32 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.execute(
            "INSERT INTO meta(key, value) VALUES ('schema_version', ?1), ('controller_epoch', 0)",
            [VERSION],
        )?;
    }
    check_version(version(&transaction)?)?;
    Ok(transaction.commit()?)
}

fn version(connection: &Connection) -> Result<Option<u32>, Trouble> {
    let sql = "SELECT value FROM meta WHERE key = 'schema_version'";
    Ok(connection.query_row(sql, [], |row| row.get(0)).optional()?)
}

fn check_version(version: Option<u32>) -> Result<(), Trouble> {
    match version {
        Some(VERSION) => Ok(()),
        other => {
            let found = other.map_or_else(|| "none".to_owned(), |version| version.to_string());
            Err(Trouble::Record(format!(
                "its tables have version {found}, this build reads {VERSION}: use the build that made it, or \
                 another --data-dir"
            )))
        }
    }
}

const NAME: &str = "stampede.db";
const VERSION: u32 = 1;
/// 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;
/// Numbers are signed 64-bit in SQLite; larger ones are refused, never wrapped.
const TABLES: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE runs(
    run INTEGER PRIMARY KEY,                     -- its number here
    run_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,                          -- the effective plan as TOML
    created_at TEXT NOT NULL,                    -- RFC 3339, a label
    boot_id TEXT NOT NULL,                       -- of the machine when the run was created
    keep_deltas INTEGER NOT NULL,                -- 1: deltas are never merged
    report TEXT,                                 -- JSON; NULL: the run is not over
    report_revision INTEGER NOT NULL DEFAULT 0   -- how many reports it had
) STRICT;

CREATE TABLE events(
    n INTEGER PRIMARY KEY,                       -- their order
    run INTEGER NOT NULL REFERENCES runs,
    at_ns INTEGER NOT NULL,                      -- the controller's boot-time clock
    kind TEXT NOT NULL,
    body TEXT NOT NULL                           -- JSON
) STRICT;
CREATE INDEX events_of_run ON events(run);

CREATE TABLE deltas(
    run INTEGER NOT NULL REFERENCES runs,
    session INTEGER NOT NULL,
    seq INTEGER NOT NULL,                        -- the last one that the row stands for
    merged INTEGER NOT NULL,                     -- how many it stands for
    body BLOB NOT NULL,                          -- stampede.v1.Delta
    UNIQUE(run, session, seq)
) STRICT;
";
