//! Space that is kept for the report of a run whose disk is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file of zeros that is given up when the disk is full.
#[derive(Debug)]
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Makes the file, unless it is there; fails when there is no room for it, before a run rests on the disk.
    pub(super) fn make(folder: &Path) -> Result<Self, String> {
        let path = folder.join(NAME);
        let is_there = std::fs::metadata(&path).is_ok_and(|file| file.len() == BYTES);
        if !is_there {
            fill(&path).map_err(|error| {
                format!(
                    "keep {} MiB for the report of a run whose disk is full in {}: {error}; free some space there",
                    BYTES >> 20,
                    folder.display()
                )
            })?;
        }
        Ok(Self(path))
    }

    /// Gives the space to the file system. Made anew when the directory is opened the next time.
    pub(super) fn give_up(&self) {
        // If it is gone already, so is the space.
        std::fs::remove_file(&self.0).unwrap_or_default();
    }
}

fn fill(path: &Path) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    let zeros = vec![0; 1 << 20];
    (0..BYTES >> 20).try_for_each(|_| file.write_all(&zeros))?;
    file.sync_all()
}

const NAME: &str = "stampede.reserve";
/// A report of a hundred series takes about half of it.
const BYTES: u64 = 8 << 20;
