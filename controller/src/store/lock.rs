//! One controller on a directory: a lock on a file, which the system gives back when the process ends, however.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

/// The directory is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of a directory; fails when somebody else has it.
    pub(super) fn take(folder: &Path) -> Result<Self, String> {
        let path = folder.join(NAME);
        let told = |error: std::io::Error| format!("lock {}: {error}", path.display());
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(told)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(folder, &mut file)),
            Err(error) => return Err(told(error.into())),
        }
        // For whoever is refused; the lock itself is the system's.
        file.set_len(0).map_err(told)?;
        file.rewind().map_err(told)?;
        write!(file, "{}", std::process::id()).map_err(told)?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The number of a process that is gone would mislead; closing the file gives the lock back.
        self.0.set_len(0).unwrap_or_default();
    }
}

/// Whether a controller uses the directory now.
#[must_use]
pub fn is_in_use(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(NAME)) else { return false };
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

fn in_use(folder: &Path, file: &mut File) -> String {
    let mut holder = String::new();
    // Without a number the sentence is a little shorter.
    file.take(20).read_to_string(&mut holder).unwrap_or_default();
    let holder = match holder.trim().parse::<u32>() {
        Ok(process) => format!(" (process {process})"),
        Err(_) => String::new(),
    };
    format!(
        "use {}: another controller{holder} keeps its runs there; stop it, or choose another --data-dir",
        folder.display()
    )
}

const NAME: &str = "stampede.lock";
