//! Runs that leave a data directory or come into it: as one file of their own, or for good.

use super::lock::is_in_use;
use super::trouble::Trouble;
use super::{Archive, database};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;

/// Writes a run that is over into a file of its own, with the store's own tables.
///
/// Fails when there is no such run, when it is not over, or when there is such a file already.
pub fn export(folder: &Path, run_id: &str, file: &Path) -> Result<(), String> {
    drop(Archive::open(folder)?);
    if file.exists() {
        return Err(format!("write {}: there is such a file already; choose another name", file.display()));
    }
    let written = copy(&database::path(folder), run_id, file);
    if written.is_err() {
        // What is half a run helps nobody; the error says what happened.
        std::fs::remove_file(file).unwrap_or_default();
    }
    written
}

/// Takes every run of an exported file into a data directory, which is made if need be; returns their ids.
///
/// Fails, and takes nothing, when one of them is there already.
pub fn import(folder: &Path, file: &Path) -> Result<Vec<String>, String> {
    let read = || -> Result<Vec<String>, Trouble> {
        let from = database::read(file)?;
        let mut ids = from.prepare("SELECT run_id FROM runs ORDER BY run")?;
        Ok(ids.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    };
    let ids = read().map_err(|trouble| trouble.told("read", file))?;
    std::fs::create_dir_all(folder).map_err(|error| format!("make {}: {error}", folder.display()))?;
    let path = database::path(folder);
    let mut into = database::create(&path, None)?;
    let mut copied = || -> Result<(), Trouble> {
        attached(&mut into, file, |transaction| {
            for id in &ids {
                if number(transaction, "main", id)?.is_some() {
                    return Err(Trouble::Record(format!("run {id} is there already")));
                }
                copy_run(transaction, ("other", "main"), id)?;
            }
            Ok(())
        })
    };
    copied().map_err(|trouble| trouble.told("write", &path))?;
    Ok(ids)
}

/// Deletes a run; returns whether there was one. A controller may write other runs meanwhile: it waits for some thousand
/// rows at a time, not for a whole run. Fails when the run is not over and a controller uses the directory.
pub fn delete(folder: &Path, run_id: &str) -> Result<bool, String> {
    drop(Archive::open(folder)?);
    let path = database::path(folder);
    let mut connection = database::open(&path, true)?;
    let mut delete = || -> Result<bool, Trouble> {
        let Some(run) = number(&connection, "main", run_id)? else { return Ok(false) };
        if is_in_use(folder) {
            refuse_unfinished(&connection, run_id)?;
        }
        for table in ["deltas", "events"] {
            let sql = format!(
                "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE run = ?1 LIMIT {AT_A_TIME})"
            );
            while connection.execute(&sql, [run])? > 0 {}
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM runs WHERE run = ?1", [run])?;
        transaction.commit()?;
        Ok(true)
    };
    delete().map_err(|trouble| trouble.told("write", &path))
}

fn copy(from: &Path, run_id: &str, into: &Path) -> Result<(), String> {
    let mut new = database::create(into, None)?;
    let mut copied = || -> Result<(), Trouble> {
        attached(&mut new, from, |transaction| {
            if number(transaction, "other", run_id)?.is_none() {
                return Err(Trouble::Record(format!("there is no run {run_id}")));
            }
            copy_run(transaction, ("other", "main"), run_id)?;
            refuse_unfinished(transaction, run_id)
        })?;
        // One file: nothing of it stays in a log beside it.
        new.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
        Ok(())
    };
    copied().map_err(|trouble| trouble.told("write", into))
}

/// Does something in one transaction of `connection`, in which the file `other` is there under that name.
fn attached(
    connection: &mut Connection,
    other: &Path,
    work: impl FnOnce(&Connection) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let other = other.to_str().ok_or_else(|| Trouble::Record("its path is no UTF-8: move it".into()))?;
    connection.execute("ATTACH DATABASE ?1 AS other", [other])?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    work(&transaction)?;
    transaction.commit()?;
    connection.execute("DETACH DATABASE other", [])?;
    Ok(())
}

/// Copies a run between two attached databases, under a new number.
fn copy_run(connection: &Connection, (from, into): (&str, &str), run_id: &str) -> Result<(), Trouble> {
    let columns = "run_id, name, plan, created_at, boot_id, keep_deltas, report, report_revision";
    let sql =
        format!("INSERT INTO {into}.runs({columns}) SELECT {columns} FROM {from}.runs WHERE run_id = ?1");
    connection.execute(&sql, [run_id])?;
    let new = connection.last_insert_rowid();
    for (table, columns) in [("events", "at_ns, kind, body"), ("deltas", "session, seq, merged, body")] {
        let sql = format!(
            "INSERT INTO {into}.{table}(run, {columns}) SELECT ?1, {columns} FROM {from}.{table} \
             WHERE run = (SELECT run FROM {from}.runs WHERE run_id = ?2) ORDER BY rowid"
        );
        connection.execute(&sql, params![new, run_id])?;
    }
    Ok(())
}

fn number(connection: &Connection, database: &str, run_id: &str) -> Result<Option<i64>, Trouble> {
    let sql = format!("SELECT run FROM {database}.runs WHERE run_id = ?1");
    Ok(connection.query_row(&sql, [run_id], |row| row.get(0)).optional()?)
}

fn refuse_unfinished(connection: &Connection, run_id: &str) -> Result<(), Trouble> {
    let sql = "SELECT report IS NOT NULL FROM main.runs WHERE run_id = ?1";
    if connection.query_row(sql, [run_id], |row| row.get(0))? {
        return Ok(());
    }
    Err(Trouble::Record(format!("run {run_id} is not over")))
}

/// Rows that are deleted in one transaction.
const AT_A_TIME: u32 = 2_000;
