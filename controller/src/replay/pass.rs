//! From the files of a log to its tape.

use super::source::{Desk, Sources};
use super::window::Window;
use super::writer::Writer;
use super::{Summary, shelf};
use common::plan::ReplayLoad;
use common::tape::Tape;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A log that was read, and its tape.
#[derive(Debug)]
pub struct Indexed {
    /// What was seen.
    pub summary: Summary,
    /// Where the tape is.
    pub path: PathBuf,
    /// SHA-256 of the tape.
    pub hash: [u8; 32],
}

/// Reads the log of a load, relative to `folder`, and writes its tape into `into`.
///
/// # Errors
/// What cannot be read or written, or why there is nothing to replay.
pub fn index(load: &ReplayLoad, folder: &Path, into: &Path) -> Result<Indexed, String> {
    let paths = files(&load.log, folder)?;
    std::fs::create_dir_all(into).map_err(|error| format!("make the folder {}: {error}", into.display()))?;
    let new = into.join(format!("new-{}.tape", uuid::Uuid::now_v7()));
    let written = write(load, &paths, &new).and_then(|summary| Ok((summary, hash(&new)?)));
    let (summary, hash) = match written {
        Ok(written) => written,
        Err(why) => {
            // What is half written serves nobody; that it may not be there is no second error.
            std::fs::remove_file(&new).unwrap_or_default();
            return Err(why);
        }
    };
    let path = into.join(format!("{}.tape", common::plan::Reel::hex(&hash)));
    let tell = |error| format!("write the tape {}: {error}", path.display());
    match std::fs::hard_link(&new, &path) {
        // The same is there already: who has it open holds that file, and no other in its place.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        placed => placed.map_err(tell)?,
    }
    std::fs::remove_file(&new).map_err(tell)?;
    Ok(Indexed { summary, path, hash })
}

/// Opens a tape. It is not swept away as long as it is open.
///
/// # Errors
/// That it cannot be read, or is damaged.
pub fn open(path: &Path) -> Result<Tape, String> {
    let tell = |error: std::io::Error| format!("read the tape {}: {error}", path.display());
    let file = shelf::open(path).map_err(tell)?;
    let size = file.metadata().map_err(tell)?.len();
    let read =
        move |at: u64, into: &mut [u8]| file.read_exact_at(into, at).map_err(|error| error.to_string());
    Tape::open(size, Box::new(read)).map_err(|error| error.to_string())
}

fn write(load: &ReplayLoad, paths: &[PathBuf], to: &Path) -> Result<Summary, String> {
    let mut desk = Desk::new(load);
    let mut sources = Sources::open(paths, load)?;
    let (mut window, mut writer) = (Window::new(), Writer::create(to)?);
    let mut times = None;
    let mut out = |at: i64, lane: u16, record: &[u8]| {
        times = Some((times.map_or(at, |(first, _)| first), at));
        writer.add(at, lane, record)
    };
    while let Some(kept) = sources.next(&mut desk)? {
        window.put(kept);
        window.give(false, |at, kept| out(at, kept.lane, &kept.record))?;
    }
    window.give(true, |at, kept| out(at, kept.lane, &kept.record))?;
    let Desk { mut summary, catalog, .. } = desk;
    let (series, other, templates) = catalog.close();
    (summary.series, summary.other) = (series, other);
    summary.kept = summary.series.iter().map(|(_, count)| count).sum::<u64>() + other;
    (summary.misplaced, summary.spread) = (window.misplaced, window.spread);
    summary.times = times.filter(|_| load.format.has_time());
    if summary.kept == 0 {
        let told = summary.tell().join("\n  ");
        return Err(format!("nothing in {} can be replayed:\n  {told}", load.log));
    }
    (summary.span, summary.fullest_lane) = writer.finish(templates)?;
    Ok(summary)
}

/// The files that a path with `*`, `?` and `[…]` means.
fn files(log: &str, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let whole = folder.join(log);
    if whole.is_file() {
        return Ok(vec![whole]);
    }
    let found = glob::glob(&whole.to_string_lossy()).map_err(|error| format!("read log {log}: {error}"))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| format!("read log {log}: {error}"))?;
        if path.is_file() {
            files.push(path);
        }
    }
    match files.is_empty() {
        true => Err(format!("read log {}: there is no such file", whole.display())),
        false => Ok(files),
    }
}

fn hash(path: &Path) -> Result<[u8; 32], String> {
    let tell = |error: std::io::Error| format!("read the tape {}: {error}", path.display());
    let mut file = File::open(path).map_err(tell)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(tell)?;
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..read]);
    }
}
