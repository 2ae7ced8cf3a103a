//! Tapes as files: read through once to be sure of them, written as they come.

use super::Wanted;
use crate::fetch::Meter;
use common::human;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::sync::mpsc::Receiver;

/// A file that is the tape which was looked for.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) place: String,
}

/// The file at `path`, if it is the tape.
pub(super) fn at(path: &Path, wanted: &Wanted, meter: &Meter) -> Option<Found> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    if size != wanted.bytes {
        return None;
    }
    let (mut hasher, mut buffer, mut seen) = (Sha256::new(), vec![0; 1 << 20], 0);
    // What cannot be read to its end is not the tape.
    while let Ok(read @ 1..) = file.read(&mut buffer) {
        hasher.update(&buffer[..read]);
        seen += read as u64;
        meter.add("checking the tape of the replayed log", read as u64);
    }
    if hasher.finalize()[..] != wanted.hash {
        meter.take_back(seen);
        return None;
    }
    Some(Found { file, place: path.display().to_string() })
}

/// Writes what comes in: into `kept` under that name once it is whole and right, else into a file without a name.
pub(super) fn write(
    mut incoming: Receiver<Vec<u8>>,
    kept: Option<&Path>,
    wanted: &Wanted,
    meter: &Meter,
) -> Result<Found, String> {
    let Some(kept) = kept else {
        let folder = std::env::temp_dir();
        let failed = |error| no_room(&error, &folder, wanted);
        let mut file = tempfile::tempfile_in(&folder).map_err(failed)?;
        pour(&mut incoming, &mut file, wanted, meter)?.map_err(failed)?;
        return Ok(Found { file, place: format!("a file without a name in {}", folder.display()) });
    };
    let folder = kept.parent().unwrap_or(Path::new("."));
    let failed = |error| no_room(&error, folder, wanted);
    std::fs::create_dir_all(folder).map_err(failed)?;
    sweep(folder);
    let mut part = tempfile::Builder::new().suffix(PART).tempfile_in(folder).map_err(failed)?;
    pour(&mut incoming, &mut part, wanted, meter)?.map_err(failed)?;
    let file = persist(part, kept).map_err(failed)?;
    Ok(Found { file, place: kept.display().to_string() })
}

/// The outer error is about what came, the inner one about the disk.
fn pour(
    incoming: &mut Receiver<Vec<u8>>,
    out: &mut impl Write,
    wanted: &Wanted,
    meter: &Meter,
) -> Result<Result<(), Error>, String> {
    let (mut hasher, mut size) = (Sha256::new(), 0_u64);
    while let Some(piece) = incoming.blocking_recv() {
        size += piece.len() as u64;
        if size > wanted.bytes {
            return Err(format!("more came than its {} bytes", wanted.bytes));
        }
        hasher.update(&piece);
        if let Err(error) = out.write_all(&piece) {
            return Ok(Err(error));
        }
        meter.add("fetching the tape of the replayed log", piece.len() as u64);
    }
    if size < wanted.bytes {
        return Err(format!("it ended after {size} of its {} bytes", wanted.bytes));
    }
    if hasher.finalize()[..] != wanted.hash {
        return Err("what came does not have its SHA-256: was the controller's file changed?".to_owned());
    }
    Ok(out.flush())
}

fn persist(part: NamedTempFile, kept: &Path) -> Result<File, Error> {
    part.as_file().sync_all()?;
    Ok(part.persist(kept)?)
}

/// Removes what agents that were killed had begun to write. A file that nobody writes to for so long is nobody's.
fn sweep(folder: &Path) {
    let is_old = |path: &Path| {
        let changed = path.metadata().and_then(|data| data.modified()).ok();
        changed.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > ABANDONED)
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.to_string_lossy().ends_with(PART) && is_old(&path) {
            // Somebody else may have done it.
            std::fs::remove_file(&path).unwrap_or_default();
        }
    }
}

fn no_room(error: &Error, folder: &Path, wanted: &Wanted) -> String {
    let size = human::bytes(wanted.bytes as f64);
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => format!("it needs {size} there: make room, or"),
        _ => format!("it needs a folder with {size}:"),
    };
    format!("write into {}: {error}; {remedy} choose another folder with --cache-dir DIR", folder.display())
}

const PART: &str = ".tape.part";
const ABANDONED: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;
