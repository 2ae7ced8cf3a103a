//! The folder of tapes: runs share them, and what no run needs any more goes.
//!
//! A tape is needed before the run that replays it is on record: its plan waits in a queue, or is just being started. So
//! whoever makes tapes holds the folder, together with others, until they are open; whoever has a tape open holds that
//! tape; and whoever sweeps takes both for itself and leaves alone what is held. The locks are the system's and end with
//! their process, however it ends.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;

/// Makes the folder if need be, and keeps what is in it as long as the file is open.
pub(super) fn hold(folder: &Path) -> Result<File, String> {
    let told = |error: std::io::Error| format!("make the folder {}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(told)?;
    let file = lock_of(folder).map_err(told)?;
    share(&file).map_err(told)?;
    Ok(file)
}

/// Opens a tape, which stays in its folder as long as the file is open.
pub(super) fn open(tape: &Path) -> std::io::Result<File> {
    let file = File::open(tape)?;
    share(&file)?;
    Ok(file)
}

/// Deletes the tapes that none of the plans names and nobody holds; `plans` is asked when nobody can take up another one.
/// While tapes are being made nothing is deleted: the next sweep finds it.
pub fn sweep(folder: &Path, plans: impl FnOnce() -> Result<Vec<String>, String>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let told = |path: &Path, error: std::io::Error| format!("delete {}: {error}", path.display());
    let whole = lock_of(folder).map_err(|error| told(folder, error))?;
    if !take(&whole) {
        return Ok(());
    }
    let tapes = entries.flatten().map(|entry| entry.path());
    let tapes = tapes.filter(|path| path.extension().is_some_and(|ending| ending == "tape"));
    let free = |path: std::path::PathBuf| File::open(&path).ok().filter(take).map(|held| (path, held));
    let free: Vec<_> = tapes.filter_map(free).collect();
    let plans = plans()?;
    for (path, _held) in free {
        let hash = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !plans.iter().any(|plan| plan.contains(hash)) {
            std::fs::remove_file(&path).map_err(|error| told(&path, error))?;
        }
    }
    Ok(())
}

fn lock_of(folder: &Path) -> std::io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))
}

/// Together with others; a sweep that is on is waited for, which is short.
fn share(file: &File) -> std::io::Result<()> {
    flock(file, FlockOperation::LockShared).map_err(std::io::Error::from)
}

/// Alone, if nobody holds it.
fn take(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

const LOCK: &str = "tapes.lock";
